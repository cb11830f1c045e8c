"""TFLite models: tables of the file's schema, changed and encoded anew, and bytes of the encoding."""

from __future__ import annotations

import copy
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tools.fuzz.case import Format
from tools.fuzz.formats.flatbuffer_fields import BITS, Values, change, element, pick, single
from tools.fuzz.networks import small_networks
from tools.fuzz.oracle import read_and_estimate
from tools.fuzz.values import floating, integer, within

from annette.errors import UnsupportedOperatorError
from annette.network.readers.tflite.flatbuffer import Flatbuffer
from annette.network.tflite_schema import DTYPES, IDENTIFIER, OPERATORS, OPTIONS, TABLES
from annette.network.writers.flatbuffer import encode
from annette.network.writers.tflite import lower_tflite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from random import Random

__all__ = ["TfliteFormat"]

_SHAPES: Final = ((1, 6, 6, 4), (1, 4), (4,), (), (1, 3, 3, 4), (4, 3, 3, 4), (2, 3), (1, 4, 8), (1, 2, 6, 6, 4))
_LARGEST_SEED: Final = 300_000
"""Bytes of a user's file that is still decoded; larger ones would slow the whole campaign down."""


class TfliteFormat(Format):
    """Models in FlatBuffers."""

    name: ClassVar[str] = "tflite"
    suffix: ClassVar[str] = ".tflite"
    raw: ClassVar[float] = 0.25

    def __init__(self, extra: Sequence[Path] = ()) -> None:
        super().__init__(extra)
        users = (path.read_bytes() for path in self.extra if path.stat().st_size <= _LARGEST_SEED)
        self._models = tuple(map(_decoded, (*_lowered(), *users)))

    def draw(self, dice: Random) -> Values:
        """A model that the writer lowered, a user's, or one of a single operator."""
        if dice.random() < 0.3:
            return _single_operator(dice)
        return copy.deepcopy(dice.choice(self._models))

    def mutate(self, subject: Values, dice: Random) -> None:
        """Changes one field of one table."""
        if dice.random() < 0.15:
            _rewire(subject, dice)
            return
        table, values = pick(subject, "Model", TABLES, dice)
        field, kind = dice.choice(TABLES[table] or (("", "opaque"),))
        if kind == "options":
            _change_options(values, dice)
        else:
            change(values, field, kind, dice)

    def encode(self, subject: Values, dice: Random) -> bytes:
        """FlatBuffers' bytes."""
        del dice
        return encode(subject, "Model", TABLES, IDENTIFIER)

    def attempt(self, file: Path, dice: Random) -> str:
        """Reads the model and estimates it."""
        return read_and_estimate(file, dice)


@cache
def _lowered() -> tuple[bytes, ...]:
    models = []
    for network in small_networks():
        try:
            models.append(lower_tflite(network).content)
        except UnsupportedOperatorError:
            continue
    return tuple(models)


def _decoded(data: bytes) -> Values:
    """A file as what `encode` takes."""
    file = Flatbuffer(data, TABLES)
    model = file.root("Model")
    for buffer in model["buffers"]:
        buffer["data"] = file.bytes_at(*buffer["data"])
    for graph in model["subgraphs"]:
        for operator in graph["operators"]:
            member, _ = reference = operator["builtin_options"]
            name = OPTIONS[member] if member < len(OPTIONS) else ""
            operator["builtin_options"] = (name, file.options(reference, name)) if member and name in TABLES else None
    return model


def _single_operator(dice: Random) -> Values:
    """A model of one operator of any kind over tensors of any shape, with the options that the schema knows for it."""
    code = dice.randrange(len(OPERATORS))
    count, written = dice.randint(1, 4), dice.choice((1, 1, 1, 2))
    shape = dice.choice(_SHAPES)
    buffers: list[Values] = [{}]
    tensors: list[Values] = []
    for number in range(count + written):
        own = shape if dice.random() < 0.8 else dice.choice(_SHAPES)
        tensor: Values = {"name": f"t{number}", "shape": own, "type": dice.choice((9, 9, 9, 0, 2, 4, 3, 6))}
        if 0 < number < count and dice.random() < 0.6:
            values = [dice.randrange(-1, 5) for _ in range(dice.randint(1, 4))]
            tensor |= {"type": 2, "shape": (len(values),), "buffer": len(buffers)}
            buffers.append({"data": b"".join(value.to_bytes(4, "little", signed=True) for value in values)})
        tensors.append(tensor)
    operator: Values = {"inputs": tuple(range(count)), "outputs": tuple(range(count, count + written))}
    words = OPERATORS[code].replace("_", "").lower()
    fitting = [name for name in OPTIONS if name in TABLES and (name.lower() in words or words in name.lower())]
    if fitting:
        name = dice.choice(fitting)
        operator["builtin_options_type"] = OPTIONS.index(name)
        operator["builtin_options"] = (name, {field: 1 for field, kind in TABLES[name] if kind in BITS})
    graph = {
        "tensors": tensors,
        "operators": [operator],
        "inputs": (0,),
        "outputs": operator["outputs"],
        "name": "main",
    }
    codes = [{"builtin_code": code, "deprecated_builtin_code": min(code, 127), "custom_code": "Mystery", "version": 1}]
    return {"version": 3, "operator_codes": codes, "subgraphs": [graph], "buffers": buffers}


def _change_options(operator: Values, dice: Random) -> None:
    """Options of another operator, or none."""
    if dice.random() < 0.3:
        operator["builtin_options"] = None
        return
    name = dice.choice([name for name in OPTIONS if name in TABLES])
    fields: Values = {}
    for field, kind in TABLES[name]:
        if dice.random() < 0.6:
            fields[field] = element(kind.strip("[]"), dice) if not kind.startswith("[") else [element("int32", dice)]
    operator["builtin_options"] = (name, fields)
    if dice.random() < 0.8:
        operator["builtin_options_type"] = OPTIONS.index(name)


def _rewire(model: Values, dice: Random) -> None:
    """Changes what operators read and write, of which types tensors are, and where their values lie."""
    graphs = model.get("subgraphs") or ()
    graph = dice.choice(graphs) if graphs else {}
    tensors, operators = graph.get("tensors") or (), graph.get("operators") or ()
    if not tensors or not operators:
        return
    tensor, operator = dice.choice(tensors), dice.choice(operators)
    changes: tuple[Callable[[], Any], ...] = (
        lambda: tensor.update(buffer=dice.randrange(len(model.get("buffers") or (0,)) + 1)),
        lambda: tensor.update(type=dice.choice((*range(len(DTYPES)), 100, -1))),
        lambda: tensor.update(is_variable=1),
        lambda: tensor.update(shape=dice.choice((*_SHAPES, (0,), (-1, 4), (65536, 65536, 65536), (1,) * 40))),
        lambda: operator.update(inputs=[dice.randrange(-1, len(tensors)) for _ in range(dice.randrange(6))]),
        lambda: operator.update(outputs=[dice.randrange(len(tensors)) for _ in range(dice.randrange(3))]),
        lambda: dice.choice(model.get("operator_codes") or [{}]).update(
            builtin_code=dice.randrange(len(OPERATORS) + 5)
        ),
        lambda: model.update(subgraphs=[*graphs, copy.deepcopy(graph)]),
        lambda: tensor.update(
            quantization={"scale": [single(floating(dice))], "zero_point": [within(integer(dice), 64)]}
        ),
    )
    dice.choice(changes)()
