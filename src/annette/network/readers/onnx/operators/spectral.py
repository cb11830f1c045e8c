"""Fourier transforms, window functions and mel filters: the front ends of audio networks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.values import Meta, dtype_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.layer import AttributeValue
    from annette.network.readers.onnx.node import Node, Rule

__all__ = ["CONTRIB_RULES", "RULES"]

_AXIS_IS_READ_FROM: Final = 20
"""Operator set from which the axis of DFT is an operand."""


def _number(node: Node, index: int, what: str) -> int:
    numbers = node.known(index, what)
    if len(numbers) != 1 or numbers[0] < 1:
        raise node.error(f"takes its {what} from {numbers}, where one number of at least 1 belongs")
    return numbers[0]


def _stft(node: Node) -> Result:
    """Frames of a signal, each multiplied by a window and transformed."""
    signal, window = node.input(0), node.optional(2)
    hop = _number(node, 1, "frame step")
    if node.has(3):
        length = _number(node, 3, "frame length")
    elif window is not None and window.elements:
        length = window.elements
    else:
        raise node.error("has neither a window nor a frame length: there is nothing to cut the signal by")
    attributes: dict[str, AttributeValue] = {"length": length, "hop": hop, "onesided": node.integer("onesided", 1) == 1}
    result = node.layer("fourier_transform", signal, attributes=attributes)
    result.operands = [signal, window]
    return result


def _changed_axis(before: tuple[int, ...], after: tuple[int, ...]) -> int:
    """The axis of a transform whose operand does not say it: the one that changes its size, else the default."""
    sizes = zip(before[:-1], after[:-1], strict=False)
    return next((axis for axis, (old, new) in enumerate(sizes) if old != new), -2)


def _dft(node: Node) -> Result:
    """One transform for every position but those along the axis."""
    signal = node.input(0)
    rank = len(signal.shape)
    axis = -2
    if node.version < _AXIS_IS_READ_FROM:
        axis = node.integer("axis", 1)
    elif node.has(2) and node.data(2) is None and node.decided_shape() is not None:
        axis = _changed_axis(signal.shape, node.decided_shape() or ())
    elif node.has(2):
        (axis,) = node.known(2, "axis") if node.input(2).elements == 1 else (rank,)
    axis = node.axis(axis, rank)
    length = _number(node, 1, "length") if node.has(1) else signal.shape[axis]
    onesided, inverse = node.integer("onesided", 0) == 1, node.integer("inverse", 0) == 1
    if inverse and onesided and not node.has(1):
        length = 2 * (signal.shape[axis] - 1)
    attributes: dict[str, AttributeValue] = {
        "length": length, "axis": axis, "onesided": onesided, "inverse": inverse,
    }  # fmt: skip
    return node.layer("fourier_transform", signal, attributes=attributes)


def _window(node: Node) -> Result:
    number = node.integer("output_datatype", 1)
    meta = Meta((_number(node, 0, "size"),), dtype_of(number, node.subject))
    return Result([meta], "generate", operands=())


def _mel_filters(node: Node) -> Result:
    """MelWeightMatrix: ``[frequencies, bands]``."""
    bands, length = _number(node, 0, "number of bands"), _number(node, 1, "length of the transform")
    meta = Meta((length // 2 + 1, bands), dtype_of(node.integer("output_datatype", 1), node.subject))
    return Result([meta], "generate", operands=())


def _real_transform(inverse: bool, node: Node) -> Result:
    """Rfft and Irfft: real signals to complex ones and back, over the last axes."""
    signal, count = node.input(0), node.integer("signal_ndim", 1)
    if not inverse:
        shape: tuple[int, ...] = (*signal.shape, 1)
    elif len(signal.shape) > 1 and signal.shape[-1] == 2:
        shape = signal.shape
    else:
        raise node.error(f"reads {list(signal.shape)}, which does not end in the two parts of complex numbers")
    axis = len(shape) - 2
    if count != 1 or axis < 0:
        raise node.error(f"transforms {count} axes of {list(signal.shape)}; one is known")
    onesided = node.integer("onesided", 1) == 1
    length = 2 * (shape[axis] - 1) if inverse and onesided else shape[axis]
    attributes: dict[str, AttributeValue] = {
        "length": length, "axis": axis, "onesided": onesided, "inverse": inverse,
    }  # fmt: skip
    (result,) = node.infer("fourier_transform", shape, attributes=attributes)
    written = Meta(result[:-1] if inverse else result, signal.dtype)
    return Result([written], "fourier_transform", attributes, operands=[signal])


def _complex_product(node: Node) -> Result:
    """ComplexMul and ComplexMulConj: six real operations, counted as one product for each part."""
    return node.layer("mul", node.input(0), node.input(1))


RULES: Final[Mapping[str, Rule]] = {
    "STFT": _stft,
    "DFT": _dft,
    **dict.fromkeys(("HannWindow", "HammingWindow", "BlackmanWindow"), _window),
    "MelWeightMatrix": _mel_filters,
}
"""Rules of ``ai.onnx`` by operator."""

CONTRIB_RULES: Final[Mapping[str, Rule]] = {
    "Rfft": partial(_real_transform, False),
    "Irfft": partial(_real_transform, True),
    **dict.fromkeys(("ComplexMul", "ComplexMulConj"), _complex_product),
}
"""Rules of ``com.microsoft`` by operator."""
