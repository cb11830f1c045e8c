"""Runs in the Python that has OpenVINO 2021.4, apart from annette: Python 3.6, no other package than that and numpy.

Reads a job as JSON from standard input, prints the result as the last line of standard output. A job without a model
only asks for the version and the devices.
"""

import json
import sys
import time
from typing import Any

WARMUP = 2
"""Inferences before the recorded ones: the first ones load the network onto the stick."""


def main() -> None:
    """Answers the job on standard input with one line of JSON on standard output: times and counters, or an error."""
    job = json.loads(sys.stdin.read())
    from openvino.inference_engine import IECore, get_version  # noqa: PLC0415 - only in the other Python

    core = IECore()
    if "model" not in job:
        result = {"version": get_version(), "devices": core.available_devices}
    else:
        try:
            result = measure(core, job)
        except Exception as error:  # noqa: BLE001 - whatever the runtime throws is the answer
            result = {"error": str(error).splitlines()[0] if str(error) else type(error).__name__}
    sys.stdout.write(json.dumps(result) + "\n")


def measure(core: Any, job: Any) -> Any:
    """Loads a network, runs it, and reads the counters of the last run."""
    import numpy  # noqa: PLC0415 - only in the other Python

    network = core.read_network(job["model"])
    network.reshape({name: shape for name, shape in job["shapes"].items() if name in network.input_info})
    config = {"PERF_COUNT": "YES" if job["counters"] else "NO"}
    executable = core.load_network(network, job["device"], config=config, num_requests=1)
    random = numpy.random.RandomState(0)
    feeds = {name: random.rand(*info.input_data.shape) for name, info in network.input_info.items()}
    samples = []
    for _ in range(WARMUP + job["runs"]):
        started = time.perf_counter()
        executable.infer(feeds)
        samples.append(time.perf_counter() - started)
    rows = []
    if job["counters"]:
        for name, values in executable.requests[0].get_perf_counts().items():
            rows.append(dict(values, name=name))
    return {"latency_s": samples[WARMUP:], "counters": rows}


if __name__ == "__main__":
    main()
