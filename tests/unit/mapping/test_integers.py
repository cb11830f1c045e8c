"""Which parts of quantised networks run on integers, by the preset of ONNX Runtime."""

from collections import Counter

import pytest

from annette.errors import MappingError
from annette.mapping.integers import IntegerModel, IntegerOperator
from annette.mapping.kernel import KernelTable
from annette.mapping.model import MappingModel
from annette.mapping.precision import Precision
from annette.mapping.rules import preset
from annette.network import DType
from annette.network.builder import NetworkBuilder
from annette.network.quantization import quantized
from annette.network.zoo.residual import resnet18


def _kinds(network, model=None):
    kernels = (model or preset("onnxruntime-cpu")).apply(network)
    return Counter(kernel.kind for kernel in kernels if not kernel.free)


def _chain(*layers):
    net = NetworkBuilder("test", source_format="test")
    x = net.input("x", (1, 16, 8, 8))
    for layer in layers:
        x = layer(net, x)
    return net.build(x)


def test_a_layer_and_its_conversions_are_one_kernel():
    network = quantized(resnet18(resolution=64), "static-uint8")
    kinds = _kinds(network)
    assert kinds["conv@int8"] == 20
    assert kinds["add@int8"] == 8
    assert kinds["fully_connected@int8"] == 1
    assert kinds["transpose@int8"] == 2  # into channels last and out again
    assert kinds["quantize@int8"] == kinds["dequantize@int8"] == 1  # at the border of the network
    assert not [kind for kind in kinds if "@" not in kind]


def test_signed_integers_that_several_read_stay_in_floating_point():
    network = quantized(resnet18(resolution=64), "static-int8")
    kinds = _kinds(network)
    assert kinds["conv@int8"] == 9
    assert kinds["conv"] == 11
    assert kinds["add"] == 8
    added = [each for each in preset("onnxruntime-cpu").apply(network) if each.name.endswith(":dequantize")]
    assert len(added) >= 2 * 11  # weights and bias of each convolution, in every run


def test_operations_are_conserved():
    for scheme in ("static-uint8", "static-int8", "dynamic"):
        network = quantized(resnet18(resolution=64), scheme)
        kernels = preset("onnxruntime-cpu").apply(network)
        assert sum(kernel.ops for kernel in kernels) == network.ops
        assert Counter(layer.name for kernel in kernels for layer in kernel.layers).most_common(1)[0][1] == 1


def test_conversions_on_the_way_do_not_count():
    network = quantized(_chain(lambda net, x: net.conv(x, 32, 3, padding="same")), "static-uint8")
    kernels = preset("onnxruntime-cpu").apply(network)
    table = KernelTable.from_kernels(kernels, network, Precision(32, 32))
    row = table.kinds.tolist().index("conv@int8")
    assert table["layer_count"][row] == 1
    assert table["input_bytes"][row] == 16 * 64
    assert table["weight_bytes"][row] == 32 * 16 * 9 + 4 * 32
    assert table["ops"][row] == kernels[row].anchor.workload.ops


def test_dynamic_products_are_one_operator_or_share_what_is_quantized():
    network = quantized(_product(1), "dynamic")
    assert _kinds(network)["dynamic_product@int8"] == 1  # "dynamic-quantized-product"
    shared = _kinds(quantized(_product(2), "dynamic"))
    assert shared["dynamic_quantize@int8"] == 1
    assert shared["scaled_product@int8"] == 2  # "scaled-integer-product"


def _product(readers):
    net = NetworkBuilder("test", source_format="test")
    x = net.input("x", (4, 64))
    results = [net.fully_connected(x, 32) for _ in range(readers)]
    return net.build(results[0] if readers == 1 else net.add(*results))


@pytest.mark.parametrize(
    ("rule", "groups", "kind"),
    [
        ("integer-conv", 1, "integer_conv@int8"),
        ("integer-grouped-conv", 4, "integer_grouped_conv@int8"),
        ("integer-depthwise-conv", 16, "integer_depthwise_conv@int8"),
    ],
)
def test_convolutions_that_keep_32_bits_are_a_kind_of_their_own(rule, groups, kind):
    network = quantized(_chain(lambda net, x: net.conv(x, 16, 3, groups=groups, padding="same")), "dynamic")
    kernels = preset("onnxruntime-cpu").apply(network)
    assert [kernel.rules for kernel in kernels if kernel.kind == kind] == [(rule,)]


def test_an_operator_that_asks_for_a_quantized_result_leaves_others_alone():
    model = MappingModel("test", integers=IntegerModel((IntegerOperator(("conv",), ("int8",)),)))
    network = quantized(_chain(lambda net, x: net.conv(x, 16, 1)), "static-uint8")
    kinds = _kinds(network, model)
    assert kinds["conv"] == 1
    assert kinds["dequantize@int8"] == 4  # of input and result; and of weights and bias, in every run


def test_models_say_what_is_wrong_with_them():
    with pytest.raises(MappingError, match="two operators have the kind 'conv'"):
        IntegerModel((IntegerOperator(("conv",)), IntegerOperator(("conv",))))
    with pytest.raises(MappingError, match="'int9' is not one of int8, uint8"):
        IntegerModel((IntegerOperator(("conv",), ("int9",)),))
    with pytest.raises(MappingError, match="integers"):
        MappingModel.from_json({"schema": "annette/mapping/1", "name": "x", "rules": [], "integers": {"operators": 3}})


def test_a_bilinear_resize_stays_in_floating_point_and_a_nearest_does_not():
    linear = _kinds(
        quantized(_chain(lambda net, x: net.resize(net.conv(x, 16, 1), scale=2, mode="linear")), "static-uint8")
    )
    assert linear["resize_linear"] == 1
    nearest = _kinds(quantized(_chain(lambda net, x: net.resize(net.conv(x, 16, 1), scale=2)), "static-uint8"))
    assert nearest["resize_nearest@int8"] == 1


def _words(scheme):
    net = NetworkBuilder("test", source_format="test")
    words = net.embedding(net.input("ids", (1, 12), DType.INT64), 100, 64)
    return quantized(net.build(net.fully_connected(words, 8)), scheme)


def test_a_table_of_integers_is_gathered_as_it_is_where_its_type_is_that_of_the_operand():
    kinds = _kinds(_words("static-uint8"))
    assert kinds["gather@int8"] == 1
    assert not kinds["quantize@int8"]
    kinds = _kinds(_words("static-int8"))  # the operand becomes uint8, the table does not
    assert kinds["gather"] == kinds["quantize@int8"] == 1


@pytest.mark.parametrize(("scheme", "kind"), [("static-uint8", "mul@int8"), ("static-int8", "mul")])
def test_a_factor_that_is_kept_as_an_integer_of_another_type_is_none_of_integers(scheme, kind):
    network = quantized(_chain(lambda net, x: net.mul(net.conv(x, 16, 1), 0.5)), scheme)
    assert _kinds(network)[kind] == 1


def test_means_of_what_convolutions_wrote_run_channels_last():
    def chain(net, x):
        return net.conv(net.reduce("reduce_mean", net.conv(x, 32, 1), (2, 3)), 8, 1)

    kernels = preset("onnxruntime-cpu").apply(quantized(_chain(chain), "static-uint8"))
    assert [kernel.blocked for kernel in kernels if kernel.kind == "reduce_mean"] == [True]
    assert sum(kernel.kind == "transpose@int8" for kernel in kernels) == 2  # at the border of the network


def test_recurrent_layers_of_integer_weights_are_an_operator_of_their_own():
    net = NetworkBuilder("test", source_format="test")
    network = quantized(net.build(net.lstm(net.input("x", (5, 1, 16)), 8)), "dynamic")
    assert _kinds(network) == {"lstm@int8": 1}
