"""Operators that are read as the functions that define them, and what mappings make of those."""

from __future__ import annotations

import onnx
import pytest

from annette.mapping.rules import preset
from annette.network.onnx_names import operator_name
from tests.unit.network.readers.onnx.build import kinds, model, read, save

_MISH = "g (float[1, 8, 6, 6] x) => (float[1, 8, 6, 6] y) { y = Mish(x) }"
_GROUP_NORM = """g (float[2, 8, 6, 6] x) => (float[2, 8, 6, 6] y)
<float[8] s = {1,1,1,1,1,1,1,1}, float[8] b = {0,0,0,0,0,0,0,0}>
{ y = GroupNormalization <num_groups = 4> (x, s, b) }"""


def _costly(network, mapping):
    return [kernel.kind for kernel in preset(mapping).apply(network) if not kernel.free]


@pytest.mark.parametrize("opset", [18, 22])
def test_mish_is_its_softplus_its_tangent_and_a_product(tmp_path, opset):
    network = read(tmp_path, _MISH, opset=opset)
    assert kinds(network) == ["softplus", "tanh", "mul"]
    assert network.outputs == ("y",)
    assert _costly(network, "onnxruntime-cpu") == ["softplus", "tanh", "mul"]
    assert _costly(network, "generic") == ["mish"]


def test_group_normalization_is_what_its_type_makes_of_it(tmp_path):
    network = read(tmp_path, _GROUP_NORM, opset=21)
    means = [layer for layer in network.layers if layer.kind == "reduce_mean"]
    assert [network.tensors[layer.inputs[0]].shape for layer in means] == [(2, 4, 72), (2, 4, 72)]
    assert "group_norm" not in _costly(network, "onnxruntime-cpu")
    assert _costly(network, "generic") == ["group_norm"]


def test_group_normalization_of_sixteen_bits_computes_in_thirty_two(tmp_path):
    text = _GROUP_NORM.replace("float[", "float16[")
    assert kinds(read(tmp_path, text, opset=21))[0] == "cast"


def test_names_of_the_layers_say_whose_they_are(tmp_path):
    names = [layer.name for layer in read(tmp_path, _MISH, opset=18).layers]
    assert names == ["y/Softplus_X", "y/TanHSoftplusX", "y/Y"]


def test_the_result_has_the_name_that_a_runtime_knows_it_by(tmp_path):
    two = "g (float[1, 8] x) => (float[1, 8] z) { y = Mish(x)\n z = Mish(y) }"
    network = read(tmp_path, two, opset=18)
    assert [layer.outputs for layer in network.layers if layer.kind == "mul"] == [("y",), ("z",)]
    assert network.outputs == ("z",)


@pytest.mark.parametrize(("text", "opset"), [(_MISH, 18), (_GROUP_NORM, 21)])
def test_onnxruntime_runs_the_body_too(tmp_path, text, opset):
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    path = save(tmp_path, model(text, opset=opset))
    runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    ran = {node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node}
    read_as = {operator_name(kind) for kind in _costly(read(tmp_path, text, opset=opset), "onnxruntime-cpu")}
    assert read_as <= ran
    assert not ran & {"Mish", "GroupNormalization"}
