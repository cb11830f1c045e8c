"""Networks of the zoo, written as ONNX and read back: the same layers, the same work, the same attributes."""

from collections import Counter

import pytest

from annette.network import zoo
from annette.network.builder import NetworkBuilder
from annette.network.readers.onnx import read_onnx
from annette.network.writers.onnx import write_onnx

CELLS = (
    "nasbench101:seed3",
    "nasbench101:seed12",
    "nasbench201:|none~0|+|nor_conv_3x3~0|none~1|+|avg_pool_3x3~0|skip_connect~1|nor_conv_1x1~2|",
)
WITH_BATCH_NORM = ("resnet18", "densenet121", "mobilenet_v3_small", "yolov4_tiny", "nasbench101:seed3")
IMPLIED = frozenset({"batch_first"})
"""Attributes that say what is so anyway."""


def round_trip(network, path, **options):
    write_onnx(network, path, weights=False, **options)
    return read_onnx(path)


def layers_of(network):
    return Counter((layer.kind, layer.workload) for layer in network.layers)


def check(network, back):
    assert layers_of(back) == layers_of(network)
    assert (back.macs, back.ops, back.bytes, back.batch) == (network.macs, network.ops, network.bytes, network.batch)
    assert (back.inputs, back.outputs) == (network.inputs, network.outputs)
    for name in (*network.inputs, *network.outputs):
        assert (back.tensors[name].shape, back.tensors[name].dtype) == (
            network.tensors[name].shape,
            network.tensors[name].dtype,
        )
    for layer in back.layers:
        written = network.producers[layer.outputs[0]]
        for key, value in layer.attributes.items():
            if key not in IMPLIED:
                assert value == pytest.approx(written.attributes[key]), (written.name, key)


@pytest.mark.parametrize("name", [*zoo.names(), *CELLS])
def test_as_deployed(tmp_path, name):
    network = zoo.build(name)
    back = round_trip(network, tmp_path / "x.onnx")
    check(network, back)
    # A file cannot tell a mask of numbers from learned values: Swin's are counted when read back.
    masks = sum(t.elements for t in network.tensors.values() if t.constant and not t.learned and t.dtype.is_float)
    assert back.parameters == network.parameters + (masks if name == "swin_t" else 0)


@pytest.mark.parametrize("name", WITH_BATCH_NORM)
def test_as_trained(tmp_path, name):
    network = zoo.build(name, batch_norm=True)
    back = round_trip(network, tmp_path / "x.onnx")
    check(network, back)
    assert back.parameters == network.parameters


@pytest.mark.parametrize("name", ["resnet50", "swin_t", "gpt2", "bert_base", "shufflenet_v2_x1_0", *CELLS])
def test_several_samples(tmp_path, name):
    network = zoo.build(name, batch=3)
    check(network, round_trip(network, tmp_path / "x.onnx"))


def test_a_class_token_repeated_for_every_sample_is_folded_by_the_reader(tmp_path):
    network = zoo.build("vit_b_16", batch=3)
    back = round_trip(network, tmp_path / "x.onnx")
    difference = layers_of(network) - layers_of(back)
    assert Counter(kind for kind, _ in difference.elements()) == {"expand": 1, "concat": 1}
    assert back.macs == network.macs


@pytest.mark.parametrize("opset", [17, 18, 20, 22])
@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "efficientnet_b0", "swin_t", "bert_base", "yolov4_tiny"])
def test_every_version(tmp_path, name, opset):
    network = zoo.build(name)
    check(network, round_trip(network, tmp_path / "x.onnx", opset=opset))


def test_weights_change_nothing(tmp_path):
    network = zoo.build("mobilenet_v3_small")
    write_onnx(network, tmp_path / "x.onnx")
    check(network, read_onnx(tmp_path / "x.onnx"))


def test_operators_that_no_network_of_the_zoo_has(tmp_path):
    net = NetworkBuilder("rest", batch=2)
    x = net.input("x", (2, 8, 12, 10))
    steps = net.reshape(x, (16, 12, 10))
    outputs = [
        net.conv(x, 6, (3, 5), stride=(2, 1), padding="same", dilation=(1, 2)),
        net.conv1d(steps, 6, 5, stride=2, padding=(1, 2)),
        net.conv_transpose(x, 6, 4, stride=2, padding=1, output_padding=1, groups=2),
        net.average_pool(x, 3, stride=2, padding=1, ceil=True, count_padding=True),
        net.global_max_pool(x),
        net.resize(x, (7, 30), mode="cubic", coordinates="align_corners"),
        net.depth_to_space(x, 2),
        net.slice(x, [-1, 1], [-99, 9], [3, 2], steps=[-2, 3]),
        net.prelu(x),
        net.clip(x, -0.5, 0.5),
        net.layer_norm(x, axis=2),
        net.instance_norm(x),
        net.softmax(x, axis=1),
        net.maximum(x, net.unary("exp", x)),
        net.sub(1.0, net.div(2.0, net.unary("sqrt", x))),
        net.pad(x, (0, 0, 1, 2, 0, 0, 3, 4), mode="reflect"),
        net.pad(x, (0, 1, 0, 0, 0, 1, 0, 0), value=2.5),
        net.tile(x, (1, 2, 1, 3)),
        net.expand(net.gather(x, 3, axis=2), (4, 2, 8, 10)),
        *(net.reduce(f"reduce_{kind}", x, (1, 3), keep=kind == "sum") for kind in ("sum", "max", "min", "prod")),
        net.lstm(steps, 5, bidirectional=True),
        net.gru(steps, 5),
        net.rnn(steps, 5),
        net.fully_connected(net.flatten(x), 4, bias=False),
        *(net.activation(x, function) for function in ("relu6", "elu", "selu", "hard_sigmoid", "mish", "gelu_tanh")),
    ]
    network = net.build(*outputs)
    check(network, round_trip(network, tmp_path / "x.onnx"))
