"""Convolutions of other windows, in fewer groups, in place of two."""

import pytest

from annette.advice.windows import Densify, JoinConvolutions, Rewindow, window_changes
from annette.errors import NetworkError
from annette.network.builder import NetworkBuilder
from tests.unit.advice import samples


def single(**how):
    net = NetworkBuilder("single")
    x = net.conv(net.input("x", (1, 8, 17, 17)), 16, 1, name="first")
    return net.build(net.conv(net.conv(x, 16, name="conv", **how), 4, 1))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, 1, "same"])
@pytest.mark.parametrize("side", [3, 5])
def test_another_window_writes_maps_of_the_same_size(stride, padding, side):
    network = single(kernel=2, stride=stride, padding=padding)
    changed = Rewindow("conv", (2, 2), (side, side), (1, 1)).apply(network)
    assert changed.tensors["conv"].shape == network.tensors["conv"].shape
    layer = changed.layers_by_name["conv"]
    assert changed.tensors[layer.inputs[1]].shape == (16, 16, side, side)
    assert layer.workload.ops > network.layers_by_name["conv"].workload.ops


def test_taps_at_a_distance_become_a_window_that_covers_them():
    network = single(kernel=3, dilation=2, padding=2)
    (change,) = window_changes(network, [network.layers_by_name["conv"]])
    assert change == Rewindow("conv", (3, 3), (5, 5), (2, 2))
    changed = change.apply(network)
    assert changed.tensors["conv"].shape == network.tensors["conv"].shape
    assert changed.layers_by_name["conv"].attributes["dilations"] == (1, 1)


def test_fewer_groups_are_a_convolution_of_more_weights():
    network = single(kernel=3, groups=4)
    assert [each.after for each in window_changes(network, [network.layers_by_name["conv"]])][:3] == [2, 1]
    dense = Densify("conv", 4, 1).apply(network)
    layer = dense.layers_by_name["conv"]
    assert (layer.kind, dense.tensors[layer.inputs[1]].shape) == ("conv", (16, 16, 3, 3))
    assert layer.workload.macs == 4 * network.layers_by_name["conv"].workload.macs
    with pytest.raises(NetworkError, match="does not have 4 groups any more"):
        Densify("conv", 4, 2).apply(dense)


def test_an_inverted_bottleneck_is_joined_on_either_side():
    network = samples.residual(20)
    found = window_changes(network, [network.layers_by_name["depthwise"]])
    joins = [each for each in found if isinstance(each, JoinConvolutions)]
    assert joins == [JoinConvolutions("depthwise", "project"), JoinConvolutions("expand", "depthwise")]
    for change, weights in zip(joins, [(20, 40, 3, 3), (40, 20, 3, 3)], strict=True):
        changed = change.apply(network)
        layer = changed.layers_by_name[change.second]
        assert (layer.kind, changed.tensors[layer.inputs[1]].shape) == ("conv", weights)
        assert change.first not in changed.layers_by_name
        assert changed.ops > network.ops
        assert len(changed.layers) == len(network.layers) - 2


def test_a_map_that_others_read_is_not_joined():
    net = NetworkBuilder("shared")
    x = net.conv(net.input("x", (1, 8, 8, 8)), 16, 1, name="expand")
    y = net.conv(net.depthwise_conv(x, 3, name="depthwise"), 16, 1, name="project")
    network = net.build(net.add(x, y))
    found = window_changes(network, [network.layers_by_name["depthwise"]])
    assert JoinConvolutions("depthwise", "project") in found
    assert JoinConvolutions("expand", "depthwise") not in found
