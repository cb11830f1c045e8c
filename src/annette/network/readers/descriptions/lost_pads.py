"""Sliding windows of JSON network descriptions: do kernel, strides and pads give the stated output?

Many published descriptions lost the pads (all zero) but kept the output sizes. The sizes then prove the pads within
one stride, and no operation or byte depends on which of them it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.errors import NetworkShapeError

if TYPE_CHECKING:
    from annette.network.layer import AttributeValue
    from annette.network.readers.descriptions.described_layer import DescribedLayer
    from annette.network.readers.descriptions.reconstruction import Notes

__all__ = ["checked_window"]

_LOST_PADS = "the pads of {} do not give the stated output sizes; they were recomputed from those"


def checked_window(
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
