from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from annette.errors import NetworkFormatError
from annette.network.readers.onnx.reader import load_skeleton
from annette.network.readers.onnx.skeleton import large_tensors, raw_data, skeleton


def _model(size: int) -> onnx.ModelProto:
    weights = numpy_helper.from_array(np.ones((size,), np.float32), "w")
    attribute = numpy_helper.from_array(np.ones((size,), np.float32), "c")
    nodes = [
        helper.make_node("Constant", [], ["c"], value=attribute),
        helper.make_node("Add", ["x", "w"], ["y"]),
        helper.make_node("Add", ["y", "c"], ["z"]),
    ]
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [size]) for name in "xz"]
    return helper.make_model(helper.make_graph(nodes, "g", info[:1], info[1:], [weights]))


def test_large_tensors_lose_their_data_and_keep_their_description():
    full = _model(100_000)
    data = full.SerializeToString()
    small = skeleton(data, "m")
    assert len(small) < 1000 < len(data)
    kept = onnx.load_model_from_string(small)
    assert kept.graph.initializer[0].dims == [100_000]
    assert not kept.graph.initializer[0].HasField("raw_data")
    assert kept.graph.node[0].attribute[0].t.dims == [100_000]
    assert not kept.graph.node[0].attribute[0].t.HasField("raw_data")
    assert [node.op_type for node in kept.graph.node] == ["Constant", "Add", "Add"]


def test_small_tensors_keep_their_data():
    full = _model(8)
    assert onnx.load_model_from_string(skeleton(full.SerializeToString(), "m")) == full


def test_every_typed_data_field_is_dropped():
    fields = {
        TensorProto.FLOAT: "float_data",
        TensorProto.INT32: "int32_data",
        TensorProto.INT64: "int64_data",
        TensorProto.DOUBLE: "double_data",
        TensorProto.UINT64: "uint64_data",
    }
    model = _model(8)
    for kind, field in fields.items():
        tensor = model.graph.initializer.add(name=field, data_type=kind, dims=[5000])
        getattr(tensor, field).extend([1] * 5000)
    assert len(skeleton(model.SerializeToString(), "m")) < 1500


def test_large_tensors_are_found_by_the_name_of_what_they_become():
    data = _model(100_000).SerializeToString()
    places = large_tensors(data, "m")
    assert places.keys() == {"w", "c"}
    for start, end in places.values():
        assert TensorProto.FromString(data[start:end]).dims == [100_000]
        first, stop = raw_data(data, start, end, "m")
        assert np.frombuffer(data[first:stop], np.float32).tolist() == [1] * 100_000
    assert large_tensors(_model(8).SerializeToString(), "m") == {}


def test_numbers_in_a_field_of_their_type_are_no_raw_data():
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [2], [1, 2]).SerializeToString()
    assert raw_data(tensor, 0, len(tensor), "m") is None


def test_large_tensors_of_what_is_no_model_are_refused():
    data = _model(100_000).SerializeToString()
    with pytest.raises(NetworkFormatError, match="truncated"):
        large_tensors(data[:-1000], "m")


def test_weights_in_nested_graphs_and_functions_are_dropped():
    inner = _model(50_000)
    branch = helper.make_graph(inner.graph.node, "b", [], inner.graph.output, inner.graph.initializer)
    node = helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch)
    outer = helper.make_model(helper.make_graph([node], "g", [], []))
    outer.functions.append(
        helper.make_function("local", "f", ["x"], ["c"], inner.graph.node[:1], [helper.make_opsetid("", 17)])
    )
    assert len(skeleton(outer.SerializeToString(), "m")) < 2000


def test_weights_are_not_touched(tmp_path):
    """A sparse file of 3 GB reads at once: nobody looks at its weights."""
    head = _model(8)
    head.graph.ClearField("initializer")
    size = 3 << 30
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[size // 4]).SerializeToString()
    raw = tensor + b"\x4a" + _varint(size)
    graph = head.graph.SerializeToString() + b"\x2a" + _varint(len(raw) + size) + raw
    head.ClearField("graph")
    start = head.SerializeToString() + b"\x3a" + _varint(len(graph) + size) + graph
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.write(start)
        file.truncate(len(start) + size)
    model = load_skeleton(path)
    assert model.graph.initializer[0].dims == [size // 4]
    assert not model.graph.initializer[0].HasField("raw_data")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x3a\xff\xff\x03abc", "truncated at byte 0"),
        (b"\x3a\x05ab", "truncated at byte 0"),
        (b"\xff" * 20, "longer than 64 bits"),
        (b"\x3b\x00", "no protobuf field at byte 0"),
        (b"\x02\x00", "no protobuf field at byte 0"),
        (b"\x08", "truncated at byte 1"),
    ],
)
def test_malformed_wire_data_is_refused(data, message):
    with pytest.raises(NetworkFormatError, match=message):
        skeleton(data, "m.onnx")


def test_nesting_is_bounded():
    data = b""
    for _ in range(200):
        attribute = b"\x32" + _varint(len(data)) + data
        node = b"\x2a" + _varint(len(attribute)) + attribute + b"\x1a" + _varint(5000) + b"x" * 5000
        data = b"\x0a" + _varint(len(node)) + node
    with pytest.raises(NetworkFormatError, match="deeper than"):
        skeleton(b"\x3a" + _varint(len(data)) + data, "m.onnx")


def test_a_torrent_of_fields_is_refused():
    with pytest.raises(NetworkFormatError, match="fields"):
        skeleton(b"\x08\x01" * 4_100_000, "m.onnx")


def test_hordes_of_empty_messages_are_refused_before_they_take_memory():
    node = b"\x2a\x00" * 2000
    graph = (b"\x0a" + _varint(len(node)) + node) * 1600
    with pytest.raises(NetworkFormatError, match="millions of empty fields"):
        skeleton(b"\x3a" + _varint(len(graph)) + graph, "m.onnx")


def test_a_node_with_long_metadata_keeps_the_modules_that_call_it():
    scopes, trace = "['', 'layer1', 'layer1.0', 'layer1.0.conv1', 'conv2d_1']", 'File "net.py", line 1\n' * 400
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value=trace)
    node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=scopes)
    shapes = [onnx.helper.make_tensor_value_info(name, 1, [4]) for name in "xy"]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", shapes[:1], shapes[1:]))
    small = skeleton(model.SerializeToString(), "net.onnx")
    assert len(small) < 1000
    (kept,) = onnx.ModelProto.FromString(small).graph.node
    assert {entry.key: entry.value for entry in kept.metadata_props}["pkg.torch.onnx.name_scopes"] == scopes
