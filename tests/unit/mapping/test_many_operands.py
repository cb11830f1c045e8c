"""Layers of thousands of operands are mapped within the budget that their network has."""

import pytest

from annette.budget import budgeted
from annette.errors import NetworkSizeError
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder


def _sum(count, *constants):
    net = NetworkBuilder("sum")
    x = net.input("x", (1, 16, 8, 8))
    operands = [net.conv(x, 16, 1) for _ in range(count)]
    return net.build(net.relu(net.layer("add", [*operands, *(net.weight(each, (1,)) for each in constants)])[0]))


def test_a_sum_of_activations_is_looked_at_once():
    network = _sum(3000)
    with budgeted("sum", steps=100_000):
        assert len(preset("generic").group(network).kernels()) < 3002


def test_a_sum_that_every_operand_might_run_with_is_bounded():
    network = _sum(3000, "bias", "other")
    with budgeted("sum", steps=100_000), pytest.raises(NetworkSizeError, match=r"layer .add. of 300[12] operands"):
        preset("onnxruntime-cpu").group(network)


def test_masks_are_not_looked_for_among_thousands_of_operands():
    net = NetworkBuilder("masks")
    x = net.input("x", (1, 4, 16, 16))
    scores = net.layer("add", [net.relu(x) for _ in range(200)])[0]
    network = net.build(net.softmax(scores))
    assert len(preset("generic").apply(network)) > 200
