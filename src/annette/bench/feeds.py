"""What networks are fed when they run: the same in every run, so that what data decide is the same, too."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["input_values"]

_DISTINCT: Final = 1 << 18
"""Random values of an input that differ; what is larger repeats them."""


def input_values(
    shape: Sequence[int],
    dtype: npt.DTypeLike,
    given: Sequence[bool | int | float] | None = None,
    *,
    rows: int | None = None,
) -> npt.NDArray[Any]:
    """What was given, else standard normal reals, rows spread over a table, or ones: masks, and what is not known.

    Times depend on values in one place: on some processors (Intel's) an exponential that underflows takes a hundred
    times as long as another, so that the softmax of masked scores is several times slower. A mask of ones hides
    nothing, as for a sequence without padding; one of random numbers would hide half of it.

    Args:
        shape: Sizes of the input.
        dtype: Its element type.
        given: Its contents where the network states them (its ``values``), row by row.
        rows: Rows of the table that its numbers are looked up in, where that is all they are for
            (`annette.network.lookups.lookup_sizes`). Of one row that is read again and again a cache would make a
            lookup that costs nothing, where a text's tokens come from memory.
    """
    kind = np.dtype(dtype)
    if given is not None:
        return np.array(given, dtype=kind).reshape(shape)
    if kind.kind == "f":
        return np.resize(_normal_values(kind), shape)
    if rows is not None:
        return np.random.default_rng(0).integers(0, rows, shape, dtype=kind)
    return np.ones(shape, dtype=kind)


@cache
def _normal_values(kind: np.dtype[Any]) -> npt.NDArray[Any]:
    """Standard normal values, which larger inputs repeat: to draw each of millions takes longer than most runs."""
    return np.random.default_rng(0).standard_normal(_DISTINCT).astype(kind)
