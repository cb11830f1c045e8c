"""What the Ethos-U applies while an operator writes its result, and what its U85 chains."""

import pytest

from annette.network.builder import NetworkBuilder
from tests.unit.mapping.helpers import costly, image, mapped


@pytest.mark.parametrize(
    ("rule", "activation", "fuses"),
    [
        ("ethos-u-clamp", "relu", True),
        ("ethos-u-clamp", "sigmoid", False),
        ("ethos-u-table", "hard_swish", True),
        ("ethos-u-table", "leaky_relu", True),
        ("ethos-u-table", "hard_sigmoid", False),
        ("ethos-u-gelu", "gelu", True),
    ],
)
def test_activations_run_with_a_convolution(rule, activation, fuses):
    net, x = image()
    network = net.build(net.layer(activation, [net.conv(x, 4, 3)])[0])
    assert costly(network, rule) == (["conv"] if fuses else ["conv", activation])


def test_tables_run_with_pools_and_clamps_do_not():
    net, x = image()
    pooled = net.max_pool(x, 2, stride=2)
    assert costly(net.build(net.layer("tanh", [pooled])[0]), "ethos-u-table") == ["max_pool"]
    net, x = image()
    assert costly(net.build(net.relu(net.max_pool(x, 2, stride=2))), "ethos-u-clamp") == ["max_pool", "relu"]


def test_one_activation_fits():
    net, x = image()
    network = net.build(net.layer("sigmoid", [net.relu(net.conv(x, 4, 3))])[0])
    assert costly(network, "ethos-u-clamp", "ethos-u-table") == ["conv", "sigmoid"]


def test_a_sum_is_chained_behind_one_convolution():
    net, x = image()
    network = net.build(net.add(net.conv(x, 4, 1, name="left"), net.conv(x, 4, 1, name="right")))
    kernels = mapped(network, "ethos-u-sum")
    assert sorted(len(kernel.layers) for kernel in kernels) == [1, 2]


def test_a_sum_is_not_chained_behind_an_activation():
    net, x = image()
    network = net.build(net.add(net.relu(net.conv(x, 4, 1)), net.conv(x, 4, 1, name="right")))
    kernels = mapped(network, "ethos-u-clamp", "ethos-u-sum")
    assert sorted(len(kernel.layers) for kernel in kernels) == [2, 2]


@pytest.mark.parametrize(("shape", "kernels"), [((1, 8), 1), ((1, 5, 8), 2)])
def test_sums_of_vectors_are_chained_and_those_of_many_positions_are_not(shape, kernels):
    net = NetworkBuilder("vectors", source_format="test")
    x = net.input("x", shape)
    network = net.build(net.add(net.fully_connected(x, 8), x))
    assert len(costly(network, "bias-into-fully-connected", "ethos-u-sum-of-vectors")) == kernels


@pytest.mark.parametrize(("mode", "kinds"), [("constant", ["max_pool"]), ("reflect", ["pad", "max_pool"])])
def test_a_constant_border_is_no_kernel_of_its_own(mode, kinds):
    net, x = image((1, 8, 6, 6))
    attributes = {"mode": mode, "pads": (0, 0, 1, 1, 0, 0, 1, 1)}
    (padded,) = net.layer("pad", [x], attributes=attributes, shapes=[(1, 8, 8, 8)])
    assert costly(net.build(net.max_pool(padded, 3, stride=1)), "ethos-u-border") == kinds


def test_parts_are_read_where_they_lie():
    net, x = image((1, 8, 6, 6))
    parts = net.layer("split", [x], attributes={"axis": 1}, shapes=[(1, 4, 6, 6), (1, 4, 6, 6)])
    assert costly(net.build(*parts), "ethos-u-cut") == []
