"""The order that follows from what a network computes."""

import pytest

from annette.mapping import order
from annette.mapping.model import MappingModel
from annette.mapping.order import structural_order
from annette.network.builder import NetworkBuilder
from annette.testing.variants import listed_otherwise, renamed, reversed_names


def _kinds(network):
    kernels = MappingModel("plain").apply(network)
    return [kernels[position].kind for position in structural_order(kernels)]


def _branches(join, *, swapped=False):
    """A short branch and a long one, joined."""
    net = NetworkBuilder("branches")
    x = net.input("x", (1, 8, 8, 8))
    short, long = net.activation(x, "tanh"), net.activation(net.activation(x, "sigmoid"), "relu")
    operands = (long, short) if swapped else (short, long)
    return net.build(net.concat(list(operands)) if join == "concat" else net.add(*operands))


def test_branches_come_as_the_operands_of_a_concat():
    assert _kinds(_branches("concat")) == ["tanh", "sigmoid", "relu", "concat"]
    assert _kinds(_branches("concat", swapped=True)) == ["sigmoid", "relu", "tanh", "concat"]


def test_the_longer_branch_of_a_sum_comes_first():
    for swapped in (False, True):
        assert _kinds(_branches("add", swapped=swapped)) == ["sigmoid", "relu", "tanh", "add"]


def test_of_several_results_that_of_fewer_kernels_comes_first():
    net = NetworkBuilder("results")
    x = net.input("x", (1, 8, 8, 8))
    long, short = net.activation(net.activation(x, "sigmoid"), "relu"), net.activation(x, "tanh")
    assert _kinds(net.build(long, short)) == ["tanh", "sigmoid", "relu"]


def test_dead_ends_come_by_the_number_of_kernels_that_lead_to_them():
    net = NetworkBuilder("dead ends")
    x = net.activation(net.input("x", (1, 8, 8, 8)), "sigmoid")
    y = net.activation(x, "tanh")
    deep = net.activation(net.activation(y, "relu"), "elu")
    early = [net.mul(x, 0.0), net.mul(x, 0.0)]
    late = net.mul(y, 0.0)
    kernels = MappingModel("plain").apply(net.build(deep, late, *early))
    found = [kernels[position].outputs[0] for position in structural_order(kernels)]
    assert found == [x.name, early[0].name, early[1].name, y.name, late.name, *found[-2:]]


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_it_does_not_matter_how_many_results_are_counted_together(monkeypatch, at_once):
    monkeypatch.setattr(order, "_RESULTS_AT_ONCE", at_once)
    net = NetworkBuilder("depths")
    x = net.activation(net.input("x", (1, 8, 8, 8)), "sigmoid")
    results = []
    for depth in (4, 2, 5, 1, 3, 2):
        y = x
        for _ in range(depth):
            y = net.activation(y, "relu")
        results.append(net.activation(y, "tanh"))
    kernels = MappingModel("plain").apply(net.build(*results))
    found = [kernels[position].outputs[0] for position in structural_order(kernels)]
    wanted = [results[place].name for place in (3, 1, 5, 4, 0, 2)]
    assert [name for name in found if name in wanted] == wanted


def test_results_of_one_size_come_in_one_order_whatever_they_are_called():
    net = NetworkBuilder("results")
    x = net.input("x", (1, 8, 8, 8))
    network = net.build(*[net.activation(net.activation(x, kind), "relu") for kind in ("tanh", "sigmoid", "elu")])
    found = _kinds(network)
    assert sorted(found) == ["elu", "relu", "relu", "relu", "sigmoid", "tanh"]
    for other in (renamed(network, reversed_names(network)), *(listed_otherwise(network, seed) for seed in range(4))):
        assert _kinds(other) == found


def test_neither_names_nor_the_order_of_layers_count():
    network = _branches("concat")
    for other in (renamed(network, reversed_names(network)), *(listed_otherwise(network, seed) for seed in range(4))):
        assert _kinds(other) == _kinds(network)
