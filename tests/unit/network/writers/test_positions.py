"""Positions in files: within what is looked up, and spread over it."""

import numpy as np
import pytest

from annette.network.builder import NetworkBuilder
from annette.network.tensor import DType
from annette.network.writers.weights import constant_values


@pytest.fixture
def net():
    return NetworkBuilder("test")


def drawn(net, kind, source, positions, *more, **attributes):
    """Values of the positions by which a layer of some kind looks up or writes."""
    where = net.weight("positions", positions, DType.INT64, learned=False)
    operands = [net.input("source", source), where, *(net.input(f"updates{n}", shape) for n, shape in enumerate(more))]
    network = net.build(net.apply(kind, *operands, attributes=attributes))
    layer = next(layer for layer in network.layers if layer.kind == kind)
    return constant_values(network, network.tensors[where.name], layer, 0)


@pytest.mark.parametrize(
    ("kind", "source", "positions", "more", "attributes", "limit"),
    [
        ("gather", (3, 40), (500,), (), {"axis": 1}, 40),
        ("gather", (40, 3), (500,), (), {"axis": 0}, 40),
        ("gather_elements", (2, 40), (2, 500), (), {"axis": 1}, 40),
        ("scatter_elements", (40, 3), (500, 3), ((500, 3),), {"axis": 0}, 40),
    ],
)
def test_positions_along_an_axis_are_all_that_it_has(net, kind, source, positions, more, attributes, limit):
    values = drawn(net, kind, source, positions, *more, **attributes)
    assert values.dtype == np.int64
    assert sorted(set(values.ravel().tolist())) == list(range(limit))


def test_positions_in_several_dimensions_keep_to_each_of_them(net):
    values = drawn(net, "scatter_elements", (5, 70), (900, 2), (900,), axis=0)
    assert values.max(axis=0).tolist() == [4, 69]
    assert len(np.unique(values[:, 1])) == 70


def test_batch_dimensions_are_none_of_theirs(net):
    values = drawn(net, "gather_nd", (2, 5, 70), (2, 600, 2), batch_dims=1)
    assert values.max(axis=(0, 1)).tolist() == [4, 69]


def test_other_integers_are_zeros(net):
    table = net.weight("table", (8, 4), DType.INT64, learned=False)
    network = net.build(net.apply("gather", table, net.input("ids", (3,), DType.INT64), attributes={"axis": 0}))
    assert not constant_values(network, network.tensors[table.name], network.layers[0], 0).any()
