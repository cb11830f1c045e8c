"""ONNX files whose nodes are told something."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from annette.errors import NetworkFormatError, OptionError
from annette.network.writers.onnx_metadata import annotate_onnx


def model_file(path, *, external=False):
    branch = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["inner"])],
        "branch",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [2, 2])],
    )
    weight = numpy_helper.from_array(np.ones((2, 2), np.float32), "w")
    model = helper.make_model(
        helper.make_graph(
            [
                helper.make_node("MatMul", ["x", "w"], ["product"]),
                helper.make_node("If", ["condition"], ["y"], then_branch=branch, else_branch=branch),
            ],
            "g",
            [
                helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 2]),
                helper.make_tensor_value_info("condition", TensorProto.BOOL, []),
            ],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 2])],
            [weight],
        ),
        ir_version=8,
    )
    onnx.save(model, path, save_as_external_data=external, location="weights.bin", size_threshold=0)
    return path


def told(path):
    graph = onnx.load(path, load_external_data=False).graph
    return {node.output[0]: {entry.key: entry.value for entry in node.metadata_props} for node in graph.node}


def test_nodes_are_told_by_the_tensors_that_they_write(tmp_path):
    source, target = model_file(tmp_path / "a.onnx"), tmp_path / "b.onnx"
    assert annotate_onnx(source, target, {"product": {"time": "1"}, "inner": {"time": "2"}}) == 3
    assert told(target) == {"product": {"time": "1"}, "y": {}}
    branch = onnx.load(target).graph.node[1].attribute[0].g
    assert branch.node[0].metadata_props[0].value == "2"
    onnx.checker.check_model(target)


def test_what_was_told_before_is_replaced_and_the_rest_stays(tmp_path):
    source, target = model_file(tmp_path / "a.onnx"), tmp_path / "b.onnx"
    annotate_onnx(source, target, {"product": {"time": "1", "kept": "yes"}})
    annotate_onnx(target, target, {"product": {"time": "2"}})
    assert told(target)["product"] == {"time": "2", "kept": "yes"}


def test_weights_in_a_file_beside_it_stay_there(tmp_path):
    source = model_file(tmp_path / "a.onnx", external=True)
    annotate_onnx(source, tmp_path / "b.onnx", {"product": {"time": "1"}})
    weight = onnx.load(tmp_path / "b.onnx").graph.initializer[0]
    assert numpy_helper.to_array(weight).tolist() == [[1, 1], [1, 1]]


def test_a_copy_that_would_lose_its_weights_is_refused(tmp_path):
    source = model_file(tmp_path / "a.onnx", external=True)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(OptionError, match="external data"):
        annotate_onnx(source, tmp_path / "elsewhere" / "b.onnx", {})
    assert not (tmp_path / "elsewhere" / "b.onnx").exists()


def test_what_is_no_onnx_file_is_refused(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"\xff\xff\xff")
    with pytest.raises(NetworkFormatError, match="not an ONNX file"):
        annotate_onnx(tmp_path / "a.onnx", tmp_path / "b.onnx", {})
