"""Explicit padding in front of poolings whose padding is neither SAME nor VALID, the two kinds that TFLite has.

Vela lets the operator before write into the middle of a larger feature map, and copies a constant into each side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from annette.network.kinds.shapes import integers, same_padding

if TYPE_CHECKING:
    from annette.mapping.kernel import Kernel

__all__ = ["ExplicitPadding", "explicit_padding_of"]

_SIDES: Final = 4


class ExplicitPadding(NamedTuple):
    """Rows above and below a feature map, and columns left and right of it."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def rows(self) -> int:
        """Rows that it adds."""
        return self.top + self.bottom

    @property
    def columns(self) -> int:
        """Columns that it adds."""
        return self.left + self.right


def explicit_padding_of(kernel: Kernel) -> ExplicitPadding | None:
    """What is written around the IFM of a pooling; None for other kernels, and where the operator pads by itself."""
    if kernel.kind not in ("max_pool", "average_pool"):
        return None
    d = kernel.anchor.workload.dimensions
    pad = next((layer for layer in kernel.layers if layer.kind == "pad"), None)
    if pad is not None:
        before = pad.workload.dimensions
        rows, columns = max(d.in_height - before.in_height, 0), max(d.in_width - before.in_width, 0)
        return ExplicitPadding(rows // 2, columns // 2, rows - rows // 2, columns - columns // 2)
    pads = integers(kernel.anchor.attributes, "pads", (0, 0, 0, 0))
    if len(pads) != _SIDES or not any(pads):
        return None
    sides = []
    same = True
    for ifm, ofm, size, stride, dilation, front, behind in (
        (d.in_height, d.out_height, d.kernel_height, d.stride_height, d.dilation_height, pads[0], pads[2]),
        (d.in_width, d.out_width, d.kernel_width, d.stride_width, d.dilation_width, pads[1], pads[3]),
    ):
        same = same and ofm == -(-ifm // stride) and same_padding(ifm, size, stride, dilation) == (front, behind)
        reach = (ofm - 1) * stride + (size - 1) * dilation + 1 - ifm - front
        sides.append((front, max(behind, reach, 0)))
    return None if same else ExplicitPadding(sides[0][0], sides[1][0], sides[0][1], sides[1][1])
