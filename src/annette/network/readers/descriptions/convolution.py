"""Convolutions, pooling and fully connected layers of JSON network descriptions.

Each function has the form of those in `annette.network.readers.descriptions.operators`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from annette.network.kinds import KINDS
from annette.network.kinds.convolution import convolution_kind
from annette.network.readers.descriptions.layer_plan import LayerPlan, refusal
from annette.network.readers.descriptions.lost_pads import checked_window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.layer import AttributeValue
    from annette.network.readers.descriptions.described_layer import DescribedLayer
    from annette.network.readers.descriptions.reconstruction import Notes
    from annette.network.tensor import Tensor

__all__ = ["conv", "conv_transpose", "fully_connected", "pool"]


def conv(layer: DescribedLayer, sources: list[Tensor], notes: Notes) -> LayerPlan:
    """Convolutions; a kernel with fewer channels than the tensor read proves groups."""
    read, written, kernel = sources[0].shape, layer.shape, layer.kernel
    if len(read) < 3 or len(read) != len(written) or len(kernel) != len(read):
        raise refusal(layer, sources, f"that does not fit kernel {list(kernel)}")
    channels, filters = kernel[-2:]
    if layer.operator.startswith("Depthwise"):
        groups, filters = read[-1], channels * filters
    else:
        groups = _groups(layer, sources, channels)
    if filters != written[-1] or filters % groups:
        raise refusal(layer, sources, f"kernel {list(kernel)} in {groups} groups does not write {written[-1]} channels")
    attributes = checked_window(layer, kernel[:-2], read[1:-1], written[1:-1], notes) | {"groups": groups}
    kind = convolution_kind(groups, read[-1])
    return LayerPlan(kind, attributes, _constants(kind, read[-1], attributes, filters, bias=layer.bias))


def _groups(layer: DescribedLayer, sources: list[Tensor], channels: int) -> int:
    """Groups, from the file or from a kernel that has fewer channels than the tensor read."""
    read = sources[0].shape[-1]
    stated = layer.groups or 1
    if channels < 1 or read % channels or stated < 1 or read % stated:
        raise refusal(layer, sources, f"kernel {list(layer.kernel)} does not fit {read} input channels")
    proven = read // channels
    if stated > 1 and channels not in (read, read // stated):
        raise refusal(layer, sources, f"kernel {list(layer.kernel)} does not fit {stated} groups")
    return stated if stated > 1 else proven


def _constants(
    kind: str, channels: int, attributes: Mapping[str, AttributeValue], features: int, *, bias: bool | None
) -> dict[str, tuple[int, ...]]:
    """Shapes of a layer's weights, and of its bias where the file says that there is one."""
    shapes = KINDS[kind].weights((1, channels), attributes, features)  # type: ignore[misc]
    return {"weights": shapes["weight"]} | ({"bias": shapes["bias"]} if bias else {})


def conv_transpose(layer: DescribedLayer, sources: list[Tensor], notes: Notes) -> LayerPlan:
    """Transposed convolutions: their windows slide over what they write."""
    read, written, kernel = sources[0].shape, layer.shape, layer.kernel
    if len(read) < 3 or len(read) != len(written) or len(kernel) != len(read):
        raise refusal(layer, sources, f"that does not fit kernel {list(kernel)}")
    groups = layer.groups or 1
    channels = {kernel[-1] * groups, kernel[-2] * groups, kernel[-1], kernel[-2]}
    if read[-1] % groups or written[-1] % groups or not {read[-1], written[-1]} <= channels:
        raise refusal(layer, sources, f"kernel {list(kernel)} in {groups} groups does not fit these channels")
    attributes = checked_window(layer, kernel[:-2], written[1:-1], read[1:-1], notes) | {"groups": groups}
    constants = _constants("conv_transpose", read[-1], attributes, written[-1], bias=False)
    return LayerPlan("conv_transpose", attributes, constants)


def pool(layer: DescribedLayer, sources: list[Tensor], notes: Notes) -> LayerPlan:
    """Pooling over windows."""
    read, written = sources[0].shape, layer.shape
    kinds = {"MAX": "max_pool", "AVG": "average_pool"}
    kind = kinds.get(str(layer.detail("pooling_type")))
    if kind is None:
        raise refusal(layer, sources, f"pooling type {layer.detail('pooling_type')!r} is neither MAX nor AVG")
    if len(read) < 3 or len(read) != len(written) or read[-1] != written[-1]:
        raise refusal(layer, sources, "pooling keeps rank and channels")
    kernel = layer.kernel[1:-1] if len(layer.kernel) == len(read) else layer.kernel
    return LayerPlan(kind, checked_window(layer, kernel, read[1:-1], written[1:-1], notes))


def fully_connected(layer: DescribedLayer, sources: list[Tensor], notes: Notes) -> LayerPlan:
    """Products with a constant matrix, one row of features per sample."""
    del notes
    read, written = sources[0].shape, layer.shape
    if not read or len(written) < 2 or math.prod(written[:-1]) != read[0]:
        raise refusal(layer, sources, "a fully connected layer writes one row of features per sample")
    features, units = math.prod(read[1:]), written[-1]
    if layer.stated_input and math.prod(layer.stated_input[1:]) != features:
        raise refusal(layer, sources, f"it claims to read {list(layer.stated_input)}, {features} features arrive")
    return LayerPlan("fully_connected", {}, _constants("fully_connected", features, {}, units, bias=layer.bias))
