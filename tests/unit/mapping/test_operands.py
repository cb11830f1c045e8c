"""Products of integers by the signs of their operands."""

import pytest

from annette.errors import MappingError
from annette.mapping.operands import OperandType, unmarked
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder
from annette.network.quantization import quantized


def _network():
    net = NetworkBuilder("test", source_format="test")
    x = net.conv(net.input("x", (1, 16, 8, 8)), 32, 3, padding=1)
    x = net.depthwise_conv(x, 3, padding=1)
    return net.build(net.fully_connected(net.flatten(net.global_average_pool(x)), 10))


def _kinds(scheme):
    return {kernel.kind for kernel in preset("onnxruntime-cpu").apply(quantized(_network(), scheme))}


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("static-uint8", {"conv@int8", "depthwise_conv@int8", "fully_connected@int8"}),
        ("static-int8", {"conv@int8", "depthwise_conv@int8", "fully_connected@int8"}),
        (
            "static-unsigned",
            {"unsigned_conv@int8", "unsigned_depthwise_conv@int8", "unsigned_fully_connected@int8"},
        ),
        ("operators-int8", {"signed_conv@int8", "signed_depthwise_conv@int8", "signed_fully_connected@int8"}),
        ("dynamic", {"integer_conv@int8", "integer_depthwise_conv@int8", "dynamic_product@int8"}),
        (
            "dynamic-unsigned",
            {"unsigned_integer_conv@int8", "unsigned_integer_depthwise_conv@int8", "unsigned_dynamic_product@int8"},
        ),
    ],
)
def test_products_of_other_signs_are_kernels_of_their_own(scheme, expected):
    products = {kind for kind in _kinds(scheme) if kind.endswith("@int8") and ("conv" in kind or "con" in kind)}
    products |= {kind for kind in _kinds(scheme) if "product" in kind}
    assert products == expected


def test_a_product_of_two_activations_has_two_unsigned_operands():
    net = NetworkBuilder("test", source_format="test")
    a, b = net.input("a", (1, 4, 16, 32)), net.input("b", (1, 4, 32, 16))
    kernels = preset("onnxruntime-cpu").apply(quantized(net.build(net.matmul(a, b)), "static-uint8"))
    assert "unsigned_matmul@int8" in {kernel.kind for kernel in kernels}


def test_the_mark_goes_and_the_rest_stays():
    assert unmarked("signed_integer_conv@int8") == "integer_conv@int8"
    assert unmarked("softsign") == "softsign"


@pytest.mark.parametrize("wrong", [(2, "int8", "signed_"), (0, "int4", "signed_"), (0, "int8", "negative_")])
def test_what_no_operand_can_be_is_refused(wrong):
    operand, type_, mark = wrong
    with pytest.raises(MappingError, match="wanted are 0 or 1"):
        OperandType(("conv",), operand, type_, mark)
