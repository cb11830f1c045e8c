"""Models of the ORT format: the ONNX models of the campaign in its tables, changed and encoded anew, and bytes."""

from __future__ import annotations

import copy
import struct
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Final

from onnx import ModelProto, checker
from tools.fuzz.case import Format
from tools.fuzz.formats.flatbuffer_fields import Values, change, pick
from tools.fuzz.formats.onnx_seeds import single_operator, sound_models
from tools.fuzz.oracle import read_and_estimate
from tools.fuzz.ort_file import ort_session

from annette.network.ort_schema import IDENTIFIER, MEMBERS, TABLES
from annette.network.writers.flatbuffer import encode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from random import Random

__all__ = ["OrtFormat"]

_ROOT: Final = "InferenceSession"


class OrtFormat(Format):
    """ONNX in FlatBuffers; a user's own files are damaged as bytes only."""

    name: ClassVar[str] = "ort"
    suffix: ClassVar[str] = ".ort"
    raw: ClassVar[float] = 0.2

    def __init__(self, extra: Sequence[Path] = ()) -> None:
        super().__init__(extra)
        self._sessions = _sessions()
        self._files = tuple(path.read_bytes() for path in self.extra)

    def draw(self, dice: Random) -> Values | bytes:
        """A sound model, one of a single operator, or a user's file."""
        if self._files and dice.random() < 0.2:
            return dice.choice(self._files)
        single = _session_of(single_operator(dice)) if dice.random() < 0.3 else None
        return single or copy.deepcopy(dice.choice(self._sessions))

    def mutate(self, subject: Values | bytes, dice: Random) -> None:
        """Changes one field of one table."""
        if isinstance(subject, bytes):
            return
        if dice.random() < 0.15:
            _rewire(subject, dice)
            return
        table, values = pick(subject, _ROOT, TABLES, dice)
        field, kind = dice.choice(TABLES[table] or (("", "opaque"),))
        if kind == "options":
            values[field] = (dice.choice(MEMBERS[1:]), {})
        else:
            change(values, field, kind, dice)

    def encode(self, subject: Values | bytes, dice: Random) -> bytes:
        """FlatBuffers' bytes."""
        del dice
        return subject if isinstance(subject, bytes) else encode(subject, _ROOT, TABLES, IDENTIFIER)

    def attempt(self, file: Path, dice: Random) -> str:
        """Reads the model and estimates it."""
        return read_and_estimate(file, dice)


@cache
def _sessions() -> tuple[Values, ...]:
    models = map(ModelProto.FromString, sound_models())
    return tuple(session for session in map(_session_of, models) if session)


def _session_of(model: ModelProto) -> Values | None:
    """A model in the tables of the format; None of one that it cannot hold (functions, external data, other texts)."""
    if model.functions:
        return None
    try:
        session = ort_session(model)
        encode(session, _ROOT, TABLES, IDENTIFIER)
    except (checker.ValidationError, ValueError, TypeError, OverflowError, UnicodeError, struct.error):
        return None
    return session


def _rewire(session: Values, dice: Random) -> None:
    """Changes what a node reads, writes or is, or lets a name mean something else."""
    graph = (session.get("model") or {}).get("graph") or {}
    nodes, infos = graph.get("nodes") or (), graph.get("node_args") or ()
    if not nodes:
        return
    node, other = dice.choice(nodes), dice.choice(nodes)
    names = [*(name for each in nodes[:50] for name in (*each.get("inputs", ()), *each.get("outputs", ()))), ""]
    match dice.randrange(6):
        case 0:
            node["inputs"] = [dice.choice(names) for _ in range(dice.randrange(5))]
        case 1:
            node["outputs"] = [dice.choice(names) for _ in range(dice.randrange(3))]
        case 2:
            node["op_type"], node["domain"] = other.get("op_type", ""), other.get("domain", "")
        case 3:
            node["attributes"] = copy.deepcopy(other.get("attributes") or [])
        case 4 if infos:
            dice.choice(infos)["name"] = dice.choice(names)
        case _:
            graph["nodes"] = [*nodes, copy.deepcopy(node)]
