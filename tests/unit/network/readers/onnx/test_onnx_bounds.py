"""Files whose numbers ask for more than a file of their size warrants: bounded by the file, never by its numbers."""

from __future__ import annotations

import os
from itertools import pairwise

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from annette.budget import budgeted
from annette.errors import NetworkFormatError, NetworkShapeError, NetworkSizeError
from annette.network.readers.onnx import read_onnx
from annette.network.readers.onnx.folding import empty_array
from annette.network.readers.onnx.values import Meta
from annette.network.tensor import DType
from tests.unit.network.readers.onnx.build import only, save

_HUGE = 2**32


def _file(folder, nodes, *, opset=17, shape=(1, 4), functions=(), **constants):
    """Saves a graph that reads ``x`` and writes ``y`` with stored constants; ``Relu(x)`` where nothing writes ``y``."""
    nodes = list(nodes)
    if not any("y" in node.output for node in nodes):
        nodes.append(helper.make_node("Relu", ["x"], ["y"]))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("local", 1)]
    model = helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=8)
    return save(folder, model)


def _function(name, nodes):
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    return helper.make_function("local", name, ["a"], ["b"], nodes, opsets)


def _chain(operator, count, **options):
    names = ["x", *(f"r{i}" for i in range(1, count)), "y"]
    return [helper.make_node(operator, [a], [b], **options) for a, b in pairwise(names)]


def _filled(name, shape, number=0):
    """A constant that is made of its shape, so that a file of a hundred bytes holds it."""
    return helper.make_node("ConstantOfShape", [shape], [name], value=numpy_helper.from_array(np.array([number])))


@pytest.mark.parametrize(
    ("node", "constants"),
    [
        (("Tile", ["c", "n"]), {"c": [[1]], "n": [_HUGE, 0]}),
        (("Expand", ["c", "n"]), {"c": np.zeros((1, 0), np.int64), "n": [_HUGE, 1]}),
        (("ConstantOfShape", ["n"]), {"n": [_HUGE, 0]}),
        (("Pad", ["c", "n"]), {"c": np.zeros((4, 0), np.int64), "n": [_HUGE, 0, 0, 0]}),
        (("Range", ["a", "n", "d"]), {"a": 0, "n": 2**62, "d": 1}),
        (("Clip", ["x_", "c"]), {"x_": np.zeros((1024, 1)), "c": np.zeros((1, 1024))}),
    ],
)
def test_a_constant_is_only_computed_where_nothing_on_the_way_is_large(tmp_path, node, constants):
    operator, inputs = node
    arrays = {name: np.asarray(value) for name, value in constants.items()}
    network = read_onnx(_file(tmp_path, [helper.make_node(operator, inputs, ["c0"])], **arrays))
    assert [layer.kind for layer in network.layers] == ["relu"]


@pytest.mark.parametrize(
    ("node", "constants", "message"),
    [
        (("TopK", ["c", "n"], ["t", "i"]), {"c": [0, 0], "n": [_HUGE, 2]}, "takes its number of elements from 2"),
        (("OneHot", ["c", "n", "v"], ["t"]), {"c": [0], "n": 4, "v": np.zeros((2, 64))}, "values of shape"),
        (("ScatterND", ["c", "n", "v"], ["t"]), {"c": [0] * 9, "n": np.zeros((9, 0), int), "v": [0] * 9}, "writes"),
        (("Split", ["c"], ["t", "u"], {"num_outputs": 2**53 + 1}), {"c": [0, 0]}, "2 outputs where its num_outputs is"),
        (("Split", ["c", "n"], ["t", "u"]), {"c": [0, 0], "n": [1, 1, 0]}, r"cuts axis 0 of \[2\]"),
        (("SplitToSequence", ["c", "n"], ["t"]), {"c": np.zeros((2**17, 0)), "n": 1}, "into parts of 1"),
        (("Range", ["a", "n", "d"], ["t"]), {"a": -(2**63), "n": 2**63 - 1, "d": 1}, "overflows 64-bit counts"),
        (("ConstantOfShape", ["n"], ["t"]), {"n": [0, 2**40, 2**40]}, "overflows 64-bit counts"),
        (("RandomNormal", [], ["t"], {"shape": [2**62] * 9999}), {}, "has 9999 dimensions"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_before_anything_is_made_of_them(tmp_path, node, constants, message):
    operator, inputs, outputs, *attributes = node
    arrays = {name: np.asarray(value) for name, value in constants.items()}
    made = helper.make_node(operator, inputs, outputs, **(attributes[0] if attributes else {}))
    with pytest.raises(NetworkShapeError, match=message):
        read_onnx(_file(tmp_path, [made], opset=18, **arrays))


@pytest.mark.parametrize(
    ("operator", "inputs"),
    [
        ("Reshape", ["x", "n"]),
        ("Expand", ["x", "n"]),
        ("Tile", ["x", "n"]),
        ("Slice", ["x", "n", "n", "n"]),
        ("Unsqueeze", ["x", "n"]),
        ("Pad", ["x", "n"]),
        ("Col2Im", ["x", "n", "n"]),
        ("Resize", ["x", "", "", "n"]),
        ("ReduceSum", ["x", "n"]),
        ("Squeeze", ["x", "n"]),
    ],
)
def test_a_shape_of_more_numbers_than_a_tensor_has_dimensions_is_refused(tmp_path, operator, inputs):
    # The product of so many numbers alone would take minutes, the tuples of a thousand such layers gigabytes.
    nodes = [_filled("n", "s", 2**62 - 1), helper.make_node(operator, inputs, ["y"])]
    with pytest.raises(NetworkShapeError, match=r"262144 |dimensions"):
        read_onnx(_file(tmp_path, nodes, opset=18, s=[2**18]))


def test_empty_tensors_of_other_dimensions_beyond_what_numpy_counts_have_no_contents():
    assert empty_array(Meta((0, 2**60), DType.INT64)) is None
    assert empty_array(Meta((0, 2**40), DType.FLOAT16)).dtype == np.float16


def test_constants_are_computed_as_far_as_the_budget_has_something_to_spare(tmp_path):
    steps = [helper.make_node("Pow", [f"c{i}", f"c{i}"], [f"c{i + 1}"]) for i in range(300)]
    nodes = [_filled("c0", "s", 3), *steps, helper.make_node("Shape", ["c300"], ["n"])]
    path = _file(tmp_path, [*nodes, helper.make_node("Expand", ["x", "n"], ["y"])], s=[2**8, 2**10], shape=(1, 1))
    with budgeted("spare", size_bytes=2**26):
        network = read_onnx(path)
        assert only(network, "expand").workload.output_elements == 2**18


def _loop(rounds, body, carried="x", output="y", name=""):
    graph = helper.make_graph(
        [helper.make_node("Identity", [f"go{name}"], [f"on{name}"]), *body],
        f"body{name}",
        [
            helper.make_tensor_value_info(f"step{name}", TensorProto.INT64, []),
            helper.make_tensor_value_info(f"go{name}", TensorProto.BOOL, []),
            helper.make_tensor_value_info(f"v{name}", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info(f"on{name}", TensorProto.BOOL, []),
            helper.make_tensor_value_info(f"u{name}", TensorProto.FLOAT, None),
        ],
    )
    return helper.make_node("Loop", [rounds, "t", carried], [output], body=graph)


def test_loops_in_loops_are_refused(tmp_path):
    inner = _loop("n", [helper.make_node("Relu", ["vi"], ["ui"])], "vo", "uo", name="i")
    with (
        pytest.raises(NetworkSizeError, match="asks for more work than a file of its size warrants"),
        budgeted("m", steps=10**6),
    ):
        read_onnx(_file(tmp_path, [_loop("n", [inner], name="o")], n=4096, t=True))


def test_a_loop_costs_what_its_names_take(tmp_path):
    body = [helper.make_node("Relu", ["v"], ["u"], name="k" * 10**5)]
    with pytest.raises(NetworkSizeError, match="asks for more"):
        read_onnx(_file(tmp_path, [_loop("n", body)], n=4096, t=True))


def test_a_loop_of_four_thousand_rounds_beside_a_large_graph_is_read(tmp_path):
    others = [helper.make_node("Relu", ["x"], [f"r{i}"]) for i in range(500)]
    path = _file(tmp_path, [*others, _loop("n", [helper.make_node("Relu", ["v"], ["u"])])], n=1000, t=True)
    assert len(read_onnx(path).layers) == 1000


@pytest.mark.parametrize("through", ["call", "branch"])
def test_functions_that_multiply_are_refused_before_they_are_walked(tmp_path, through):
    def twice(name):
        calls = [helper.make_node(name, ends[:1], ends[1:], domain="local") for ends in ("ac", "cb")]
        if through == "call":
            return calls
        branch = helper.make_graph(calls, "branch", [], [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)])
        flag = helper.make_node("Constant", [], ["t"], value=numpy_helper.from_array(np.array(True)))
        choice = helper.make_node("If", ["t"], ["b_"], then_branch=branch, else_branch=branch)
        return [flag, choice, helper.make_node("Identity", ["b_"], ["b"])]

    functions = [_function(f"f{i}", twice(f"f{i + 1}")) for i in range(15)]
    wide = [helper.make_node("Relu", ["b"], [f"r{i}"]) for i in range(40)]
    functions.append(_function("f15", [helper.make_node("Relu", ["a"], ["b"]), *wide]))
    path = _file(tmp_path, [helper.make_node("f0", ["x"], ["y"], name="top", domain="local")], functions=functions)
    with pytest.raises(NetworkSizeError, match=r"node 'top' \(f0\) asks for more work"):
        read_onnx(path)


def test_an_attribute_that_functions_hand_on_costs_at_every_call(tmp_path):
    reference = helper.make_node("Constant", [], ["c"])
    reference.attribute.append(helper.make_attribute("value_ints", [0]))
    reference.attribute[0].ref_attr_name = "large"
    function = _function("f", [reference, helper.make_node("Relu", ["a"], ["b"])])
    function.attribute_proto.append(helper.make_attribute("large", [2**40] * 10**4))
    calls = _chain("f", 600, domain="local")
    with pytest.raises(NetworkSizeError, match=r"Constant.*asks for more"):
        read_onnx(_file(tmp_path, calls, functions=[function]))


def test_sequences_that_grow_by_one_are_bounded(tmp_path):
    grow = [helper.make_node("SequenceInsert", [f"q{i}", "x"], [f"q{i + 1}"]) for i in range(3000)]
    nodes = [helper.make_node("SequenceEmpty", [], ["q0"]), *grow]
    path = _file(tmp_path, [*nodes, helper.make_node("ConcatFromSequence", ["q3000"], ["y"], axis=0)])
    with budgeted("m", size_bytes=10**7), pytest.raises(NetworkSizeError, match="SequenceInsert"):
        read_onnx(path)
    assert only(read_onnx(path), "concat").workload.output_elements == 12000


def test_inputs_of_many_dimensions_are_refused(tmp_path):
    with pytest.raises(NetworkShapeError, match="has 99999 dimensions"):
        read_onnx(_file(tmp_path, [], shape=[None] * 99999))


def test_nodes_of_one_name_are_numbered(tmp_path):
    names = [layer.name for layer in read_onnx(_file(tmp_path, _chain("Relu", 3000, name="a"))).layers]
    assert names == ["a", *(f"a#{i}" for i in range(2, 3001))]


def _with_external_data(folder, location, **entries):
    path = _file(folder, [helper.make_node("Reshape", ["x", "n"], ["y"])], n=[2, 2])
    model = onnx.load(path)
    (tensor,) = model.graph.initializer
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    return save(folder, model)


def test_external_data_are_read_from_a_file(tmp_path):
    (tmp_path / "data").write_bytes(b"...." + np.array([2, 2]).tobytes())
    assert only(read_onnx(_with_external_data(tmp_path, "data", offset="4")), "reshape").outputs == ("y",)


def test_external_data_are_not_read_from_a_pipe_a_device_or_a_folder(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NetworkFormatError, match="it is a pipe"):
        read_onnx(_with_external_data(tmp_path, "pipe"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(NetworkFormatError, match="it is a folder"):
        read_onnx(_with_external_data(tmp_path, "folder"))


@pytest.mark.parametrize("location", ["../data", "/dev/zero", "link", "a/../../data", "\\\\server\\data", "C:data"])
def test_external_data_elsewhere_are_refused(tmp_path, location):
    (tmp_path / "link").symlink_to("/dev/zero")
    with pytest.raises(NetworkFormatError, match="leaves the model's folder"):
        read_onnx(_with_external_data(tmp_path, location))


@pytest.mark.parametrize("number", ["9" * 19, "-1", "1e3", "٣"])
def test_offsets_that_no_file_has_are_refused(tmp_path, number):
    (tmp_path / "data").write_bytes(b"data")
    with pytest.raises(NetworkFormatError, match="has offset"):
        read_onnx(_with_external_data(tmp_path, "data", offset=number))


@pytest.mark.parametrize(("location", "offset"), [("absent", "0"), ("n" * 300, "0"), ("data", "9" * 18)])
def test_external_data_that_are_not_there_are_not_known(tmp_path, location, offset):
    (tmp_path / "data").write_bytes(b"data")
    with pytest.raises(NetworkShapeError, match="only known at run time"):
        read_onnx(_with_external_data(tmp_path, location, offset=offset))


def test_a_model_that_is_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "net.onnx")
    with pytest.raises(NetworkFormatError, match="it is a pipe"):
        read_onnx(tmp_path / "net.onnx")


def test_the_number_that_fills_a_constant_is_not_read_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    fill = TensorProto(dims=[1], data_type=TensorProto.INT64, data_location=TensorProto.EXTERNAL)
    fill.external_data.add(key="location", value="pipe")
    nodes = [helper.make_node("ConstantOfShape", ["s"], ["n"], value=fill)]
    nodes.append(helper.make_node("Reshape", ["x", "n"], ["y"]))
    with pytest.raises(NetworkShapeError, match="only known at run time"):
        read_onnx(_file(tmp_path, nodes, s=[2]))


@pytest.mark.parametrize(("indices", "shape"), [([[1, 0, -1]], (4, 2, 4)), ([[2**62, 0, 0]], None)])
def test_indices_far_outside_are_not_brought_back_one_length_at_a_time(tmp_path, indices, shape):
    # NumPy's choose adds the length to an index until it is within.
    nodes = [
        helper.make_node("GatherElements", ["c", "i"], ["t"], axis=1),
        helper.make_node("Squeeze", ["t", "zero"], ["n"]),
        helper.make_node("Expand", ["x", "n"], ["y"]),
    ]
    path = _file(tmp_path, nodes, shape=(1,), c=[[2, 4]], i=indices, zero=[0])
    if shape is None:
        with pytest.raises(NetworkShapeError, match="only known at run time"):
            read_onnx(path)
    else:
        assert read_onnx(path).tensors["y"].shape == shape
