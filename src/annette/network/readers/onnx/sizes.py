"""Sizes that data decide: what was said of them, else what they count as, and which there are.

Nothing is known of a number of elements that data select but that it is at most all: half of them is off by the least
where every share is as likely as another. The lengths of the sequences of a batch are another matter: who says how long
the sequences are means sequences that long, so that recurrent layers count in full.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from annette.errors import OptionError
from annette.network.inputs import InputValue, given_text
from annette.network.sizes import DataSize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.inputs import Given
    from annette.network.readers.onnx.node import Node
    from annette.network.readers.onnx.values import Value

__all__ = ["Level", "Sizes"]


_FEWEST: Final = 2
"""Elements selected at the least: one alone would be broadcast, or its dimension dropped, where more are not."""


class Level(Enum):
    """What sizes count as that data decide and nobody gave."""

    LEAST = "least"
    USUAL = "usual"
    MOST = "most"


class Sizes:
    """The sizes that data decide in one walk.

    Args:
        given: What was said of tensors, by the file's names for them.
        level: What all others count as.

    Attributes:
        found: The sizes so far, by tensor.
        sources: What decides each of those that nobody gave.
    """

    def __init__(self, given: Mapping[str, Given], level: Level = Level.USUAL) -> None:
        self.found: dict[str, DataSize] = {}
        self.sources: dict[str, Value] = {}
        self._given = given
        self._level = level

    @property
    def unused(self) -> list[str]:
        """What was given and names no tensor whose size data decide."""
        return [name for name in self._given if name not in self.found]

    def selected(self, node: Node, largest: int, decides: Value, *, axis: int) -> int:
        """How many elements an operator selects.

        Args:
            node: The operator.
            largest: How many it can select at most.
            decides: What it selects by.
            axis: Dimension of its first result that has this size.

        Raises:
            OptionError: More are given.
        """
        name = next(iter(node.output_names), "")
        given = self._given.get(name)
        count = self._counted(largest, halved=True) if given is None else _dimension(name, given, axis)
        if given is not None and count > largest:
            raise OptionError(
                f"--input {name}={given_text(given)}: {node.subject} gives at most {largest} in dimension {axis}"
            )
        self._note(node, name, count, largest, None if given is not None else decides)
        return count

    def steps(self, node: Node, position: int, longest: int) -> int:
        """How many steps a recurrent layer takes: the longest of the sequences whose lengths an operand holds.

        Args:
            node: The layer.
            position: Number of the operand with the lengths.
            longest: Steps of its input.

        Raises:
            OptionError: A length is given that no sequence has.
        """
        lengths = node.optional(position)
        if lengths is None:
            return longest
        if lengths.data is not None:
            return max(1, min(longest, max(node.known(position, "lengths of sequences"), default=longest)))
        name = node.proto.input[position]
        given = self._given.get(name)
        count = self._counted(longest, halved=False)
        if given is not None:
            numbers = given.numbers if isinstance(given, InputValue) else given
            count = int(max(numbers))
            if not 0 < count <= longest:
                raise OptionError(
                    f"--input {name}={given_text(given)}: {node.subject} reads sequences of 1 to {longest} steps"
                )
        self._note(node, name, count, longest, None if given is not None else lengths, holds_lengths=True)
        return count

    def shape(self, node: Node) -> tuple[int, ...] | None:
        """The shape that was given of the first result of a node, of which nothing else says it.

        Raises:
            OptionError: A value was given.
        """
        name = next(iter(node.output_names), "")
        given = self._given.get(name)
        if given is None:
            return None
        if isinstance(given, InputValue):
            raise OptionError(f"--input {name}={given.text}: the tensor is computed; give its shape, such as 1x128")
        self._note(node, name, max(given, default=1), None, None)
        return given

    def _counted(self, largest: int, *, halved: bool) -> int:
        if self._level is Level.LEAST:
            return min(_FEWEST if halved else 1, largest)
        return (largest + 1) // 2 if halved and self._level is Level.USUAL else largest

    def _note(
        self,
        node: Node,
        name: str,
        count: int,
        largest: int | None,
        decides: Value | None,
        *,
        holds_lengths: bool = False,
    ) -> None:
        size = DataSize(name, node.name, node.op, count, largest, decides is None, holds_lengths)
        self.found.setdefault(name, size)
        if decides is not None:
            self.sources.setdefault(name, decides)


def _dimension(name: str, given: Given, axis: int) -> int:
    """The size that was given of one dimension, by itself or as part of a shape."""
    if isinstance(given, InputValue):
        raise OptionError(f"--input {name}={given.text}: the tensor is computed; give its size, such as 128")
    if len(given) > 1 and axis >= len(given):
        raise OptionError(f"--input {name}={given_text(given)}: the tensor has {axis + 1} dimensions or more")
    return given[axis] if len(given) > 1 else given[0]
