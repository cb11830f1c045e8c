"""Graphs that break the standard: an error that names the node, or a price with a note."""

from __future__ import annotations

import re

import numpy as np
import pytest
from onnx import AttributeProto, TensorProto, helper, numpy_helper

import annette
from annette.errors import NetworkStructureError, OptionError
from annette.network.load import load_network
from annette.network.readers.onnx import read_onnx
from tests.unit.network.readers.onnx.build import kinds, model, read, save

_RELU = helper.make_node("Relu", ["x"], ["y"])
_ONES = np.ones((4, 1, 1), np.float32)


def _save(folder, *nodes, opsets=(("", 17),), output=TensorProto.FLOAT, between=(), functions=(), **constants):
    """A graph from ``x`` (1x4x8x8) to ``y`` of these nodes."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 8, 8])],
        [helper.make_tensor_value_info("y", output, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
        value_info=[helper.make_tensor_value_info(name, dtype, None) for name, dtype in between],
    )
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets]
    return save(folder, helper.make_model(graph, opset_imports=imports, functions=functions, ir_version=8))


def _untyped():
    node = helper.make_node("Flatten", ["x"], ["y"], axis=1)
    node.attribute[0].ClearField("type")
    return node


INVALID = {
    "extra input": ([helper.make_node("Relu", ["x", "x"], ["y"])], "'y' .Relu. has 2 inputs where 1 belong"),
    "extra empty input": ([helper.make_node("Relu", ["x", ""], ["y"])], "has 2 inputs where 1 belong"),
    "extra output": ([helper.make_node("Relu", ["x"], ["y", "z"])], "has 2 outputs where 1 belong"),
    "missing input": ([helper.make_node("Conv", ["x"], ["y"])], "has 1 inputs where 2 to 3 belong"),
    "no inputs": ([helper.make_node("Sum", [], ["y"])], "has 0 inputs where 1 or more belong"),
    "empty input": ([helper.make_node("Add", ["", "x"], ["y"])], "lacks its input 0"),
    "unknown attribute": ([helper.make_node("Relu", ["x"], ["y"], name="r", slope=1)], "node 'r' .Relu. has an"),
    "type of attribute": ([helper.make_node("Flatten", ["x"], ["y"], axis=1.0)], "'axis' of type FLOAT, not INT"),
    "number for numbers": ([helper.make_node("Transpose", ["x"], ["y"], perm=1)], "'perm' of type INT, not INTS"),
    "attribute without type": ([_untyped()], "'axis' of type UNDEFINED, not INT"),
    "missing attribute": ([helper.make_node("Concat", ["x", "x"], ["y"])], "lacks the attribute 'axis'"),
    "newer operator": ([helper.make_node("Gelu", ["x"], ["y"])], "is of operator set 20, but the file uses 17"),
    "older operator": ([helper.make_node("Upsample", ["x", "f"], ["y"])], "no operator any more in operator set 17"),
    "types that differ": ([helper.make_node("Add", ["x", "d"], ["y"])], "type float64, another of type float32"),
    "type of input": ([helper.make_node("Reshape", ["x", "f"], ["y"])], "has input 1 of type float32"),
    "sequence": ([helper.make_node("SequenceEmpty", [], ["s"]), helper.make_node("Relu", ["s"], ["y"])], "a sequence"),
    "no sequence": ([helper.make_node("SequenceAt", ["x", "i"], ["y"])], "has a tensor as its input 0"),
    "type of result": ([helper.make_node("Shape", ["x"], ["y"])], "'y' is stated to be of type float32, but is int64"),
}  # fmt: skip


@pytest.mark.parametrize("name", INVALID)
def test_a_node_that_breaks_its_definition_is_refused(tmp_path, name):
    nodes, message = INVALID[name]
    path = _save(tmp_path, *nodes, f=np.ones(4, np.float32), d=np.ones(8), i=np.int64(0))
    with pytest.raises(NetworkStructureError, match=rf"{message}.*--lenient prices it nevertheless"):
        read_onnx(path)


@pytest.mark.parametrize("name", ["unknown attribute", "type of result", "extra input", "newer operator"])
def test_it_is_priced_with_a_note_where_that_is_asked_for(tmp_path, name):
    nodes, message = INVALID[name]
    path = _save(tmp_path, *nodes, _node_beside(), output=TensorProto.FLOAT)
    if name == "type of result":
        path = _save(tmp_path, helper.make_node("Relu", ["x"], ["y"]), output=TensorProto.INT64)
        message = "'y' is stated to be of type int64, but is float32"
    network = load_network(path, lenient=True)
    (note,) = (note for note in network.notes if "is not valid" in note)
    assert re.search(message, note)
    estimate = annette.estimate(path, "epyc-onnxruntime-fp32", lenient=True)
    assert note in estimate.notes


def _node_beside():
    return helper.make_node("Relu", ["x"], ["beside"])


def test_many_complaints_are_one_note(tmp_path):
    nodes = [helper.make_node("Relu", ["x"], [f"r{i}"], slope=1) for i in range(50)]
    network = read_onnx(_save(tmp_path, *nodes, _RELU), lenient=True)
    (note,) = (note for note in network.notes if "is not valid" in note)
    assert "'r0'" in note
    assert note.endswith("and 48 more")


def test_a_loaded_network_is_read_already():
    with pytest.raises(OptionError, match="loaded already"):
        annette.estimate(annette.load_network("squeezenet1_1"), "ncs2-openvino", lenient=True)


def test_an_operator_set_that_is_not_imported(tmp_path):
    with pytest.raises(NetworkStructureError, match=r"'y' .Relu. is of the operator set 'ai.onnx', of which no"):
        read_onnx(_save(tmp_path, _RELU, opsets=[("com.microsoft", 1)]))


def test_operators_of_a_runtime_need_no_import(tmp_path):
    # ONNX Runtime knows its own without; what they may have is up to it.
    gelu = helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft", whatever=1)
    assert kinds(read_onnx(_save(tmp_path, gelu))) == ["gelu"]
    norm = helper.make_node("LayerNormalization", ["x", "s"], ["y"])
    assert kinds(read_onnx(_save(tmp_path, norm, opsets=[("", 11)], s=np.ones(8, np.float32)))) == ["layer_norm"]


def test_calls_of_functions(tmp_path):
    body = [helper.make_node("Relu", ["a"], ["b"])]
    function = helper.make_function("local", "f", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    imports = [("", 17), ("local", 1)]

    def call(inputs, outputs, opsets):
        node = helper.make_node("f", inputs, outputs, domain="local")
        return read_onnx(_save(tmp_path, node, opsets=opsets, functions=[function]))

    assert kinds(call(["x"], ["y"], imports)) == ["relu"]
    with pytest.raises(NetworkStructureError, match="has 2 inputs where its function has 1"):
        call(["x", "x"], ["y"], imports)
    with pytest.raises(NetworkStructureError, match="has 2 outputs where its function has 1"):
        call(["x"], ["y", "z"], imports)
    with pytest.raises(NetworkStructureError, match="calls a function of 'local', of which no version"):
        call(["x"], ["y"], imports[:1])


def test_what_a_file_states_of_tensors_between(tmp_path):
    nodes = [helper.make_node("Relu", ["x"], ["z"]), helper.make_node("Relu", ["z"], ["y"])]
    assert len(read_onnx(_save(tmp_path, *nodes, between=[("z", TensorProto.FLOAT)])).layers) == 2
    with pytest.raises(NetworkStructureError, match="'z' is stated to be of type int64, but is float32"):
        read_onnx(_save(tmp_path, *nodes, between=[("z", TensorProto.INT64)]))


def test_a_sequence_that_is_stated_to_be_a_tensor(tmp_path):
    split = helper.make_node("SplitToSequence", ["x"], ["y"])
    with pytest.raises(NetworkStructureError, match="'y' is stated to be a tensor, but is a sequence"):
        read_onnx(_save(tmp_path, split))


def test_a_node_without_outputs_is_refused_leniently_too(tmp_path):
    with pytest.raises(NetworkStructureError, match="has no outputs"):
        read_onnx(_save(tmp_path, _RELU, helper.make_node("SequenceEmpty", [], [])), lenient=True)


def test_operands_that_contradict_the_schema_of_an_operator_without_a_rule(tmp_path):
    with pytest.raises(annette.errors.NetworkShapeError, match=r"Det.*reads operands that do not fit"):
        read(tmp_path, "g (float[1,2,3] x) => (float[1] y) { y = Det(x) }")


def test_order_and_names_of_nodes_do_not_matter(tmp_path):
    nodes = [helper.make_node("Relu", ["z"], ["y"], name="a"), helper.make_node("Relu", ["x"], ["z"], name="a")]
    network = read_onnx(_save(tmp_path, *nodes))
    assert [layer.name for layer in network.layers] == ["a", "a#2"]
    assert not network.notes


def test_references_to_attributes_of_functions_are_held_to_the_definition(tmp_path):
    flatten = helper.make_node("Flatten", ["a"], ["b"])
    flatten.attribute.append(AttributeProto(name="axis", ref_attr_name="where", type=AttributeProto.INT))
    function = helper.make_function("local", "f", ["a"], ["b"], [flatten], [helper.make_opsetid("", 17)], ["where"])
    imports = [("", 17), ("local", 1)]
    for value, wanted in ((2, True), (2.0, False)):
        node = helper.make_node("f", ["x"], ["y"], domain="local", where=value)
        path = _save(tmp_path, node, opsets=imports, functions=[function])
        if wanted:
            assert read_onnx(path).layers[0].outputs
        else:
            with pytest.raises(NetworkStructureError, match="'axis' of type FLOAT, not INT"):
                read_onnx(path)


def test_the_random_type_that_bernoulli_states(tmp_path):
    proto = model("g (float[2] x) => (double[2] y) { y = Bernoulli<dtype: int = 11>(x) }")
    network = read_onnx(save(tmp_path, proto))
    assert network.tensors["y"].dtype.label == "float64"


@pytest.mark.parametrize("sizes", [[np.nan, 1.0], [np.inf, 1.0], [2.5, 1.0]])
def test_sizes_that_are_no_whole_numbers_are_refused_leniently_too(tmp_path, sizes):
    reshape = helper.make_node("Reshape", ["x", "n"], ["y"])
    path = _save(tmp_path, reshape, n=np.array(sizes, np.float32))
    with pytest.raises(annette.errors.NetworkShapeError, match="of type float32, which holds no whole numbers"):
        read_onnx(path, lenient=True)


@pytest.mark.parametrize(("domain", "operator"), [("\x1b]0;own\x07", "f"), ("", "a\nb"), ("\u202e", "f" * 5000)])
def test_operators_with_names_that_a_terminal_obeys_are_named_in_one_line(tmp_path, domain, operator):
    path = _save(tmp_path, helper.make_node(operator, ["x"], ["y"], domain=domain), opsets=[(domain, 1), ("", 17)])
    with pytest.raises(annette.errors.UnsupportedOperatorError) as caught:
        read_onnx(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2000


def test_attention_over_vectors_is_refused(tmp_path):
    with pytest.raises(annette.errors.NetworkShapeError, match=r"cannot read operands of shapes \[1, 2, 4, 8\], \[8\]"):
        read(tmp_path, "g (float[1,2,4,8] q, float[8] k) => (float y) { y = Attention(q, k, k) }", opset=23)


def test_what_a_file_states_of_a_stored_tensor_besides_does_not_count(tmp_path):
    """As ONNX Runtime's converter to 16 bits leaves it behind for scales of a resize, which stay in 32 bits."""
    path = _save(tmp_path, helper.make_node("Mul", ["x", "s"], ["y"]), between=[("s", TensorProto.FLOAT16)], s=_ONES)
    assert kinds(read_onnx(path)) == ["mul"]
    path = _save(
        tmp_path, _RELU, helper.make_node("Mul", ["y", "s"], ["z"]), between=[("z", TensorProto.FLOAT16)], s=_ONES
    )
    with pytest.raises(NetworkStructureError, match="'z' is stated to be of type float16, but is float32"):
        read_onnx(path)
