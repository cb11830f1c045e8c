"""How many instructions of Python a network takes that was never seen before: a figure that no other process changes.

Usage: ``python -m benchmarks.instructions [--platform P …] [--functions N]`` builds, maps and prices networks of
NAS-Bench-201 as `annette.estimate_many` does, under a tracer that counts, and prints the instructions of Python's byte
code and the calls of its functions for each network, and the functions that most of them are in. What numpy and
Python's own C code do is not counted, nor is its garbage collector: times are for `benchmarks.test_rates`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import annette
from benchmarks.workloads import drawn_networks

if TYPE_CHECKING:
    from types import CodeType, FrameType

_KNOWN: Final = 12
_COUNTED: Final = 4


def counted(platform: annette.Platform) -> tuple[Counter[CodeType], Counter[CodeType]]:
    """Instructions and calls by function, of the first networks drawn, which are estimated after some others."""
    instructions: Counter[CodeType] = Counter()
    calls: Counter[CodeType] = Counter()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            calls[frame.f_code] += 1
        elif event == "opcode":
            instructions[frame.f_code] += 1
        return trace

    _estimate(platform, _KNOWN, seed=0)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        _estimate(platform, _COUNTED, seed=1)
    finally:
        sys.settrace(before)
    return instructions, calls


def _estimate(platform: annette.Platform, count: int, seed: int) -> None:
    networks = drawn_networks(count, seed)
    for each in annette.estimate_many(networks, platform, fallback="roofline", keep=lambda found: found.latency_s):
        each.get()


def main(arguments: list[str]) -> int:
    """Counts and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", action="append", default=[])
    parser.add_argument("--functions", type=int, default=0)
    options = parser.parse_args(arguments)
    for name in options.platform or ["epyc-onnxruntime", "zcu102-dnndk", "ncs2-openvino", "ethos-u65-512"]:
        instructions, calls = counted(annette.load_platform(name))
        total = instructions.total()
        print(f"{name}: {total // _COUNTED} instructions, {calls.total() // _COUNTED} calls a network")  # noqa: T201
        for code, count in instructions.most_common(options.functions):
            place = f"{code.co_filename.rpartition('annette/')[2]}:{code.co_firstlineno} {code.co_name}"
            print(f"  {count / total:5.1%} {calls[code] // _COUNTED:6d} calls  {place}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
