"""Borders in front of poolings whose padding is not one of the format's two kinds.

The compiler lets the operator before write into the middle of a larger map, and copies a constant into each side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from annette.network.kinds.shapes import integers
from annette.network.kinds.sliding_window import same_padding

if TYPE_CHECKING:
    from annette.mapping.kernel import Kernel

__all__ = ["Border", "border_of"]

_SIDES: Final = 4


class Border(NamedTuple):
    """Lines and columns around a map.

    Attributes:
        top: Lines above.
        left: Columns before.
        bottom: Lines below.
        right: Columns behind.
    """

    top: int
    left: int
    bottom: int
    right: int

    @property
    def lines(self) -> int:
        """Lines that it adds."""
        return self.top + self.bottom

    @property
    def columns(self) -> int:
        """Columns that it adds."""
        return self.left + self.right


def border_of(kernel: Kernel) -> Border | None:
    """The border that is written around what a pooling reads; None where its window is padded by itself."""
    if kernel.kind not in ("max_pool", "average_pool"):
        return None
    d = kernel.anchor.workload.dimensions
    pad = next((layer for layer in kernel.layers if layer.kind == "pad"), None)
    if pad is not None:
        before = pad.workload.dimensions
        lines, columns = max(d.in_height - before.in_height, 0), max(d.in_width - before.in_width, 0)
        return Border(lines // 2, columns // 2, lines - lines // 2, columns - columns // 2)
    pads = integers(kernel.anchor.attributes, "pads", (0, 0, 0, 0))
    if len(pads) != _SIDES or not any(pads):
        return None
    found = []
    fits = True
    for read, written, size, stride, dilation, front, behind in (
        (d.in_height, d.out_height, d.kernel_height, d.stride_height, d.dilation_height, pads[0], pads[2]),
        (d.in_width, d.out_width, d.kernel_width, d.stride_width, d.dilation_width, pads[1], pads[3]),
    ):
        fits = fits and written == -(-read // stride) and same_padding(read, size, stride, dilation) == (front, behind)
        reach = (written - 1) * stride + (size - 1) * dilation + 1 - read - front
        found.append((front, max(behind, reach, 0)))
    return None if fits else Border(found[0][0], found[1][0], found[0][1], found[1][1])
