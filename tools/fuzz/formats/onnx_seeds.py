"""Sound ONNX models: the writer's of small networks, control flow and functions as text, one of each operator."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from onnx import ModelProto, NodeProto, TensorProto, defs, helper, parser
from tools.fuzz.networks import small_networks

from annette.network.writers.onnx import write_onnx

if TYPE_CHECKING:
    from random import Random

__all__ = ["DATA_FILE", "operators", "random_node", "single_operator", "sound_models"]

DATA_FILE: Final = "weights.bin"
"""External data beside the case's file."""

_TEXTS: Final = (
    """<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,3,8,8] x) => (float[1,2] y) <int64[1] minus = {-1}> {
        w = ConstantOfShape <value = float[1] {0.5}> (ws)
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
    """<ir_version: 8, opset_import: ["" : 17]>
    g (float[5,3] x, float[3] h) => (float[3] last, float[5,3] all) {
        last, all = Scan <num_scan_inputs = 1, body = b (float[3] s, float[3] i) => (float[3] o, float[3] e) {
            o = Add(s, i) e = Sigmoid(o) }> (h, x)
    }""",
    """<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
    g (float[2,5] x) => (float y) <int64[2] reps = {2, 3}, int64[4] pads = {0, 1, 0, 1}> {
        a = local.f <slope = 0.1> (x)
        b = Tile(a, reps)
        c = Pad(b, pads)
        z = NonZero(c)
        y = Cast <to = 1> (z)
    }
    <domain: "local", opset_import: ["" : 17, "local" : 1]>
    f <slope> (i) => (o) { t = local.g(i) o = LeakyRelu <alpha: float = @slope> (t) }
    <domain: "local", opset_import: ["" : 17]>
    g (i) => (o) { t = Relu(i) o = Add(t, i) }""",
    """<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,8] x) => (float[1,8] y)
    <float one = {0.1}, uint8 zero = {128}, int8 wz = {0}, int64[2] shape = {1, 8}, int64[1] axes = {0},
     int64[1] to = {4}, int64[1] from = {0},
     int8[4,8] w = {0,1,2,3,4,5,6,7,0,1,2,3,4,5,6,7,0,1,2,3,4,5,6,7,0,1,2,3,4,5,6,7}> {
        q = QuantizeLinear(x, one, zero)
        d = DequantizeLinear(q, one, zero)
        v = DequantizeLinear(w, one, wz)
        m = Gemm <transB = 1> (d, v)
        a, b = Split <axis = 1> (m)
        s = Slice(a, from, to, axes)
        c = Concat <axis = 1> (s, b, m)
        y = Reshape(c, shape)
    }""",
    """<ir_version: 8, opset_import: ["" : 17]>
    g (float[2,3] x, float[2,3] z) => (float[2,3] y, int64 n) <int64 i = {0}> {
        s = SequenceConstruct(x, z)
        t = SequenceInsert(s, x, i)
        y = SequenceAt(t, i)
        n = SequenceLength(t)
    }""",
    """<ir_version: 8, opset_import: ["" : 17]>
    g (int64[2,3] ids) => (float[2,3,4] y)
    <float[5,4] table = {0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9},
     int64 three = {3}, int64 zero = {0}, int64 one = {1}> {
        e = Gather(table, ids)
        r = Range(zero, three, one)
        c = Cast <to = 1> (r)
        u = Unsqueeze(c, ax)
        w = Where(b, e, e)
        y = Mul(w, u)
        ax = Constant <value = int64[2] {0, 2}> ()
        b = Greater(e, u)
    }""",
)  # fmt: skip

_INTEGERS: Final = ("tensor(int64)", "tensor(int32)")
_TYPES: Final = {
    "tensor(float)": TensorProto.FLOAT,
    "tensor(int64)": TensorProto.INT64,
    "tensor(int32)": TensorProto.INT32,
    "tensor(bool)": TensorProto.BOOL,
    "tensor(uint8)": TensorProto.UINT8,
    "tensor(int8)": TensorProto.INT8,
    "tensor(string)": TensorProto.STRING,
}
_SHAPES: Final = ((1, 4, 6, 6), (2, 3), (4,), (), (1, 8, 4), (5, 1, 4), (1, 1, 8, 8), (2, 2, 2, 2, 2))
_WORDS: Final = (b"SAME_UPPER", b"SAME_LOWER", b"VALID", b"NOTSET", b"linear", b"nearest", b"cubic", b"ij,jk->ik",
b"bij->b",
                 b"constant", b"reflect", b"sum", b"add", b"none", b"reverse", b"DCR", b"CRD", b"tanh", b"half_pixel",
                 b"asymmetric")  # fmt: skip


@cache
def operators() -> tuple[defs.OpSchema, ...]:
    """All operators of ONNX, by name; training and preview ones, too."""
    found = {(schema.domain, schema.name): schema for schema in defs.get_all_schemas()}
    return tuple(found[key] for key in sorted(found))


@cache
def sound_models() -> tuple[bytes, ...]:
    """Whole models, small."""
    models = [parser.parse_model(text) for text in _TEXTS]
    models[0].graph.initializer.append(helper.make_tensor("ws", TensorProto.INT64, [4], [2, 3, 3, 3]))
    with TemporaryDirectory(prefix="annette-fuzz-") as folder:
        for network in small_networks():
            path = Path(folder) / "network.onnx"
            write_onnx(network, path)
            models.append(ModelProto.FromString(path.read_bytes()))
    models.append(_external(models[-1]))
    return tuple(model.SerializeToString(deterministic=True) for model in models)


def _external(model: ModelProto) -> ModelProto:
    """The same model with its weights in a file beside it."""
    changed = ModelProto()
    changed.CopyFrom(model)
    offset = 0
    for tensor in changed.graph.initializer:
        size = len(tensor.raw_data)
        if not size:
            continue
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", DATA_FILE), ("offset", str(offset)), ("length", str(size))):
            tensor.external_data.add(key=key, value=value)
        offset += size
    return changed


def single_operator(dice: Random) -> ModelProto:
    """A model of one operator of any kind, with operands of the types that it takes."""
    schema = dice.choice(operators())
    graph = helper.make_graph([], "one", [], [])
    node = random_node(dice, schema)
    types = {constraint.type_param_str: sorted(constraint.allowed_type_strs) for constraint in schema.type_constraints}
    formals = list(schema.inputs)
    shape = dice.choice(_SHAPES[:2] if dice.random() < 0.5 else _SHAPES)
    for position in range(len(node.input)):
        formal = formals[min(position, len(formals) - 1)]
        name = f"x{position}"
        node.input[position] = name
        own = shape if dice.random() < 0.7 else dice.choice(_SHAPES)
        _operand(graph, dice, name, types.get(formal.type_str, [formal.type_str]), own if position else shape)
    for position in range(len(node.output)):
        node.output[position] = f"y{position}"
        graph.output.append(helper.make_tensor_value_info(node.output[position], TensorProto.FLOAT, None))
    graph.node.append(node)
    version = dice.choice((schema.since_version, 17, 21, defs.onnx_opset_version()))
    opsets = [helper.make_opsetid("", version)]
    if schema.domain:
        opsets.append(helper.make_opsetid(schema.domain, schema.since_version))
    return helper.make_model(graph, opset_imports=opsets)


def random_node(dice: Random, schema: defs.OpSchema | None = None) -> NodeProto:
    """A node of an operator with some of its attributes; its operands have no names yet."""
    schema = schema or dice.choice(operators())
    most = min(schema.max_input, 4)
    node = NodeProto(op_type=schema.name, domain=schema.domain, name="node")
    node.input.extend([""] * dice.randint(min(schema.min_input, most), most))
    node.output.extend([f"o{number}" for number in range(max(1, min(schema.max_output, dice.randint(1, 2))))])
    for name in sorted(schema.attributes):
        described = schema.attributes[name]
        if described.required or dice.random() < 0.3:
            value = _attribute(dice, str(described.type).rpartition(".")[2])
            if value is not None:
                node.attribute.append(helper.make_attribute(name, value))
    return node


def _operand(graph: Any, dice: Random, name: str, types: list[str], shape: tuple[int, ...]) -> None:
    """An input, or for later operands of whole numbers, a small constant: a shape, axes, indices."""
    known = [kind for kind in types if kind in _TYPES]
    kind = (
        "tensor(float)" if "tensor(float)" in known and dice.random() < 0.7 else dice.choice(known or ["tensor(float)"])
    )
    if name != "x0" and kind in _INTEGERS and dice.random() < 0.8:
        count = dice.randrange(5)
        values = [dice.randrange(-1, 5) for _ in range(count or 1)]
        graph.initializer.append(helper.make_tensor(name, _TYPES[kind], [count] if count else [], values))
        return
    graph.input.append(helper.make_tensor_value_info(name, _TYPES[kind], shape))


def _attribute(dice: Random, kind: str) -> Any:
    """A value of a type of attribute; None for the types that no operator has in its standard form."""
    inner = helper.make_node("Identity", ["x0"], ["inner"])
    written = helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)
    values: dict[str, Any] = {
        "INT": dice.choice((0, 1, 1, 2, 3, -1)),
        "FLOAT": dice.choice((0.0, 0.5, 1.0)),
        "STRING": dice.choice(_WORDS),
        "INTS": [dice.randrange(4) for _ in range(dice.randint(1, 4))],
        "FLOATS": [0.5, 1.0],
        "STRINGS": [b"a", dice.choice(_WORDS)],
        "TENSOR": helper.make_tensor("value", TensorProto.FLOAT, [2], [0.0, 1.0]),
        "GRAPH": helper.make_graph([inner], "body", [], [written]),
    }
    return values.get(kind)
