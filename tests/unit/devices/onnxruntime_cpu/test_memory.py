"""Networks whose memory was worked out by hand, and found so in the runtime (tests/integration/test_memory.py)."""

from dataclasses import replace

import pytest

import annette
from annette.devices.onnxruntime_cpu.memory import plan_memory
from annette.devices.onnxruntime_cpu.nodes import NodeGraph, block_of
from annette.mapping.kernel import Precision
from annette.mapping.rules import preset
from annette.network import DType, Network
from annette.network.builder import NetworkBuilder

MAPPING = preset("onnxruntime-cpu")
KB = 1024


def planned(build, shape):
    net = NetworkBuilder("n")
    build(net, net.input("x", shape))
    network = net.build()
    kernels = MAPPING.apply(network)
    return plan_memory(MAPPING, Precision(), network, kernels), kernels


def test_activations_write_over_their_input_and_inputs_are_the_callers():
    plan, _ = planned(lambda net, x: net.unary("exp", net.unary("sigmoid", net.transpose(x, (1, 0)))), (512, 64))
    assert plan.alive_bytes == (128 * KB, 128 * KB, 256 * KB)
    assert plan.allocated_bytes == 256 * KB
    assert not plan.inputs


def test_convolutions_have_whole_blocks_of_channels():
    block = block_of(MAPPING)
    plan, kernels = planned(lambda net, x: net.max_pool(net.conv(x, block + 4, 1), 2, stride=2), (1, 2 * block, 32, 32))
    graph = NodeGraph.of(kernels, _network_of(block), block)
    assert graph.shapes["conv:blocked"] == (1, 2 * block, 32, 32)
    assert max(plan.alive_bytes) >= 4 * 2 * block * 32 * 32


def _network_of(block):
    net = NetworkBuilder("n")
    net.max_pool(net.conv(net.input("x", (1, 2 * block, 32, 32)), block + 4, 1), 2, stride=2)
    return net.build()


def test_a_plain_convolution_with_more_filters_than_positions_expands_its_input():
    plan, kernels = planned(lambda net, x: net.conv(x, 63, 3, padding=1), (1, 21, 4, 4))
    assert not any(kernel.blocked for kernel in kernels)
    assert plan.alive_bytes == (4 * 63 * 16 + 4 * 16 * 9 * 21,)


@pytest.mark.parametrize(("name", "expected"), [("resnet18", 4_997_120), ("mobilenet_v2", 10_485_760)])
def test_known_figures_of_the_runtime(name, expected):
    """What ``OrtApi::AllocatorGetStats`` says of version 1.32 on a processor with AVX-512, beside weights."""
    memory = annette.estimate(name, "epyc-onnxruntime").memory
    assert memory.allocated_bytes == expected
    assert memory.method == "onnxruntime"


def test_networks_of_16_bits_are_not_planned():
    what = _network_of(block_of(MAPPING))
    tensors = {name: replace(tensor, dtype=DType.FLOAT16) for name, tensor in what.tensors.items()}
    half = Network(name="half", layers=what.layers, tensors=tensors, inputs=what.inputs, outputs=what.outputs)
    assert plan_memory(MAPPING, Precision(), half, MAPPING.apply(half)) is None
