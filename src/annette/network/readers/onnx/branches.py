"""Branches that data choose at run time: both are read, one after the other, and what could decide is named.

A file with an If that nothing fixes stands for several networks, one for each way through it. The walk takes the first
way that it was not told to leave, and notes where it could have gone otherwise; the reader walks again until every way
was taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from annette.network.network import Network
    from annette.network.readers.onnx.values import Value

__all__ = ["MOST_READINGS", "Branches", "Decision", "combined"]

MOST_READINGS: Final = 8
"""Ways through a file that are read: three branches that data choose independently."""


@dataclass(frozen=True, slots=True)
class Decision:
    """An If that nothing fixes, or a Loop that data may end early.

    Attributes:
        node: Its name.
        condition: What it looks at; nodes that look at the same tensor decide alike.
        taken: Whether the first of its ways was walked.
        options: The ``--input`` that would decide it, empty where none would.
        ways: What its ways are called: ``then`` and ``else``.
        site: Where it stands in the file.
    """

    node: str
    condition: Value
    taken: bool
    options: str
    ways: tuple[str, str]
    site: str

    @property
    def way(self) -> str:
        """The way that was walked."""
        return self.ways[0 if self.taken else 1]


class Branches:
    """The way of one walk through the branches that data choose.

    Args:
        way: Which branches to take where the walk comes to them, in this order; afterwards always the first.
    """

    def __init__(self, way: Sequence[bool] = ()) -> None:
        self.way = tuple(way)
        self.decisions: list[Decision] = []

    def again(self) -> Branches:
        """The same way once more."""
        return Branches([decision.taken for decision in self.decisions])

    def choose(
        self, node: str, condition: Value, options: str, *, site: str, ways: tuple[str, str] = ("then", "else")
    ) -> bool:
        """Whether to walk the first of a node's ways, and notes that it could have been the second.

        A node that a loop repeats goes one way in all rounds: the time of a run that goes both lies between those of
        the runs that always go one, as costs add up, and they do not double in number with every round.

        Args:
            node: Its name.
            condition: What decides.
            options: The ``--input`` that would decide it, empty where none would.
            site: Where it stands in the file; the same in every round of a loop.
            ways: What the two are called.
        """
        for earlier in self.decisions:
            if earlier.condition.name == condition.name or earlier.site == site:
                return earlier.taken
        index = len(self.decisions)
        taken = self.way[index] if index < len(self.way) else True
        self.decisions.append(Decision(node, condition, taken, options, ways, site))
        return taken

    def others(self) -> Iterator[tuple[bool, ...]]:
        """The ways that leave this one behind what it was told; with theirs, every way is taken once."""
        taken = [decision.taken for decision in self.decisions]
        for index in range(len(self.way), len(taken)):
            yield (*taken[:index], False)

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """Node and branch of every decision."""
        return tuple((decision.node, decision.way) for decision in self.decisions)


def combined(found: Sequence[tuple[Network, Branches]], failed: Sequence[tuple[Branches, str]]) -> Network:
    """One network of all ways through a file: that with the most operations, the others as its variants.

    Args:
        found: At least one network, and the way to each.
        failed: Ways that no input of these shapes can take, and why.
    """
    ordered = sorted(found, key=lambda pair: -pair[0].ops)
    if not ordered[0][1].decisions:
        return ordered[0][0]
    left_out = [f"{_way(way)} is left out, as no input of these shapes can take it: {why}" for way, why in failed]
    ways = [
        one.replaced(notes=[*one.notes, *map(_note, way.decisions), *left_out], branches=way.names)
        for one, way in ordered
    ]
    return ways[0].replaced(variants=ways[1:])


def _note(decision: Decision) -> str:
    said = f"; {decision.options} decides" if decision.options else ""
    return (
        f"data that is only known at run time decide what node {decision.node!r} runs: "
        f"read here as {decision.way!r}{said}"
    )


def _way(branches: Branches) -> str:
    return ", ".join(f"{branch!r} of {node!r}" for node, branch in branches.names)
