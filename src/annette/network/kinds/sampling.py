"""How detectors' layers count: what is sampled at computed positions, and boxes that suppress each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from annette.network.kinds.dimensions import map_dimensions
from annette.network.kinds.shapes import integers
from annette.network.layer import Dimensions

if TYPE_CHECKING:
    from annette.network.kinds.dimensions import Operands

__all__ = ["grid_dimensions", "region_dimensions", "sampled_ops", "suppression_dimensions", "suppression_ops"]

_TAPS: Final = {"nearest": 1, "linear": 2, "bilinear": 2, "cubic": 4, "bicubic": 4}
"""Elements that are read in each direction for one sample, by the mode of interpolation."""
_OPS_PER_TAP: Final = 2
_OPS_PER_SAMPLE: Final = 2
"""Scaling the two coordinates; those of a sample are shared by its channels, which is why there are not more."""
_REGION_TAPS: Final = 4
_ADAPTIVE_SAMPLES: Final = 2
"""Samples in each direction of a place of the grid where their number follows from the size of the region."""
_OPS_PER_BOX: Final = 4
_OPS_PER_OVERLAP: Final = 12
"""Corners, areas and the quotient of intersection and union."""
_BOXES_RANK: Final = 3


def grid_dimensions(operands: Operands) -> Dimensions:
    """Dimensions of sampling at given positions: the kernel is what one sample reads."""
    dimensions = map_dimensions(operands)
    taps = _TAPS.get(str(operands.attributes.get("mode", "linear")), 2)
    depth = taps if operands.outputs and len(operands.outputs[0].shape) > 4 else 1
    return dimensions._replace(kernel_depth=depth, kernel_height=taps, kernel_width=taps)


def sampled_ops(_: int, d: Dimensions, operands: Operands) -> int:
    """Operations of interpolation, for each element written."""
    taps = d.kernel_depth * d.kernel_height * d.kernel_width
    return (_OPS_PER_TAP * taps + _OPS_PER_SAMPLE) * sum(tensor.elements for tensor in operands.outputs)


def region_dimensions(operands: Operands) -> Dimensions:
    """Dimensions of aligned regions: the kernel is the samples of one place of the grid, by two taps each way."""
    samples = max(0, integers(operands.attributes, "sampling_ratio", (0,))[0]) or _ADAPTIVE_SAMPLES
    side = samples * math.isqrt(_REGION_TAPS)
    return map_dimensions(operands)._replace(kernel_height=side, kernel_width=side)


def suppression_dimensions(operands: Operands) -> Dimensions:
    """Dimensions of ``[batch, boxes, 4]`` with scores ``[batch, classes, boxes]``: boxes are positions."""
    shapes = [tensor.shape for tensor in operands.inputs[:2]]
    if len(shapes) < 2 or any(len(shape) != _BOXES_RANK for shape in shapes):
        return map_dimensions(operands)
    boxes, scores = shapes
    classes = scores[1] if scores[2] == boxes[1] else scores[2]
    return Dimensions(
        batch=boxes[0],
        in_channels=classes,
        in_width=boxes[1],
        out_channels=classes,
        out_width=max(1, integers(operands.attributes, "max_boxes", (boxes[1],))[0]),
        input_count=operands.input_count,
        output_count=len(operands.outputs),
    )


def suppression_ops(ops: int, d: Dimensions, operands: Operands) -> int:
    """A look at each box, and the overlap of each that is kept with all kept before it."""
    if any(len(tensor.shape) != _BOXES_RANK for tensor in operands.inputs[:2]) or len(operands.inputs) < 2:
        return ops * max((tensor.elements for tensor in operands.inputs), default=0)
    pairs = d.out_width * (d.out_width + 1) // 2
    return d.batch * d.in_channels * (_OPS_PER_BOX * d.in_width + _OPS_PER_OVERLAP * pairs)
