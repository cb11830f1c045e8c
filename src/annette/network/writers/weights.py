"""Values for the constants of a network: random ones of a scale that suits, or such as follow from a rule.

**Real numbers** keep activations sane through any depth. A weight is uniform with the variance gain²/fan-in, the gain
being √2 where an activation follows (He et al., arXiv:1502.01852) and 1 elsewhere, halved where a residual is added;
biases and shifts are small, scales near 1, variances positive. Every tensor has a generator of its own, seeded with its
name, so that its values do not depend on the rest of the network.

**int8 weights** compress like trained ones, for a compiler that compresses weights is faster or slower for their
values. Trained weights are roughly normal within a channel, and converters scale each channel so that its largest
weight is 127; the largest of n normal values lies near √(2 ln n) standard deviations. So the values are normal with a
deviation of 127 / √(2 ln n), clipped. They come from one pool at a place that follows from the tensor's name: the
weights of a layer do not change with the network around it.

**Positions** that a layer looks up or writes to are spread over what it looks up (`annette.network.writers.positions`);
other integers are 0.

**Patterns** follow from a rule instead of training. A layer whose attribute ``constant_pattern`` names one of them has
its constant operand filled accordingly when the network is written:

- ``causal``: true where a token may look at another, itself and those before it, more of which may be known than read;
- ``shifted_windows:HEIGHT:WIDTH:WINDOW:SHIFT``: 0 between positions of a rolled map that were neighbours before the
  roll, -100 between others, for each window (Liu et al., arXiv:2103.14030, figure 4).
"""

from __future__ import annotations

import functools
import math
import re
import zlib
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from annette.errors import OptionError, UnsupportedOperatorError
from annette.network.kinds import KINDS, Category
from annette.network.tensor import DType
from annette.network.writers.positions import has_positions, positions

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from annette.network.layer import Layer
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["NUMPY_DTYPES", "bias_values", "constant_values", "pattern_values", "weight_values"]

Array: TypeAlias = "npt.NDArray[Any]"

NUMPY_DTYPES: Final = {
    dtype: np.dtype(dtype.label)
    for dtype in DType
    if re.fullmatch("float(16|32|64)|u?int(8|16|32|64)|bool", dtype.label)
}
"""Element types that numpy holds as they are."""

_RANGES: Final = {
    ("batch_norm", 1): (0.9, 1.1),
    ("batch_norm", 4): (0.8, 1.2),
    ("layer_norm", 1): (0.9, 1.1),
    ("instance_norm", 1): (0.9, 1.1),
    ("prelu", 1): (0.1, 0.3),
    ("mul", 0): (0.05, 0.15),
    ("mul", 1): (0.05, 0.15),
    ("div", 1): (0.9, 1.1),
    ("pow", 1): (2.0, 2.0),
    ("gather", 0): (-1.0, 1.0),
}
"""Lowest and highest value by kind and operand; small and around 0 for every other operand."""
_SMALL: Final = (-0.05, 0.05)

_POOL: Final = 1 << 22
_LARGEST: Final = 127
_BIAS_DEVIATION: Final = 1000


def constant_values(network: Network, tensor: Tensor, layer: Layer, seed: int) -> Array:
    """Makes the values of one constant.

    Args:
        network: The network it belongs to.
        tensor: The constant.
        layer: The first layer that reads it, which tells what it is for.
        seed: Of all random values.

    Returns:
        An array of the tensor's shape and element type.

    Raises:
        UnsupportedOperatorError: The element type cannot be written.
        OptionError: The layer names a pattern that does not exist or does not fit.
    """
    dtype = NUMPY_DTYPES.get(tensor.dtype)
    if dtype is None:
        raise UnsupportedOperatorError(
            f"constant {tensor.name!r} of layer {layer.name!r} is {tensor.dtype.label}: such values cannot be written"
        )
    pattern = layer.attributes.get("constant_pattern")
    if isinstance(pattern, str):
        return pattern_values(pattern, tensor.shape).astype(dtype, copy=False)
    if dtype.itemsize == 1 and dtype.kind in "iu":
        generator = _generator(tensor, seed)
        limits = np.iinfo(dtype)
        return generator.integers(limits.min + 1, limits.max, tensor.shape, dtype=dtype, endpoint=True)
    if dtype.kind in "iu" and has_positions(tensor, layer):
        return positions(network, tensor, layer, _generator(tensor, seed)).astype(dtype)
    if dtype.kind in "iub":
        return np.zeros(tensor.shape, dtype=dtype)
    return _uniform(tensor, *_range(network, tensor, layer), seed).astype(dtype, copy=False)


def _generator(tensor: Tensor, seed: int) -> np.random.Generator:
    """A source of randomness of the tensor's own."""
    return np.random.Generator(np.random.SFC64([seed, zlib.crc32(tensor.name.encode())]))


def _range(network: Network, tensor: Tensor, layer: Layer) -> tuple[float, float]:
    position = layer.inputs.index(tensor.name)
    category = KINDS[layer.kind].category
    if (category in (Category.CONVOLUTION, Category.MATRIX_PRODUCT) and len(tensor.shape) > 1) or (
        category is Category.RECURRENT and position in (1, 2)
    ):
        limit = _gain(network, layer) * math.sqrt(3 / _fan_in(tensor, layer))
        return -limit, limit
    return _RANGES.get((layer.kind, position), _SMALL)


def _fan_in(tensor: Tensor, layer: Layer) -> int:
    """How many products are summed into one result."""
    shape = tensor.shape
    if layer.kind == "conv_transpose":
        strides = layer.attributes.get("strides", ())
        shared = math.prod(int(stride) for stride in strides) if isinstance(strides, tuple) else 1
        groups = layer.workload.dimensions.groups
        return max(1, shape[0] // groups * math.prod(shape[2:]) // shared)
    if KINDS[layer.kind].category is Category.CONVOLUTION:
        return math.prod(shape[1:])
    if layer.kind in ("fully_connected", "matmul") and not layer.attributes.get("transposed_weights"):
        return shape[-2]
    return shape[-1]


def _gain(network: Network, layer: Layer) -> float:
    """√2 where an activation follows, half of it where the result is added to others (residual branches)."""
    readers = _readers(network, layer)
    activations = [reader for reader in readers if KINDS[reader.kind].category is Category.ACTIVATION]
    last = [reader for activation in activations for reader in _readers(network, activation)] or readers
    gain = math.sqrt(2) if activations else 1.0
    added = any(reader.kind == "add" and len(network.activations[reader.name]) > 1 for reader in last)
    return gain / 2 if added else gain


def _readers(network: Network, layer: Layer) -> list[Layer]:
    return [reader for output in layer.outputs for reader in network.consumers.get(output, ())]


def _uniform(tensor: Tensor, low: float, high: float, seed: int) -> npt.NDArray[np.float32]:
    generator = _generator(tensor, seed)
    values = generator.random(tensor.shape, dtype=np.float32)
    values *= np.float32(high - low)
    values += np.float32(low)
    return values


@functools.lru_cache(maxsize=2)
def _pool(seed: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(_POOL, dtype=np.float32)


def weight_values(seed: int, name: str, shape: Sequence[int], per_channel: int) -> npt.NDArray[np.int8]:
    """Makes int8 weights.

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


def pattern_values(pattern: str, shape: Sequence[int]) -> npt.NDArray[np.bool_] | npt.NDArray[np.float32]:
    """Makes the values of a constant.

    Args:
        pattern: One of the rules at the module's top.
        shape: The constant's shape; sizes of 1 may stand anywhere.

    Raises:
        OptionError: There is no such rule, or it makes another number of values.
    """
    rule, *numbers = pattern.split(":")
    values: npt.NDArray[np.bool_] | npt.NDArray[np.float32]
    if rule == "causal" and not numbers and len(shape) >= 2:
        values = np.tril(np.ones(tuple(shape[-2:]), dtype=np.bool_), shape[-1] - shape[-2])
    elif rule == "shifted_windows" and len(numbers) == 4 and all(number.isdecimal() for number in numbers):
        values = _shifted_windows(*map(int, numbers))
    else:
        raise OptionError(
            f"{pattern!r} is not a pattern of constants: known are causal, shifted_windows:H:W:WINDOW:SHIFT"
        )
    if values.size != np.prod(shape):
        raise OptionError(
            f"the pattern {pattern!r} has {values.size} values, which do not fill a shape of {tuple(shape)}"
        )
    return values.reshape(tuple(shape))


def _shifted_windows(height: int, width: int, window: int, shift: int) -> npt.NDArray[np.float32]:
    """Regions that the roll put side by side are numbered; different numbers in a window do not see each other."""
    if not 0 < shift < window or height % window or width % window:
        raise OptionError(f"windows of {window} shifted by {shift} do not tile a map of {height} x {width}")
    rows = np.digitize(np.arange(height), [height - window, height - shift])
    columns = np.digitize(np.arange(width), [width - window, width - shift])
    regions = rows[:, None] * 3 + columns[None, :]
    tiles = regions.reshape(height // window, window, width // window, window).transpose(0, 2, 1, 3)
    tokens = tiles.reshape(-1, window * window)
    return np.where(tokens[:, None, :] == tokens[:, :, None], np.float32(0), np.float32(-100))
