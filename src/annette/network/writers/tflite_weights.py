"""int8 weights that compress like trained ones.

A compiler that compresses weights is faster or slower for their values. Trained weights are roughly normal within a
channel, and converters scale each channel so that its largest weight is 127; the largest of n normal values lies near
√(2 ln n) standard deviations. So the values are normal with a deviation of 127 / √(2 ln n), clipped. They come from one
pool at a place that follows from the tensor's name: the weights of a layer do not change with the network around it.
"""

from __future__ import annotations

import functools
import math
import zlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["bias_values", "weight_values"]

_POOL: Final = 1 << 22
_LARGEST: Final = 127
_BIAS_DEVIATION: Final = 1000


@functools.lru_cache(maxsize=2)
def _pool(seed: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(_POOL, dtype=np.float32)


def weight_values(seed: int, name: str, shape: Sequence[int], per_channel: int) -> npt.NDArray[np.int8]:
    """Makes weights.

    Args:
        seed: Of the pool.
        name: The tensor's name.
        shape: Its shape.
        per_channel: Weights that share a scale.
    """
    deviation = _LARGEST / math.sqrt(2 * math.log(max(per_channel, 2)))
    pool, count = _pool(seed), math.prod(shape)
    if count > len(pool):  # Rounding the pool once is cheaper than rounding its copies.
        return _draw(_rounded(pool, deviation), name, count).reshape(tuple(shape))
    return _rounded(_draw(pool, name, count), deviation).reshape(tuple(shape))


def _rounded(values: npt.NDArray[np.float32], deviation: float) -> npt.NDArray[np.int8]:
    rounded: npt.NDArray[np.float32] = np.rint(np.clip(values * np.float32(deviation), -_LARGEST, _LARGEST))
    return rounded.astype(np.int8)


def bias_values(seed: int, name: str, count: int) -> npt.NDArray[np.int32]:
    """Makes a bias of ``count`` values, in units of the product of the scales of input and weights."""
    return np.rint(_draw(_pool(seed), name, count) * np.float32(_BIAS_DEVIATION)).astype(np.int32)


def _draw(pool: npt.NDArray[Any], name: str, count: int) -> npt.NDArray[Any]:
    """``count`` values of a pool from a place that follows from a name, around its end where it must be."""
    start = zlib.crc32(name.encode()) % len(pool)
    rest = max(0, count - (len(pool) - start))
    parts = [pool[start : start + count], *[pool] * (rest // len(pool)), pool[: rest % len(pool)]]
    return np.concatenate(parts)
