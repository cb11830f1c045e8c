"""ONNX models: every part of a model is replaced, removed, repeated or contradicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, helper
from tools.fuzz.case import Format
from tools.fuzz.formats.onnx_bombs import plant_bomb, plant_calls, plant_nest
from tools.fuzz.formats.onnx_seeds import DATA_FILE, operators, random_node, single_operator, sound_models
from tools.fuzz.oracle import read_and_estimate
from tools.fuzz.values import clean, floating, integer, near, text, within

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from random import Random

    from onnx import NodeProto

__all__ = ["OnnxFormat"]

_LOCATIONS: Final = (
    DATA_FILE, "pipe", "folder", "link", "loop", "missing.bin", "/dev/zero", "/dev/stdin", "/dev/tty", "/proc/self/mem",
    "../" * 8 + "etc/passwd", "/etc/passwd", "folder/../" + DATA_FILE, "x" * 300, "a/" * 2000, "", ".", "..",
    "case.onnx", "\x01", "~", "\\\\host\\share",
)  # fmt: skip
"""Where external data may be said to lie; `tools.fuzz.worker` puts a pipe, a folder and links beside the file."""
_NUMBERS: Final = (
    "0",
    "-1",
    "1",
    "4096",
    "2147483648",
    "9223372036854775807",
    "18446744073709551616",
    "1e3",
    "",
    "x",
    "4095",
)
_VERSIONS: Final = (0, 1, 6, 7, 9, 11, 13, 17, 18, 21, 22, 23, 24, 99, -1, 2**31, 2**62)
_KNOWN: Final = ("x", "y", "x0", "y0", "image", "data", "nobody", "")


class OnnxFormat(Format):
    """Models in protobuf, with their weights inside or beside."""

    name: ClassVar[str] = "onnx"
    suffix: ClassVar[str] = ".onnx"
    raw: ClassVar[float] = 0.08

    def __init__(self, extra: Sequence[Path] = ()) -> None:
        super().__init__(extra)
        self._models = (*sound_models(), *(path.read_bytes() for path in self.extra))

    def draw(self, dice: Random) -> ModelProto:
        """A model of a writer's, one that was written by hand, a user's, or one of a single operator."""
        if dice.random() < 0.3:
            return single_operator(dice)
        model = ModelProto()
        model.ParseFromString(dice.choice(self._models))
        return model

    def mutate(self, subject: ModelProto, dice: Random) -> None:
        """Changes the model, or one graph in it."""
        if dice.random() < 0.1:
            _change_model(subject, dice)
            return
        graph = dice.choice(_graphs(subject))
        dice.choice(_CHANGES)(graph, dice)

    def encode(self, subject: ModelProto, dice: Random) -> bytes:
        """Protobuf's bytes."""
        del dice
        return bytes(subject.SerializeToString(deterministic=True))

    def attempt(self, file: Path, dice: Random) -> str:
        """Reads the model and estimates it."""
        return read_and_estimate(file, dice)


def _graphs(model: ModelProto) -> list[Any]:
    """The model's graph, several times as likely as any other, bodies of control flow, and functions."""
    found: list[Any] = []
    waiting: list[Any] = [model.graph, *model.functions]
    while waiting and len(found) < 20:
        graph = waiting.pop(0)
        found.append(graph)
        waiting += [attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")]
    return [found[0]] * len(found) + found


def _change_model(model: ModelProto, dice: Random) -> None:
    match dice.randrange(10):
        case 0 | 1 if model.opset_import:
            dice.choice(model.opset_import).version = dice.choice(_VERSIONS)
        case 2:
            model.opset_import.add(
                domain=clean(text(dice, ("", "ai.onnx", "com.microsoft"))), version=dice.choice(_VERSIONS)
            )
        case 3:
            model.ClearField("opset_import")
        case 4:
            model.ir_version = within(integer(dice), 64)
        case 5 if model.functions:
            _change_function(model, dice)
        case 6:
            other = single_operator(dice)
            model.graph.MergeFrom(other.graph)
        case 8:
            plant_calls(model, dice)
        case 9:
            plant_nest(model, dice)
        case _:
            model.metadata_props.add(key=clean(text(dice)), value=clean(text(dice)))


def _change_function(model: ModelProto, dice: Random) -> None:
    """Functions that lack, that repeat, and that call each other."""
    function = dice.choice(model.functions)
    match dice.randrange(5):
        case 0:
            model.functions.remove(function)
        case 1:
            model.functions.add().CopyFrom(function)
        case 2:
            function.name = clean(text(dice, ("f", "g", "Relu")))
        case 3:
            for _ in range(dice.choice((1, 2, 10))):
                function.node.add(op_type=dice.choice(model.functions).name, domain=function.domain,
                                  input=list(function.input), output=[f"n{len(function.node)}"])  # fmt: skip
        case _:
            function.input.append(clean(text(dice, _KNOWN)))


def _names(graph: Any) -> list[str]:
    """Tensors that are written in a graph, and some that are not."""
    return [*(name for node in graph.node[:50] for name in node.output), *_KNOWN]


def _node(graph: Any, dice: Random) -> NodeProto | None:
    return dice.choice(graph.node) if graph.node else None


def _operator(graph: Any, dice: Random) -> None:
    node = _node(graph, dice)
    if node is None:
        return
    if dice.random() < 0.2:
        node.domain = clean(text(dice, ("", "ai.onnx", "local", "com.microsoft", "ai.onnx.ml")))
    else:
        node.op_type = dice.choice(operators()).name if dice.random() < 0.9 else clean(text(dice))


def _add_node(graph: Any, dice: Random) -> None:
    """Another operator over what there is, at any place in the order."""
    names = _names(graph)
    node = random_node(dice)
    for position in range(len(node.input)):
        node.input[position] = dice.choice(names)
    for position in range(len(node.output)):
        node.output[position] = f"added{len(graph.node)}_{position}"
    _place_node(graph, dice, node)
    if isinstance(graph, GraphProto) and dice.random() < 0.5:
        graph.output.append(helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None))


def _place_node(graph: Any, dice: Random, node: NodeProto) -> None:
    graph.node.insert(dice.randrange(len(graph.node) + 1), node)


def _rewire(graph: Any, dice: Random) -> None:
    node = _node(graph, dice)
    if node is None:
        return
    names = _names(graph)
    operands = node.input if dice.random() < 0.7 else node.output
    match dice.randrange(6):
        case 0 if operands:
            del operands[dice.randrange(len(operands))]
        case 1:
            operands.append(dice.choice(names))
        case 2 if operands:
            operands.extend([operands[0]] * dice.choice((1, 2, 100)))
        case 3 if operands:
            operands[dice.randrange(len(operands))] = clean(text(dice, tuple(names)))
        case 4:
            del operands[:]
        case _ if operands:
            operands[dice.randrange(len(operands))] = dice.choice(names)


def _order(graph: Any, dice: Random) -> None:
    if not graph.node:
        return
    index = dice.randrange(len(graph.node))
    node = graph.node.pop(index)
    if dice.random() < 0.7:
        _place_node(graph, dice, node)
    if dice.random() < 0.2:
        _place_node(graph, dice, node)


def _attribute(graph: Any, dice: Random) -> None:
    node = _node(graph, dice)
    if node is None:
        return
    if not node.attribute or dice.random() < 0.15:
        _add_attribute(node, dice)
        return
    attribute = dice.choice(node.attribute)
    match dice.randrange(6):
        case 0:
            node.attribute.remove(attribute)
        case 1:
            node.attribute.add().CopyFrom(attribute)
        case 2:
            attribute.name = clean(text(dice, ("axis", "pads", "kernel_shape", "to", "group")))
        case 3:
            attribute.type = dice.randrange(15)
        case _:
            _change_value(attribute, dice)


def _change_value(attribute: AttributeProto, dice: Random) -> None:
    if attribute.ints:
        _change_integers(attribute.ints, dice)
    elif attribute.type == AttributeProto.INT:
        attribute.i = within(near(dice, attribute.i), 64)
    elif attribute.type == AttributeProto.FLOAT:
        attribute.f = _single(near(dice, float(attribute.f)))
    elif attribute.floats:
        attribute.floats[dice.randrange(len(attribute.floats))] = _single(floating(dice))
    elif attribute.type == AttributeProto.STRING:
        attribute.s = text(
            dice, ("SAME_UPPER", "VALID", "nearest", "ij,jk->ik", "...i,...j->...", "i" * 60 + "->")
        ).encode("utf-8", "replace")
    elif attribute.HasField("t"):
        _change_tensor(attribute.t, dice)


def _change_integers(values: Any, dice: Random) -> None:
    match dice.randrange(5):
        case 0 if values:
            del values[-1]
        case 1:
            values.extend([1] * dice.choice((1, 2, 64, 5000)))
        case 2 if values:
            del values[:]
        case _ if values:
            index = dice.randrange(len(values))
            values[index] = within(near(dice, values[index]), 64)


def _single(value: float) -> float:
    """A number that a field of four bytes takes: infinite beyond their range."""
    return value if abs(value) < 3e38 or value != value else float("inf") if value > 0 else float("-inf")  # noqa: PLR0124 - NaN


def _add_attribute(node: NodeProto, dice: Random) -> None:
    names = sorted(dice.choice(operators()).attributes) or ["axis"]
    value = dice.choice((within(integer(dice), 64), [within(integer(dice), 64)] * 2, 0.5, b"\xff", [b"a"], [0.5]))
    node.attribute.append(helper.make_attribute(dice.choice(names), value))


def _shape(graph: Any, dice: Random) -> None:
    """Dimensions and element types of what the model states: inputs, outputs, and tensors in between."""
    if not isinstance(graph, GraphProto):
        return
    stated = [*graph.input, *graph.input, *graph.output, *graph.value_info]
    if not stated or dice.random() < 0.1:
        graph.value_info.append(helper.make_tensor_value_info(dice.choice(_names(graph)), 1, [1, 2, 3]))
        return
    described = dice.choice(stated)
    tensor = described.type.tensor_type
    dims = tensor.shape.dim
    match dice.randrange(9):
        case 0:
            tensor.elem_type = dice.choice((*range(25), 100, -1, 2**31 - 1))
        case 1:
            dims.add(dim_value=within(integer(dice), 64))
        case 2 if dims:
            del dims[-1]
        case 3 if dims:
            dice.choice(dims).dim_param = clean(text(dice, ("N", "batch", "N+1")))
        case 4:
            tensor.ClearField("shape")
        case 5:
            described.name = clean(text(dice, tuple(_names(graph))))
        case 6:
            described.ClearField("type")
        case _ if dims:
            dim = dice.choice(dims)
            dim.dim_value = within(near(dice, dim.dim_value), 64)


def _initializer(graph: Any, dice: Random) -> None:
    if not isinstance(graph, GraphProto):
        return
    if not graph.initializer or dice.random() < 0.1:
        values = [within(integer(dice), 64) for _ in range(dice.randrange(4))]
        graph.initializer.append(
            helper.make_tensor(dice.choice(_names(graph)), TensorProto.INT64, [len(values)], values)
        )
        return
    tensor = dice.choice(graph.initializer)
    if dice.random() < 0.1:
        graph.initializer.remove(tensor)
    else:
        _change_tensor(tensor, dice)


def _change_tensor(tensor: TensorProto, dice: Random) -> None:
    match dice.randrange(9):
        case 0:
            tensor.data_type = dice.choice((*range(25), 100, -1))
        case 1:
            tensor.dims.append(within(integer(dice), 64))
        case 2 | 3 if tensor.dims:
            index = dice.randrange(len(tensor.dims))
            tensor.dims[index] = within(near(dice, tensor.dims[index]), 64)
        case 4 if tensor.raw_data:
            tensor.raw_data = dice.choice(
                (tensor.raw_data[:-1], tensor.raw_data * 2, b"", b"\xff" * 8, tensor.raw_data[::-1])
            )
        case 5 if tensor.int64_data:
            index = dice.randrange(len(tensor.int64_data))
            tensor.int64_data[index] = within(near(dice, tensor.int64_data[index]), 64)
        case 6:
            tensor.name = clean(text(dice, _KNOWN))
        case 7:
            _external(tensor, dice)
        case _:
            tensor.string_data.append(text(dice).encode("utf-8", "replace"))


def _external(tensor: TensorProto, dice: Random) -> None:
    tensor.data_location = TensorProto.EXTERNAL
    if dice.random() < 0.5:
        tensor.ClearField("raw_data")
    if tensor.external_data and dice.random() < 0.5:
        dice.choice(tensor.external_data).value = dice.choice(_NUMBERS)
        return
    del tensor.external_data[:]
    tensor.external_data.add(key="location", value=clean(dice.choice(_LOCATIONS)))
    for key in ("offset", "length", "checksum"):
        if dice.random() < 0.5:
            tensor.external_data.add(key=key, value=dice.choice(_NUMBERS))


def _interface(graph: Any, dice: Random) -> None:
    """Inputs and outputs that lack, repeat, or are of another kind than tensors."""
    if not isinstance(graph, GraphProto):
        return
    described = graph.input if dice.random() < 0.5 else graph.output
    match dice.randrange(4):
        case 0 if described:
            del described[dice.randrange(len(described))]
        case 1 if described:
            described.add().CopyFrom(described[0])
        case 2 if described:
            tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, [2])
            kind = dice.choice((helper.make_sequence_type_proto, helper.make_optional_type_proto))
            described[0].type.CopyFrom(kind(tensor))
        case _:
            described.append(helper.make_tensor_value_info(dice.choice(_names(graph)), TensorProto.FLOAT, [1, 2]))


def _bomb(graph: Any, dice: Random) -> None:
    if isinstance(graph, GraphProto):
        plant_bomb(graph, dice)


def _rename_node(graph: Any, dice: Random) -> None:
    node = _node(graph, dice)
    if node is not None:
        node.name = clean(text(dice))


_CHANGES: Final[tuple[Callable[[Any, Random], None], ...]] = (
    _operator, _operator, _add_node, _add_node, _rewire, _rewire, _order, _attribute, _attribute, _attribute,
    _attribute, _shape, _shape,
    _initializer, _initializer, _interface, _bomb, _rename_node,
)  # fmt: skip
