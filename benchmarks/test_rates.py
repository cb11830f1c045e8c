"""How often a search can ask: warm estimates, networks never seen before, and how the cost grows with the layers.

Every figure is also stated as a ratio to a fixed numpy workload that is timed in turns with it: machines differ, and
busy ones differ from themselves. Times are those of the processor, so that other processes count for less.
"""

import itertools
import random
import time

import numpy as np
import pytest

import annette
from annette.estimation import estimate_network
from annette.network import zoo
from annette.network.builder import NetworkBuilder
from annette.network.zoo.nasbench201 import OPERATIONS, nasbench201

ROUNDS = 20
WARM = ("resnet50", "mobilenet_v2", "vit_b_16", "yolov4_tiny")
EVERY_PLATFORM = [entry.name for entry in annette.list_platforms()]
SLOWER = ("ncs2", "ethos-u")
"""Platforms whose compilers are followed layer by layer."""

NUMBERS = np.random.default_rng(0).random((58, 150, 12))


def reference():
    """As an estimate does it: many short calls on small arrays, and some on larger ones."""
    for row in NUMBERS:
        np.exp(np.minimum(row[:, 0], 0.5)).sum()
    np.sort(NUMBERS, axis=1)


def timed_s(function):
    start = time.process_time()
    function()
    return time.process_time() - start


def in_turns(benchmark, function, count=1, rounds=ROUNDS):
    """Least processor time of a function, for each of ``count``, beside that of the reference, shown as a line."""
    function()
    ours, base = [], []

    def both():
        base.append(timed_s(reference))
        ours.append(timed_s(function))

    benchmark.pedantic(both, rounds=rounds)
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


def cell(pick):
    """A cell of NAS-Bench-201 as its authors write it."""
    edges = iter(pick.choice(OPERATIONS) for _ in itertools.count())
    return "+".join("|" + "".join(f"{next(edges)}~{source}|" for source in range(node + 1)) for node in range(3))


@pytest.mark.parametrize("name", EVERY_PLATFORM)
def test_never_seen_before(benchmark, name):
    platform, pick, count = annette.load_platform(name), random.Random(0), 20  # noqa: S311 - cells to be timed
    cells = [cell(pick) for _ in range(count)]

    def each():
        for drawn in cells:
            estimate_network(nasbench201(drawn), platform, fallback="roofline")

    assert in_turns(benchmark, each, count, rounds=3) > 0


def chain(layers):
    """Residual blocks of two convolutions, five layers each, one after the other."""
    net = NetworkBuilder("chain")
    x = net.input("image", (1, 16, 32, 32))
    for _ in range(layers // 5):
        y = net.relu(net.conv(net.relu(net.conv(x, 16, 3, padding=1)), 16, 1))
        x = net.add(x, y)
    return net.build(x)


@pytest.mark.parametrize("name", EVERY_PLATFORM)
def test_cost_by_layers(benchmark, name):
    """A thousand layers of a network of 50,000 beside a thousand of one of 1,000."""
    platform, lines = annette.load_platform(name), []

    def all_sizes():
        for layers in (1_000, 10_000, 50_000):
            built = chain(layers)
            cost_s = timed_s(lambda built=built: estimate_network(built, platform, fallback="roofline"))
            lines.append(
                f"{layers:6d} layers: {cost_s:.2f} s of processor time, {1e6 * cost_s / layers:.0f} us a layer"
            )

    benchmark.pedantic(all_sizes, rounds=1)
    benchmark.extra_info["lines"] = lines
    assert lines
