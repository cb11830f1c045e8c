"""A measured kernel as a table describes it: a few stages in a row, and a time.

Each becomes a small network of its own, so that what is fitted later has gone through the same mapping, shape inference
and counting as the networks that are estimated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.budget import spend
from annette.documents import LEAST_LATENCY_S, MOST_LATENCY_S, is_latency
from annette.errors import DatasetError, NetworkError, nearest
from annette.network.builder import NetworkBuilder
from annette.network.kinds import KINDS, Category, kinds_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.network import Network
    from annette.network.tensor import Tensor

__all__ = ["LARGEST_SIZE", "MOST_OPERANDS", "STAGE_KINDS", "TIME", "MeasuredKernel", "Stage", "kernel_network"]

_ARITHMETIC: Final = ("add", "sub", "mul", "div")
_WINDOWED: Final = ("conv", "grouped_conv", "depthwise_conv", "conv_transpose", "max_pool", "average_pool")

_OF_IMAGES: Final = (
    *_WINDOWED, "global_average_pool", "global_max_pool", "batch_norm", "resize_nearest", "resize_linear",
)  # fmt: skip
"""Kinds that read batch, channels, rows and columns."""

TIME: Final = f"a number of {LEAST_LATENCY_S:g} to {MOST_LATENCY_S:g} seconds"
"""What a measured time must be, in words."""

LARGEST_SIZE: Final = 2**31 - 1
"""Of a dimension: what compilers count with."""

MOST_OPERANDS: Final = 4096
"""Tensors that one kernel reads; networks that concatenate most have a few dozen."""

_STEPS_PER_OPERAND: Final = 20

STAGE_KINDS: Final = tuple(
    sorted(
        {
            *_WINDOWED,
            *_ARITHMETIC,
            *kinds_in(Category.ACTIVATION),
            "fully_connected",
            "global_average_pool",
            "global_max_pool",
            "batch_norm",
            "concat",
            "resize_nearest",
            "resize_linear",
            "softmax",
        }
        - {"celu", "thresholded_relu", "softplus", "softsign", "mish", "gelu", "prelu"}
    )
)
"""Kinds of layer that a layer table may hold."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One layer of a measured kernel. Sizes that a kind does not have are ignored.

    Attributes:
        kind: One of `STAGE_KINDS`.
        in_channels: Channels read; of all operands together for ``concat``.
        in_height: Rows read.
        in_width: Columns read.
        out_channels: Channels written by convolutions and fully connected layers.
        kernel: Taps, height and width.
        stride: Stride, height and width; the scale for ``resize_…``.
        padding: ``same`` (⌈size / stride⌉ positions), ``half`` (kernel // 2 on each side), ``valid``, or the four
            numbers top, left, bottom, right.
        groups: Groups of a convolution.
        dilation: Dilation, height and width.
        operands: Tensors of this size that are read by arithmetic and ``concat``.
        batch: Samples processed together.
    """

    kind: str
    in_channels: int
    in_height: int = 1
    in_width: int = 1
    out_channels: int = 0
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: str | tuple[int, ...] = "same"
    groups: int = 1
    dilation: tuple[int, int] = (1, 1)
    operands: int = 2
    batch: int = 1


@dataclass(frozen=True, slots=True)
class MeasuredKernel:
    """Layers that ran as one kernel, and how long they took.

    Attributes:
        network: Where it was measured; rows of one network are held out together.
        name: Its name there.
        stages: What it computes, in order: each stage reads what the one before wrote.
        latency_s: Measured time, seconds.

    Raises:
        DatasetError: Nothing takes such a time.
    """

    network: str
    name: str
    stages: tuple[Stage, ...]
    latency_s: float

    def __post_init__(self) -> None:
        if not is_latency(self.latency_s):
            raise DatasetError(
                f"kernel {self.name!r} of {self.network!r} has latency {self.latency_s} s: it must be {TIME}"
            )


def kernel_network(kernel: MeasuredKernel) -> Network:
    """The kernel as a network of its own, named after the network it was measured in: those are held out together.

    Args:
        kernel: With at least one stage.

    Raises:
        DatasetError: The stages do not fit together, or a size makes no sense; the message names the kernel.
    """
    where = f"kernel {kernel.name!r} of {kernel.network!r}"
    if not kernel.stages:
        raise DatasetError(f"{where} has no stages: a table row names one layer at least")
    first = kernel.stages[0]
    for stage in kernel.stages:
        if stage.kind not in STAGE_KINDS:
            raise DatasetError(
                f"{where}: kind {stage.kind!r} cannot be imported{nearest(stage.kind, STAGE_KINDS)}; "
                f"known: {', '.join(STAGE_KINDS)}"
            )
        _check_sizes(where, stage)
    builder = NetworkBuilder(kernel.network, batch=first.batch, source_format="layer-table")
    try:
        x = _input(builder, first)
        for stage in kernel.stages:
            if len(x.shape) != 4 and stage.kind in _OF_IMAGES:
                raise DatasetError(f"{where}: {stage.kind} reads an image, and what is before it wrote none")
            spend(where, steps=_STEPS_PER_OPERAND * stage.operands)
            x = _stage(builder, x, stage)
        return builder.build(x)
    except NetworkError as error:
        raise DatasetError(f"{where}: {error}") from error


def _check_sizes(where: str, stage: Stage) -> None:
    """Checks that sizes can be counted with; what a kind does not have is at its default."""
    padding = stage.padding if isinstance(stage.padding, tuple) else ()
    sizes = {name: (getattr(stage, name),) for name in ("in_channels", "in_height", "in_width", "groups", "batch")}
    sizes |= {name: getattr(stage, name) for name in ("kernel", "stride", "dilation")}
    for name, values in sizes.items():
        if not all(1 <= value <= LARGEST_SIZE for value in values):
            raise DatasetError(f"{where}: {name} of {stage.kind} is {values}, not of 1 to {LARGEST_SIZE}")
    if not 0 <= stage.out_channels <= LARGEST_SIZE or not all(0 <= side <= LARGEST_SIZE for side in padding):
        raise DatasetError(f"{where}: {stage.out_channels} out_channels or padding {padding} make no sense")
    if not 1 <= stage.operands <= MOST_OPERANDS:
        raise DatasetError(f"{where}: {stage.operands} operands are not 1 to {MOST_OPERANDS}")


def _input(builder: NetworkBuilder, stage: Stage) -> Tensor:
    channels = stage.in_channels // stage.operands if stage.kind == "concat" else stage.in_channels
    if stage.kind == "fully_connected":
        return builder.input("input", (stage.batch, channels))
    return builder.input("input", (stage.batch, channels, stage.in_height, stage.in_width))


def _stage(builder: NetworkBuilder, x: Tensor, stage: Stage) -> Tensor:
    """Appends one stage."""
    if stage.kind in _WINDOWED:
        return _windowed(builder, x, stage)
    if stage.kind in (*_ARITHMETIC, "concat"):
        return _combined(builder, x, stage)
    if stage.kind == "fully_connected":
        return builder.fully_connected(builder.flatten(x) if len(x.shape) > 2 else x, stage.out_channels)
    if stage.kind.startswith("resize_"):
        return builder.resize(x, scale=stage.stride, mode="nearest" if stage.kind == "resize_nearest" else "linear")
    if KINDS[stage.kind].category is Category.ACTIVATION:
        return builder.activation(x, "relu6" if stage.kind == "clip" else stage.kind)
    plain: dict[str, Callable[[Tensor], Tensor]] = {
        "global_average_pool": builder.global_average_pool,
        "global_max_pool": builder.global_max_pool,
        "batch_norm": builder.batch_norm,
        "softmax": lambda tensor: builder.softmax(tensor, axis=1),
    }
    return plain[stage.kind](x)


def _combined(builder: NetworkBuilder, x: Tensor, stage: Stage) -> Tensor:
    """Arithmetic and concatenation: the other operands come from outside."""
    others = [builder.input(f"{stage.kind}_operand{index}", x.shape) for index in range(1, stage.operands)]
    if stage.kind == "concat":
        return builder.concat([x, *others])
    for other in others:
        x = builder.layer(stage.kind, [x, other])[0]
    return x


def _windowed(builder: NetworkBuilder, x: Tensor, stage: Stage) -> Tensor:
    padding = _padding(x, stage)
    if stage.kind == "max_pool":
        return builder.max_pool(x, stage.kernel, stride=stage.stride, padding=padding)
    if stage.kind == "average_pool":
        return builder.average_pool(x, stage.kernel, stride=stage.stride, padding=padding)
    if stage.kind == "conv_transpose":
        return builder.conv_transpose(x, stage.out_channels, stage.kernel, stride=stage.stride, padding=padding)
    groups = x.shape[1] if stage.kind == "depthwise_conv" else stage.groups
    filters = stage.out_channels or x.shape[1]
    return builder.conv(
        x, filters, stage.kernel, stride=stage.stride, padding=padding, dilation=stage.dilation, groups=groups
    )


def _padding(x: Tensor, stage: Stage) -> tuple[int, ...]:
    """Padding in the builder's order: top, left, bottom, right."""
    if isinstance(stage.padding, tuple):
        return stage.padding
    if stage.padding == "valid":
        return (0, 0, 0, 0)
    sides = []
    for axis in (0, 1):
        reach = (stage.kernel[axis] - 1) * stage.dilation[axis] + 1
        if stage.padding == "half":
            sides.append((reach // 2, reach // 2))
        elif stage.kind == "conv_transpose":
            total = max(reach - stage.stride[axis], 0)
            sides.append((total // 2, total - total // 2))
        else:
            size = x.shape[2 + axis]
            total = max((-(-size // stage.stride[axis]) - 1) * stage.stride[axis] + reach - size, 0)
            sides.append((total // 2, total - total // 2))
    return (sides[0][0], sides[1][0], sides[0][1], sides[1][1])
