"""Convolutions, pooling and fully connected layers of JSON network descriptions.

Each public function has the form of those in `annette.network.readers.descriptions.operators`.

Many published descriptions lost the pads (all zero) but kept the output sizes. The sizes then prove the pads within
one stride, and no operation or byte depends on which of them it was.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from annette.errors import NetworkShapeError
from annette.network.kinds import KINDS
from annette.network.kinds.convolution import convolution_kind
from annette.network.readers.descriptions.described_layer import LayerPlan, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.layer import AttributeValue
    from annette.network.readers.descriptions.described_layer import DescribedLayer
    from annette.network.readers.descriptions.reconstruction import Notes
    from annette.network.tensor import Tensor

__all__ = ["conv", "conv_transpose", "fully_connected", "pool"]

_LOST_PADS = "the pads of {} do not give the stated output sizes; they were recomputed from those"


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
    attributes = _checked_window(layer, kernel[:-2], read[1:-1], written[1:-1], notes) | {"groups": groups}
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
    attributes = _checked_window(layer, kernel[:-2], written[1:-1], read[1:-1], notes) | {"groups": groups}
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
    return LayerPlan(kind, _checked_window(layer, kernel, read[1:-1], written[1:-1], notes))


def fully_connected(layer: DescribedLayer, sources: list[Tensor], _: Notes) -> LayerPlan:
    """Products with a constant matrix, one row of features per sample."""
    read, written = sources[0].shape, layer.shape
    if not read or len(written) < 2 or math.prod(written[:-1]) != read[0]:
        raise refusal(layer, sources, "a fully connected layer writes one row of features per sample")
    features, units = math.prod(read[1:]), written[-1]
    if layer.stated_input and math.prod(layer.stated_input[1:]) != features:
        raise refusal(layer, sources, f"it claims to read {list(layer.stated_input)}, {features} features arrive")
    return LayerPlan("fully_connected", {}, _constants("fully_connected", features, {}, units, bias=layer.bias))


def _checked_window(
    layer: DescribedLayer, kernel: tuple[int, ...], read: tuple[int, ...], written: tuple[int, ...], notes: Notes
) -> dict[str, AttributeValue]:
    """Checks the windows of a layer, and mends its pads where the output sizes prove them.

    Args:
        layer: A convolution or pooling layer.
        kernel: Its spatial kernel sizes.
        read: Spatial sizes read; for a transposed convolution those written.
        written: Spatial sizes written; for a transposed convolution those read.
        notes: Where a repair is recorded.

    Returns:
        Canonical window attributes of the spatial dimensions.

    Raises:
        NetworkShapeError: The sizes cannot come from such windows.
    """
    rank = len(read)
    strides = _spatial(layer.strides, rank, layer)
    dilations = _spatial(layer.dilations, rank, layer)
    begins, ends = _pads(layer, rank)
    if len(kernel) != rank or len(written) != rank or min((*kernel, *strides, *dilations)) < 1:
        raise NetworkShapeError(
            f"layer {layer.name!r} ({layer.operator}) has kernel {list(layer.kernel)}, strides {list(layer.strides)} "
            f"and dilations {list(layer.dilations)}, which do not fit its shape {list(layer.shape)}"
        )
    mended = False
    for axis in range(rank):
        extent = dilations[axis] * (kernel[axis] - 1) + 1
        total = begins[axis] + ends[axis]
        least = (written[axis] - 1) * strides[axis] + extent - read[axis]
        if least <= total < least + strides[axis] or _is_ceiled(layer, total, least, strides[axis]):
            continue
        if least + strides[axis] <= 0 or least > 2 * (extent - 1):
            raise NetworkShapeError(
                f"layer {layer.name!r} ({layer.operator}) cannot write size {written[axis]} from {read[axis]} with "
                f"kernel {kernel[axis]}, stride {strides[axis]} and dilation {dilations[axis]}, whatever its pads"
            )
        total = max(0, least)
        begins[axis], ends[axis] = total // 2, total - total // 2
        mended = True
    if mended:
        notes.add(_LOST_PADS, layer.name)
    return {"kernel_shape": kernel, "strides": strides, "dilations": dilations, "pads": (*begins, *ends)}


def _is_ceiled(layer: DescribedLayer, total: int, least: int, stride: int) -> bool:
    """Whether a pool rounded its size up: the last window then reaches past the pads, by less than a stride."""
    return layer.operator.startswith("Pool") and least - stride < total < least


def _spatial(values: tuple[int, ...], rank: int, layer: DescribedLayer) -> tuple[int, ...]:
    """The spatial part of a per-dimension list; 1 where the file states none."""
    if not values:
        return (1,) * rank
    if len(values) == rank + 2:
        return values[1:-1]
    if len(values) == rank:
        return values
    raise NetworkShapeError(
        f"layer {layer.name!r} ({layer.operator}) has {len(values)} strides or dilations, not {rank + 2}"
    )


def _pads(layer: DescribedLayer, rank: int) -> tuple[list[int], list[int]]:
    pads = layer.pads or (0,) * (2 * rank + 4)
    if len(pads) == 2 * rank:
        begins, ends = pads[:rank], pads[rank:]
    elif len(pads) == 2 * rank + 4:
        half = rank + 2
        begins, ends = pads[1 : half - 1], pads[half + 1 : -1]
    else:
        raise NetworkShapeError(f"layer {layer.name!r} ({layer.operator}) has {len(pads)} pads, not {2 * rank + 4}")
    if min(pads) < 0:
        raise NetworkShapeError(f"layer {layer.name!r} ({layer.operator}) has negative pads {list(pads)}")
    return list(begins), list(ends)
