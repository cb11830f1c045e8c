"""Variations: a layer of somebody's network again, somewhat larger or smaller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.errors import NetworkError, OptionError
from annette.network import KINDS, Category, DType
from annette.network.builder import NetworkBuilder
from annette.network.kinds import SPATIAL, kinds_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network import Layer, Network, Tensor

__all__ = ["varied"]

_ELEMENTWISE: Final = kinds_in(Category.ACTIVATION, Category.UNARY, Category.BINARY)
_CONVOLUTIONS: Final = kinds_in(Category.CONVOLUTION)
_VARIED: Final = _ELEMENTWISE | _CONVOLUTIONS | kinds_in(
    Category.MATRIX_PRODUCT, Category.POOLING, Category.GLOBAL_POOLING, Category.NORMALIZATION, Category.REDUCTION
)  # fmt: skip
"""Kinds whose attributes say nothing of sizes but groups."""

_FEW: Final = 8
"""Fewer channels than these, those of images and waves, stay as many."""

_ALIGNMENTS: Final = (16, 4)
_MAP_RANK: Final = 4


def varied(network: Network, layers: Sequence[Layer], positions: float, channels: float, name: str) -> Network | None:
    """A layer and the activations behind it, at other sizes; None where these do not follow from factors.

    Args:
        network: Where they are from.
        layers: The layer, then others that read its result and nothing else.
        positions: Factor on the number of positions: the product of spatial sizes, tokens, rows.
        channels: Factor on the number of channels, features, depths of products; groups stay as they are.
        name: What the new network is called.

    Returns:
        A network of the same batch; sizes keep multiples of 16 and of 4.
    """
    first, *others = layers
    operands = [network.tensors[tensor] for tensor in first.inputs]
    given = [tensor for tensor in operands if not tensor.constant]
    if first.kind not in _VARIED or network.channels_last or not given:
        return None
    written = [network.tensors[tensor] for tensor in first.outputs]
    if any(tensor.dtype is not DType.FLOAT32 for tensor in (*operands, *written)):
        return None
    net = NetworkBuilder(name, batch=network.batch)
    attributes = dict(first.attributes)
    shapes = _shapes(first, given, positions, channels)
    weighted = KINDS[first.kind].weights is not None
    if not weighted and len(given) < len(operands):
        return None
    if attributes.get("groups", 1) == given[0].shape[1:2][0] != 1:
        attributes["groups"] = shapes[0][1]  # depthwise
    features = _features(first, written[0].shape, given[0].shape, shapes[0])
    try:
        inputs = [net.input(f"input{place}", shape) for place, shape in enumerate(shapes)]
        bias = len(operands) - len(given) > 1
        y = net.apply(first.kind, *inputs, attributes=attributes, features=features, bias=bias)
        for other in others:
            y = net.layer(other.kind, [y], attributes=other.attributes)[0]
        return net.build()
    except (NetworkError, OptionError):
        return None


def _shapes(layer: Layer, given: Sequence[Tensor], positions: float, channels: float) -> list[tuple[int, ...]]:
    """Shapes of what is read, each size by its factor; what is broadcast stays 1."""
    rank = max(len(tensor.shape) for tensor in given)
    if layer.kind == "matmul" and len(given) > 1:
        rows, columns = given[0].shape[-2], given[1].shape[-1]
        other = positions if rows == columns else 1.0
        return [
            (*given[0].shape[:-2], _near(rows, positions), _near(given[0].shape[-1], channels)),
            (*given[1].shape[:-2], _near(given[1].shape[-2], channels), _near(columns, other)),
        ]
    on_maps = layer.kind in SPATIAL or (layer.kind != "fully_connected" and rank >= _MAP_RANK)
    axis = 1 if on_maps else rank - 1
    groups = layer.attributes.get("groups", 1)
    if given[0].shape[axis] < _FEW or (layer.kind in _CONVOLUTIONS and groups not in (1, given[0].shape[1])):
        channels = 1.0
    count = max(1, rank - 2)
    factors = [1.0, *(channels if place == axis else positions ** (1 / count) for place in range(1, rank))]
    return [
        tuple(
            _near(size, factor) for size, factor in zip(tensor.shape, factors[rank - len(tensor.shape) :], strict=True)
        )
        for tensor in given
    ]


def _features(layer: Layer, result: tuple[int, ...], before: tuple[int, ...], now: tuple[int, ...]) -> int:
    """How many filters or units: as many more as there are more channels."""
    if layer.kind == "fully_connected":
        return _near(result[-1], now[-1] / before[-1])
    if layer.kind not in _CONVOLUTIONS:
        return 0
    exact = result[1] % before[1] == 0 and layer.attributes.get("groups", 1) == before[1]
    return result[1] // before[1] * now[1] if exact else _near(result[1], now[1] / before[1])


def _near(size: int, factor: float) -> int:
    """A size by a factor, of the same alignment; 1 stays 1."""
    if size == 1 or factor == 1.0:
        return size
    step = next((step for step in _ALIGNMENTS if size % step == 0), 1)
    return max(step, step * round(size * factor / step))
