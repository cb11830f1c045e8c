"""Nested graphs of a file, whose layers are the network's: how often a runtime begins one, and what it hands on."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BRANCH", "Loop"]

BRANCH = "If"
"""Operator of a nested graph that runs at most once."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop that was unrolled, or a branch that a condition chooses in every run.

    Attributes:
        node: Name of its node.
        operator: Its operator; ``If`` of a branch.
        rounds: How many rounds are layers of the network; 1 of a branch.
        values: Tensors handed to each round or taken from it: states, pieces of sequences, and what rounds give.
    """

    node: str
    operator: str
    rounds: int
    values: int
