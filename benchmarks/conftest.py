"""What the benchmarks share, and the table of ratios and targets at the end of a run."""

from __future__ import annotations

import pytest

from annette.network import zoo
from annette.network.load import load_network
from annette.network.writers.onnx import write_onnx


@pytest.fixture(scope="session")
def resnet50_file(tmp_path_factory):
    """ResNet-50 with its 102 MB of random weights inside."""
    path = tmp_path_factory.mktemp("benchmarks") / "resnet50.onnx"
    write_onnx(zoo.build("resnet50"), path)
    return path


@pytest.fixture(scope="session")
def resnet50(resnet50_file):
    """The same as a network, as the reader gives it."""
    return load_network(resnet50_file)


@pytest.fixture
def target(benchmark):
    """States the target of a benchmark in seconds; it is shown, not enforced: machines differ."""

    def state(seconds):
        benchmark.extra_info["target_s"] = seconds

    return state


def pytest_terminal_summary(terminalreporter, config):
    """One line a benchmark: median, target and how much of the target is used."""
    session = getattr(config, "_benchmarksession", None)
    results = [bench for bench in getattr(session, "benchmarks", []) if bench.stats]
    if not results:
        return
    terminalreporter.section("medians and targets")
    width = max(len(bench.name) for bench in results)
    for bench in results:
        median_s, target_s = bench.stats.median, bench.extra_info.get("target_s")
        share = "" if target_s is None else f"  target {1e3 * target_s:8.2f} ms  {median_s / target_s:5.2f} of it"
        terminalreporter.write_line(f"{bench.name:<{width}}  {1e3 * median_s:8.2f} ms{share}")
        for line in bench.extra_info.get("lines", ()):
            terminalreporter.write_line(f"  {line}")
