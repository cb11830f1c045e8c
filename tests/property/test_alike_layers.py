"""What is known of layers and kernels that are alike is looked up: it is what each of them has alone."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annette.mapping.kernel import COLUMNS, NETWORK_COLUMNS, KernelTable, known_rows
from annette.mapping.layout_walk import LayoutWalk
from annette.mapping.one_kernel import row_of
from annette.network import zoo
from annette.network.builder import NetworkBuilder
from annette.network.building.alike import DESCRIBED, MADE
from annette.network.quantization import quantized
from annette.network.zoo.nasbench201 import OPERATIONS
from annette.platforms import load_platform

OWN = [place for place, name in enumerate(COLUMNS[: COLUMNS.index("reads_network_input")])]
NAMES = ["mobilenet_v3_large", "vit_b_16", "shufflenet_v2_x1_0", "densenet121", "yolov4_tiny"]

ROWS = known_rows()
"""Those of all examples."""


def cell(seed):
    pick = random.Random(seed)
    nodes = ["".join(f"{pick.choice(OPERATIONS)}~{source}|" for source in range(node + 1)) for node in range(3)]
    return zoo.build("nasbench201:" + "+".join(f"|{node}" for node in nodes))


def of_layer(layer, network):
    """All that a workload stands for."""
    tensors = [network.tensors[name] for name in (*layer.inputs, *layer.outputs)]
    described = [(tensor.shape, tensor.dtype, tensor.constant) for tensor in tensors]
    return layer.kind, tuple(layer.attributes.items()), len(layer.inputs), described


@pytest.mark.parametrize("network", [zoo.build(name) for name in NAMES], ids=lambda network: network.name)
def test_layers_with_one_workload_are_alike(network):
    for each in (network, quantized(network, "static-uint8")):
        known = {}
        for layer in each.layers:
            assert known.setdefault(id(layer.workload), of_layer(layer, each)) == of_layer(layer, each)


@pytest.mark.parametrize("name", NAMES)
def test_layers_that_are_made_once_are_those_made_anew(name):
    zoo.build(name)
    again = zoo.build(name)
    for memory in (DESCRIBED, MADE):
        memory.__init__(16_384)  # forgets all
    anew = zoo.build(name)
    assert again.layers == anew.layers
    assert dict(again.tensors) == dict(anew.tensors)


def test_one_name_may_stand_for_layers_of_other_sizes():
    shapes = []
    for width in (8, 16, 8):
        net = NetworkBuilder("net")
        network = net.build(net.conv(net.input("x", (1, 3, width, width)), 4, 1, name="c"))
        shapes.append((network.tensors["c"].shape, network.layers[0].workload.macs))
    assert shapes == [((1, 4, 8, 8), 768), ((1, 4, 16, 16), 3072), ((1, 4, 8, 8), 768)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(["epyc-onnxruntime", "epyc-openvino-fp32", "kirin970-tvm"]))
def test_rows_that_are_looked_up_are_those_of_each_kernel(seed, platform):
    target, network = load_platform(platform), cell(seed)
    kernels = target.mapping.apply(network)
    before = KernelTable.from_kernels(kernels, network, target.precision, known=ROWS).values
    assert len(ROWS)
    alone = np.array([row_of(kernel, network, target.precision) for kernel in kernels], dtype=np.float64)
    assert np.array_equal(before[:, OWN], alone)
    assert np.array_equal(KernelTable.from_kernels(kernels, network, target.precision).values, before)
    assert all((before[:, COLUMNS.index(name)] >= 0).all() for name in NETWORK_COLUMNS)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(["epyc-onnxruntime", "epyc-openvino-fp32"]))
def test_layouts_that_are_looked_up_are_those_of_each_kernel(seed, platform):
    layout, network = load_platform(platform).mapping.layout, cell(seed)
    walk = LayoutWalk(layout, network)
    for kernel in load_platform(platform).mapping.apply(network):
        if kernel.layers:
            assert walk._way(kernel) == layout.way(kernel, network)
