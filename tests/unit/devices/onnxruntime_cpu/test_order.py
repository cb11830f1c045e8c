"""The order of execution: depth first, of several branches the one that was added last."""

from annette.devices.onnxruntime_cpu.order import depth_first, layer_order
from annette.network.builder import NetworkBuilder


def test_the_branch_that_was_added_last_runs_first():
    before = [set(), {0}, {0}, {1, 2}]
    assert depth_first(before, [(0,), (1,), (2,), (3,)]) == [0, 2, 1, 3]
    assert depth_first(before, [(0,), (2,), (1,), (3,)]) == [0, 1, 2, 3]


def test_of_several_ends_the_last_comes_first():
    assert depth_first([set(), set(), {0}], [(0,), (1,), (2,)]) == [0, 2, 1]


def test_fused_layers_count_as_added_later():
    net = NetworkBuilder("n")
    x = net.input("x", (1, 8, 4, 4))
    first = net.conv(x, 8, 1, name="first")
    second = net.conv(x, 8, 1, name="second")
    net.add(first, second, name="sum")
    network = net.build()
    assert list(layer_order(network, ())) == ["second", "first", "sum"]
    assert list(layer_order(network, {"first"})) == ["first", "second", "sum"]
