"""Kernels that Vela takes apart into several operations, each of which is scheduled by itself.

From Vela's graph optimiser and its reports: a grouped convolution becomes one convolution a group, which reads and
writes its channels in place; a depthwise convolution with a channel multiplier becomes one for each output of a
channel, and transposes that interleave the results; a convolution with a stride above 3 becomes one of a single element
for each element of its kernel, block by block; a concat copies input by input. An activation behind several operations
that write one OFM is an operation of its own.

Tensors of more than three dimensions are transposed step by step, each step in three dimensions: the dimensions are
brought into their places one after another by swapping two of them; a swap that three dimensions do not hold moves one
to an end, swaps, and moves it back.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.devices.arm_ethos_u.scheduler.batches import batched
from annette.devices.arm_ethos_u.scheduler.block_config import OpShape, choose_block_config, round_up
from annette.devices.arm_ethos_u.scheduler.feature_maps import BRICK, FeatureMap, hwc_of, stored_bytes
from annette.devices.arm_ethos_u.scheduler.operations import (
    ACTIVATIONS,
    LUT_ACTIVATIONS,
    NpuOp,
    encoded_scale_bytes,
    encoded_weight_bytes,
    operation_of,
)
from annette.network.kinds.shapes import integers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.devices.arm_ethos_u.scheduler.accelerator import AcceleratorConfig
    from annette.devices.arm_ethos_u.scheduler.feature_maps import Storage
    from annette.mapping.kernel import Kernel

__all__ = ["TransposeStep", "merged_axes", "operations_of", "steps_of", "transpose_steps"]

_AXES: Final = 3
_MOST_STRIDE: Final = 3


class TransposeStep(NamedTuple):
    """A transpose in three dimensions.

    Attributes:
        ifm: Height, width and depth of what it reads.
        first: The dimension that changes places with `second`.
        second: The other one, behind it.
    """

    ifm: tuple[int, int, int]
    first: int
    second: int

    @property
    def ofm(self) -> tuple[int, int, int]:
        """Height, width and depth of what it writes."""
        sizes = list(self.ifm)
        sizes[self.first], sizes[self.second] = sizes[self.second], sizes[self.first]
        return (sizes[0], sizes[1], sizes[2])

    @property
    def half_speed(self) -> bool:
        """Whether rows move, which halves the speed of writing."""
        return self.first == 0

    @property
    def shape(self) -> OpShape:
        """Its shape as an operator: a pooling of single elements."""
        return OpShape("pool", *self.ofm, self.ifm[2], self.ifm[0], self.ifm[1], 1, 1, 1, 1, 1)


def merged_axes(shape: Sequence[int], perm: Sequence[int]) -> tuple[list[int], list[int]]:
    """A transpose without dimensions of one, those that stay together taken as one.

    Args:
        shape: Of what is read.
        perm: Which dimension of it comes where.
    """
    runs: list[list[int]] = []
    for axis in perm:
        if shape[axis] == 1:
            continue
        if runs and axis > runs[-1][-1] and all(shape[other] == 1 for other in range(runs[-1][-1] + 1, axis)):
            runs[-1].append(axis)
        else:
            runs.append([axis])
    order = sorted(range(len(runs)), key=lambda run: runs[run][0])
    return [math.prod(shape[axis] for axis in runs[run]) for run in order], [
        order.index(run) for run in range(len(runs))
    ]


def transpose_steps(shape: Sequence[int], perm: Sequence[int]) -> list[TransposeStep]:
    """The steps of a transpose.

    The arguments are those of `merged_axes`.
    """
    sizes, steps = list(shape), []
    order = list(perm)
    while len(sizes) < _AXES:  # Leading dimensions of one.
        sizes, order = [1, *sizes], [0, *(axis + 1 for axis in order)]
    target = [order.index(axis) for axis in range(len(order))]  # The place that each dimension goes to.
    for place in range(len(sizes)):
        if target[place] == place:
            continue
        other = target.index(place)
        steps += _swap(sizes, place, other)
        target[place], target[other] = target[other], target[place]
    return steps


def _swap(sizes: list[int], first: int, second: int) -> list[TransposeStep]:
    """Swaps two dimensions, ``first`` before ``second``; changes ``sizes``."""
    last = len(sizes) - 1
    whole = math.prod(sizes)
    if math.prod(sizes[:-_AXES]) == 1 and first >= len(sizes) - _AXES:
        start = len(sizes) - _AXES
        step = TransposeStep((sizes[start], sizes[start + 1], sizes[start + 2]), first - start, second - start)
    elif (first, second) == (0, 1):
        step = TransposeStep((sizes[0], sizes[1], whole // (sizes[0] * sizes[1])), 0, 1)
    elif (first, second) == (last - 1, last):
        step = TransposeStep((whole // (sizes[-2] * sizes[-1]), sizes[-2], sizes[-1]), 1, 2)
    elif first:
        return _swap_through_end(sizes, first, second, back=False)
    elif second != last:
        return _swap_through_end(sizes, second, first, back=True)
    else:
        step = TransposeStep((sizes[0], whole // (sizes[0] * sizes[-1]), sizes[-1]), 0, 2)
    sizes[first], sizes[second] = sizes[second], sizes[first]
    return [step]


def _swap_through_end(sizes: list[int], axis: int, other: int, *, back: bool) -> list[TransposeStep]:
    """Moves a dimension to the front or back, swaps it with the ``other``, and moves what came there back."""
    whole, axes = math.prod(sizes), (1, 2) if back else (0, 1)
    before, size = math.prod(sizes[:axis]), sizes.pop(axis)
    there = TransposeStep((before, size, whole // (before * size)), *axes)
    sizes.insert(len(sizes) if back else 0, size)
    inner = _swap(sizes, other, len(sizes) - 1) if back else _swap(sizes, 0, other)
    moved = sizes.pop(-1 if back else 0)
    before = math.prod(sizes[:axis])
    sizes.insert(axis, moved)
    rest = whole // (before * moved)
    return [there, *inner, TransposeStep((before, rest, moved) if back else (moved, before, rest), *axes)]


def operations_of(
    kernel: Kernel,
    storage: Storage,
    root: Mapping[str, str],
    maps: dict[str, FeatureMap],
    config: AcceleratorConfig,
    copied: Sequence[str] | None = None,
) -> list[NpuOp]:
    """The operations of a kernel, in order.

    Args:
        kernel: Any that is not free.
        storage: How tensors are stored.
        root: Name of the feature map in which each tensor lies.
        maps: All feature maps; those between the operations are added.
        config: The accelerator.
        copied: Inputs of a concat that it copies; the others are written in place.
    """
    op = operation_of(kernel, storage, root, maps, config)
    d, shape = kernel.anchor.workload.dimensions, op.shape
    if copied is not None:
        return [_copy(op, tensor, storage, root, maps) for tensor in copied]
    if kernel.kind == "grouped_conv" and d.groups > 1 and d.out_depth == d.kernel_depth == 1:
        return _by_group(op, kernel, maps, config)
    if kernel.kind == "transpose" and len(kernel.layers) == 1 and kernel.inputs:
        return _transposed(op, kernel, storage, maps, config)
    if shape is not None and kernel.kind == "depthwise_conv" and 1 < d.in_channels < d.out_channels:
        return _by_multiplier(op, shape, kernel, maps, config)
    if shape is not None and shape.block_type == "conv" and max(shape.stride_height, shape.stride_width) > _MOST_STRIDE:
        return _by_kernel_element(op, shape, kernel, maps, config)
    return batched(op, kernel, maps)


def _single_element(height: int, width: int, depth: int, block_type: str) -> OpShape:  # OFM and IFM are alike.
    return OpShape(block_type, height, width, depth, depth, height, width, 1, 1, 1, 1, 1)


def _copy(op: NpuOp, tensor: str, storage: Storage, root: Mapping[str, str], maps: Mapping[str, FeatureMap]) -> NpuOp:
    """One input of a concat."""
    shape = storage.shapes[tensor]
    size, name, hwc = stored_bytes(shape), root[tensor], hwc_of(shape)
    return replace(
        op,
        kind="copy",
        shape=_single_element(*hwc, "copy"),
        ifms=(name,),
        ifm_bytes=(size,),
        ofm_bytes=size,
        ofm_elements=math.prod(shape),
        ofm_depth=hwc[2],
        ifm_nhwc=maps[name].nhwc,
    )


def _add_map(maps: dict[str, FeatureMap], op: NpuOp, height: int, width: int, depth: int, *, nhwc: bool) -> str:
    """Adds a feature map between operations of a kernel; its name."""
    name = f"{op.ofm}/{len(maps)}"
    maps[name] = FeatureMap(height * width * (depth if nhwc else round_up(depth, BRICK)), nhwc=nhwc, whole=True)
    return name


def _part(
    op: NpuOp, shape: OpShape, target: str, maps: Mapping[str, FeatureMap], config: AcceleratorConfig, repeats: int
) -> NpuOp:
    """One of equal parts of an operation, without its activation, which writes to ``target``.

    What it reads is left as that of the whole operation.
    """
    return replace(
        op,
        shape=shape,
        ofm=target,
        ofm_bytes=op.ofm_bytes // repeats,
        ofm_elements=op.ofm_elements // repeats,
        ofm_depth=shape.ofm_depth,
        weight_bytes=encoded_weight_bytes(shape, config, share=op.weight_share),
        scale_bytes=encoded_scale_bytes(shape, config),
        ofm_nhwc=maps[target].nhwc,
        lut=False,
        activated=False,
        repeats=repeats,
    )


def _activation(op: NpuOp, kernel: Kernel, source: str, maps: Mapping[str, FeatureMap]) -> list[NpuOp]:
    """The activation behind parts that write the feature map ``source``; none where they write the OFM itself."""
    kind = _fused_activation(kernel)
    if kind is None or source == op.ofm:
        return []
    d = kernel.anchor.workload.dimensions
    return [
        replace(
            op,
            kind=kind,
            shape=_single_element(d.out_height, d.out_width, d.out_channels, "pool"),
            ifms=(source,),
            ifm_bytes=(maps[source].size_bytes,),
            ofm_elements=d.out_height * d.out_width * d.out_channels,
            weight_bytes=0,
            scale_bytes=0,
            ifm_nhwc=maps[source].nhwc,
            lut=kind in LUT_ACTIVATIONS,
            activated=False,
        )
    ]


def _fused_activation(kernel: Kernel) -> str | None:
    fused = (layer.kind for layer in kernel.layers if layer is not kernel.anchor)
    return next((kind for kind in fused if kind in ACTIVATIONS), None)


def _by_group(op: NpuOp, kernel: Kernel, maps: dict[str, FeatureMap], config: AcceleratorConfig) -> list[NpuOp]:
    d = kernel.anchor.workload.dimensions
    inputs, outputs = d.in_channels // d.groups, d.out_channels // d.groups
    shape = OpShape(
        "conv", d.out_height, d.out_width, outputs, inputs, d.in_height, d.in_width,
        d.kernel_height, d.kernel_width, d.stride_height, d.stride_width, d.dilation_height,
    )  # fmt: skip
    target = op.ofm
    if _fused_activation(kernel):
        target = _add_map(maps, op, d.out_height, d.out_width, d.out_channels, nhwc=bool(outputs % BRICK))
    each = replace(
        _part(op, shape, target, maps, config, d.groups),
        kind="conv",
        ifm_bytes=tuple(size // d.groups for size in op.ifm_bytes),
    )
    return [each, *_activation(op, kernel, target, maps)]


def _by_multiplier(
    op: NpuOp, shape: OpShape, kernel: Kernel, maps: dict[str, FeatureMap], config: AcceleratorConfig
) -> list[NpuOp]:
    d = kernel.anchor.workload.dimensions
    multiplier = d.out_channels // d.in_channels
    target = _add_map(maps, op, multiplier * d.out_height, d.out_width, d.in_channels, nhwc=True)
    each = _part(op, shape._replace(ofm_depth=d.in_channels), target, maps, config, multiplier)
    steps = transpose_steps((multiplier, d.out_height, d.out_width, d.in_channels), (1, 2, 3, 0))
    return [each, *_stepwise(op, steps, target, maps, config)]


def _transposed(
    op: NpuOp, kernel: Kernel, storage: Storage, maps: dict[str, FeatureMap], config: AcceleratorConfig
) -> list[NpuOp]:
    return _stepwise(op, steps_of(kernel, storage), op.ifms[0], maps, config) or [op]


def steps_of(kernel: Kernel, storage: Storage) -> list[TransposeStep]:
    """The steps of a transpose as it is stored; none where it moves nothing."""
    source, order, target = kernel.inputs[0], storage.orders[kernel.inputs[0]], storage.orders[kernel.outputs[0]]
    perm = integers(kernel.anchor.attributes, "perm", tuple(reversed(range(len(order)))))
    return transpose_steps(*merged_axes(storage.shapes[source], [order.index(perm[axis]) for axis in target]))


def _stepwise(
    op: NpuOp, steps: Sequence[TransposeStep], source: str, maps: dict[str, FeatureMap], config: AcceleratorConfig
) -> list[NpuOp]:
    """Transposes one after another, the first of which reads ``source``."""
    operations: list[NpuOp] = []
    for position, step in enumerate(steps):
        last = position == len(steps) - 1
        bricks = not (config.shram_banks or last) and steps[position + 1].ifm[1:] == step.ofm[1:]
        target = op.ofm if last else _add_map(maps, op, *step.ofm, nhwc=not bricks)
        operations.append(
            replace(
                op,
                kind="transpose",
                shape=step.shape,
                block_shape=_single_element(*step.ifm, "pool"),
                ifms=(source,),
                ifm_bytes=(maps[source].size_bytes,),
                ofm=target,
                ofm_bytes=maps[target].size_bytes,
                ofm_elements=math.prod(step.ifm),
                ofm_depth=step.ofm[2],
                weight_bytes=0,
                scale_bytes=0,
                ifm_nhwc=maps[source].nhwc,
                ofm_nhwc=maps[target].nhwc,
                lut=op.lut and last,
                activated=op.activated and last,
                transposes=True,
                half_speed=step.half_speed,
            )
        )
        source = target
    return operations


def _by_kernel_element(
    op: NpuOp, shape: OpShape, kernel: Kernel, maps: dict[str, FeatureMap], config: AcceleratorConfig
) -> list[NpuOp]:
    single = shape._replace(
        ifm_height=shape.ofm_height, ifm_width=shape.ofm_width, kernel_height=1, kernel_width=1,
        stride_height=1, stride_width=1, dilation=1,
    )  # fmt: skip
    block = choose_block_config(config, single)
    height, width = min(block.ofm_height, shape.ofm_height), min(block.ofm_width, shape.ofm_width)
    depth = min(block.ofm_depth, shape.ofm_depth)
    blocks = shape.ofm_height / height * (shape.ofm_width / width) * math.ceil(shape.ofm_depth / depth)
    target = op.ofm
    if _fused_activation(kernel):
        target = _add_map(maps, op, shape.ofm_height, shape.ofm_width, shape.ofm_depth, nhwc=False)
    repeats = max(round(blocks * shape.kernel_height * shape.kernel_width), 1)
    part = single._replace(
        ofm_height=height, ofm_width=width, ofm_depth=depth,
        ifm_height=height * shape.stride_height, ifm_width=width * shape.stride_width,
    )  # fmt: skip
    each = replace(
        _part(op, part, target, maps, config, repeats),
        ifm_bytes=tuple(size // repeats for size in op.ifm_bytes),
        ofm_elements=height * width * depth,
    )
    return [each, *_activation(op, kernel, target, maps)]
