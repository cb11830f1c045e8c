"""Networks as int8 TFLite: what converters fuse, where layouts change, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from annette.errors import NetworkError, UnsupportedOperatorError
from annette.network import DType, zoo
from annette.network.builder import NetworkBuilder
from annette.network.readers.tflite import read_tflite
from annette.network.readers.tflite.file import open_graph
from annette.network.writers.tflite import lower_tflite, write_tflite
from annette.network.writers.tflite_layout import reshaped
from annette.network.writers.weights import weight_values


def lowered(net, *outputs):
    """Operators of the lowered network as (name, layers)."""
    return operators(net.build(*outputs))


def operators(network):
    result = lower_tflite(network)
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.tflite"
        path.write_bytes(result.content)
        graph = open_graph(path)
    return list(zip([operator.name for operator in graph.operators], result.operators, strict=True)), graph


def names(pairs):
    return [name for name, _ in pairs]


def image(name="net", shape=(1, 8, 16, 16)):
    net = NetworkBuilder(name, batch=shape[0])
    return net, net.input("image", shape)


def test_a_convolution_takes_bias_normalisation_and_activation_into_one_operator():
    net, x = image()
    x = net.activation(net.batch_norm(net.conv(x, 12, 3, padding=1, bias=False)), "relu6")
    pairs, graph = lowered(net, x)
    assert pairs == [("CONV_2D", ("conv", "batch_norm", "relu6"))]
    (operator,) = graph.operators
    assert [tensor.shape for tensor in operator.inputs] == [(1, 16, 16, 8), (12, 3, 3, 8), (12,)]
    assert operator.outputs[0].name == "relu6"
    assert operator.options["fused_activation_function"] == 3


def test_what_two_layers_read_is_not_fused():
    net, x = image()
    y = net.conv(x, 8, 1)
    pairs, _ = lowered(net, net.add(net.relu(y), y))
    assert names(pairs) == ["CONV_2D", "RELU", "ADD"]


def test_what_is_handed_out_is_not_fused():
    net, x = image()
    y = net.conv(x, 8, 1)
    pairs, _ = lowered(net, y, net.relu(y))
    assert names(pairs) == ["CONV_2D", "RELU"]


@pytest.mark.parametrize(("size", "padded"), [(16, True), (15, False)])
def test_padding_that_the_format_cannot_say_is_a_pad_of_its_own(size, padded):
    net, x = image(shape=(1, 8, size, size))
    pairs, graph = lowered(net, net.conv(x, 8, 3, stride=2, padding=1))
    assert names(pairs) == (["PAD", "CONV_2D"] if padded else ["CONV_2D"])
    if padded:
        assert pairs[0][1] == ()
        assert graph.operators[0].outputs[0].shape == (1, 18, 18, 8)
    assert graph.operators[-1].options["padding"] == int(padded)


def test_a_padded_maximum_is_padded_with_the_smallest_value():
    net, x = image()
    pairs, _ = lowered(net, net.max_pool(x, 3, stride=2, padding=1))
    assert names(pairs) == ["PADV2", "MAX_POOL_2D"]


def test_layouts_change_only_where_they_must():
    net, x = image()
    y = net.transpose(net.conv(x, 8, 1), (0, 2, 3, 1))
    y = net.layer_norm(y)
    y = net.transpose(y, (0, 3, 1, 2))
    pairs, _ = lowered(net, net.conv(y, 8, 1))
    assert "TRANSPOSE" not in names(pairs), "channels-last is what the file has anyway"


def test_tokens_of_a_feature_map_take_no_copy():
    net, x = image()
    tokens = net.transpose(net.reshape(net.conv(x, 8, 4, stride=4), (1, 8, 16)), (0, 2, 1))
    pairs, _ = lowered(net, net.fully_connected(tokens, 4))
    assert names(pairs) == ["CONV_2D", "RESHAPE", "FULLY_CONNECTED"]
    assert pairs[-1][1] == ("fully_connected", "fully_connected/bias")


def test_a_shuffle_moves_what_it_must_in_few_dimensions():
    net, x = image()
    y = net.reshape(net.conv(x, 8, 1), (1, 2, 4, 16, 16))
    y = net.reshape(net.transpose(y, (0, 2, 1, 3, 4)), (1, 8, 16, 16))
    pairs, graph = lowered(net, net.conv(y, 8, 1))
    moves = [operator for operator in graph.operators if operator.name == "TRANSPOSE"]
    assert len(moves) == 1
    assert moves[0].inputs[0].shape == (256, 2, 4)
    assert ("TRANSPOSE", ("transpose",)) in pairs


def test_a_flattened_map_in_front_of_weights_is_not_moved():
    net, x = image()
    pairs, _ = lowered(net, net.fully_connected(net.flatten(net.conv(x, 8, 1)), 10))
    assert names(pairs) == ["CONV_2D", "RESHAPE", "FULLY_CONNECTED"]
    net, x = image()
    pairs, _ = lowered(net, net.softmax(net.flatten(net.conv(x, 8, 1))))
    assert names(pairs) == ["CONV_2D", "TRANSPOSE", "RESHAPE", "SOFTMAX"]


@pytest.mark.parametrize("function", ["gelu", "gelu_tanh"])
def test_gelu_is_one_operator(function):
    net = NetworkBuilder("net")
    x = net.input("x", (1, 4, 8))
    pairs, _ = lowered(net, net.activation(net.fully_connected(x, 8), function))
    assert names(pairs) == ["FULLY_CONNECTED", "GELU"]
    assert len(pairs[1][1]) == {"gelu": 5, "gelu_tanh": 8}[function]


def test_a_normalisation_is_written_in_steps_that_all_belong_to_it():
    net = NetworkBuilder("net")
    x = net.input("x", (1, 4, 8))
    pairs, _ = lowered(net, net.layer_norm(x))
    assert names(pairs) == ["MEAN", "SUB", "MUL", "MEAN", "ADD", "RSQRT", "MUL", "MUL", "ADD"]
    assert {layers for _, layers in pairs} == {("layer_norm",)}


def test_concatenated_operands_have_one_scale():
    net, x = image()
    a, b = net.conv(x, 8, 1), net.activation(net.conv(x, 8, 1), "sigmoid")
    pairs, _ = lowered(net, net.concat([a, b]))
    assert names(pairs).count("QUANTIZE") == 0, "the free operand takes the fixed scale"
    net, x = image()
    c, d = net.activation(x, "sigmoid"), net.activation(x, "tanh")
    pairs, _ = lowered(net, net.concat([c, d]))
    assert names(pairs).count("QUANTIZE") == 1


def test_integers_and_their_tables():
    net = NetworkBuilder("net")
    ids = net.input("ids", (1, 5), DType.INT64)
    pairs, graph = lowered(net, net.embedding(ids, 100, 16))
    assert names(pairs) == ["GATHER"]
    assert [tensor.dtype for tensor in graph.operators[0].inputs] == [DType.INT8, DType.INT32]


def test_the_same_network_gives_the_same_bytes_and_another_seed_other_weights():
    network = zoo.build("squeezenet1_1")
    assert lower_tflite(network).content == lower_tflite(network).content
    assert lower_tflite(network).content != lower_tflite(network, seed=1).content


def test_weights_fill_their_range_like_trained_ones():
    values = weight_values(0, "layer", (64, 3, 3, 64), 576).astype(float)
    assert abs(values.mean()) < 0.5
    assert 33 < values.std() < 38
    assert np.abs(values).max() == 127
    assert 0.005 < np.mean(values == 0) < 0.02
    assert np.array_equal(weight_values(0, "layer", (5, 7), 7), weight_values(0, "layer", (5, 7), 7))
    assert not np.array_equal(weight_values(0, "layer", (5, 7), 7), weight_values(0, "other", (5, 7), 7))


def test_more_weights_than_the_pool_holds():
    values = weight_values(0, "large", (5000, 1000), 1000)
    assert values.shape == (5000, 1000)
    assert 30 < values.astype(np.float32).std() < 36


@pytest.mark.parametrize("name", ["mobilenet_v2", "shufflenet_v2_x0_5", "mobilenet_v3_small", "regnet_y_400mf"])
def test_the_zoo_reads_back_with_the_same_work(name, tmp_path):
    network = zoo.build(name)
    path = tmp_path / f"{name}.tflite"
    write_tflite(network, path)
    again = read_tflite(path)
    assert again.macs == network.macs
    assert again.parameters == network.parameters
    assert not [layer for layer in again.layers if layer.kind == "unsupported"]
    assert set(again.outputs) == set(network.outputs)


def test_a_network_that_was_read_can_be_written_again(tmp_path):
    network = zoo.build("mobilenet_v2")
    write_tflite(network, tmp_path / "a.tflite")
    once = read_tflite(tmp_path / "a.tflite")
    write_tflite(once, tmp_path / "b.tflite")
    twice = read_tflite(tmp_path / "b.tflite")
    assert [(layer.kind, layer.workload.macs) for layer in twice.layers] == [
        (layer.kind, layer.workload.macs) for layer in once.layers
    ]


def test_refuses_what_the_format_does_not_have_by_name():
    net, x = image()
    with pytest.raises(UnsupportedOperatorError, match=r"layer 'norm' \(lrn\) cannot be written as int8 TFLite"):
        lower_tflite(net.build(net.local_response_norm(x, name="norm")))
    net = NetworkBuilder("net")
    x = net.input("x", (1, 4, 8))
    with pytest.raises(UnsupportedOperatorError, match="nothing is left to run"):
        lower_tflite(net.build(net.identity(x)))


def test_says_where_a_file_cannot_be_written(tmp_path):
    net, x = image()
    with pytest.raises(NetworkError, match="cannot be written to"):
        write_tflite(net.build(net.relu(x)), tmp_path / "missing" / "net.tflite")


def test_reshapes_keep_elements_in_place_where_that_is_possible():
    assert reshaped((1, 8, 4, 4), (0, 2, 3, 1), (1, 2, 4, 4, 4)) == (0, 3, 4, 1, 2)
    assert reshaped((1, 8, 4, 4), (0, 2, 3, 1), (1, 8, 16)) == (0, 2, 1)
    assert reshaped((1, 8, 4, 4), (0, 2, 3, 1), (1, 128)) is None
    assert reshaped((2, 6), (0, 1), (3, 4)) == (0, 1)
    assert reshaped((1, 8, 1, 1), (0, 2, 3, 1), (1, 8)) == (0, 1)
