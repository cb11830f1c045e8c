"""What a plan is made of: recipes, each of which draws any number of networks of one group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from annette.bench.records import Purpose

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.bench.generate.builder import CaseBuilder
    from annette.bench.generate.sampler import Sampler

__all__ = ["Draw", "Recipe", "micro"]

Draw: TypeAlias = "Callable[[Sampler, CaseBuilder], None]"
"""Adds layers to a builder; raises `annette.errors.NetworkError` where what was drawn does not fit together."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Draws the networks of one group.

    Attributes:
        purpose: Why they are measured.
        group: Kind, layout and alignment of what they are about.
        count: How many the full plan has.
        draw: Draws one.
        most_ops: Operations of one, at the most.
        most_bytes: Bytes of one tensor, at the most.
        sweep: The dimension that its cases sweep; such a group is drawn as a whole, whatever the preset. Empty for
            cases that are drawn at random.
    """

    purpose: Purpose
    group: str
    count: int
    draw: Draw
    most_ops: int = 400_000_000
    most_bytes: int = 13_000_000
    sweep: str = ""


def micro(group: str, count: int, draw: Draw, *, most_ops: int = 400_000_000) -> Recipe:
    """A recipe for one layer in the company it needs."""
    return Recipe(Purpose.MICRO_KERNEL, group, count, draw, most_ops)
