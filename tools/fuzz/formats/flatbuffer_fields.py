"""Mutations of files in FlatBuffers as plain values: what `annette.network.writers.flatbuffer.encode` takes.

A table is a mapping from field to value; a schema has the fields of each table and their types, as
`annette.network.tflite_schema.TABLES`.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from tools.fuzz.values import clean, floating, integer, near, text, within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

__all__ = ["BITS", "Values", "change", "element", "pick", "scalar", "single"]

Values = dict[str, Any]
"""Fields of a table, by name."""

BITS: Final = {"bool": (1, False), "int8": (8, True), "uint8": (8, False), "int32": (32, True), "uint32": (32, False),
               "int64": (64, True), "uint64": (64, False)}  # fmt: skip
"""Width of each type of whole numbers, and whether it has a sign."""


def pick(root: Values, table: str, schema: Mapping[str, Sequence[tuple[str, str]]], dice: Random) -> tuple[str, Values]:
    """A table of a file, found by walking down from its root.

    Args:
        root: The root's values.
        table: The root's name.
        schema: Fields of all tables.
        dice: Where to go.
    """
    values = root
    while True:
        inner: list[tuple[str, Values]] = []
        for field, kind in schema[table]:
            name, held = kind.strip("[]"), values.get(field)
            if kind == "options" and held:
                inner.append((held[0], held[1]))
            elif held and name in schema:
                chosen = dice.choice(held) if kind.startswith("[") else held
                inner.append((name, chosen))
        if not inner or dice.random() < 0.15:
            return table, values
        table, values = dice.choice(inner)


def change(values: Values, field: str, kind: str, dice: Random) -> None:
    """Changes one field of a table that is no union.

    Args:
        values: The table.
        field: Its name.
        kind: Its type.
        dice: How.
    """
    if kind in BITS:
        values[field] = scalar(kind, near(dice, int(values.get(field) or 0)))
    elif kind == "float32":
        values[field] = single(near(dice, float(values.get(field) or 0.0)))
    elif kind == "string":
        values[field] = clean(text(dice, ("main", "x", "Mystery")))
    elif kind == "[byte]":
        values[field] = _bytes(bytes(values.get(field) or b""), dice)
    elif kind.startswith("["):
        _change_vector(values, field, kind[1:-1], dice)
    elif kind not in ("opaque", "options") and dice.random() < 0.5:
        values[field] = None if values.get(field) else {}


def scalar(kind: str, value: float) -> int:
    """A whole number that fits the type."""
    bits, signed = BITS[kind]
    return within(value, bits, signed=signed)


def single(value: float) -> float:
    """A number of four bytes."""
    return value if not 3.4e38 < abs(value) < float("inf") else 3.4e38


def element(kind: str, dice: Random) -> Any:
    """A value of a scalar type; None of others."""
    if kind == "float32":
        return single(floating(dice))
    return scalar(kind, integer(dice)) if kind in BITS else None


def _bytes(data: bytes, dice: Random) -> bytes:
    at = dice.randrange(len(data) + 1)
    return dice.choice((
        data[:at], data + data, b"", data[::-1], bytes(len(data)), b"\xff" * len(data),
        data[:at] + b"\x7f" + data[at + 1 :],
        bytes(dice.randrange(256) for _ in range(dice.choice((1, 3, 4, 8, 16, 1000)))),
    ))  # fmt: skip


def _change_vector(values: Values, field: str, kind: str, dice: Random) -> None:
    items = list(values.get(field) or ())
    plain = kind in BITS or kind == "float32"
    match dice.randrange(8):
        case 0 if items:
            del items[dice.randrange(len(items))]
        case 1 if items:
            items.insert(dice.randrange(len(items) + 1), copy.deepcopy(dice.choice(items)))
        case 2:
            items = []
        case 3:
            items.reverse()
        case 4 if items:
            # Tables hold tables: a thousand of a thousand would be a file of gigabytes, and a case of the tool itself.
            items += [items[0]] * dice.choice((1, 3, 33, 1000 if plain else 33))
        case 5:
            items.append(_new(kind, dice))
        case _ if items and plain:
            index = dice.randrange(len(items))
            new = near(dice, items[index])
            items[index] = single(new) if kind == "float32" else scalar(kind, new)
        case _ if items and kind == "string":
            items[dice.randrange(len(items))] = _new(kind, dice)
    values[field] = items


def _new(kind: str, dice: Random) -> Any:
    if kind == "string":
        return clean(text(dice, ("x", "y", "")))
    return element(kind, dice) if kind in BITS or kind == "float32" else {}
