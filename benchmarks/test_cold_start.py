"""The cold command, as a ratio to importing its two large dependencies, both measured in turns within one run."""

import os
import resource
import statistics
import subprocess
import sys
import time

import pytest

ROUNDS = 15
BASE = [sys.executable, "-c", "import numpy, onnx"]


def timed(command):
    """Wall and processor time of one process, in seconds."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment)  # noqa: S603 - our own commands
    wall_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("source", ["zoo", "file"])
def test_cold_command(benchmark, resnet50_file, source):
    network = "resnet50" if source == "zoo" else str(resnet50_file)
    command = [sys.executable, "-m", "annette", "estimate", network, "--platform", "zcu102-dnndk"]
    timed(command)  # Compiles the modules to byte code, as installing does.
    ours, base = [], []

    def both():
        base.append(timed(BASE))
        ours.append(timed(command))

    benchmark.pedantic(both, rounds=ROUNDS)
    lines = []
    for index, name in enumerate(("wall", "processor")):
        mine, theirs = (statistics.median(times[index] for times in runs) for runs in (ours, base))
        ratio = f"ratio {mine / theirs:.2f} (target 2)"
        lines.append(f"{name} time: command {1e3 * mine:.0f} ms, imports {1e3 * theirs:.0f} ms, {ratio}")
    benchmark.extra_info["lines"] = lines
