"""Operations as Vela's scheduler knows them: shape, IFMs and OFM, weights as they are encoded."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from annette.devices.arm_ethos_u.scheduler.block_config import OpShape, is_part_kernel, round_up
from annette.devices.arm_ethos_u.scheduler.feature_maps import (
    BRICK,
    ELEMENTWISE,
    height_of_positions,
    hwc_of,
    is_by_element,
    reinterpreted,
    stored_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.devices.arm_ethos_u.scheduler.accelerator import AcceleratorConfig
    from annette.devices.arm_ethos_u.scheduler.feature_maps import FeatureMap, Storage
    from annette.mapping.kernel import Kernel

__all__ = [
    "ACTIVATIONS", "LUT_ACTIVATIONS", "NpuOp", "by_sample", "encoded_scale_bytes", "encoded_weight_bytes",
    "operation_of",
]  # fmt: skip

LUT_ACTIVATIONS: Final = frozenset({
    "leaky_relu", "sigmoid", "tanh", "hard_swish", "hard_sigmoid", "silu", "elu", "gelu",
})  # fmt: skip
"""Activations that are looked up in a table."""

ACTIVATIONS: Final = LUT_ACTIVATIONS | {"relu", "clip"}
"""Activations; one that runs by itself is a pooling of single elements."""

_SINGLE_ELEMENTS: Final = ACTIVATIONS | {"quantize", "copy"}
"""Poolings of single elements."""

_BLOCK_TYPES: Final = {
    "conv": "conv",
    "fully_connected": "vector",
    "depthwise_conv": "depthwise",
    "max_pool": "pool",
    "average_pool": "pool",
}
_RESIZES: Final = frozenset({"resize_nearest", "resize_linear"})
_MEANS: Final = frozenset({"global_average_pool", "reduce_mean"})
_ONE_SAMPLE: Final = _RESIZES | {"conv", "depthwise_conv", "max_pool", "average_pool"}
"""Kinds that take one sample at a time."""

_SCALE_BYTES: Final = 10
_MOST_DILATION: Final = 2

# How weights are encoded is not modelled: these shares of their size were found from Vela's reports of random weights.
_ENCODED_SHARE: Final = 0.94
_SHARE_PER_DOUBLING: Final = 0.02
_WEIGHTS_PER_CHANNEL: Final = 256
_VECTOR_SHARE: Final = 0.865
_LARGE_VECTOR_SHARE: Final = 0.895
_LARGE_VECTOR: Final = 1 << 20
_WEIGHT_BITS: Final = 8
_CODE_OVERHEAD_BITS: Final = 0.03
"""What Vela's weight stream takes beside its codes, of each weight: from weights that its encoder was given."""

_RUN_PARAMETERS: Final = 6
_DILATION_ZEROS_SHARE: Final = 0.03
_PADDING_SHARE: Final = 0.55
_KNOWN_PADDING_SHARE: Final = 0.4
_HEADER_BYTES: Final = 16
_STREAMS_HEADER_BYTES: Final = 64
_ONES_SHARE: Final = 0.16
_SHRAM_ONES_SHARE: Final = 0.12


@dataclass(frozen=True)
class NpuOp:
    """One operation of the accelerator: a kernel, or a part of one.

    Attributes:
        kind: Of the kernel; of a part, what it does.
        shape: Its shape; None for what has no block configuration.
        ifms: Names of the feature maps that it reads, the one that the kernel slides over first.
        ifm_bytes: Bytes of each that it reads, in NHCWB16.
        ofm: Name of the feature map that it writes; empty where there is none.
        ofm_bytes: Bytes that it writes, in NHCWB16.
        ofm_elements: Elements that it writes.
        ofm_height: Height of the OFM, 1 where it has none.
        ofm_depth: Depth of the OFM.
        chained: How many element-wise operators are chained behind it, which read their operand by a channel of
            its own.
        weight_bytes: Encoded weights; an estimate.
        scale_bytes: Scales and biases.
        constant_elements: Elements of a constant operand of an element-wise operator, read for every output.
        ifm_nhwc: Whether its first IFM is stored as NHWC.
        ofm_nhwc: Whether its OFM is.
        lut: Whether an activation is looked up in a table.
        activated: Whether an activation is fused to it.
        block_shape: The shape that its blocks are chosen for, where it is another.
        transposes: Whether it transposes.
        half_speed: Whether it writes at half speed.
        repeats: How many equal operations run one after another.
        weight_share: What its encoded weights take of their own size; None where their values are not known.
        own_cycles: What it takes, where that does not follow from its shape; else 0.
        alike: Token that it shares with operations that differ from it by ``ifms`` and ``ofm`` only
            (`annette.devices.arm_ethos_u.scheduler.repetition`); None where there is none. What is replaced in an
            operation makes another one, without a token.
    """

    kind: str
    shape: OpShape | None
    ifms: tuple[str, ...]
    ifm_bytes: tuple[int, ...]
    ofm: str
    ofm_bytes: int
    ofm_elements: int
    ofm_height: int
    ofm_depth: int
    chained: int = 0
    weight_bytes: int = 0
    scale_bytes: int = 0
    constant_elements: int = 0
    ifm_nhwc: bool = False
    ofm_nhwc: bool = False
    lut: bool = False
    activated: bool = False
    block_shape: OpShape | None = None
    transposes: bool = False
    half_speed: bool = False
    repeats: int = 1
    weight_share: float | None = None
    own_cycles: float = 0.0
    alike: object | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def constant_bytes(self) -> int:
        """Encoded weights with scales and biases."""
        return self.weight_bytes + self.scale_bytes


def operation_of(
    kernel: Kernel,
    storage: Storage,
    root: Mapping[str, str],
    maps: Mapping[str, FeatureMap],
    config: AcceleratorConfig,
) -> NpuOp:
    """The operation of a kernel that runs as one.

    Args:
        kernel: Any that is not free.
        storage: How tensors are stored.
        root: Name of the feature map in which each tensor lies.
        maps: All feature maps.
        config: The accelerator.
    """
    shapes, share = storage.shapes, _known_share(kernel, storage)
    ifms: dict[str, int] = {}
    for tensor in kernel.inputs:
        ifms[root[tensor]] = ifms.get(root[tensor], 0) + stored_bytes(shapes[tensor])
    ofm = hwc_of(shapes[kernel.outputs[0]]) if kernel.outputs else (1, 1, 1)
    if kernel.kind == "copy" and kernel.inputs:  # A view that is a copy keeps the shape of what it reads.
        ofm = hwc_of(shapes[kernel.inputs[0]])
    elif kernel.outputs and is_by_element(kernel, shapes):
        ofm = reinterpreted(ofm)
    shape, block_shape = _shape(kernel, config), None
    if kernel.kind in _SINGLE_ELEMENTS or (kernel.kind in ELEMENTWISE and not config.shram_banks):
        shape = _elementwise_shape(kernel, shapes, ofm)
    elif kernel.kind in ELEMENTWISE:
        block_shape = OpShape("elementwise", *ofm, ofm[2], ofm[0], ofm[1], 1, 1, 1, 1, 1)
    shape, weights = _weighted(kernel, shape, config, share)
    names, fused = tuple(ifms), [layer for layer in kernel.layers if layer is not kernel.anchor]
    written = root[kernel.outputs[0]] if kernel.outputs else ""
    return NpuOp(
        kind=kernel.kind,
        shape=shape,
        ifms=names,
        ifm_bytes=tuple(ifms.values()),
        ofm=written,
        ofm_bytes=stored_bytes(shapes[kernel.outputs[0]]) if kernel.outputs else 0,
        ofm_elements=kernel.anchor.workload.output_elements,
        ofm_height=ofm[0],
        ofm_depth=ofm[2],
        chained=0 if config.shram_banks else sum(layer.kind in ELEMENTWISE for layer in fused),
        weight_bytes=weights,
        scale_bytes=encoded_scale_bytes(shape, config) if shape and weights else 0,
        constant_elements=kernel.anchor.workload.weight_elements if kernel.kind in ELEMENTWISE else 0,
        ifm_nhwc=bool(names) and maps[names[0]].nhwc,
        ofm_nhwc=bool(written) and maps[written].nhwc,
        lut=any(layer.kind in LUT_ACTIVATIONS for layer in kernel.layers),
        activated=any(layer.kind in ACTIVATIONS for layer in fused),
        block_shape=block_shape,
        weight_share=share,
    )


def _weighted(
    kernel: Kernel, shape: OpShape | None, config: AcceleratorConfig, share: float | None
) -> tuple[OpShape | None, int]:
    """The shape with bytes of encoded weights; that of a mean, whose weights are ones, where it has none yet."""
    if kernel.kind in ELEMENTWISE:  # Its constant operand is read as a feature map is.
        return shape, 0
    if shape is not None and kernel.anchor.workload.weight_elements:
        d = kernel.anchor.workload.dimensions
        dense = d.kernel_height * d.kernel_width / (shape.kernel_height * shape.kernel_width)
        return shape, encoded_weight_bytes(shape, config, dense, share)
    if shape is None and kernel.kind in _MEANS:
        shape = _mean_shape(kernel)
        ones = shape.ofm_depth * shape.kernel_height * shape.kernel_width if shape else 0
        return shape, round_up(math.ceil((_SHRAM_ONES_SHARE if config.shram_banks else _ONES_SHARE) * ones), BRICK)
    return shape, 0


def by_sample(op: NpuOp, samples: int) -> NpuOp:
    """An operation for each sample of a batch, one after another; the same where it takes all at once.

    Args:
        op: The operation of a whole kernel.
        samples: How many samples there are.
    """
    if samples == 1 or op.kind not in _ONE_SAMPLE:
        return op
    return replace(
        op,
        ifm_bytes=tuple(size // samples for size in op.ifm_bytes),
        ofm_bytes=op.ofm_bytes // samples,
        ofm_elements=op.ofm_elements // samples,
        ofm_height=max(op.ofm_height // samples, 1),
        repeats=samples,
    )


def encoded_scale_bytes(shape: OpShape, config: AcceleratorConfig) -> int:
    """Bytes of scales and biases, 10 a channel; the Ethos-U85 stores them for whole bricks."""
    channels = shape.ofm_depth if config.shram_banks else round_up(shape.ofm_depth, BRICK)
    return round_up(_SCALE_BYTES * channels, BRICK)


def _known_share(kernel: Kernel, storage: Storage) -> float | None:
    """What the encoded weights of a kernel take of their own size; None where their values are not known."""
    elements = kernel.anchor.workload.weight_elements
    bits = (storage.code_bits[name] for name in kernel.anchor.inputs if name in storage.code_bits)
    found = next(bits, None) if elements else None
    return None if found is None else (found + _CODE_OVERHEAD_BITS) / _WEIGHT_BITS


def encoded_weight_bytes(
    shape: OpShape, config: AcceleratorConfig, dense: float = 1.0, share: float | None = None
) -> int:
    """Bytes of encoded weights: what pads them takes less room, zeros of a dilated kernel almost none.

    Weights that share a scale are spread over fewer values the more they are, and compress better.

    Args:
        shape: Of the operation that they are for.
        config: The accelerator.
        dense: Share of them that is not zeros of a dilation put between them.
        share: What they take of their own size; None where their values are not known.
    """
    elements = shape.kernel_height * shape.kernel_width
    inputs = 1 if shape.block_type == "depthwise" else shape.ifm_depth
    raw = shape.ofm_depth * elements * inputs
    if share is not None and dense == 1:
        return _known_weight_bytes(shape, config, raw, share)
    if shape.block_type == "depthwise":
        padded = round_up(shape.ofm_depth, 8) * round_up(elements, 4)
    elif is_part_kernel(config, shape):
        padded = round_up(shape.ofm_depth, 8) * round_up(elements, 4) * round_up(inputs, 8)
    else:
        padded = round_up(shape.ofm_depth, 8) * elements * round_up(inputs, config.depth_first_depth)
    share = _encoded_share(shape, raw, inputs * elements) if share is None else share
    encoded = raw * dense * share
    encoded += raw * (1 - dense) * _DILATION_ZEROS_SHARE + (padded - raw) * _PADDING_SHARE
    return round_up(math.ceil(encoded), BRICK)


def _known_weight_bytes(shape: OpShape, config: AcceleratorConfig, raw: int, share: float) -> int:
    """Bytes of encoded weights whose values are known: beside their codes those of zeros that pad them, and a header.

    Found from what Vela's encoder makes of the weights of generated int8 networks.
    """
    elements = shape.kernel_height * shape.kernel_width
    shram, depthwise = bool(config.shram_banks), shape.block_type == "depthwise"
    depth = round_up(shape.ofm_depth, 8 * config.cores if shram else BRICK)
    header = _HEADER_BYTES * (2 * config.cores - 1) if shram else _STREAMS_HEADER_BYTES
    if depthwise:
        padded, header = depth * round_up(elements, 4), header + _HEADER_BYTES * shram
    elif is_part_kernel(config, shape):
        rounded = round_up(elements, 4)
        if not shram and elements > 1:
            rounded = min(round_up(elements, 2), round_up(elements, 5))
        padded = depth * rounded * round_up(shape.ifm_depth, 8 if shram else BRICK)
    else:
        padded = depth * elements * round_up(shape.ifm_depth, config.depth_first_depth)
    zeros = padded - raw
    plain = raw * share + zeros * _KNOWN_PADDING_SHARE
    in_runs = raw * (share + _run_bits(zeros / raw) / _WEIGHT_BITS) if zeros else plain
    return round_up(math.ceil(min(plain, in_runs) + header), BRICK)


def _run_bits(zeros: float) -> float:
    """Bits that the number of zeros before a weight takes, where there are so many of them on average."""
    return min(zeros / (1 << parameter) + 1 + parameter for parameter in range(_RUN_PARAMETERS))


def _encoded_share(shape: OpShape, raw: int, per_channel: int) -> float:
    """What encoded weights take of their own size.

    Weights of a matrix product share one scale; from a million on they are encoded in a coarser way.
    """
    if shape.kernel_height * shape.kernel_width == 1 and shape.block_type == "vector":
        return _VECTOR_SHARE if raw < _LARGE_VECTOR else _LARGE_VECTOR_SHARE
    doublings = math.log2(max(per_channel, 1) / _WEIGHTS_PER_CHANNEL)
    return min(max(_ENCODED_SHARE - _SHARE_PER_DOUBLING * doublings, 0.88), 1.0)


def _shape(kernel: Kernel, config: AcceleratorConfig) -> OpShape | None:
    """Shape of a convolution, matrix product, pooling or (Ethos-U85) resize; None for all others."""
    block_type = _BLOCK_TYPES.get(kernel.kind)
    if not config.shram_banks and kernel.kind in _RESIZES:
        block_type = "resize"
    d = kernel.anchor.workload.dimensions
    if block_type is None or d.out_depth != 1 or d.kernel_depth != 1:
        return None
    if block_type == "vector":
        positions = d.batch * d.out_height * d.out_width
        height = height_of_positions(positions)
        width = positions // height
        if positions > 1 and not config.shram_banks:
            block_type = "conv"
        return OpShape(block_type, height, width, d.out_channels, d.in_channels, height, width, 1, 1, 1, 1, 1)
    kernel_height, dilation = _dilated(d.kernel_height, d.dilation_height)
    kernel_width, _ = _dilated(d.kernel_width, d.dilation_width)
    return OpShape(
        block_type, d.out_height, d.out_width, d.out_channels, d.in_channels, d.in_height, d.in_width,
        kernel_height, kernel_width, d.stride_height, d.stride_width, dilation,
    )  # fmt: skip


def _elementwise_shape(kernel: Kernel, shapes: Mapping[str, Sequence[int]], ofm: tuple[int, int, int]) -> OpShape:
    """Shape of an activation or an element-wise operator; a lower IFM is broadcast in height."""
    block_type = "pool" if kernel.kind in _SINGLE_ELEMENTS else "elementwise"
    height = ofm[0]
    if not is_by_element(kernel, shapes):
        height = min((hwc_of(shapes[tensor])[0] for tensor in kernel.inputs), default=ofm[0])
    if 1 < kernel.anchor.workload.weight_elements < kernel.anchor.workload.output_elements:
        height = 1
    return OpShape(block_type, *ofm, ofm[2], height if block_type == "elementwise" else ofm[0], ofm[1], 1, 1, 1, 1, 1)


def _dilated(size: int, dilation: int) -> tuple[int, int]:
    """Kernel size and dilation as they run: a dilation of more than 2 becomes a larger kernel with zeros in it."""
    if dilation <= _MOST_DILATION:
        return size, dilation
    left = _MOST_DILATION if dilation % _MOST_DILATION == 0 else 1
    return (size - 1) * dilation // left + 1, left


def _mean_shape(kernel: Kernel) -> OpShape | None:
    """A mean over height and width as the depthwise convolution that Vela makes of it; None for other means."""
    d = kernel.anchor.workload.dimensions
    if d.out_height != 1 or d.out_width != 1 or d.in_height * d.in_width == 1 or d.in_channels != d.out_channels:
        return None
    depth, height, width = d.out_channels, d.in_height, d.in_width
    return OpShape("depthwise", 1, 1, depth, depth, height, width, height, width, 1, 1, 1)
