"""Sizes that data decide: what was said of them, else what they count as, and which there are.

Nothing is known of a number of elements that data select but that it is at most all: half of them is off by the least
where every share is as likely as another. The lengths of the sequences of a batch are another matter: who says how long
the sequences are means sequences that long, so that recurrent layers count in full.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.errors import OptionError
from annette.network.inputs import InputValue, given_text
from annette.network.sizes import DataSize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.inputs import Given
    from annette.network.readers.onnx.values import Value

__all__ = ["Level", "Place", "Sizes"]


_FEWEST: Final = 2
"""Elements selected at the least: one alone would be broadcast, or its dimension dropped, where more are not."""


class Level(Enum):
    """What sizes count as that data decide and nobody gave."""

    LEAST = "least"
    USUAL = "usual"
    MOST = "most"


class Place(NamedTuple):
    """Where a size stands.

    Attributes:
        tensor: The tensor, by the file's name for it.
        node: Name of the node that decides it, or whose work it decides.
        operator: Its operator.
    """

    tensor: str
    node: str
    operator: str


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

    def is_given(self, tensor: str) -> bool:
        """Whether something was said of a tensor."""
        return tensor in self._given

    def selected(self, place: Place, largest: int, decides: Value, *, axis: int) -> int:
        """How many elements an operator selects.

        Args:
            place: Its first result.
            largest: How many it can select at most.
            decides: What it selects by.
            axis: Dimension of the result that has this size.

        Raises:
            OptionError: More are given.
        """
        given = self._given.get(place.tensor)
        count = self._counted(largest, halved=True) if given is None else _dimension(place.tensor, given, axis)
        if given is not None and count > largest:
            raise OptionError(
                f"--input {place.tensor}={given_text(given)}: node {place.node!r} ({place.operator}) gives at most "
                f"{largest} in dimension {axis}"
            )
        self._note(place, count, largest, None if given is not None else decides)
        return count

    def steps(self, place: Place, lengths: Value, longest: int) -> int:
        """How many steps a recurrent layer takes: the longest of the sequences whose lengths data decide.

        Args:
            place: The operand that has the lengths.
            lengths: Its value.
            longest: Steps of the layer's input.

        Raises:
            OptionError: A length is given that no sequence has.
        """
        given = self._given.get(place.tensor)
        count = self._counted(longest, halved=False)
        if given is not None:
            count = int(max(given.numbers if isinstance(given, InputValue) else given))
            if not 0 < count <= longest:
                raise OptionError(
                    f"--input {place.tensor}={given_text(given)}: node {place.node!r} ({place.operator}) reads "
                    f"sequences of 1 to {longest} steps"
                )
        self._note(place, count, longest, None if given is not None else lengths, holds_lengths=True)
        return count

    def shape(self, place: Place) -> tuple[int, ...] | None:
        """The shape that was given of a result of which nothing else says it.

        Args:
            place: The result.

        Raises:
            OptionError: A value was given.
        """
        given = self._given.get(place.tensor)
        if given is None:
            return None
        if isinstance(given, InputValue):
            raise OptionError(f"--input {place.tensor}={given.text}: the tensor is computed; give its shape, as 1x128")
        self._note(place, max(given, default=1), None, None)
        return given

    def _counted(self, largest: int, *, halved: bool) -> int:
        if self._level is Level.LEAST:
            return min(_FEWEST if halved else 1, largest)
        return (largest + 1) // 2 if halved and self._level is Level.USUAL else largest

    def _note(
        self, place: Place, count: int, largest: int | None, decides: Value | None, *, holds_lengths: bool = False
    ) -> None:
        self.found.setdefault(place.tensor, DataSize(*place, count, largest, decides is None, holds_lengths))
        if decides is not None:
            self.sources.setdefault(place.tensor, decides)


def _dimension(name: str, given: Given, axis: int) -> int:
    """The size that was given of one dimension, by itself or as part of a shape."""
    if isinstance(given, InputValue):
        raise OptionError(f"--input {name}={given.text}: the tensor is computed; give its size, such as 128")
    if len(given) > 1 and axis >= len(given):
        raise OptionError(f"--input {name}={given_text(given)}: the tensor has {axis + 1} dimensions or more")
    return given[axis] if len(given) > 1 else given[0]
