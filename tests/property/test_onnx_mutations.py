"""Damaged models: whatever is done to a file, reading it gives a network or one clear error."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import onnx
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import parser

from annette.errors import AnnetteError
from annette.network.readers.onnx import read_onnx

if TYPE_CHECKING:
    from annette.network import Network

_MODELS = [
    parser.parse_model(text).SerializeToString()
    for text in (
        """<ir_version: 8, opset_import: ["" : 17]>
        g (float[1,3,8,8] x) => (float[1,2] y)
        <float[2,3,3,3] w = {0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,
                             0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}, int64[1] minus = {-1}> {
            c = Conv <pads = [1,1,1,1], strides = [2,2]> (x, w)
            r = Relu(c)
            p = GlobalAveragePool(r)
            s = Shape(p)
            zero = Constant <value = int64[1] {0}> ()
            n = Gather(s, zero)
            t = Concat <axis = 0> (n, minus)
            y = Reshape(p, t)
        }""",
        """<ir_version: 8, opset_import: ["" : 17]>
        g (float[N,4,6] x) => (float[N,4,4] y) <int64 n = {3}, bool t = {1}> {
            a = Transpose <perm = [0,2,1]> (x)
            m = MatMul(x, a)
            l = Loop (n, t, m) <body = b (int64 i, bool c, float[N,4,4] v) => (bool d, float[N,4,4] u) {
                d = Identity(c) u = Softmax(v) }>
            k = Constant <value = bool {1}> ()
            y = If (k) <then_branch = p () => (float[N,4,4] q) { q = Relu(l) },
                        else_branch = e () => (float[N,4,4] q) { q = Tanh(l) }>
        }""",
        """<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
        g (float[2,5] x) => (float y) <int64[2] reps = {2, 3}, int64[4] pads = {0, 1, 0, 1}> {
            a = local.f <slope = 0.1> (x)
            b = Tile(a, reps)
            c = Pad(b, pads)
            z = NonZero(c)
            y = Cast <to = 1> (z)
        }
        <domain: "local", opset_import: ["" : 17]>
        f <slope> (i) => (o) { t = LeakyRelu <alpha: float = @slope> (i) o = Relu(t) }""",
    )
]
_NUMBERS = st.sampled_from([0, -1, 1, 2, 7, 65536, 2**31, 2**40, 2**62, 2**63 - 1, -(2**63)])
_OPERATORS = st.sampled_from(
    [
        "Relu",
        "Foo",
        "Loop",
        "If",
        "Scan",
        "Einsum",
        "Range",
        "ConstantOfShape",
        "Tile",
        "Expand",
        "Resize",
        "LSTM",
        "Pad",
        "Split",
        "SequenceAt",
        "Attention",
        "OneHot",
        "TopK",
        "Col2Im",
        "STFT",
        "Unique",
        "RoiAlign",
        "MatMul",
    ]
)


def _read_or_refuse(data: bytes, batch: int | None = None) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        path.write_bytes(data)
        result: Network | AnnetteError
        try:
            result = read_onnx(path, batch=batch)
        except AnnetteError as error:
            result = error
    if isinstance(result, AnnetteError):
        assert str(result).strip()
        assert "\n" not in str(result)
    else:
        assert result.layers
        assert all(layer.workload.ops >= 0 and layer.workload.bytes > 0 for layer in result.layers)


@settings(max_examples=80, deadline=5000)
@given(st.sampled_from(_MODELS), st.data())
def test_flipped_bytes(model, data):
    damaged = bytearray(model)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    _read_or_refuse(bytes(damaged), data.draw(st.sampled_from([None, 1, 3])))


@settings(max_examples=40, deadline=5000)
@given(st.sampled_from(_MODELS), st.data())
def test_truncated_and_spliced_files(model, data):
    cut = data.draw(st.integers(0, len(model)))
    other = data.draw(st.sampled_from(_MODELS))
    start = data.draw(st.integers(0, len(other)))
    _read_or_refuse(model[:cut] + other[start : start + data.draw(st.integers(0, 200))])


@settings(max_examples=40, deadline=5000)
@given(st.binary(max_size=300))
def test_noise(noise):
    _read_or_refuse(noise)


@settings(max_examples=120, deadline=5000)
@given(st.sampled_from(_MODELS), st.data())
def test_structured_mutations(model, data):
    proto = onnx.load_model_from_string(model)
    for _ in range(data.draw(st.integers(1, 3))):
        _mutate(proto, data)
    _read_or_refuse(proto.SerializeToString(), data.draw(st.sampled_from([None, 1, 3])))


def _mutate(proto: onnx.ModelProto, data: st.DataObject) -> None:
    graph = proto.graph
    node = data.draw(st.sampled_from(list(graph.node)))
    names = [*(name for other in graph.node for name in other.output), "x", "", "nobody"]
    change = data.draw(st.integers(0, 7))
    if change == 0 and node.input:
        node.input[data.draw(st.integers(0, len(node.input) - 1))] = data.draw(st.sampled_from(names))
    elif change == 1 and node.output:
        node.output[0] = data.draw(st.sampled_from(names))
    elif change == 2:
        node.op_type = data.draw(_OPERATORS)
    elif change == 3 and node.attribute:
        _mutate_attribute(data.draw(st.sampled_from(list(node.attribute))), data)
    elif change == 4 and node.input:
        del node.input[-1]
    elif change == 5:
        dims = graph.input[0].type.tensor_type.shape.dim
        if dims:
            dims[data.draw(st.integers(0, len(dims) - 1))].dim_value = data.draw(_NUMBERS)
    elif change == 6 and graph.initializer:
        tensor = data.draw(st.sampled_from(list(graph.initializer)))
        if tensor.data_type == onnx.TensorProto.INT64 and tensor.int64_data:
            tensor.int64_data[0] = data.draw(_NUMBERS)
        else:
            tensor.dims.append(data.draw(_NUMBERS))
    else:
        proto.opset_import[0].version = data.draw(st.sampled_from([1, 7, 9, 11, 13, 18, 21, 24, 99]))


def _mutate_attribute(attribute: onnx.AttributeProto, data: st.DataObject) -> None:
    if attribute.ints:
        attribute.ints[0] = data.draw(_NUMBERS)
    else:
        attribute.i = data.draw(_NUMBERS)
        attribute.type = data.draw(st.integers(0, 14))
