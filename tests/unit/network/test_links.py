"""The edges of a network as numbers."""

import pytest

from annette.errors import NetworkStructureError
from annette.network import Network
from annette.network.builder import NetworkBuilder
from annette.network.links import CONSTANT, FED, SCALAR, Links


def residual():
    net = NetworkBuilder("residual")
    x = net.input("image", (1, 8, 4, 4))
    y = net.relu(net.conv(x, 8, 1))
    return net.build(net.mul(net.add(y, y), 2.0), net.add(x, y))


def test_operands_reads_and_readers():
    network = residual()
    links = network.links
    assert links.kinds == ("conv", "relu", "add", "mul", "add")
    assert links.operands == ((FED, CONSTANT, CONSTANT), (0,), (1, 1), (2, CONSTANT), (FED, 1))
    assert links.reads == (("image",), ("conv",), ("relu",), ("add",), ("image", "relu"))
    assert links.operand_names[3] == ("add", SCALAR)
    assert links.readers == ((1,), (2, 4), (3,), (5,), (5,))
    assert links.by_kind["add"] == (2, 4)
    assert not links.shares_constants


def test_a_constant_that_two_layers_read_is_shared():
    net = NetworkBuilder("tied")
    x, weight = net.input("x", (2, 8)), net.weight("weight", (8, 8))
    y = net.layer("matmul", [net.layer("matmul", [x, weight])[0], weight])[0]
    assert net.build(y).links.shares_constants


def test_layers_in_any_order_have_the_edges_of_those_in_order():
    network = residual()
    given = {"tensors": network.tensors, "inputs": network.inputs, "outputs": network.outputs}
    backwards = Network(name="backwards", layers=network.layers[::-1], **given)
    assert Links.of(network.layers[::-1], *given.values()) is None
    assert backwards.links == Links.of(backwards.layers, *given.values())
    assert {layer.name for layer in backwards.layers} == {layer.name for layer in network.layers}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda given: given | {"outputs": ("gone",)}, "'gone'"),
        (lambda given: given | {"inputs": ()}, "reads 'image', which nothing produces"),
        (lambda given: given | {"layers": (*given["layers"], given["layers"][0])}, "two layers named 'conv'"),
        (lambda given: given | {"inputs": ("image", "conv")}, "produced twice"),
        (
            lambda given: given | {"tensors": {name: t for name, t in given["tensors"].items() if name != "relu"}},
            "'relu', which is not described",
        ),
    ],
)
def test_what_is_damaged_has_no_edges_and_is_refused(change, message):
    network = residual()
    given = {
        "layers": network.layers, "tensors": network.tensors, "inputs": network.inputs, "outputs": network.outputs
    }  # fmt: skip
    assert Links.of(*change(given).values()) is None
    with pytest.raises(NetworkStructureError, match=message):
        Network(name="damaged", **change(given))


def test_numbers_are_no_constants_that_layers_share():
    net = NetworkBuilder("numbers")
    assert not net.build(net.mul(net.mul(net.input("x", (2, 8)), 2.0), 3.0)).links.shares_constants
