"""Kernels that read weights again."""

from dataclasses import replace

import numpy as np

from annette.mapping.kernel import KernelTable, Precision
from annette.mapping.rules import preset
from annette.mapping.shared_weights import repeated_uses
from annette.network import Network
from annette.network.builder import NetworkBuilder


def steps(count, *, shared, width=64):
    """Products with one matrix again and again, as the steps of an unrolled loop, or with one each."""
    net = NetworkBuilder("steps")
    x = net.input("x", (1, width))
    for number in range(count):
        x = net.fully_connected(x, width, bias=False, name=f"step{number}")
    network = net.build(x)
    if not shared:
        return network
    first = network.layers[0].inputs[1]
    layers = [replace(layer, inputs=(layer.inputs[0], first)) for layer in network.layers]
    return Network(
        name="shared", layers=layers, tensors=network.tensors, inputs=network.inputs, outputs=network.outputs
    )


def table(network):
    kernels = preset("generic").apply(network)
    return KernelTable.from_kernels(kernels, network, Precision(32, 32)), kernels


def test_uses_are_those_of_the_same_weights():
    network = steps(4, shared=True)
    assert list(repeated_uses(preset("generic").apply(network), network)) == [(1, 0), (2, 1), (3, 2)]
    network = steps(4, shared=False)
    assert list(repeated_uses(preset("generic").apply(network), network)) == []


def test_small_constants_are_no_weights():
    network = steps(4, shared=True, width=16)
    assert list(repeated_uses(preset("generic").apply(network), network)) == []


def test_what_passed_since_counts_instead_of_the_whole_network():
    rows, kernels = table(steps(5, shared=True))
    apart, _ = table(steps(5, shared=False))
    for column in ("network_weight_bytes", "network_ops", "network_busy_ops"):
        assert len(set(apart[column])) == 1
        assert np.all(rows[column][1:] < apart[column][1:])
    assert rows["network_ops"][0] == apart["network_ops"][0]
    assert rows["network_ops"][1] == kernels[1].ops
    assert rows["network_weight_bytes"][1] == rows["weight_bytes"][1]
