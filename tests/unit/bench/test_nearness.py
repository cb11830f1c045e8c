import math

import numpy as np
import pytest

from annette.bench.nearness import NEAR, PlannedSizes, kernel_sizes, most_lacking
from annette.mapping.kernel import KernelTable, Precision
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder

MAPPING = preset("onnxruntime-cpu")


def convolution(channels, side, kernel=3):
    net = NetworkBuilder("one")
    net.conv(net.input("x", (1, channels, side, side)), channels, kernel, padding="half")
    return net.build()


def row_of(network):
    kernel = next(kernel for kernel in MAPPING.apply(network) if kernel.kind == "conv")
    return kernel_sizes(KernelTable.from_kernels([kernel], network, Precision()))


@pytest.fixture(scope="module")
def planned():
    return PlannedSizes.of([convolution(16, 28), convolution(64, 14), convolution(16, 28)], MAPPING, Precision())


def test_what_is_planned_is_at_no_distance_and_counts_once(planned):
    assert len(planned.points["conv"]) == 2
    distance, position = planned.nearest("conv", row_of(convolution(64, 14)))
    assert distance[0] == 0
    assert planned.points["conv"][position[0]] == pytest.approx(row_of(convolution(64, 14))[0])


def test_a_size_twice_as_large_is_an_octave_away(planned):
    channels = planned.nearest("conv", row_of(convolution(128, 14)))[0][0]
    assert channels == pytest.approx(math.sqrt(2))  # channels in and out
    larger = planned.nearest("conv", row_of(convolution(64, 56)))[0][0]
    assert larger == pytest.approx(4.0)  # from (16, 28): channels two octaves apart in and out, and positions as well


def test_a_kind_that_the_plan_lacks_is_infinitely_far(planned):
    assert planned.nearest("lstm", row_of(convolution(16, 28)))[0].tolist() == [math.inf]
    assert PlannedSizes.of([], MAPPING, Precision()).nearest("conv", row_of(convolution(16, 28)))[0][0] == math.inf


def sized(*octaves):
    return np.array(octaves, dtype=float)[:, None]


def test_heavy_and_far_comes_first_and_what_resembles_it_brings_nothing_more():
    sizes = sized(0.0, 10.0, 10.1, 20.0)
    weights = np.array([0.5, 0.2, 0.2, 0.1])
    distances = np.array([0.0, 4.0, 4.1, 6.0])
    lacks = most_lacking(["conv"] * 4, sizes, weights, distances, 4)
    assert lacks[0].row in (1, 2)
    assert set(lacks[0].nearer) == {1, 2}
    assert lacks[0].gain == pytest.approx(0.2 * 3.5 + 0.2 * 3.6)
    assert [lack.row for lack in lacks][1:] == [3]
    assert lacks[1].gain == pytest.approx(0.1 * (6.0 - NEAR))


def test_kinds_do_not_stand_for_each_other_and_unknown_ones_are_far_but_not_endlessly():
    lacks = most_lacking(["a", "b"], sized(3.0, 3.0), np.array([0.4, 0.6]), np.array([2.0, math.inf]), 5)
    assert [lack.row for lack in lacks] == [1, 0]
    assert all(math.isfinite(lack.gain) for lack in lacks)


def test_no_more_than_asked_for_and_nothing_that_is_near_or_takes_no_time():
    sizes, distances = sized(0.0, 4.0, 8.0), np.array([3.0, 3.0, 3.0])
    assert len(most_lacking(["conv"] * 3, sizes, np.ones(3), distances, 2)) == 2
    assert most_lacking(["conv"] * 3, sizes, np.zeros(3), distances, 3) == []
    assert most_lacking(["conv"] * 3, sizes, np.ones(3), np.full(3, NEAR), 3) == []
    assert most_lacking([], np.zeros((0, 1)), np.zeros(0), np.zeros(0), 3) == []
