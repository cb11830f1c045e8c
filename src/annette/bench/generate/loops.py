"""Loops and branches of few short kernels: how often one begins, and what it hands on, is most of what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.bench.generate.recipe import Recipe, micro
from annette.network.tensor import DType

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Sampler

__all__ = ["recipes"]

_MOST_STATES: Final = 6
_ROUNDS: Final = (4, 256)
_MOST_ADDITIONS: Final = 4
_ELEMENTS: Final = 8
_MOST_BRANCHES: Final = 24


def recipes() -> list[Recipe]:
    """Recipes for `annette.fitting.rounds`: rounds, states and kernels of a round vary apart from each other."""
    return [micro("loop/rounds", 24, _rounds), micro("branch/additions", 16, _branches)]


def _rounds(s: Sampler, net: CaseBuilder) -> None:
    states = [net.feed((_ELEMENTS,)) for _ in range(s.integer(1, _MOST_STATES))]
    net.layer(
        "loop", states, attributes={"rounds": s.log_integer(*_ROUNDS), "additions": s.integer(1, _MOST_ADDITIONS)}
    )


def _branches(s: Sampler, net: CaseBuilder) -> None:
    condition = net.input(net.unique_name("condition"), (1,), DType.BOOL)  # one for all samples
    operands = [net.feed((_ELEMENTS,)), condition]
    net.layer(
        "branch",
        operands,
        attributes={"branches": s.log_integer(1, _MOST_BRANCHES), "additions": s.integer(1, _MOST_ADDITIONS)},
    )
