"""Loops of a file, whose rounds are layers of the network: how often a runtime begins one, and what it hands on."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Loop"]


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop that was unrolled.

    Attributes:
        node: Name of its node.
        operator: Its operator.
        rounds: How many rounds are layers of the network.
        values: Tensors handed to each round or taken from it: states, pieces of sequences, and what rounds give.
    """

    node: str
    operator: str
    rounds: int
    values: int
