"""What a search space is: decisions, the pieces that follow from them, and the network of a candidate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from annette.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network import Network

__all__ = ["ABSENT", "OUTSIDE", "Built", "IntArray", "Pieces", "SearchSpace", "chained"]

IntArray: TypeAlias = npt.NDArray[np.int64]

ABSENT = 0
"""Code of a piece that a candidate does not have."""

OUTSIDE = -1
"""In place of the slot that a piece reads: the network's input, or nothing."""


@dataclass(frozen=True)
class Pieces:
    """What candidates are made of, slot by slot, in the order in which their layers are built.

    A piece is a few layers that one decision brings, and writes one tensor. What a slot has for all candidates alike
    may be a number instead of an array.

    Attributes:
        codes: What stands in each slot: a number that pieces of equal layers share, or `ABSENT`; each of shape
            ``(candidates,)`` or a number.
        sources: The slots that each piece reads, operand by operand, or `OUTSIDE`; shapes as above.
        faces: How each piece looks to those who read the same tensor: a number that pieces share whose first layers are
            alike; shapes as above. Empty where pieces of unequal codes look unequal.
    """

    codes: tuple[IntArray | int, ...]
    sources: tuple[tuple[IntArray | int, ...], ...]
    faces: tuple[IntArray | int, ...] = ()


@dataclass(frozen=True)
class Built:
    """A candidate as a network.

    Attributes:
        network: The network.
        owners: Slot of each of its layers, in the order of ``network.layers``.
    """

    network: Network
    owners: tuple[int, ...]


def chained(codes: Sequence[IntArray | int]) -> Pieces:
    """Pieces that stand one behind the other; what is absent is read through.

    Args:
        codes: What stands in each slot, each of shape ``(candidates,)`` or a number.
    """
    sources: list[tuple[IntArray | int, ...]] = []
    last: IntArray | int = OUTSIDE
    for slot, code in enumerate(codes):
        sources.append((last,))
        last = slot if isinstance(code, int) else np.where(code == ABSENT, last, slot)
    return Pieces(tuple(codes), tuple(sources))


class SearchSpace(ABC):
    """A family of networks that differ by decisions.

    A candidate is a row of whole numbers, one for each decision: which of its options it takes. `pieces` and `build`
    describe the same candidates, one for tables and one for networks.

    Attributes:
        name: What users call it.
        options: Number of options of each decision.
        batch: Samples that are processed together.
        training: Random candidates that a compiled space learns its pieces from beforehand; all, where there are no
            more of them.
    """

    name: ClassVar[str]
    training: int = 2048
    options: tuple[int, ...]
    batch: int = 1

    @abstractmethod
    def pieces(self, candidates: IntArray) -> Pieces:
        """What each candidate is made of.

        Args:
            candidates: Valid ones, shape ``(candidates, decisions)``.
        """

    @abstractmethod
    def build(self, candidate: Sequence[int]) -> Built:
        """The network of one candidate.

        Raises:
            OptionError: It is none of the space.
        """

    def build_from(self, candidate: Sequence[int], codes: Sequence[int]) -> Built:
        """As `build`, of a candidate whose pieces are known already.

        Args:
            candidate: A valid row of decisions.
            codes: What stands in each of its slots (`Pieces.codes`).
        """
        del codes  # of use where owners follow from them
        return self.build(candidate)

    @abstractmethod
    def label(self, candidate: Sequence[int]) -> str:
        """A short text that names a candidate, from which `parse` makes it again."""

    @abstractmethod
    def parse(self, label: str) -> tuple[int, ...]:
        """The candidate that a label names.

        Raises:
            OptionError: The label names none.
        """

    @property
    def size(self) -> int:
        """How many rows of decisions there are, valid or not."""
        size = 1
        for count in self.options:
            size *= count
        return size

    def valid(self, candidates: IntArray) -> npt.NDArray[np.bool_]:
        """Which rows are candidates, shape ``(candidates,)``.

        Args:
            candidates: Rows of decisions, each within its options.
        """
        return np.ones(len(candidates), dtype=np.bool_)

    def decision_names(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The name of each decision and of its options."""
        return tuple((f"decision{place}", tuple(map(str, range(count)))) for place, count in enumerate(self.options))

    def covering(self) -> IntArray:
        """Candidates that together have most pieces in most surroundings: what is learned first; none by default."""
        return np.empty((0, len(self.options)), dtype=np.int64)

    def coarser(self) -> SearchSpace | None:
        """The same space, cut into fewer and larger pieces, if its own depend on too much; None where there is none."""
        return None

    def smaller(self) -> SearchSpace | None:
        """The same space with smaller networks, in which pieces are learned sooner; None where there is none.

        Its candidates have the same decisions, and its pieces nearly the same surroundings.
        """
        return None

    def sample(self, count: int, draw: np.random.Generator) -> IntArray:
        """Draws candidates, each valid row of decisions with the same probability, with replacement.

        Args:
            count: How many.
            draw: Where randomness comes from.
        """
        found = np.empty((0, len(self.options)), dtype=np.int64)
        while len(found) < count:
            rows = draw.integers(0, np.array(self.options), size=(max(64, count), len(self.options)), dtype=np.int64)
            found = np.concatenate([found, rows[self.valid(rows)]])
        return found[:count]

    def numbered(self, start: int, stop: int) -> IntArray:
        """The rows of decisions from a number to another, the last decision changing fastest; valid or not.

        Args:
            start: First number, at least 0.
            stop: The number behind the last, at most `size`.
        """
        numbers = np.arange(start, stop, dtype=np.int64)
        rows = np.empty((len(numbers), len(self.options)), dtype=np.int64)
        for place in range(len(self.options) - 1, -1, -1):
            numbers, rows[:, place] = np.divmod(numbers, self.options[place])
        return rows

    def checked(self, candidate: Sequence[int]) -> tuple[int, ...]:
        """The candidate as a tuple of numbers.

        Raises:
            OptionError: It has another number of decisions, an option that does not exist, or is not valid.
        """
        row = tuple(int(option) for option in candidate)
        inside = len(row) == len(self.options) and all(0 <= a < b for a, b in zip(row, self.options, strict=True))
        if not inside or not bool(self.valid(np.array([row], dtype=np.int64))[0]):
            raise OptionError(f"{list(row)} is no candidate of space {self.name!r}: options are {list(self.options)}")
        return row
