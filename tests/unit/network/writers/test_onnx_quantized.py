"""Quantised networks as ONNX: scales and zero points, on which it depends what a runtime makes of them."""

import pytest

from annette.network import DType
from annette.network.builder import NetworkBuilder
from annette.network.load import load_network
from annette.network.quantization import quantized
from annette.network.writers.onnx import write_onnx

onnx = pytest.importorskip("onnx", reason="needs onnx")


def _written(network, folder):
    write_onnx(network, folder / "network.onnx")
    graph = onnx.load(folder / "network.onnx").graph
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    return graph, constants


def _scales(graph, constants):
    """Scale by the name of the integers that a conversion reads or writes."""
    scales = {}
    for node in graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            integers = node.output[0] if node.op_type == "QuantizeLinear" else node.input[0]
            scales.setdefault(integers, set()).add(float(constants[node.input[1]]))
    return scales


def _joined():
    net = NetworkBuilder("test", source_format="test")
    x = net.input("x", (1, 8, 4, 4))
    joined = net.concat([net.conv(x, 8, 1, name="a"), net.conv(x, 8, 1, name="b")], name="joined")
    return quantized(
        net.build(net.conv(net.max_pool(joined, 2, stride=2, name="pool"), 4, 1, name="last")), "static-uint8"
    )


def test_the_result_of_a_concatenation_has_another_scale_than_its_parts(tmp_path):
    graph, constants = _written(_joined(), tmp_path)
    scales = {name: min(each) for name, each in _scales(graph, constants).items() if len(each) == 1}
    assert scales["a_quantized"] == scales["b_quantized"] != scales["joined_quantized"]
    assert scales["pool_quantized"] == scales["joined_quantized"]  # a maximum has its operand's


def test_a_bias_has_the_scale_of_the_product(tmp_path):
    graph, constants = _written(_joined(), tmp_path)
    scales = {name: min(each) for name, each in _scales(graph, constants).items()}
    for name, source in (("a", "x"), ("last", "pool")):
        weights, bias = (scales[each] for each in (f"{name}.weight_int8", f"{name}.bias_int32"))
        assert bias == pytest.approx(weights * scales[f"{source}_quantized"])


def test_a_table_has_the_scale_and_the_zero_point_of_what_is_gathered(tmp_path):
    net = NetworkBuilder("test", source_format="test")
    words = net.embedding(net.input("ids", (1, 6), DType.INT64), 50, 16, name="words")
    graph, constants = _written(quantized(net.build(net.fully_connected(words, 4)), "static-uint8"), tmp_path)
    zeros = {tuple(constants[name].ravel()[0] for name in node.input[1:3]) for node in graph.node
             if node.op_type.endswith("QuantizeLinear") or node.op_type == "DequantizeLinear"
             if "words" in node.name}  # fmt: skip
    assert len(zeros) == 1


def test_an_lstm_of_integers_is_written_and_read_again(tmp_path):
    net = NetworkBuilder("test", source_format="test")
    network = quantized(net.build(net.lstm(net.input("x", (5, 1, 16)), 8, bidirectional=True)), "dynamic")
    graph, _ = _written(network, tmp_path)
    assert [node.op_type for node in graph.node if "LSTM" in node.op_type] == ["DynamicQuantizeLSTM"]
    (layer,) = (each for each in load_network(tmp_path / "network.onnx").layers if each.kind == "lstm")
    assert layer.workload == network.layers[0].workload
