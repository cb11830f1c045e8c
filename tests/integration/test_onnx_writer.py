"""Written networks in ONNX Runtime: they run, their shapes are right, their values are sane and mean what they say."""

import math

import numpy as np
import pytest

from annette.network import zoo
from annette.network.builder import NetworkBuilder
from annette.network.readers.onnx import read_onnx
from annette.network.tensor import DType
from annette.network.writers.onnx import write_onnx

ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: pip install 'annette[onnxruntime]'")


def run(network, path, feeds=None, **options):
    """Writes a network, runs it on random inputs unless some are given, and returns its outputs by name."""
    write_onnx(network, path, **options)
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = 1
    session = ort.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    path.unlink()  # hundreds of megabytes would pile up otherwise
    feeds = random_feeds(network) | (feeds or {})
    return dict(zip(network.outputs, session.run(list(network.outputs), feeds), strict=True))


def random_feeds(network):
    generator = np.random.default_rng(0)
    feeds = {}
    for name in network.inputs:
        tensor = network.tensors[name]
        if tensor.dtype.is_float:
            feeds[name] = generator.standard_normal(tensor.shape, dtype=np.float32)
        else:
            feeds[name] = generator.integers(0, 2, tensor.shape)
    return feeds


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("squeezenet1_0", {}),
        ("inception_v1", {}),
        ("googlenet", {"batch_norm": True}),
        ("densenet121", {"batch": 2}),
        ("resnet50", {}),
        ("resnet101", {"resolution": 96}),
        ("mobilenet_v1", {"width": 0.5}),
        ("mobilenet_v3_small", {"batch": 3}),
        ("shufflenet_v2_x0_5", {"batch_norm": True}),
        ("mnasnet0_5", {}),
        ("efficientnet_b0", {}),
        ("regnet_y_400mf", {}),
        ("yolov4_tiny", {"resolution": 192, "batch": 2}),
        ("yolov2", {"resolution": 64}),
        ("semantic_fpn_resnet18", {"resolution": 128}),
        ("openpose_lightweight", {"height": 64, "width": 104}),
        ("convnext_tiny", {"resolution": 64}),
        ("vit_b_16", {"layers": 3, "batch": 2}),
        ("swin_t", {"batch": 2}),
        ("bert_base", {"layers": 2, "vocabulary": 100, "batch": 2}),
        ("gpt2", {"layers": 2, "vocabulary": 100, "batch": 2}),
        ("nasbench101:seed7", {"batch": 2}),
        ("nasbench201:|none~0|+|nor_conv_3x3~0|none~1|+|avg_pool_3x3~0|skip_connect~1|nor_conv_1x1~2|", {}),
    ],
)
def test_networks_run_with_finite_values_that_are_not_all_alike(tmp_path, name, options):
    network = zoo.build(name, **options)
    for output, values in run(network, tmp_path / "x.onnx").items():
        assert values.shape == network.tensors[output].shape
        assert np.isfinite(values).all()
        assert 1e-3 < values.std() < 1e3


def every_operator():
    """One network that has each operator of the builder at least once."""
    net = NetworkBuilder("all")
    x = net.input("x", (2, 8, 12, 10))
    outputs = [
        net.conv(x, 6, (3, 5), stride=(2, 1), padding="same", dilation=(1, 2)),
        net.conv(x, 8, 3, groups=2, padding=(1, 0, 2, 1), bias=False),
        net.depthwise_conv(x, 3, multiplier=2),
        net.conv_transpose(x, 6, 4, stride=2, padding=1, output_padding=1, groups=2),
        net.max_pool(x, 3, stride=2, padding=1, ceil=True),
        net.average_pool(x, 3, stride=2, padding=1, ceil=True, count_padding=True),
        net.global_max_pool(x),
        net.resize(x, scale=2),
        net.resize(x, (7, 30), mode="linear", coordinates="align_corners"),
        net.resize(x, (7, 30), mode="cubic"),
        net.depth_to_space(x, 2),
        net.space_to_depth(x, 2),
        net.prelu(x),
        net.clip(x, -0.5, 0.5),
        net.leaky_relu(x, 0.3),
        net.batch_norm(x),
        net.layer_norm(x, axis=2),
        net.instance_norm(x),
        net.local_response_norm(x),
        net.softmax(x, axis=1),
        net.maximum(x, net.identity(x)),
        net.minimum(x, net.relu(x), net.unary("neg", x)),
        net.sub(x, net.div(net.unary("exp", x), 3.0)),
        net.sub(1.0, net.div(2.0, net.add(net.unary("exp", x), 1.0))),
        net.scale_by_constant(net.add_constant(x, (8, 1, 1)), (10,)),
        net.where_mask(net.slice(x, [0], [10], [2]), (10, 10), pattern="causal", value=-1.0),
        net.pad(x, (0, 0, 1, 2, 0, 0, 3, 4), mode="reflect"),
        net.pad(x, (0, 1, 0, 0, 0, 1, 0, 0), value=2.5),
        net.transpose(x, (3, 0, 2, 1)),
        net.tile(x, (1, 2, 1, 3)),
        net.expand(net.gather(x, 3, axis=2), (4, 2, 8, 10)),
        net.concat(list(reversed(net.split(x, (1, 7)))), axis=1),
        net.slice(x, [-1, 1], [-99, 9], [3, 2], steps=[-2, 3]),
        net.cast(net.cast(x, DType.INT32), DType.FLOAT32),
        *(
            net.reduce(f"reduce_{kind}", x, (1, -1), keep=kind == "sum")
            for kind in ("mean", "sum", "max", "min", "prod")
        ),
    ]
    steps = net.reshape(x, (16, 12, 10))
    outputs += [net.lstm(steps, 5, bidirectional=True), net.gru(steps, 5), net.rnn(steps, 5)]
    outputs += [net.fully_connected(steps, 4), net.fully_connected(net.flatten(x), 4, bias=False)]
    functions = ("relu6", "elu", "selu", "tanh", "softsign", "hard_sigmoid", "hard_swish", "silu", "mish", "gelu_tanh")
    outputs += [net.activation(x, function) for function in functions]
    return net.build(*outputs)


@pytest.mark.parametrize("opset", [17, 18, 21])
def test_every_operator_runs_and_has_the_inferred_shape(tmp_path, opset):
    network = every_operator()
    for output, values in run(network, tmp_path / "x.onnx", opset=opset).items():
        assert values.shape == network.tensors[output].shape, output
        assert np.isfinite(values).all(), output


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mobilenet_v3_small", {}),
        ("shufflenet_v2_x0_5", {"batch": 2}),
        ("yolov4_tiny", {"resolution": 96}),
        ("swin_t", {}),
        ("gpt2", {"layers": 1, "vocabulary": 100}),
        ("bert_base", {"layers": 1, "vocabulary": 100}),
    ],
)
def test_a_network_that_was_read_can_be_written_and_run(tmp_path, name, options):
    network = zoo.build(name, **options)
    write_onnx(network, tmp_path / "a.onnx", weights=False)
    back = read_onnx(tmp_path / "a.onnx")
    for output, values in run(back, tmp_path / "b.onnx").items():
        assert values.shape == network.tensors[output].shape
        assert np.isfinite(values).all()


def test_slices_and_picks_are_numpys(tmp_path):
    net = NetworkBuilder("t")
    x = net.input("x", (3, 7, 5))
    pieces = {
        net.slice(x, [1], [-1], [1]): lambda v: v[:, 1:-1],
        net.slice(x, [-1, 9], [-99, 0], [1, 2], steps=[-2, -3]): lambda v: v[:, ::-2, 9:0:-3],
        net.slice(x, [5, 1], [1, 99], [1, 2], steps=[-3, 2]): lambda v: v[:, 5:1:-3, 1::2],
        net.gather(x, 4, axis=-1): lambda v: v[..., 4],
    }
    network = net.build(*pieces)
    feed = random_feeds(network)
    results = run(network, tmp_path / "x.onnx", feed)
    for tensor, expected in pieces.items():
        assert (results[tensor.name] == expected(feed["x"])).all()


def test_weights_beside_the_file_are_found(tmp_path, monkeypatch):
    network = zoo.build("squeezenet1_1")
    whole = run(network, tmp_path / "whole.onnx")
    monkeypatch.setattr("annette.network.writers.onnx._EXTERNAL_ABOVE_BYTES", 0)
    beside = run(network, tmp_path / "beside.onnx")
    assert (tmp_path / "beside.onnx.data").exists()
    assert all((whole[name] == beside[name]).all() for name in network.outputs)


@pytest.mark.parametrize(
    ("function", "formula"),
    [
        ("gelu", lambda v: 0.5 * v * (1 + math.erf(v / math.sqrt(2)))),
        ("gelu_tanh", lambda v: 0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3)))),
        ("silu", lambda v: v / (1 + math.exp(-v))),
        ("mish", lambda v: v * math.tanh(math.log1p(math.exp(v)))),
        ("hard_swish", lambda v: v * min(max(v / 6 + 0.5, 0), 1)),
        ("relu6", lambda v: min(max(v, 0), 6)),
    ],
)
def test_compound_activations_compute_their_function(tmp_path, function, formula):
    net = NetworkBuilder("t")
    x = net.input("x", (1, 50))
    network = net.build(net.activation(x, function))
    points = np.linspace(-8, 8, 50, dtype=np.float32)
    (values,) = run(network, tmp_path / "x.onnx", {"x": points[None]}).values()
    assert values[0] == pytest.approx([formula(float(point)) for point in points], abs=1e-5)


def test_a_decoders_token_sees_nothing_behind_it(tmp_path):
    network = zoo.build("gpt2", sequence=6, layers=2, hidden=16, heads=2, vocabulary=20)
    ids = np.array([[3, 1, 4, 1, 5, 9]])
    changed = ids.copy()
    changed[0, 4] = 7
    (one,) = run(network, tmp_path / "x.onnx", {"input_ids": ids}).values()
    (two,) = run(network, tmp_path / "x.onnx", {"input_ids": changed}).values()
    different = (one != two).any(axis=2)[0]
    assert different.tolist() == [False] * 4 + [True] * 2


def test_an_encoder_ignores_masked_tokens(tmp_path):
    network = zoo.build("bert_base", sequence=6, layers=2, hidden=16, heads=2, vocabulary=20)
    mask = np.array([[1, 1, 1, 1, 0, 0]])
    ids = np.array([[3, 1, 4, 1, 5, 9]])
    changed = ids.copy()
    changed[0, 5] = 7
    pooled = network.outputs[1]
    one = run(network, tmp_path / "x.onnx", {"input_ids": ids, "attention_mask": mask})[pooled]
    two = run(network, tmp_path / "x.onnx", {"input_ids": changed, "attention_mask": mask})[pooled]
    assert (one == two).all()
    three = run(network, tmp_path / "x.onnx", {"input_ids": changed, "attention_mask": np.ones((1, 6), np.int64)})
    assert (one != three[pooled]).any()


def test_roll_is_numpys(tmp_path):
    net = NetworkBuilder("t")
    x = net.input("x", (2, 7, 3))
    network = net.build(net.roll(x, -2, 1))
    feed = random_feeds(network)
    (values,) = run(network, tmp_path / "x.onnx", feed).values()
    assert (values == np.roll(feed["x"], -2, 1)).all()


def test_folding_leaves_the_shapes_of_all_outputs(tmp_path):
    trained, deployed = (zoo.build("mobilenet_v2", batch_norm=flag, resolution=64) for flag in (True, False))
    one, two = run(trained, tmp_path / "a.onnx"), run(deployed, tmp_path / "b.onnx")
    assert [v.shape for v in one.values()] == [v.shape for v in two.values()]
