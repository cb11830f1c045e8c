"""What the ONNX reader finds of masks that are too large to be carried along, and how it takes files that lie."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from annette.network.builder import NetworkBuilder
from annette.network.readers.onnx import read_onnx
from annette.network.readers.onnx.opened import open_onnx
from annette.network.readers.onnx.reader import read_proto
from annette.network.tensor import Masking
from annette.network.writers.onnx import write_onnx
from tests.unit.network.readers.onnx.build import save

TOKENS = 96  # a mask of more elements than are carried along
CAUSAL = np.tril(np.ones((TOKENS, TOKENS), np.bool_))
HIDDEN = pytest.approx(Masking(1 - CAUSAL.mean(), 0))
ADDED = np.where(CAUSAL, np.float32(0), np.finfo(np.float32).min)
LONG = np.tril(np.ones((1, 1, 512, 512), np.bool_))


def graph_of(nodes, *tensors):
    """Nodes that make scores ``s`` of scores ``x``, the softmax of those, and stored tensors."""
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 4, TOKENS, TOKENS]) for name in "xy"]
    graph = helper.make_graph([*nodes, helper.make_node("Softmax", ["s"], ["y"])], "g", info[:1], info[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def added(tensor):
    return graph_of([helper.make_node("Add", ["x", "m"], ["s"])], tensor)


def maskings(network):
    return [tensor.masking for tensor in network.tensors.values() if tensor.masking is not None]


def stored(values, name="m"):
    return numpy_helper.from_array(np.asarray(values), name)


def typed(values, data_type, field, name="m"):
    tensor = TensorProto(name=name, dims=values.shape, data_type=data_type)
    getattr(tensor, field).extend((values * 1).ravel().tolist())
    return tensor


def number(value):
    return stored(np.float32(value), "n")


def sliced(tensor, *, value=-1e9):
    """As exporters write a buffer for the longest sequence."""
    bounds = {"zero": [0], "end": [TOKENS], "rows": [2], "columns": [3]}
    nodes = [
        helper.make_node("Slice", ["m", "zero", "end", "rows"], ["m1"]),
        helper.make_node("Slice", ["m1", "zero", "end", "columns"], ["m2"]),
        helper.make_node("Where", ["m2", "x", "n"], ["s"]),
    ]
    return graph_of(nodes, tensor, number(value), *(stored(np.int64(each), name) for name, each in bounds.items()))


def of_ones(op, *, value=-1e9):
    """As exporters turn an attention mask into what is added."""
    nodes = [
        helper.make_node("Cast", ["m"], ["m1"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["m1", "axes"], ["m2"]),
        helper.make_node("Sub", ["one", "m2"], ["m3"]),
        helper.make_node("Mul", ["m3", "n"], ["m4"]),
        helper.make_node("Expand", ["m4", "shape"], ["m5"]),
        helper.make_node(op, ["x", "m5"], ["s"]),
    ]
    return lambda values: graph_of(
        nodes,
        stored(values),
        number(value),
        stored(np.float32(1), "one"),
        stored(np.int64([0, 1]), "axes"),
        stored(np.int64([1, 1, TOKENS, TOKENS]), "shape"),
    )


def constant_node(values):
    nodes = [helper.make_node("Constant", [], ["m"], value=stored(values, "value"))]
    return graph_of([*nodes, helper.make_node("Add", ["x", "m"], ["s"])])


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (added(stored(ADDED)), HIDDEN),
        (added(stored(np.where(CAUSAL, np.float32(0), -np.inf))), HIDDEN),
        (added(stored(np.zeros_like(ADDED))), Masking(0, 0)),
        (added(typed(ADDED, TensorProto.FLOAT, "float_data")), HIDDEN),
        (constant_node(ADDED), HIDDEN),
        (sliced(stored(LONG)), HIDDEN),
        (sliced(typed(LONG, TensorProto.BOOL, "int32_data")), HIDDEN),
        (sliced(stored(LONG), value=0), Masking(0, 0)),
        (sliced(stored(np.ones_like(LONG))), Masking(0, 0)),
        (of_ones("Add")(CAUSAL), HIDDEN),
        (of_ones("Add")(CAUSAL.astype(np.int64)), HIDDEN),
        (of_ones("Add")(np.ones_like(CAUSAL)), Masking(0, 0)),
        (of_ones("Sub", value=1e9)(CAUSAL), HIDDEN),
    ],
)
@pytest.mark.parametrize("in_memory", [False, True])
def test_values_are_found_where_they_are_stored(tmp_path, model, expected, in_memory):
    network = read_proto(model) if in_memory else read_onnx(save(tmp_path, model))
    assert maskings(network) == [expected]


def test_values_are_found_outside_the_file(tmp_path):
    for name, values in (("mask", ADDED), ("none", np.zeros_like(ADDED))):
        (tmp_path / name).write_bytes(b"...." + values.tobytes())
    assert maskings(read_onnx(save(tmp_path, added(_outside("mask", offset="4"))))) == [HIDDEN]
    assert maskings(read_onnx(save(tmp_path, added(_outside("none", offset="4"))))) == [Masking(0, 0)]


def _outside(location, *, dims=ADDED.shape, **entries):
    tensor = TensorProto(name="m", dims=dims, data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def _damaged(**changes):
    tensor = stored(ADDED)
    for key, value in changes.items():
        if key == "dims":
            del tensor.dims[:]
            tensor.dims.extend(value)
        else:
            setattr(tensor, key, value)
    return tensor


@pytest.mark.parametrize(
    "tensor",
    [
        _damaged(raw_data=b"\0" * 8191),
        _damaged(raw_data=b""),
        _damaged(raw_data=b"\0" * 10**5),
        _damaged(dims=[2**20, 1, TOKENS, TOKENS]),
        _damaged(dims=[2**35, 2**20]),
        _damaged(data_type=TensorProto.INT4),
        _damaged(data_type=TensorProto.STRING),
        typed(ADDED[:50], TensorProto.FLOAT, "float_data"),
        TensorProto(name="m", dims=ADDED.shape, data_type=TensorProto.FLOAT, float_data=[1.0]),
        TensorProto(name="m", dims=ADDED.shape, data_type=TensorProto.BFLOAT16, raw_data=b"\0" * 2 * ADDED.size),
        _outside("absent"),
        _outside("short"),
        _outside("short", offset="9" * 18),
        _outside("folder"),
    ],
)
def test_data_that_are_damaged_or_missing_are_not_known(tmp_path, tensor):
    (tmp_path / "short").write_bytes(b"data")
    (tmp_path / "folder").mkdir()
    if tensor.dims[:] == [50, TOKENS]:
        tensor.dims[0] = TOKENS  # fewer numbers than its shape says
    # What carries the scores has the mask's shape, which may be huge; nobody runs it.
    shape = tensor.dims[:] if len(tensor.dims) == 4 else [2, 4, *tensor.dims]
    model = added(tensor)
    for info in (*model.graph.input, *model.graph.output):
        del info.type.tensor_type.shape.dim[:]
        for size in shape:
            info.type.tensor_type.shape.dim.add(dim_value=size)
    network = read_onnx(save(tmp_path, model), lenient=True)
    assert [layer.kind for layer in network.layers] == ["add", "softmax"]
    assert maskings(network) == []


def test_a_file_that_was_cut_off_behind_the_model_that_was_read_is_no_reason_to_stop(tmp_path):
    """What is shorter now than when it was opened does not have the values."""
    path = save(tmp_path, added(stored(ADDED)))
    opened = open_onnx(path)
    path.write_bytes(path.read_bytes()[:1000])
    network = opened.read(batch=None, inputs={}, lenient=False)
    assert [layer.kind for layer in network.layers] == ["add", "softmax"]
    assert maskings(network) == []


@pytest.mark.parametrize("pattern", ["causal", "shifted_windows:56:56:7:3"])
def test_networks_that_were_written_are_read_with_what_their_patterns_hide(tmp_path, pattern):
    net = NetworkBuilder("masked")
    if pattern == "causal":
        scores = net.input("scores", (1, 4, TOKENS, TOKENS))
        masked = net.where_mask(scores, (1, 1, TOKENS, TOKENS), pattern=pattern, value=-1e9)
    else:
        scores = net.input("scores", (1, 64, 2, 49, 49))
        masked = net.add_constant(scores, (1, 64, 1, 49, 49), pattern=pattern)
    write_onnx(net.build(net.softmax(masked)), tmp_path / "net.onnx")
    (masking,) = maskings(read_onnx(tmp_path / "net.onnx"))
    if pattern == "causal":
        assert masking == HIDDEN
    else:
        assert masking.underflow == 0
        assert 0.1 < masking.subnormal < 0.2


@pytest.mark.parametrize(("nodes", "expected"), [(2, [HIDDEN]), (60, [])])
def test_values_are_computed_through_a_few_nodes(tmp_path, nodes, expected):
    chain = [helper.make_node("Neg", [f"m{index or ''}"], [f"m{index + 1}"]) for index in range(nodes)]
    chain.append(helper.make_node("Add", ["x", f"m{nodes}"], ["s"]))
    assert maskings(read_onnx(save(tmp_path, graph_of(chain, stored(ADDED))))) == expected
