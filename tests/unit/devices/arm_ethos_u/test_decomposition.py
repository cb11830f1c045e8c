"""Kernels that the compiler takes apart, worked by hand from its reports."""

import itertools

import numpy as np
import pytest

from annette.devices.arm_ethos_u.scheduler.decomposition import merged_axes, transpose_steps
from annette.devices.arm_ethos_u.scheduler.feature_maps import ExplicitPadding, explicit_padding_of
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder

U85 = preset("ethos-u85-512")


def kernels(network, mapping=U85):
    return {kernel.name: kernel for kernel in mapping.apply(network)}


def between(layer, size=32, channels=32):
    """A layer between two convolutions."""
    net = NetworkBuilder("between", source_format="test")
    x = net.conv(net.input("x", (1, 16, size, size)), channels, 1, name="before")
    return net.build(net.conv(layer(net, x), 32, 1, name="behind"))


@pytest.mark.parametrize("mapping", [U85, preset("ethos-u55-128")], ids=["u85", "u55"])
def test_groups_run_one_after_another_and_their_rectifier_alone(mapping):
    dense = between(lambda net, x: net.relu(net.conv(x, 32, 3, padding=1, name="middle")))
    grouped = between(lambda net, x: net.relu(net.conv(x, 32, 3, padding=1, groups=4, name="middle")))
    bare = between(lambda net, x: net.conv(x, 32, 3, padding=1, groups=4, name="middle"))
    cycles = [kernels(each, mapping)["middle"].context["engine_cycles"] for each in (dense, bare, grouped)]
    assert cycles[1] < cycles[2]  # The rectifier is an operation of its own.
    context = kernels(grouped, mapping)["middle"].context
    assert context["input_rows"] == 1  # Read group by group.
    assert context["output_rows"] == 1  # Eight channels a group begin within a brick.


def test_units_wait_for_each_other_where_parts_keep_different_ones_busy():
    network = between(lambda net, x: net.relu(net.conv(x, 64, 3, padding=1, groups=2, name="middle")), 64, 64)
    context = kernels(network)["middle"].context
    assert context["waiting_cycles"] >= 0
    assert context["off_chip_cycles"] > 0


def test_several_outputs_a_channel_are_brought_into_order_by_transposes():
    plain = between(lambda net, x: net.depthwise_conv(x, 3, padding=1, name="middle"))
    several = between(lambda net, x: net.depthwise_conv(x, 3, padding=1, multiplier=2, name="middle"))
    one, two = (kernels(network)["middle"].context for network in (plain, several))
    assert two["engine_cycles"] > 4 * one["engine_cycles"]
    assert kernels(several)["behind"].context["input_rows"] == 1


def test_a_stride_of_more_than_three_takes_a_convolution_for_each_element_of_the_window():
    three, four = (
        kernels(between(lambda net, x, s=stride: net.conv(x, 32, 5, stride=s, padding=2, name="middle")))["middle"]
        for stride in (3, 4)
    )
    assert four.context["engine_cycles"] > 3 * three.context["engine_cycles"]  # For 9/16 of the outputs.
    assert four.context["input_outside"] == three.context["input_outside"]


def test_explicit_padding_is_copied_into_four_sides():
    network = between(lambda net, x: net.max_pool(x, 3, stride=2, padding=1, name="middle"))
    found = kernels(network)
    assert explicit_padding_of(found["middle"]) == ExplicitPadding(
        1, 1, 1, 1
    )  # As the lowering writes it: as far as the layer says
    copies = found["middle/border"]
    assert copies.kind == "concat"
    assert not copies.layers
    assert copies.context["engine_cycles"] > 0


def test_same_padding_needs_no_copies():
    network = between(lambda net, x: net.max_pool(x, 3, stride=1, padding=1, name="middle"))
    assert "middle/border" not in kernels(network)


def test_the_steps_that_interleave_the_results_of_a_depthwise_convolution():
    steps = [(step.ifm, step.ofm) for step in transpose_steps((8, 80, 80, 3), (1, 2, 3, 0))]
    assert steps == [
        ((8, 80, 240), (80, 8, 240)),
        ((80, 8, 240), (8, 80, 240)),
        ((640, 80, 3), (640, 3, 80)),
        ((8, 240, 80), (80, 240, 8)),
        ((6400, 3, 8), (6400, 8, 3)),
        ((80, 80, 24), (80, 80, 24)),
        ((6400, 8, 3), (6400, 3, 8)),
    ]


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 5), (2, 3, 2, 5, 3)])
def test_all_steps_together_transpose(shape):
    data = np.arange(np.prod(shape))
    for perm in itertools.permutations(range(len(shape))):
        moved = data
        for step in transpose_steps(shape, perm):
            axes = [0, 1, 2]
            axes[step.first], axes[step.second] = axes[step.second], axes[step.first]
            moved = moved.reshape(step.ifm).transpose(axes)
        assert np.array_equal(moved.ravel(), data.reshape(shape).transpose(perm).ravel())


def test_dimensions_that_stay_together_are_one():
    assert merged_axes((1, 14, 14, 2, 48), (0, 1, 2, 4, 3)) == ([196, 2, 48], [0, 2, 1])


def test_what_moves_nothing_takes_no_step():
    assert transpose_steps((4, 5, 6), (0, 1, 2)) == []


def test_only_steps_that_move_lines_are_slow():
    assert [step.half_speed for step in transpose_steps((196, 2, 48), (0, 2, 1))] == [False]
    assert [step.half_speed for step in transpose_steps((7, 9, 16), (1, 0, 2))] == [True]
