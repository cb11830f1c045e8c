"""What stands on a board: takes an ONNX file, prints one latency of ONNX Runtime on one thread and nothing else.

    python tools/board_program.py NETWORK.onnx

The latency is the median of the processor time of single runs, which other work on the machine disturbs less than it
does the time that passes: 3 runs to warm up, then runs for 0.3 s, but 5 to 50.
"""

import sys
import time

import numpy as np
import onnxruntime

WARM_UP, FEWEST, MOST, LONG_ENOUGH_S = 3, 5, 50, 0.3
TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}


def main() -> None:
    """Measures one file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
    numbers = np.random.default_rng(0)
    feeds = {
        given.name: numbers.uniform(-1.0, 1.0, given.shape).astype(TYPES[given.type])
        if given.type == "tensor(float)"
        else np.zeros(given.shape, TYPES[given.type])
        for given in session.get_inputs()
    }
    for _ in range(WARM_UP):
        session.run(None, feeds)
    runs: list[float] = []
    while len(runs) < FEWEST or (len(runs) < MOST and sum(runs) < LONG_ENOUGH_S):
        started_s = time.process_time()
        session.run(None, feeds)
        runs.append(time.process_time() - started_s)
    print(f"{np.median(runs) * 1e6:.3f} us")


if __name__ == "__main__":
    main()
