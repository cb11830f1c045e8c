"""Convolutions and pooling: operators that slide a window over feature maps."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.values import Meta
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.layer import AttributeValue
    from annette.network.readers.onnx.node import Node, Rule
    from annette.network.readers.onnx.values import Value

__all__ = ["CONTRIB_RULES", "RULES", "conv_result"]


class _Window(NamedTuple):
    """Attributes of a sliding window, one entry per spatial dimension (pads: begins, then ends)."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]

    def attributes(self) -> dict[str, AttributeValue]:
        return {
            "kernel_shape": self.kernel,
            "strides": self.strides,
            "dilations": self.dilations,
            "pads": self.pads,
        }


def _window(node: Node, spatial: Sequence[int], kernel: tuple[int, ...]) -> _Window:
    """Reads the window's attributes and resolves ``auto_pad``."""
    rank = len(spatial)
    if not 1 <= rank <= 3:
        raise node.error(f"slides over {rank} spatial dimensions; 1 to 3 are known")
    if len(kernel) != rank or any(size < 1 for size in kernel):
        raise node.error(f"has kernel_shape {list(kernel)} over {rank} spatial dimensions")
    strides = _per_dimension(node, "strides", rank, 1)
    dilations = _per_dimension(node, "dilations", rank, 1)
    auto = node.text("auto_pad", "NOTSET")
    pads = _per_dimension(node, "pads", 2 * rank, 0)
    if auto == "VALID":
        pads = (0,) * (2 * rank)
    elif auto in ("SAME_UPPER", "SAME_LOWER"):
        pads = _same_pads(spatial, kernel, strides, dilations, lower=auto == "SAME_LOWER")
    elif auto != "NOTSET" and auto:
        raise node.error(f"has auto_pad {auto!r}, which ONNX does not define")
    return _Window(kernel, strides, dilations, pads)


def _per_dimension(node: Node, name: str, count: int, default: int) -> tuple[int, ...]:
    values = node.integers(name)
    if values is None or (not values and count):
        return (default,) * count
    if len(values) != count:
        raise node.error(f"has {len(values)} {name} where {count} belong")
    if name != "pads" and any(value < 1 for value in values):
        raise node.error(f"has {name} {list(values)}: each must be at least 1")
    return values


def _same_pads(
    spatial: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], *, lower: bool
) -> tuple[int, ...]:
    begins, ends = [], []
    for size, width, stride, dilation in zip(spatial, kernel, strides, dilations, strict=True):
        total = max(0, (-(-size // stride) - 1) * stride + (width - 1) * dilation + 1 - size)
        small, large = total // 2, total - total // 2
        begins.append(large if lower else small)
        ends.append(small if lower else large)
    return (*begins, *ends)


def _slide(node: Node, spatial: Sequence[int], window: _Window, *, ceil: bool = False) -> tuple[int, ...]:
    """Number of window positions in each spatial dimension."""
    rank, sizes = len(spatial), []
    same = node.text("auto_pad", "NOTSET").startswith("SAME")
    for i, size in enumerate(spatial):
        stride, begin, end = window.strides[i], window.pads[i], window.pads[i + rank]
        room = size + begin + end - (window.kernel[i] - 1) * window.dilations[i] - 1
        if room < 0 and not same:
            raise node.error(
                f"slides a window of {window.kernel[i]} (dilation {window.dilations[i]}) over {size} + {begin + end} "
                "padded elements: nothing is left"
            )
        if same:
            count = -(-size // stride)
        elif ceil:
            count = -(-room // stride) + 1
            # A window that would start in the padding behind the input is dropped.
            if (count - 1) * stride >= size + begin:
                count -= 1
        else:
            count = room // stride + 1
        sizes.append(count)
    return tuple(sizes)


def _weights(node: Node, operand: Value, weights: Value) -> None:
    if len(operand.shape) < 3 or len(weights.shape) != len(operand.shape):
        raise node.error(f"has an input of shape {list(operand.shape)} and weights of shape {list(weights.shape)}")


def conv_result(
    node: Node, operand: Value, weights: Value, *, dtype: DType | None = None, operands: Sequence[Value | None]
) -> Result:
    """A convolution, whatever the element type and the extra operands."""
    _weights(node, operand, weights)
    groups = node.integer("group", 1)
    channels, filters = operand.shape[1], weights.shape[0]
    if groups < 1 or channels != weights.shape[1] * groups or filters % groups:
        raise node.error(
            f"has {channels} input channels, weights of shape {list(weights.shape)} and {groups} groups, "
            "which do not fit together"
        )
    kernel = node.integers("kernel_shape") or weights.shape[2:]
    if tuple(kernel) != weights.shape[2:]:
        raise node.error(f"has kernel_shape {list(kernel)}, but weights of shape {list(weights.shape)}")
    window = _window(node, operand.shape[2:], tuple(kernel))
    shape = (operand.shape[0], filters, *_slide(node, operand.shape[2:], window))
    kind = "conv" if groups == 1 else "depthwise_conv" if weights.shape[1] == 1 else "grouped_conv"
    return Result(
        [Meta(shape, dtype or operand.dtype)],
        kind,
        {**window.attributes(), "groups": groups},
        operands=operands,
    )


def _conv(node: Node) -> Result:
    return conv_result(node, node.input(0), node.input(1), operands=node.inputs)


def _fused_conv(node: Node) -> Result:
    """A convolution with bias, residual and activation in one (written by ONNX Runtime's optimizer)."""
    result = conv_result(node, node.input(0), node.input(1), operands=node.inputs)
    activation = node.text("activation", "")
    if activation:
        result.attributes["activation"] = activation.lower()
    return result


def _conv_integer(node: Node) -> Result:
    return conv_result(node, node.input(0), node.input(1), dtype=DType.INT32, operands=node.inputs[:2])


def _qlinear_conv(node: Node) -> Result:
    output = node.optional(7)
    dtype = output.dtype if output is not None else DType.UINT8
    return conv_result(
        node, node.input(0), node.input(3), dtype=dtype, operands=[node.input(0), node.input(3), node.optional(8)]
    )


def _deform_conv(node: Node) -> Result:
    result = conv_result(node, node.input(0), node.input(1), operands=node.inputs)
    result.kind = "deformable_conv"
    return result


def _conv_transpose(node: Node) -> Result:
    operand, weights = node.input(0), node.input(1)
    _weights(node, operand, weights)
    groups = node.integer("group", 1)
    if groups < 1 or operand.shape[1] != weights.shape[0] or operand.shape[1] % groups:
        raise node.error(
            f"has {operand.shape[1]} input channels, weights of shape {list(weights.shape)} and {groups} groups, "
            "which do not fit together"
        )
    spatial, rank = operand.shape[2:], len(operand.shape) - 2
    kernel = node.integers("kernel_shape") or weights.shape[2:]
    auto = node.text("auto_pad", "NOTSET")
    strides = _per_dimension(node, "strides", rank, 1)
    dilations = _per_dimension(node, "dilations", rank, 1)
    pads = _per_dimension(node, "pads", 2 * rank, 0)
    extra = node.integers("output_padding") or (0,) * rank
    stated = node.integers("output_shape")
    if len(kernel) != rank or len(extra) != rank or not 1 <= rank <= 3 or (stated and len(stated) < rank):
        raise node.error(f"has attributes that do not fit its {rank} spatial dimensions")
    if stated:
        sizes = tuple(stated[-rank:])
    elif auto.startswith("SAME"):
        sizes = tuple(size * stride for size, stride in zip(spatial, strides, strict=True))
    else:
        used = (0,) * (2 * rank) if auto == "VALID" else pads
        sizes = tuple(
            strides[i] * (spatial[i] - 1) + extra[i] + (kernel[i] - 1) * dilations[i] + 1 - used[i] - used[i + rank]
            for i in range(rank)
        )
    if any(size < 1 for size in sizes):
        raise node.error(f"would produce spatial dimensions {list(sizes)}")
    window = _Window(tuple(kernel), strides, dilations, pads)
    return Result(
        [Meta((operand.shape[0], weights.shape[1] * groups, *sizes), operand.dtype)],
        "conv_transpose",
        {**window.attributes(), "groups": groups},
        operands=node.inputs,
    )


def pool(kind: str, node: Node) -> Result:
    """Pooling over a window."""
    operand = node.input(0)
    if len(operand.shape) < 3:
        raise node.error(f"pools a tensor of shape {list(operand.shape)}, which has no spatial dimensions")
    kernel = node.integers("kernel_shape")
    if kernel is None:
        raise node.error("has no kernel_shape")
    window = _window(node, operand.shape[2:], kernel)
    ceil = node.integer("ceil_mode", 0) == 1
    meta = Meta((*operand.shape[:2], *_slide(node, operand.shape[2:], window, ceil=ceil)), operand.dtype)
    attributes: dict[str, AttributeValue] = {**window.attributes(), "ceil_mode": ceil}
    if kind == "average_pool":
        attributes["count_include_pad"] = node.integer("count_include_pad", 0) == 1
    return Result([meta, Meta(meta.shape, DType.INT64)], kind, attributes, operands=[operand])


def global_pool(kind: str, node: Node) -> Result:
    """Pooling over all positions."""
    operand = node.input(0)
    if len(operand.shape) < 2:
        raise node.error(f"pools a tensor of shape {list(operand.shape)}, which has no spatial dimensions")
    shape = (*operand.shape[:2], *(1 for _ in operand.shape[2:]))
    return Result([Meta(shape, operand.dtype)], kind, operands=[operand])


def _max_unpool(node: Node) -> Result:
    operand = node.input(0)
    spatial = operand.shape[2:]
    window = _window(node, spatial, node.integers("kernel_shape") or ())
    if node.has(2):
        shape = tuple(node.known(2, "output shape"))
    else:
        rank = len(spatial)
        shape = (
            *operand.shape[:2],
            *(
                (spatial[i] - 1) * window.strides[i] - window.pads[i] - window.pads[i + rank] + window.kernel[i]
                for i in range(rank)
            ),
        )
    return Result([Meta(shape, operand.dtype)], "scatter", operands=node.inputs[:2])


def _col2im(node: Node) -> Result:
    operand = node.input(0)
    image, block = node.known(1, "image shape"), node.known(2, "block shape")
    if len(operand.shape) != 3 or math.prod(block) < 1 or operand.shape[1] % math.prod(block):
        raise node.error(f"folds columns of shape {list(operand.shape)} with blocks {block}")
    shape = (operand.shape[0], operand.shape[1] // math.prod(block), *image)
    return Result([Meta(shape, operand.dtype)], "im2col", {"kernel_shape": tuple(block)}, operands=[operand])


def _quantized(rule: Rule, node: Node) -> Result:
    if node.integer("channels_last", 0):
        raise node.error("keeps its channels last; export the model before it is optimized for one runtime")
    return rule(node)


RULES: Final[Mapping[str, Rule]] = {
    "Conv": _conv,
    "ConvInteger": _conv_integer,
    "QLinearConv": _qlinear_conv,
    "DeformConv": _deform_conv,
    "ConvTranspose": _conv_transpose,
    "MaxPool": partial(pool, "max_pool"),
    "AveragePool": partial(pool, "average_pool"),
    "LpPool": partial(pool, "lp_pool"),
    "GlobalAveragePool": partial(global_pool, "global_average_pool"),
    "GlobalMaxPool": partial(global_pool, "global_max_pool"),
    "GlobalLpPool": partial(global_pool, "global_average_pool"),
    "MaxUnpool": _max_unpool,
    "Col2Im": _col2im,
}
"""Rules of ``ai.onnx`` by operator."""

CONTRIB_RULES: Final[Mapping[str, Rule]] = {
    "FusedConv": _fused_conv,
    "QLinearAveragePool": partial(_quantized, partial(pool, "average_pool")),
    "QLinearGlobalAveragePool": partial(_quantized, partial(global_pool, "global_average_pool")),
}
"""Rules of ``com.microsoft`` by operator."""
