import pytest

from annette.errors import NetworkStructureError
from annette.network.builder import NetworkBuilder
from annette.network.excerpt import excerpt
from annette.network.graph_json import graph_digest, graph_from_json, graph_to_json


@pytest.fixture
def network():
    net = NetworkBuilder("whole", batch=2)
    x = net.input("x", (2, 8, 16, 16))
    y = net.relu(net.conv(x, 12, 3, padding=1, name="first"), name="act")
    z = net.add(net.conv(y, 12, 1, name="second"), y, name="join")
    return net.build(net.global_average_pool(z, name="pool"))


def test_shapes_batch_and_constants_are_those_of_the_network(network):
    cut = excerpt(network, {"second", "join"}, "cut")
    assert [layer.name for layer in cut.layers] == ["second", "join"]
    assert cut.inputs == ("act",)
    assert cut.outputs == ("join",)
    assert cut.tensors["join"].shape == (2, 12, 16, 16)
    assert (cut.name, cut.batch) == ("cut", 2)
    assert cut.layers[0].workload == network.layers_by_name["second"].workload
    assert graph_digest(graph_from_json(graph_to_json(cut))) == graph_digest(cut)


def test_what_is_read_outside_is_handed_out_and_what_is_not_connected_is_fed(network):
    cut = excerpt(network, ["first", "act", "pool"], "parts")
    assert cut.inputs == ("x", "join")
    assert cut.outputs == ("act", "pool")


def test_all_layers_are_the_network(network):
    cut = excerpt(network, [layer.name for layer in network.layers], "all")
    assert graph_digest(cut) == graph_digest(network)


def test_refuses_what_is_not_there(network):
    with pytest.raises(NetworkStructureError, match="'whole' has no layer 'third' to cut out"):
        excerpt(network, ["first", "third"], "cut")
    with pytest.raises(NetworkStructureError, match="no layers"):
        excerpt(network, [], "nothing")
