"""Precision of kernels: what their tensors say, and what a platform makes of it."""

import pytest

from annette.mapping.kernel import KernelTable
from annette.mapping.model import MappingModel
from annette.mapping.precision import Precision, kind_of, narrowest, precision_in, with_precision
from annette.network import DType, Tensor
from annette.network.builder import NetworkBuilder
from annette.network.quantization import quantized

FP32 = Precision(32, 32)


def _network():
    net = NetworkBuilder("test", source_format="test")
    x = net.input("x", (1, 16, 8, 8))
    return net.build(net.relu(net.conv(x, 32, 3, padding="same")))


def _table(network, precision):
    kernels = MappingModel("plain").apply(network)
    return KernelTable.from_kernels(kernels, network, precision)


@pytest.mark.parametrize(
    ("own", "given", "takes"),
    [
        (Precision(32, 32), "", True),
        (Precision(32, 32), "int8", False),
        (Precision(32, 32), "fp16", False),
        (Precision(32, 32, converts=("fp16",)), "fp16", True),
        (Precision(32, 32), "fp64", False),  # runtimes on processors compute with 64 bits, several times slower
        (Precision(32, 32, converts=("fp64",)), "fp64", True),
        (Precision(8, 8), "fp64", True),
        (Precision(8, 8), "int8", True),
        (Precision(8, 8), "fp16", True),  # wider: as if quantised
        (Precision(16, 16), "bf16", False),
        (Precision(16, 16, name="bf16"), "bf16", True),
        (Precision(16, 16, name="bf16"), "fp16", False),
    ],
)
def test_a_platform_takes_its_own_precision_wider_ones_and_what_it_converts(own, given, takes):
    assert own.takes(given) is takes


def test_kinds_carry_a_precision_once():
    assert with_precision("conv", "int8") == with_precision("conv@int8", "int8") == "conv@int8"
    assert with_precision("conv", "") == "conv"
    assert (kind_of("conv@int8"), precision_in("conv@int8")) == ("conv", "int8")
    assert (kind_of("conv"), precision_in("conv")) == ("conv", "")


def test_indices_and_masks_have_no_precision():
    tensors = [Tensor("ids", (4,), DType.INT64), Tensor("mask", (4,), DType.BOOL), Tensor("x", (4,), DType.FLOAT32)]
    assert narrowest(tensors) == ""
    assert narrowest([*tensors, Tensor("h", (4,), DType.FLOAT16), Tensor("q", (4,), DType.UINT8)]) == "int8"


def test_networks_in_floating_point_keep_their_kinds_and_bytes():
    network = _network()
    assert set(_table(network, FP32).kinds) == {"conv", "relu"}
    halved = _table(network, Precision(16, 16))
    assert set(halved.kinds) == {"conv", "relu"}
    assert (halved.bytes == _table(network, FP32).bytes / 2).all()


def test_bytes_of_another_precision_are_those_of_the_tensors():
    network = quantized(_network(), "static-uint8")
    table = _table(network, FP32)
    row = table.kinds.tolist().index("quantize@int8")
    assert table["input_bytes"][row] == 4 * 16 * 64
    assert table["output_bytes"][row] == 16 * 64


def test_what_reads_dequantized_numbers_is_of_integers_where_no_mapping_says_otherwise():
    network = quantized(_network(), "static-uint8")
    assert "conv@int8" in _table(network, FP32).kinds
    assert "conv" in _table(network, Precision(8, 8)).kinds


def test_weights_of_one_byte_count_as_such():
    network = quantized(_network(), "static-uint8")
    held = _table(network, FP32)["network_weight_bytes"][0]
    assert held == 32 * 16 * 9 + 4 * 32  # int8 weights and an int32 bias
