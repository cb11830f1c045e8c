"""Loops of benchmarks run, and are read as the layers of their rounds."""

import numpy as np
import pytest

from annette.network.builder import NetworkBuilder
from annette.network.inputs import InputValue
from annette.network.load import load_network
from annette.network.loop import Loop
from annette.network.tensor import DType
from annette.network.writers.onnx import write_onnx

onnxruntime = pytest.importorskip("onnxruntime")


def test_a_loop_is_written_run_and_read(tmp_path):
    net = NetworkBuilder("loop")
    states = [net.input(f"x{index}", (8,)) for index in range(3)]
    network = net.build(*net.layer("loop", states, attributes={"rounds": 5, "additions": 2}))
    assert network.ops == 5 * 2 * 24
    path = tmp_path / "loop.onnx"
    write_onnx(network, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    results = session.run(None, {entry.name: np.zeros(8, np.float32) for entry in session.get_inputs()})
    assert all(np.array_equal(result, np.full(8, 10, np.float32)) for result in results)
    read = load_network(path)
    assert [layer.kind for layer in read.layers] == ["add"] * 30
    assert read.loops == (Loop(network.layers[0].name, "Loop", 5, 3),)
    assert read.ops == network.ops


@pytest.mark.parametrize(("condition", "sum_"), [(True, 6), (False, 12)])
def test_branches_are_written_run_and_read_as_those_that_were_taken(tmp_path, condition, sum_):
    net = NetworkBuilder("branch")
    inputs = [net.input("x", (8,)), net.input("condition", (1,), DType.BOOL)]
    network = net.build(*net.layer("branch", inputs, attributes={"branches": 3, "additions": 2}))
    assert network.ops == 3 * 2 * 8
    path = tmp_path / "branch.onnx"
    write_onnx(network, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"x": np.zeros(8, np.float32), "condition": np.array([condition])})
    assert np.array_equal(result, np.full(8, sum_, np.float32))
    read = load_network(path, inputs={"condition": InputValue((int(condition),))})
    assert [layer.kind for layer in read.layers] == ["add"] * 6
    assert [(loop.operator, loop.rounds) for loop in read.loops] == [("If", 1)] * 3
