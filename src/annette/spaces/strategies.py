"""Which candidates a search looks at: all, random ones, or descendants of the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from annette.errors import OptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from annette.spaces.space import IntArray, SearchSpace

__all__ = ["STRATEGIES", "Part", "parts", "proposals"]

STRATEGIES: Final = ("random", "evolutionary", "exhaustive")

_TOGETHER: Final = 32_768
_GENERATION: Final = 512
_IMMIGRANTS: Final = 0.125
"""Share of a generation that is drawn at random, so that a search does not stay where it began."""


class Part(NamedTuple):
    """A part of a search that can be done by itself.

    Attributes:
        start: How many candidates the parts before it have.
        size: How many it has; of an exhaustive search rows of decisions, of which not all need be candidates.
    """

    start: int
    size: int


def parts(strategy: str, space: SearchSpace, count: int | None, *, apart: bool = False) -> Iterator[Part]:
    """Cuts a search into parts.

    Args:
        strategy: See `proposals`.
        space: The space.
        count: How many candidates; None is all, which only ``exhaustive`` knows.
        apart: Whether an evolutionary search is cut as well: each part then evolves by itself. Otherwise it is one.

    Returns:
        The parts in order, one after the other.

    Raises:
        OptionError: There is no such strategy, or the count does not fit it.
    """
    if strategy not in STRATEGIES:
        raise OptionError(
            f"there is no strategy {strategy!r}{nearest(strategy, STRATEGIES)}; known: {', '.join(STRATEGIES)}"
        )
    if strategy == "exhaustive":
        if count is not None:
            raise OptionError("an exhaustive search looks at all candidates: it takes no count")
        count = space.size
    if count is None or count < 1:
        raise OptionError(f"a {strategy} search needs a count of at least 1, not {count}")
    together = count if strategy == "evolutionary" and not apart else _TOGETHER
    return (Part(start, min(together, count - start)) for start in range(0, count, together))


def proposals(
    strategy: str, space: SearchSpace, part: Part, seed: int, parents: Callable[[], IntArray]
) -> Iterator[IntArray]:
    """Candidates of one part of a search, some at a time; memory does not grow with their number.

    Args:
        strategy: ``random``; ``evolutionary``: candidates of the front are crossed, and each decision is drawn anew
            with such a probability that one changes on average; or ``exhaustive``: all there are.
        space: The space.
        part: Which part (`parts`).
        seed: Where randomness begins: the same seed gives the same candidates, whoever looks at the part.
        parents: The best candidates so far.
    """
    if strategy == "exhaustive":
        rows = space.numbered(part.start, part.start + part.size)
        yield rows[space.valid(rows)]
        return
    draw = np.random.default_rng((seed, part.start))
    left = part.size
    while left:
        size = min(left, _GENERATION if strategy == "evolutionary" else _TOGETHER)
        best = parents() if strategy == "evolutionary" else np.empty((0, len(space.options)), dtype=np.int64)
        left -= size
        yield _descendants(space, best, size, draw) if len(best) else space.sample(size, draw)


def _descendants(space: SearchSpace, parents: IntArray, count: int, draw: np.random.Generator) -> IntArray:
    """Crossings of two parents with mutations, and some that have none."""
    options = np.array(space.options)
    found = space.sample(max(1, int(_IMMIGRANTS * count)), draw)
    while len(found) < count:
        first, second = parents[draw.integers(0, len(parents), size=(2, count))]
        rows = np.where(draw.random(first.shape) < 0.5, first, second)
        changed = draw.random(rows.shape) < 1.0 / len(options)
        rows = np.where(changed, draw.integers(0, options, size=rows.shape), rows)
        found = np.concatenate([found, rows[space.valid(rows)]])
    return found[:count]
