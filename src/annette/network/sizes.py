"""Sizes that data decide when a network runs: how many elements are found, boxes kept, steps taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["DataSize", "open_sizes", "size_notes"]

_NAMED: Final = 2


@dataclass(frozen=True, slots=True)
class DataSize:
    """A size that is only known when the network runs, and what it counts as.

    Attributes:
        tensor: The tensor that has the size, by the file's own name for it, or that holds the lengths of sequences:
            what ``--input NAME=SIZE`` names.
        node: Name of the node that decides, or whose work the lengths decide.
        operator: Its operator.
        counted: The size that the network is read with: of several dimensions or lengths, the largest.
        largest: The largest that it can be; None where nothing bounds it.
        given: Whether a user or a run said that it is so.
        holds_lengths: Whether the contents of ``tensor`` decide, and not its shape.
        options: The ``--input`` that would decide it by the value of an input, empty where none would.
    """

    tensor: str
    node: str
    operator: str
    counted: int
    largest: int | None
    given: bool
    holds_lengths: bool = False
    options: str = ""


def open_sizes(sizes: Iterable[DataSize]) -> tuple[DataSize, ...]:
    """The sizes that nobody gave and that could be others."""
    return tuple(size for size in sizes if not size.given and size.largest != 1)


def size_notes(sizes: Sequence[DataSize]) -> list[str]:
    """What a user should know of sizes that data decide: one sentence on those given, one on those that are open."""
    notes = []
    known = [size for size in sizes if size.given]
    if known:
        named = ", ".join(f"{size.tensor!r} = {size.counted}" for size in known[:_NAMED])
        notes.append(f"sizes that data decide are taken as given: {named}{_more(known)}")
    loose = open_sizes(sizes)
    if loose:
        named = ", ".join(
            f"{size.tensor!r} of node {size.node!r} ({size.operator}), at most {size.largest}, counted as "
            f"{size.counted}"
            for size in loose[:_NAMED]
        )
        how = loose[0].options or f"--input {loose[0].tensor}=SIZE"
        notes.append(
            f"data that is only known at run time decide sizes: {named}{_more(loose)}; the interval spans from almost "
            f"nothing to the largest; {how} decides, --observe looks it up in a run on this machine"
        )
    return notes


def _more(sizes: Sequence[DataSize]) -> str:
    return f" and {len(sizes) - _NAMED} more" if len(sizes) > _NAMED else ""
