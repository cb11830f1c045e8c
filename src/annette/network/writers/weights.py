"""Random values for the constants of a network, of a scale that keeps activations sane through any depth.

A weight is uniform with the variance gain²/fan-in, the gain being √2 where an activation follows (He et al.,
arXiv:1502.01852) and 1 elsewhere, halved where a residual is added; biases and shifts are small, scales near 1,
variances positive. Every tensor has a generator of its own, seeded with its name, so that its values do not depend on
the rest of the network.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from annette.errors import UnsupportedOperatorError
from annette.network.kinds import KINDS, Category
from annette.network.tensor import DType
from annette.network.writers.patterns import pattern_values

if TYPE_CHECKING:
    import numpy.typing as npt

    from annette.network.layer import Layer
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["NUMPY_DTYPES", "constant_values"]

Array: TypeAlias = "npt.NDArray[Any]"

NUMPY_DTYPES: Final = {
    dtype: np.dtype(dtype.label)
    for dtype in (
        DType.FLOAT64,
        DType.FLOAT32,
        DType.FLOAT16,
        DType.INT64,
        DType.INT32,
        DType.INT16,
        DType.INT8,
        DType.UINT64,
        DType.UINT32,
        DType.UINT16,
        DType.UINT8,
        DType.BOOL,
    )
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
    if dtype.kind in "iub":
        return np.zeros(tensor.shape, dtype=dtype)
    return _uniform(tensor, *_range(network, tensor, layer), seed).astype(dtype, copy=False)


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
    generator = np.random.Generator(np.random.SFC64([seed, zlib.crc32(tensor.name.encode())]))
    values = generator.random(tensor.shape, dtype=np.float32)
    values *= np.float32(high - low)
    values += np.float32(low)
    return values
