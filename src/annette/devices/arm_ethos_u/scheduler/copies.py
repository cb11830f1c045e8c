"""Copies that Vela puts in front of an operation: around a map that is padded, and of samples where they lie apart.

As its reports show them; copies of several samples are written as NHWC, one after the other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.devices.arm_ethos_u.scheduler.block_config import OpShape, round_up
from annette.devices.arm_ethos_u.scheduler.feature_maps import (
    BRICK,
    FeatureMap,
    explicit_padding_of,
    is_product_of_positions,
)
from annette.devices.arm_ethos_u.scheduler.operations import NpuOp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.devices.arm_ethos_u.scheduler.feature_maps import ExplicitPadding
    from annette.mapping.kernel import Kernel

__all__ = ["BORDER", "CUT", "Copies", "copies_before", "reading"]


BORDER: Final = "border"
"""A constant around what a pooling reads."""

CUT: Final = "cut"
"""A part of a feature map that a matrix product over the positions of all samples reads."""


class Copies(NamedTuple):
    """What is copied before a kernel.

    Attributes:
        what: `BORDER` or `CUT`.
        copies: The operations.
        target: The feature map that they write, which the kernel reads.
    """

    what: str
    copies: list[NpuOp]
    target: str


def copies_before(kernel: Kernel, name: str, maps: dict[str, FeatureMap], *, cut: bool) -> Copies | None:
    """What is copied before a kernel; None where nothing is.

    Args:
        kernel: Any that is not free.
        name: Of the feature map that it reads first; empty where there is none.
        maps: All feature maps; those that are copied to are added.
        cut: Whether it reads a part that a split or a slice has cut out of that map.
    """
    padding = explicit_padding_of(kernel)
    if padding is not None:
        return Copies(BORDER, *_padding_copies(kernel, padding, name, maps))
    if cut and is_product_of_positions(kernel):
        d = kernel.anchor.workload.dimensions
        size = (d.in_height, d.in_width)
        target, copies = _copied_samples(d.batch, size, size, d.in_channels, name, maps)
        return Copies(CUT, copies, target)
    return None


def _padding_copies(
    kernel: Kernel, padding: ExplicitPadding, name: str, maps: dict[str, FeatureMap]
) -> tuple[list[NpuOp], str]:
    """The copies of a constant into the sides of a feature map, and the name of the padded one.

    One sample is written into the padded map right away; several are copied there.
    """
    d = kernel.anchor.workload.dimensions
    inside = any(layer.kind == "pad" for layer in kernel.layers)
    top, left, bottom, right = padding
    rows = d.in_height - (top + bottom if inside else 0)
    columns = d.in_width - (left + right if inside else 0)
    height, width = rows + top + bottom, columns + left + right
    target, samples = name, list[NpuOp]()
    if d.batch > 1:
        target, samples = _copied_samples(d.batch, (height, width), (rows, columns), d.in_channels, name, maps)
    sides = ((height, left), (height, right), (top, width), (bottom, width))
    around = [_copy(d.batch * side, across, d.in_channels, target, maps) for side, across in sides if side and across]
    return samples + around, target


def reading(operations: Sequence[NpuOp], name: str, target: str) -> list[NpuOp]:
    """Operations that read a copied map in NHWC instead of the one that it was copied from."""
    if target == name:
        return list(operations)
    return [replace(op, ifms=(target,), ifm_nhwc=True) if op.ifms == (name,) else op for op in operations]


def _copied_samples(
    batch: int, whole: tuple[int, int], part: tuple[int, int], depth: int, name: str, maps: dict[str, FeatureMap]
) -> tuple[str, list[NpuOp]]:
    """Adds a map of samples of a height and width; copies parts of that height and width into it, sample by sample."""
    target = f"{name}/{len(maps)}"
    maps[target] = FeatureMap(round_up(batch * whole[0] * whole[1] * depth, BRICK), nhwc=True, whole=True)
    one = _copy(*part, depth, target, maps)
    each = replace(one, ifms=(name,), ifm_bytes=(one.ofm_bytes,), ifm_nhwc=maps[name].nhwc, constant_elements=0)
    return target, [replace(each, repeats=batch)]


def _copy(rows: int, columns: int, depth: int, target: str, maps: dict[str, FeatureMap]) -> NpuOp:
    """A copy of a constant."""
    elements = rows * columns * depth
    return NpuOp(
        kind="copy",
        shape=OpShape("copy", rows, columns, depth, depth, rows, columns, 1, 1, 1, 1, 1),
        ifms=(),
        ifm_bytes=(),
        ofm=target,
        ofm_bytes=elements,
        ofm_elements=elements,
        ofm_height=rows,
        ofm_depth=depth,
        constant_elements=elements,
        ifm_nhwc=True,
        ofm_nhwc=maps[target].nhwc,
    )
