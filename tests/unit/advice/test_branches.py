"""Branches that one layer computes."""

from annette.advice.branches import JoinBranches, MergeSiblings, branch_changes
from annette.network.builder import NetworkBuilder
from tests.unit.advice import samples


def test_convolutions_of_one_map_become_one_and_a_split_behind_what_both_have():
    network = samples.inception()
    change = MergeSiblings(("left", "right"))
    assert change in branch_changes(network, network.layers)
    merged = change.apply(network)
    assert [layer.kind for layer in merged.layers][:4] == ["conv", "conv", "relu", "split"]
    assert merged.layers_by_name["left"].workload.ops == sum(
        network.layers_by_name[name].workload.ops for name in change.siblings
    )
    assert merged.layers[3].attributes["split"] == (12, 8)


def test_products_of_one_operand_become_one():
    net = NetworkBuilder("heads")
    x = net.input("x", (1, 7, 32))
    query, keys = (
        net.fully_connected(x, 32, bias=False, name="query"),
        net.fully_connected(x, 16, bias=False, name="keys"),
    )
    network = net.build(net.relu(query), net.relu(keys))
    merged = MergeSiblings(("query", "keys")).apply(network)
    layer = merged.layers_by_name["query"]
    assert merged.tensors[layer.inputs[1]].shape == (32, 48)
    assert [merged.tensors[name].shape for name in merged.outputs] == [(1, 7, 32), (1, 7, 16)]


def test_linear_branches_become_one_convolution():
    network = samples.branched()
    (change,) = [each for each in branch_changes(network, network.layers) if isinstance(each, JoinBranches)]
    assert change == JoinBranches("total", 3)
    joined = change.apply(network)
    assert [layer.kind for layer in joined.layers] == ["conv", "relu", "conv", "relu", "conv", "global_average_pool"]
    layer = joined.layers_by_name["wide"]
    assert layer.outputs == ("total",)
    assert len(layer.inputs) == 3


def test_branches_that_are_not_linear_stay():
    net = NetworkBuilder("bent")
    x = net.relu(net.conv(net.input("x", (1, 3, 16, 16)), 16, 3, name="stem"))
    y = net.relu(net.conv(x, 16, 3, padding=1, name="wide"))
    network = net.build(net.relu(net.add(y, net.conv(x, 16, 1, name="point"), name="total")))
    assert not [each for each in branch_changes(network, network.layers) if isinstance(each, JoinBranches)]
