"""Rectifiers on the Myriad X: the hardware engine applies them, sums do where lines are whole words."""

import pytest

from tests.unit.mapping.helpers import costly, image, mapped

SUM_RULES = ("rectifier-into-whole-lines", "rectifier-into-sum-for-software")


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_the_engine_applies_one_rectifier(activation):
    net, x = image()
    y = net.layer(activation, [net.relu(net.conv(x, 4, 3))])[0]
    kernels = mapped(net.build(y), "rectifier-into-hardware")
    assert [kernel.kind for kernel in kernels] == ["conv", activation]


def test_the_engine_applies_no_sigmoid():
    net, x = image()
    assert costly(net.build(net.layer("sigmoid", [net.conv(x, 4, 3)])[0]), "rectifier-into-hardware") == [
        "conv",
        "sigmoid",
    ]


def residual(width, reader):
    net, x = image((1, 8, 6, width))
    y = net.relu(net.add(x, net.input("y", (1, 8, 6, width))))
    return net.build(reader(net, y))


@pytest.mark.parametrize(
    ("width", "reader", "kinds"),
    [
        (8, lambda net, y: net.conv(y, 4, 1), ["add", "conv"]),
        (6, lambda net, y: net.conv(y, 4, 1), ["add", "relu", "conv"]),
        (6, lambda net, y: net.max_pool(y, 2, stride=2), ["add", "relu", "max_pool"]),
        (6, lambda net, y: net.global_average_pool(y), ["add", "global_average_pool"]),
        (6, lambda _, y: y, ["add"]),
    ],
    ids=["whole-lines", "hardware-reads", "pool-reads", "software-reads", "nobody-reads"],
)
def test_a_sum_applies_a_rectifier_unless_hardware_wants_padded_lines(width, reader, kinds):
    assert costly(residual(width, reader), *SUM_RULES) == kinds
