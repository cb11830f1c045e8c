"""Values for the inputs of a network that is measured: such that no operator chokes on them, and no time is odd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["input_values"]


def input_values(shape: Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Standard normal reals; ones for integers and booleans, which are tokens, positions and masks.

    Times depend on values in one place: on some processors (Intel's) an exponential that underflows takes a hundred
    times as long as another, so that the softmax of masked scores is several times slower. A mask of ones hides
    nothing, as for a sequence without padding; one of random numbers would hide half of it.

    Args:
        shape: Sizes of the input.
        dtype: Its element type.
    """
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return np.random.default_rng(0).standard_normal(shape).astype(kind)
    return np.ones(shape, dtype=kind)
