"""Networks in other words, and networks that do less."""

import pytest

from annette.network.builder import NetworkBuilder
from annette.testing.variants import (
    listed_otherwise,
    renamed,
    results_reversed,
    reversed_names,
    scrambled_names,
    shorter,
    without,
)


def gated():
    """A map, its gate, their product and a convolution of it."""
    net = NetworkBuilder("gated")
    x = net.conv(net.input("x", (1, 8, 6, 6)), 8, 1, name="first")
    gate = net.activation(
        net.conv(net.global_average_pool(x, name="pool"), 8, 1, name="narrow"), "sigmoid", name="gate"
    )
    return net.build(net.conv(net.mul(x, gate, name="product"), 4, 1, name="last"))


def kinds(network):
    return [layer.kind for layer in network.layers]


def test_what_nobody_reads_any_more_goes_along():
    assert kinds(without(gated(), "product")) == ["conv", "conv"]


def test_readers_read_what_the_layer_read():
    rest = without(gated(), "gate")
    assert rest.layers_by_name["product"].inputs == ("first", "narrow")
    assert rest.ops == gated().ops - gated().layers_by_name["gate"].workload.ops


def test_a_layer_that_reads_the_same_twice_is_described_anew():
    net = NetworkBuilder("silu")
    x = net.input("x", (1, 8, 6, 6))
    network = net.build(net.mul(x, net.activation(x, "sigmoid", name="sigmoid"), name="product"))
    product = without(network, "sigmoid").layers_by_name["product"]
    assert product.inputs == ("x", "x")
    assert product.workload.input_elements == network.layers_by_name["product"].workload.input_elements // 2


@pytest.mark.parametrize("name", ["pool", "last"])
def test_a_layer_that_changes_the_shape_stays(name):
    assert without(gated(), name) is None


def test_nothing_is_left_of_a_network_of_one_layer():
    net = NetworkBuilder("one")
    network = net.build(net.activation(net.input("x", (1, 8, 6, 6)), "relu", name="relu"))
    assert without(network, "relu") is None
    assert shorter(network) is None


def test_a_shorter_network_hands_out_no_more():
    net = NetworkBuilder("ends")
    x = net.conv(net.input("x", (1, 8, 6, 6)), 8, 1)
    assert kinds(shorter(net.build(net.activation(x, "relu")))) == ["conv"]
    assert shorter(gated()) is None  # its last layer halves the channels


def test_other_words_change_nothing_else():
    network = gated()
    for other in (
        renamed(network, reversed_names(network)),
        renamed(network, scrambled_names(1)),
        listed_otherwise(network, 1),
        results_reversed(network),
    ):
        assert sorted(kinds(other)) == sorted(kinds(network))
        assert (other.ops, other.bytes, len(other.tensors)) == (network.ops, network.bytes, len(network.tensors))


def test_names_come_in_the_reverse_order():
    network = gated()
    name = reversed_names(network)
    held = sorted([*network.tensors])
    assert sorted(map(name, held), reverse=True) == [*map(name, held)]
