"""What exporters write around attention and convolutions: measured and predicted kernels are the same ones."""

import numpy as np
import pytest

from annette.bench.backend import Subject
from annette.bench.profile_matching import match_profile
from annette.devices.onnxruntime_cpu.backend import OnnxRuntimeBackend, OnnxRuntimeOptions
from annette.evaluation.kernels import kernel_key, record_key
from annette.mapping.rules import preset
from annette.network import Category
from annette.network.kinds import kinds_in
from annette.network.load import load_network

onnx = pytest.importorskip("onnx", reason="needs onnx")
pytestmark = pytest.mark.skipif(not OnnxRuntimeBackend.available().usable, reason="onnxruntime is not installed")

VIEWS = kinds_in(Category.VIEW)


class Export:
    """Writes nodes with the names that exporters give them."""

    def __init__(self, shape):
        self.nodes, self.weights = [], []
        self.input = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)
        self.random = np.random.default_rng(0)

    def constant(self, value, dtype=np.float32):
        name = f"constant_{len(self.weights)}"
        self.weights.append(onnx.numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def weight(self, *shape):
        return self.constant(self.random.standard_normal(shape) * 0.1)

    def add(self, operator, *inputs, outputs=1, **attributes):
        name = f"/block/{operator}_{len(self.nodes)}"
        results = [f"{name}_output_{index}" for index in range(outputs)]
        self.nodes.append(onnx.helper.make_node(operator, inputs, results, name, **attributes))
        return results[0] if outputs == 1 else results

    def shaped(self, operator, source, *values):
        """A node whose second operand is a list of integers."""
        return self.add(operator, source, self.constant(values, np.int64))

    def linear(self, source, size_in, size_out):
        product = self.add("MatMul", source, self.weight(size_in, size_out))
        return self.add("Add", self.weight(size_out), product)

    def conv(self, source, channels_in, channels_out, kernel=3, groups=1):
        weights = self.weight(channels_out, channels_in // groups, kernel, kernel)
        pads = [kernel // 2] * 4
        return self.add("Conv", source, weights, self.weight(channels_out), pads=pads, group=groups)

    def layer_norm(self, source, size):
        return self.add("LayerNormalization", source, self.weight(size), self.weight(size), axis=-1)

    def gelu(self, source):
        error = self.add("Erf", self.add("Div", source, self.constant(2**0.5)))
        return self.add("Mul", self.add("Mul", source, self.add("Add", error, self.constant(1.0))), self.constant(0.5))

    def scores(self, query, key, scale):
        """Scaled scores as torch exports them: both operands times the root of the scale, keys transposed first."""
        scaled = self.add("Mul", query, self.constant(scale**0.5))
        return self.add("MatMul", scaled, self.add("Mul", key, self.constant(scale**0.5)))

    def save(self, path, *outputs):
        results = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs]
        graph = onnx.helper.make_graph(self.nodes, "export", [self.input], results, self.weights)
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(onnx.shape_inference.infer_shapes(model), path)


def disagreement(path):
    """Keys of measured kernels that are not predicted, and the other way round; views do not count."""
    network = load_network(path)
    compiled = OnnxRuntimeBackend(OnnxRuntimeOptions()).compile(Subject(network, path))
    try:
        profile = compiled.profile(1)
    finally:
        compiled.close()
    matched = match_profile(network, profile.entries)
    kinds = network.kinds_by_layer
    measured = {
        record_key(record, network)
        for record in matched.kernels
        if record.added or not record.layers or any(kinds[layer] not in VIEWS for layer in record.layers)
    }
    kernels = [kernel for kernel in preset("onnxruntime-cpu").apply(network) if not kernel.free]
    predicted = {kernel_key(kernel, network) for kernel in kernels}
    return measured - predicted, predicted - measured, [kernel.kind for kernel in kernels]


def check(export, path, *outputs):
    export.save(path, *outputs)
    unpredicted, unmeasured, kinds = disagreement(path)
    assert unpredicted == set()
    assert unmeasured == set()
    return kinds


def test_scores_take_the_factors_of_both_operands(tmp_path):
    net = Export([1, 16, 64])
    heads = [net.shaped("Reshape", net.linear("x", 64, 64), 1, 16, 4, 16) for _ in range(2)]
    query = net.add("Transpose", heads[0], perm=[0, 2, 1, 3])
    key = net.add("Transpose", heads[1], perm=[0, 2, 3, 1])
    kinds = check(net, tmp_path / "net.onnx", net.add("Softmax", net.scores(query, key, 0.25), axis=-1))
    assert kinds.count("matmul") == 1
    assert "mul" not in kinds


def test_gelu_between_blocked_convolutions_is_a_kernel(tmp_path):
    net = Export([1, 16, 12, 12])
    inner = net.gelu(net.conv("x", 16, 32))
    kinds = check(net, tmp_path / "net.onnx", net.conv(inner, 32, 32, groups=32))
    assert kinds == ["reorder_input", "conv", "gelu", "depthwise_conv", "reorder_output"]


def test_a_transposition_before_a_blocked_convolution_is_done_by_the_layout_change(tmp_path):
    net = Export([1, 8, 8, 32])
    moved = net.add("Transpose", net.layer_norm("x", 32), perm=[0, 3, 1, 2])
    assert check(net, tmp_path / "net.onnx", net.conv(moved, 32, 48)) == [
        "layer_norm",
        "reorder_input",
        "conv",
        "reorder_output",
    ]


def test_tokens_become_a_feature_map_in_the_layout_change(tmp_path):
    net = Export([1, 64, 32])
    hidden = net.add("Transpose", net.linear("x", 32, 64), perm=[0, 2, 1])
    kinds = check(net, tmp_path / "net.onnx", net.conv(net.shaped("Reshape", hidden, 1, 64, 8, 8), 64, 64, groups=64))
    assert kinds == ["fully_connected", "reorder_input", "depthwise_conv", "reorder_output"]
