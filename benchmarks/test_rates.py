"""How often a search can ask: warm estimates, networks never seen before, and how the cost grows with the layers.

Every figure is also stated as a ratio to a fixed numpy workload that is timed in turns with it: machines differ, and
busy ones differ from themselves. Times are those of the processor, so that other processes count for less.
"""

import time

import pytest

import annette
from annette.estimation import estimate_network
from annette.network import zoo
from annette.network.builder import NetworkBuilder
from annette.network.writers.onnx import write_onnx
from annette.network.zoo.nasbench201 import nasbench201
from benchmarks.workloads import drawn_cells, drawn_networks, reference, residual, star, timed_s, unequal

ROUNDS = 20
WARM = ("resnet50", "mobilenet_v2", "vit_b_16", "yolov4_tiny")
EVERY_PLATFORM = [entry.name for entry in annette.list_platforms()]
SLOWER = ("ncs2", "ethos-u")
"""Platforms whose compilers are followed layer by layer."""


def in_turns(benchmark, function, count=1, rounds=ROUNDS):
    """Least processor time of a function, for each of ``count``, beside that of the reference, shown as a line."""
    function()
    ours, base = [], []

    def before():
        """The reference is timed before each round, so that the table of rounds is about the function alone."""
        base.append(timed_s(reference))

    benchmark.pedantic(lambda: ours.append(timed_s(function)), setup=before, rounds=rounds)
    least_s, base_s = min(ours) / count, min(base)
    line = (
        f"{1e3 * least_s:.3f} ms of processor time each, {1 / least_s:.0f}/s, {least_s / base_s:.3f} of the reference"
    )
    benchmark.extra_info["lines"] = [line]
    return least_s


@pytest.mark.parametrize("network", WARM)
@pytest.mark.parametrize("name", EVERY_PLATFORM)
def test_warm(benchmark, target, name, network):
    target(2e-3 if name.startswith(SLOWER) else 1e-3)
    platform, built = annette.load_platform(name), zoo.build(network)
    assert in_turns(benchmark, lambda: estimate_network(built, platform, fallback="roofline")) > 0


@pytest.mark.parametrize("name", EVERY_PLATFORM)
def test_never_seen_before(benchmark, target, name):
    """One after the other, by `estimate`."""
    target(20 / 300)
    platform, cells = annette.load_platform(name), drawn_cells(20, seed=0)

    def each():
        for drawn in cells:
            estimate_network(nasbench201(drawn), platform, fallback="roofline")

    assert in_turns(benchmark, each, len(cells), rounds=3) > 0


@pytest.mark.parametrize("name", EVERY_PLATFORM)
def test_many_never_seen_before(benchmark, target, name):
    """As a stream, by `estimate_many`."""
    target(64 / 300)
    platform = annette.load_platform(name)

    def stream():
        found = annette.estimate_many(drawn_networks(64, seed=1), platform, fallback="roofline", keep=latency_s)
        assert sum(each.get() for each in found) > 0

    assert in_turns(benchmark, stream, 64, rounds=3) > 0


def latency_s(estimate):
    return estimate.latency_s


@pytest.mark.parametrize("build", [residual, star], ids=["residual", "star"])
@pytest.mark.parametrize("name", EVERY_PLATFORM)
def test_cost_by_layers(benchmark, name, build):
    """A thousand layers of a network of 50,000 beside a thousand of one of 5,000."""
    platform, lines = annette.load_platform(name), []

    def all_sizes():
        for layers in (5_000, 50_000):
            built = build(layers)
            cost_s = timed_s(lambda built=built: estimate_network(built, platform, fallback="roofline"))
            lines.append(
                f"{layers:6d} layers: {cost_s:.2f} s of processor time, {1e6 * cost_s / layers:.0f} us a layer"
            )

    benchmark.pedantic(all_sizes, rounds=1)
    benchmark.extra_info["lines"] = lines
    assert lines


@pytest.mark.parametrize("name", ["epyc-onnxruntime", "ncs2-openvino", "ethos-u65-512", "zcu102-dnndk"])
def test_unequal_layers_and_large_ones(benchmark, target, name):
    """Thousands of layers of which no two blocks are alike, a batch of 256, and a pooling window of 16,384 rows."""
    target(8.0)
    platform = annette.load_platform(name)
    net = NetworkBuilder("window")
    pool = net.build(net.max_pool(net.conv(net.input("image", (1, 4, 16384, 4)), 4, 1), (16384, 1), stride=1))
    layers = 2_000 if name.startswith("ncs2") else 20_000  # docs/speed.md says why.
    built = [unequal(layers), zoo.build("resnet18", batch=256), pool]
    benchmark.pedantic(lambda: [estimate_network(each, platform, fallback="roofline") for each in built], rounds=1)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("size", ["small", "large"])
def test_files(benchmark, tmp_path_factory, size, jobs):
    """Wall time of a folder of files by one and by two processes."""
    folder = tmp_path_factory.mktemp("files")
    names = [f"nasbench201:seed{seed}" for seed in range(40)] if size == "small" else ["resnet50"]
    for place, name in enumerate(names):
        write_onnx(zoo.build(name), folder / f"{place}.onnx")
    files = annette.find_networks(folder) * (5 if size == "small" else 40)
    start = time.perf_counter()

    def estimated():
        for each in annette.estimate_many(files, "zcu102-dnndk", fallback="roofline", keep=latency_s, jobs=jobs):
            each.get()

    benchmark.pedantic(estimated, rounds=1)
    rate = len(files) / (time.perf_counter() - start)
    benchmark.extra_info["lines"] = [f"{rate:.0f} files a second, {jobs} processes started for them"]
