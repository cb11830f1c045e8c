"""Fourier transforms.

Operations are those of the algorithms that runtimes use for any length: the radix-2 fast Fourier transform of
5 n log2 n operations where the length is a power of two (Cooley and Tukey, Math. Comput. 19, 1965), Bluestein's
algorithm elsewhere (IEEE Trans. Audio Electroacoust. 18, 1970), which takes three transforms of the next power of two
from 2 n - 1 on and three products with chirps. A real signal counts like a complex one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from annette.errors import NetworkShapeError
from annette.network.kinds.kind import FLAG, INTEGER, Category, Kind
from annette.network.kinds.shapes import Shape, integers, normalize_axis
from annette.network.layer import Dimensions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.kinds.dimensions import Operands
    from annette.network.layer import AttributeValue

__all__ = ["KINDS", "transform_ops"]

_OPS_PER_BUTTERFLY_POINT: Final = 5
_OPS_PER_COMPLEX_PRODUCT: Final = 6
_COMPLEX: Final = 2
"""Sizes that the last dimension may have: the real part, or both parts."""


def transform_ops(length: int) -> int:
    """Operations of one transform.

    Example:
        >>> transform_ops(8), transform_ops(6)
        (120, 1128)
    """
    if length & (length - 1) == 0:
        return _OPS_PER_BUTTERFLY_POINT * length * (length.bit_length() - 1)
    padded = 1 << (2 * length - 2).bit_length()
    return 3 * transform_ops(padded) + _OPS_PER_COMPLEX_PRODUCT * (2 * length + padded)


def _bins(length: int, attributes: Mapping[str, AttributeValue]) -> int:
    return length // 2 + 1 if attributes.get("onesided") else length


def _shapes(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    """``[…, n, …, 1 or 2]`` to as many frequencies; with a hop, ``[batch, samples, 1]`` to one row for each frame."""
    source, length = inputs[0], integers(attributes, "length")[0]
    if length < 1:
        raise NetworkShapeError(f"a transform of {length} points makes no sense")
    if "hop" in attributes:
        hop = integers(attributes, "hop")[0]
        if len(source) not in (2, 3) or source[2:] not in ((), (1,), (_COMPLEX,)) or hop < 1 or length > source[1]:
            raise NetworkShapeError(f"input {source} cannot be cut into frames of {length} every {hop}")
        return [(source[0], (source[1] - length) // hop + 1, _bins(length, attributes), _COMPLEX)]
    if not len(source) >= 2 or source[-1] not in (1, _COMPLEX):
        raise NetworkShapeError(f"input {source} does not end in a dimension of 1 (real) or 2 (complex)")
    axis = normalize_axis(integers(attributes, "axis")[0], len(source))
    if axis == len(source) - 1:
        raise NetworkShapeError(f"axis {axis} of {source} holds the parts of complex numbers")
    real = attributes.get("inverse") and attributes.get("onesided")
    written = length if attributes.get("inverse") else _bins(length, attributes)
    return [(*source[:axis], written, *source[axis + 1 : -1], 1 if real else _COMPLEX)]


def _dimensions(operands: Operands) -> Dimensions:
    source, result, attributes = operands.inputs[0].shape, operands.outputs[0].shape, operands.attributes
    length, batch = integers(attributes, "length")[0], source[0] if source else 1
    if length < 1:
        raise NetworkShapeError(f"transforms {length} points")
    if "hop" in attributes:
        transforms, bins = math.prod(result[:2]), result[2] if len(result) > 2 else 1
    else:
        axis = normalize_axis(integers(attributes, "axis", (len(result) - 2,))[0], max(1, len(result)))
        bins = result[axis] if result else 1
        transforms = math.prod(result[:-1]) // max(1, bins)
    batch = batch if batch and transforms % batch == 0 else 1
    return Dimensions(
        batch=batch,
        in_width=math.prod(source[1:]),
        out_channels=bins,
        out_width=transforms // batch,
        axis_size=length,
        input_count=operands.input_count,
        output_count=len(operands.outputs),
    )


def _ops(_: int, d: Dimensions, operands: Operands) -> int:
    """The transforms, and the product with a window."""
    window = d.axis_size if "hop" in operands.attributes else 0
    return d.batch * d.out_width * (transform_ops(d.axis_size) + window)


def _weights(_: Shape, attributes: Mapping[str, AttributeValue], __: int) -> dict[str, Shape]:
    """Frames are multiplied by a window."""
    return {"window": (integers(attributes, "length")[0],)} if "hop" in attributes else {}


KINDS: Final = (
    Kind(
        "fourier_transform",
        Category.SPECTRAL,
        "discrete Fourier transform along an axis, or of frames of a signal",
        attributes={"length": INTEGER, "hop": INTEGER, "axis": INTEGER, "onesided": FLAG, "inverse": FLAG},
        shapes=_shapes,
        dimensions=_dimensions,
        ops=_ops,
        weights=_weights,
    ),
)
"""Transforms between time and frequency."""
