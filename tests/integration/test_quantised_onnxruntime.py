"""Quantised networks and those of 16 bits on ONNX Runtime: the mapping's kernels are those that the profile shows."""

from collections import Counter

import numpy as np
import pytest

from annette.bench.backend import Subject
from annette.bench.profile_matching import match_profile
from annette.devices.onnxruntime_cpu.backend import OnnxRuntimeBackend, OnnxRuntimeOptions
from annette.evaluation.kernels import kernel_key, record_key
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder
from annette.network.load import load_network
from annette.network.quantization import SCHEMES, quantized
from annette.network.writers.onnx import write_onnx
from annette.network.zoo.classic import squeezenet1_1
from annette.network.zoo.mobile import mobilenet_v2
from annette.network.zoo.residual import resnet18
from annette.network.zoo.transformer import vit_b_16

onnx = pytest.importorskip("onnx", reason="needs onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnxruntime")
quantization = pytest.importorskip("onnxruntime.quantization", reason="needs the runtime's quantisers")


def _differences(network, path=None):
    """Kernels that were measured and not predicted, and the other way round; what is free left out."""
    compiled = OnnxRuntimeBackend(OnnxRuntimeOptions()).compile(Subject(network, path))
    try:
        match = match_profile(network, compiled.profile(1).entries)
    finally:
        compiled.close()
    assert {kernel.operator for kernel in match.kernels if kernel.name in match.unmatched} <= {"Reshape"}
    measured = {record_key(kernel, network) for kernel in match.kernels if kernel.name not in match.unmatched}
    kernels = preset("onnxruntime-cpu").apply(network)
    free = {kernel_key(kernel, network) for kernel in kernels if kernel.free}
    predicted = {kernel_key(kernel, network) for kernel in kernels if not kernel.free}
    return measured - free - predicted, predicted - measured


def _vit():
    return vit_b_16(resolution=64, layers=2, hidden=64, heads=2)


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme != "operators-int8"])
@pytest.mark.parametrize("build", [resnet18, squeezenet1_1], ids=["resnet18", "squeezenet1_1"])
def test_kernels_of_quantised_networks_are_those_of_the_profile(build, scheme):
    assert _differences(quantized(build(), scheme)) == (set(), set())


@pytest.mark.parametrize(
    ("build", "scheme"),
    [
        (mobilenet_v2, "static-uint8"),
        (_vit, "static-uint8"),
        (_vit, "dynamic"),
        (_vit, "dynamic-unsigned"),
    ],
)
def test_kernels_of_other_architectures_are_as_well(build, scheme):
    assert _differences(quantized(build(), scheme)) == (set(), set())


def _lstm():
    net = NetworkBuilder("test", source_format="test")
    return net.build(net.lstm(net.input("x", (6, 1, 24)), 16, bidirectional=True))


def _joined():
    """A mean, a resize and a concatenation behind convolutions."""
    net = NetworkBuilder("test", source_format="test")
    x = net.relu(net.conv(net.input("x", (1, 16, 12, 12)), 32, 3, padding="same"))
    excited = net.mul(x, net.unary("sigmoid", net.conv(net.reduce("reduce_mean", x, (2, 3)), 32, 1)))
    joined = net.concat([excited, net.conv(x, 16, 1)])
    return net.build(net.conv(net.resize(joined, scale=2, mode="linear"), 8, 1))


def _between():
    """Functions that stay in 32 bits between convolutions: transposes pass them by."""
    net = NetworkBuilder("test", source_format="test")
    x = net.input("x", (1, 16, 12, 12))
    for function in ("softplus", "mish", "exp", "erf"):
        x = net.conv(x, 24, 3, padding="same")
        x = net.activation(x, function) if function == "mish" else net.unary(function, x)
    return net.build(net.conv(x, 8, 1))


@pytest.mark.parametrize(
    ("build", "scheme"), [(_lstm, "dynamic"), (_joined, "static-uint8"), (_between, "static-uint8")]
)
def test_kernels_of_special_layers_are_as_well(build, scheme):
    assert _differences(quantized(build(), scheme)) == (set(), set())


class _Inputs(quantization.CalibrationDataReader):
    def __init__(self, network):
        generator = np.random.default_rng(0)
        self._left = [
            {t: generator.standard_normal(network.tensors[t].shape).astype(np.float32) for t in network.inputs}
        ]

    def get_next(self):
        return self._left.pop() if self._left else None


def _converted(network, folder, convert):
    write_onnx(network, folder / "plain.onnx")
    convert(folder / "plain.onnx", folder / "converted.onnx")
    return load_network(folder / "converted.onnx"), folder / "converted.onnx"


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
@pytest.mark.parametrize("build", [resnet18, mobilenet_v2], ids=["resnet18", "mobilenet_v2"])
def test_files_of_the_runtimes_own_quantiser_are_mapped_as_they_run(build, form, tmp_path):
    def convert(source, target):
        quantization.quantize_static(
            source, target, _Inputs(build()), quant_format=quantization.QuantFormat[form],
            activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
        )  # fmt: skip

    network, path = _converted(build(), tmp_path, convert)
    measured, predicted = _differences(network, path)
    assert {key[0] for key in measured | predicted} <= {"transpose"}
    assert len(measured) <= 1  # on which side of a global pooling the maps change their order
    assert len(predicted) <= 1
    kinds = Counter(kernel.kind for kernel in preset("onnxruntime-cpu").apply(network))
    assert kinds["conv@int8"] + kinds["depthwise_conv@int8"] == sum(
        layer.kind in ("conv", "depthwise_conv") for layer in build().layers
    )


def test_dynamically_quantised_files_are_mapped_as_they_run(tmp_path):
    network, path = _converted(resnet18(), tmp_path, quantization.quantize_dynamic)
    assert _differences(network, path) == (set(), set())


@pytest.mark.parametrize("build", [resnet18, mobilenet_v2, squeezenet1_1])
def test_networks_of_16_bits_run_in_32_with_as_many_casts(build, tmp_path):
    float16 = pytest.importorskip("onnxruntime.transformers.float16", reason="needs the runtime's converter")

    def convert(source, target):
        onnx.save(float16.convert_float_to_float16(onnx.load(source)), target)

    network, path = _converted(build(), tmp_path, convert)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    graph = onnx.load(tmp_path / "optimised.onnx", load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    casts = sum(node.op_type == "Cast" and node.input[0] not in constants for node in graph.node)
    kernels = [kernel for kernel in preset("onnxruntime-cpu").apply(network) if not kernel.free]
    assert sum(kernel.kind == "cast@fp16" for kernel in kernels) == casts
    nodes = [node for node in graph.node if node.op_type not in ("Cast", "Reshape")]
    assert len(nodes) == sum(kernel.kind != "cast@fp16" for kernel in kernels)
