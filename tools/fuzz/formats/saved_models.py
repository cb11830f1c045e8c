"""Saved models of TensorFlow: fields of their protobuf changed, and bytes."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tools.fuzz.case import Format
from tools.fuzz.oracle import refused_with
from tools.fuzz.values import clean, integer, text, within

from annette.errors import NetworkError
from annette.network.readers.onnx.skeleton import encoded_varint
from annette.network.readers.saved_model_operators import SAVED_MODEL_FILE, check_operators

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from random import Random

__all__ = ["SavedModelFormat"]

Message = list[Any]
"""Fields of a message, in order: lists of a number and an int, bytes, or the fields of a message."""

_OPERATORS: Final = (b"Conv2D", b"ReadFile", b"PyFunc", b"SaveV2", b"", b"\xff\xfe", b"WriteFile", b"PartitionedCall")
_PLACES: Final = ("file",) * 8 + ("none", "pipe", "link", "loop", "folder")


class SavedModelFormat(Format):
    """What annette reads and checks of a saved model before TensorFlow sees it; TensorFlow itself is not called.

    A user's own files are damaged as bytes only.
    """

    name: ClassVar[str] = "saved_model"
    suffix: ClassVar[str] = ".pb"
    raw: ClassVar[float] = 0.4

    def __init__(self, extra: Sequence[Path] = ()) -> None:
        super().__init__(extra)
        self._files = tuple(path.read_bytes() for path in self.extra)

    def draw(self, dice: Random) -> Message | bytes:
        """A sound model, or a user's file."""
        if self._files and dice.random() < 0.5:
            return dice.choice(self._files)
        return _model()

    def mutate(self, subject: Message | bytes, dice: Random) -> None:
        """Changes one field: its value, its number, its place, or how often it is there."""
        if isinstance(subject, bytes):
            return
        holder = dice.choice(list(_messages(subject)))
        if not holder:
            return
        at = dice.randrange(len(holder))
        number, value = holder[at]
        match dice.randrange(7):
            case 0:
                del holder[at]
            case 1:
                holder += [copy.deepcopy(holder[at])] * dice.choice((1, 1, 5, 300))
            case 2:
                holder[at] = [dice.choice((0, 1, 2, 3, number + 1, 2**29 - 1)), value]
            case 3:
                nested = value
                for _ in range(dice.choice((1, 2, 99, 101, 200))):
                    nested = [[number, nested]]
                holder[at] = [number, nested]
            case 4 | 5 if isinstance(value, bytes):
                holder[at] = [number, dice.choice((*_OPERATORS, clean(text(dice)).encode()))]
            case _:
                holder[at] = [number, within(integer(dice), 64, signed=False)]

    def encode(self, subject: Message | bytes, dice: Random) -> bytes:
        """Protobuf's bytes."""
        del dice
        return subject if isinstance(subject, bytes) else _encoded(subject)

    def attempt(self, file: Path, dice: Random) -> str:
        """Reads and checks the operators of a folder with the file, or something else, in it."""
        folder = file.with_name("saved")
        folder.mkdir(exist_ok=True)
        stored = folder / SAVED_MODEL_FILE
        if stored.is_dir() and not stored.is_symlink():
            stored.rmdir()
        stored.unlink(missing_ok=True)
        place = dice.choice(_PLACES)
        if place == "file":
            stored.write_bytes(file.read_bytes())
        elif place == "folder":
            stored.mkdir()
        elif place != "none":
            stored.symlink_to(file.with_name(place))  # The worker's folder has them.
        with refused_with(NetworkError):
            check_operators(folder)
        return "accepted"


def _messages(message: Message) -> Iterator[Message]:
    """A message and those in it."""
    waiting = [message]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += [value for _, value in each if isinstance(value, list)]


def _encoded(message: Message) -> bytes:
    """The wire format; a message that is nested deep is encoded from the inside, without recursion."""
    done: dict[int, bytes] = {}
    for each in reversed(list(_messages(message))):
        parts = bytearray()
        for number, value in each:
            content = done[id(value)] if isinstance(value, list) else value
            if isinstance(content, int):
                parts += encoded_varint(number << 3) + encoded_varint(content)
            else:
                parts += encoded_varint(number << 3 | 2) + encoded_varint(len(content)) + content
        done[id(each)] = bytes(parts)
    return done[id(message)]


def _node(name: bytes, operator: bytes, *inputs: bytes) -> Message:
    device, attribute = b"/device:CPU:0", [[1, b"T"], [2, [[6, 1]]]]
    return [[1, name], [2, operator], *([3, each] for each in inputs), [4, device], [5, attribute]]


def _model() -> Message:
    """A graph of a few operators that calls a function, with a signature."""
    function = [
        [1, [[1, b"serve"], [2, [[1, b"x"], [3, 1]]]]],
        [3, _node(b"relu", b"Relu", b"x")],
        [3, _node(b"product", b"MatMul", b"relu", b"x")],
    ]
    graph = [
        [1, _node(b"x", b"Placeholder")],
        [1, _node(b"weights", b"VarHandleOp")],
        [1, _node(b"read", b"ReadVariableOp", b"weights")],
        [1, _node(b"call", b"StatefulPartitionedCall", b"x", b"read")],
        [1, _node(b"saver", b"SaveV2", b"x")],
        [2, [[1, function]]],
        [4, [[1, 1800]]],
    ]
    signature = [[1, b"serving_default"], [2, [[3, b"tensorflow/serving/predict"]]]]
    meta = [[1, [[4, b"serve"], [5, b"2.21.0"]]], [2, graph], [5, signature], [6, [[2, b"../../etc/passwd"]]]]
    return [[1, 1], [2, meta]]
