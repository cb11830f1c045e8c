"""Files of the ORT format as ONNX Runtime writes them, and values that decide what runs there."""

from pathlib import Path

import numpy as np
import pytest

from annette.bench.backend import Subject
from annette.network.inputs import InputValue
from annette.network.readers.onnx import read_onnx
from annette.network.readers.ort import read_ort
from annette.network.writers.onnx import write_onnx
from annette.network.zoo import build
from tests.unit.network.readers.onnx.build import model, save

onnxruntime = pytest.importorskip("onnxruntime")

CHOICE = """g (float[N, 4] x, int64 s) => (float[N, 4] y) <int64 k = {7}> {
    c = Equal(s, k)
    y = If (c) <then_branch = a () => (float[N, 4] r) { r = Sqrt(x) },
                else_branch = b () => (float[N, 4] q) { m = Tanh(x) q = Exp(m) }>
}"""


def converted(path: Path, *, level: str = "ORT_ENABLE_EXTENDED") -> Path:
    """What the runtime's own converter does: a session that stores its graph in the ORT format."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(path.with_suffix(".ort"))
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return path.with_suffix(".ort")


@pytest.mark.parametrize("level", ["ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED"])
@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v3_small", "efficientnet_b0", "bert_base@16"])
def test_conversions_count_the_same(tmp_path, name, level):
    network = build(name)
    write_onnx(network, tmp_path / "net.onnx")
    read = read_ort(converted(tmp_path / "net.onnx", level=level))
    assert read.macs == network.macs
    # Constants that the runtime folds or stores again are counted as they are stored.
    assert read.parameters == pytest.approx(network.parameters, rel=0.01)
    assert {read.tensors[each].shape for each in read.inputs} == {
        network.tensors[each].shape for each in network.inputs
    }


def test_branches_survive_the_conversion(tmp_path):
    path = converted(save(tmp_path, model(CHOICE)))
    assert [variant.branches for variant in read_ort(path, batch=2).variants]
    decided = read_ort(path, batch=2, input_shapes={"s": InputValue((7,))})
    assert not decided.branches


@pytest.mark.parametrize(("value", "nodes"), [(7, {"Sqrt"}), (8, {"Tanh", "Exp"})])
def test_a_given_value_decides_what_is_measured(tmp_path, value, nodes):
    from annette.devices.onnxruntime_cpu.backend import OnnxRuntimeBackend, OnnxRuntimeOptions

    path = save(tmp_path, model(CHOICE))
    for file, reader in ((path, read_onnx), (converted(path), read_ort)):
        network = reader(file, batch=2, input_shapes={"s": InputValue((value,))})
        compiled = OnnxRuntimeBackend(OnnxRuntimeOptions()).compile(Subject(network, file))
        try:
            profile = compiled.profile(3)
            assert profile is not None
            assert compiled._feeds["s"] == np.int64(value)
            assert nodes <= {entry.operator for entry in profile.entries}
        finally:
            compiled.close()
