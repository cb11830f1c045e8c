"""Quantised networks: what is put in, what goes away, and that the files run."""

from collections import Counter

import pytest

from annette.errors import NetworkError, OptionError
from annette.network import DType
from annette.network.builder import NetworkBuilder
from annette.network.graph_json import graph_digest, graph_from_json, graph_to_json
from annette.network.quantization import SCHEMES, is_quantizable, quantized
from annette.network.zoo.mobile import mobilenet_v3_small
from annette.network.zoo.residual import resnet18


def _counts(network):
    return Counter(layer.kind for layer in network.layers)


def _builder():
    net = NetworkBuilder("test", source_format="test")
    return net, net.input("x", (1, 16, 8, 8))


@pytest.mark.parametrize(("scheme", "dtype"), [("static-uint8", DType.UINT8), ("static-int8", DType.INT8)])
def test_static_quantisation_puts_pairs_around_activations(scheme, dtype):
    net, x = _builder()
    network = quantized(net.build(net.global_average_pool(net.relu(net.conv(x, 8, 3)))), scheme)
    pair = ["quantize", "dequantize"]  # and no ReLU: its work is done by the range of the integers
    assert [layer.kind for layer in network.layers] == [*pair, "conv", *pair, "global_average_pool", *pair]
    conv = network.layers[2]
    assert [network.tensors[name].dtype for name in conv.inputs] == [DType.FLOAT32, DType.INT8, DType.INT32]
    assert network.tensors[network.layers[0].outputs[0]].dtype is dtype
    assert network.tensors[network.outputs[0]].shape == (1, 8, 1, 1)


def test_an_activation_that_others_bypass_stays():
    net, x = _builder()
    y = net.conv(x, 16, 1)
    network = quantized(net.build(net.add(net.relu(y), y)), "static-uint8")
    assert _counts(network)["relu"] == 1


def test_dynamic_quantisation_computes_products_in_integers():
    net, x = _builder()
    network = quantized(net.build(net.conv(x, 8, 3)), "dynamic")
    assert [layer.kind for layer in network.layers] == ["dynamic_quantize", "conv", "cast", "mul", "mul", "add"]
    conv = network.layers[1]
    assert [network.tensors[name].dtype for name in (*conv.inputs, *conv.outputs)] == [
        DType.UINT8,
        DType.INT8,
        DType.INT32,
    ]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_einstein_sums_stay_as_they_are(scheme):
    net, x = _builder()
    weight = net.weight("w", (8, 16, 5))
    network = net.build(net.einsum("bchw,hcd->bwd", x, weight))
    assert not is_quantizable(network, scheme)
    net, x = _builder()
    mixed = net.build(net.einsum("bchw,hcd->bwd", net.conv(x, 16, 1), net.weight("w", (8, 16, 5))))
    made = quantized(mixed, scheme)
    (sum_,) = [layer for layer in made.layers if "equation" in layer.attributes]
    assert [made.tensors[name].dtype for name in (*sum_.inputs, *sum_.outputs)] == [DType.FLOAT32] * 3


def test_products_of_the_same_activation_share_its_integers():
    net, x = _builder()
    network = quantized(net.build(net.add(net.conv(x, 8, 1), net.conv(x, 8, 1))), "dynamic")
    assert _counts(network)["dynamic_quantize"] == 1


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("build", [resnet18, mobilenet_v3_small])
def test_multiply_accumulates_and_shapes_are_kept(scheme, build):
    plain = build()
    network = quantized(plain, scheme)
    assert network.macs == plain.macs
    assert [network.tensors[t].shape for t in network.outputs] == [plain.tensors[t].shape for t in plain.outputs]
    assert graph_digest(graph_from_json(graph_to_json(network))) == graph_digest(network)


def test_what_cannot_be_done_is_refused():
    net, x = _builder()
    network = net.build(net.relu(x))
    assert not is_quantizable(network, "static-uint8")
    with pytest.raises(NetworkError, match="no layer that 'dynamic' quantises"):
        quantized(network, "dynamic")
    with pytest.raises(OptionError, match="did you mean 'dynamic'"):
        quantized(network, "dynamics")
