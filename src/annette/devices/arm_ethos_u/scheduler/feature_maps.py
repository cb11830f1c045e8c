"""Feature maps in memory: which tensors share one, in which format it is stored, and how large it is.

A converter stores feature maps with their channels last, and what is reshaped or transposed so that as little as
possible moves (`annette.network.writers.tflite_layout`); a network that has its channels last is stored as it is.

The result of a view or a slice lies where its input lies, and the inputs of a concat that copies nothing are written
right into its output. A feature map is stored as NHCWB16, in bricks of 16 channels, or as NHWC where bricks do not do:
the network's inputs and outputs, feature maps that are read with another width or depth than they are written with
(through a view, a slice, a group), parts that begin within a brick, and what is transposed.

TFLite has two kinds of padding, SAME and VALID. In front of poolings with another one, Vela lets the operator before
write into the middle of a larger feature map, and copies a constant into each side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.devices.arm_ethos_u.scheduler.block_config import round_up
from annette.mapping.kernel import LEFT_TO_HOST
from annette.network.kinds import SPATIAL
from annette.network.kinds.shapes import integers, same_pads
from annette.network.writers.tflite_layout import features_last, plain, reshaped, same_memory, stored, transposed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from annette.mapping.kernel import Kernel
    from annette.network import Dimensions, Layer, Network
    from annette.network.writers.tflite_layout import Order

__all__ = [
    "BRICK", "ELEMENTWISE", "ExplicitPadding", "FeatureMap", "Storage", "explicit_padding_of", "feature_maps_of",
    "height_of_positions", "hwc_of", "is_by_element", "is_product_of_positions", "reinterpreted", "storage_of",
    "stored_bytes",
]  # fmt: skip

BRICK: Final = 16
"""Channels of a brick of the format NHCWB16."""

_MAP_RANK: Final = 4
_SIDES: Final = 4
_MOST_HEIGHT: Final = 16
_LARGEST_FACTOR: Final = 4096
ELEMENTWISE: Final = frozenset({"add", "sub", "mul", "max", "min"})
"""Kinds that combine two feature maps element by element."""

_MAYBE_NHWC: Final = frozenset({"conv", "grouped_conv", "depthwise_conv", "transpose"})
"""Kinds of which some kernels need NHWC (`_nhwc_tensors`)."""

_POOLINGS: Final = frozenset({"max_pool", "average_pool"})

_BY_ELEMENT: Final = frozenset({
    "relu", "clip", "leaky_relu", "sigmoid", "tanh", "hard_swish", "hard_sigmoid", "silu", "elu", "gelu", "abs", "neg",
    "quantize", "copy",
})  # fmt: skip
"""Kinds that read and write one feature map element by element."""


@dataclass(frozen=True, slots=True)
class Storage:
    """How tensors are stored.

    Attributes:
        orders: For each tensor, which of its dimensions is stored at each place.
        shapes: Its shape as stored.
        code_bits: For constants whose values are known, what an element takes in the code of weights.
    """

    orders: Mapping[str, Order]
    shapes: Mapping[str, tuple[int, ...]]
    code_bits: Mapping[str, float] = field(default_factory=dict)


def storage_of(network: Network) -> Storage:
    """How the tensors of a network are stored."""
    tensors = network.tensors
    if network.channels_last:
        known_bits = {name: each.code_bits for name, each in tensors.items() if each.code_bits is not None}
        whole = {name: each.shape for name, each in tensors.items()}
        return Storage({name: plain(len(shape)) for name, shape in whole.items()}, whole, known_bits)
    spatial = any(layer.kind in SPATIAL for layer in network.layers)
    shapes = {name: tensors[name].shape for name in network.inputs}
    orders = {name: features_last(len(shape)) if spatial else plain(len(shape)) for name, shape in shapes.items()}
    for layer in network.layers:
        for tensor in layer.outputs:
            shapes[tensor] = tensors[tensor].shape
            orders[tensor] = _order(layer, tensor, shapes, orders, spatial=spatial)
    known: dict[tuple[tuple[int, ...], Order], tuple[int, ...]] = {}
    found = {}
    for name, order in orders.items():
        shape = known.get((shapes[name], order))
        if shape is None:
            shape = known[shapes[name], order] = stored(shapes[name], order)
        found[name] = shape
    return Storage(orders, found)


def _order(
    layer: Layer, result: str, shapes: Mapping[str, Sequence[int]], orders: Mapping[str, Order], *, spatial: bool
) -> Order:
    """The order of what one layer writes."""
    rank = len(shapes[result])
    if layer.kind in SPATIAL:
        return features_last(rank)
    source = next((tensor for tensor in layer.inputs if tensor in orders), None)
    moves = layer.kind in ("transpose", "reshape", "flatten", "squeeze", "unsqueeze")
    if source is None or layer.kind in ("matmul", "fully_connected") or (moves and source != layer.inputs[0]):
        return plain(rank)
    before = orders[source]
    if layer.kind == "transpose":
        perm = integers(layer.attributes, "perm", tuple(reversed(range(len(before)))))
        moved = transposed(before, perm)
        features = spatial and rank == _MAP_RANK and same_memory(shapes[result], moved, features_last(rank))
        if features or (before != plain(rank) and same_memory(shapes[result], moved, plain(rank))):
            return moved
        return before
    if layer.kind in ("reshape", "flatten", "squeeze", "unsqueeze"):
        return reshaped(shapes[source], before, shapes[result]) or plain(rank)
    return before if len(before) == rank else plain(rank)


class ExplicitPadding(NamedTuple):
    """Rows above and below a feature map, and columns left and right of it."""

    top: int
    left: int
    bottom: int
    right: int


def explicit_padding_of(kernel: Kernel) -> ExplicitPadding | None:
    """What is written around the IFM of a pooling; None for other kernels, and where the operator pads by itself."""
    if kernel.kind not in _POOLINGS or not kernel.inputs:
        return None
    d = kernel.anchor.workload.dimensions
    pad = next((layer for layer in kernel.layers if layer.kind == "pad"), None)
    if pad is not None:
        before = pad.workload.dimensions
        rows, columns = max(d.in_height - before.in_height, 0), max(d.in_width - before.in_width, 0)
        return ExplicitPadding(rows // 2, columns // 2, rows - rows // 2, columns - columns // 2)
    return _explicit_padding(d, integers(kernel.anchor.attributes, "pads", (0, 0, 0, 0)))


@lru_cache(maxsize=4096)
def _explicit_padding(d: Dimensions, pads: tuple[int, ...]) -> ExplicitPadding | None:
    """The same of a pooling that pads by itself."""
    if len(pads) != _SIDES or not any(pads):
        return None
    ifm, ofm, strides = (d.in_height, d.in_width), (d.out_height, d.out_width), (d.stride_height, d.stride_width)
    window, dilations = (d.kernel_height, d.kernel_width), (d.dilation_height, d.dilation_width)
    positions = tuple(-(-size // stride) for size, stride in zip(ifm, strides, strict=True))
    if ofm == positions and pads == same_pads(ifm, window, strides, dilations):
        return None
    reach = [
        (out - 1) * stride + (taps - 1) * dilation + 1 - size - front
        for out, stride, taps, dilation, size, front in zip(ofm, strides, window, dilations, ifm, pads[:2], strict=True)
    ]
    return ExplicitPadding(pads[0], pads[1], max(pads[2], reach[0], 0), max(pads[3], reach[1], 0))


@dataclass(slots=True)
class FeatureMap:
    """A feature map in memory.

    Attributes:
        size_bytes: What it takes, rounded up to whole bricks in NHCWB16.
        nhwc: Whether it is stored as NHWC instead of NHCWB16.
        whole: Whether it must be stored as a whole instead of in a rolling buffer, even if one operation writes and one
            reads it.
        network_io: Whether it is an input or an output of the network.
        writers: Operations that write it, by position in the schedule.
        readers: Operations that read it.
    """

    size_bytes: int
    nhwc: bool = False
    whole: bool = False
    network_io: bool = False
    writers: list[int] = field(default_factory=list)
    readers: list[int] = field(default_factory=list)


class _SharedTensors:
    """Tensors that lie in one feature map, each under the name of one of them."""

    def __init__(self, tensors: Iterable[str]) -> None:
        self.root = {tensor: tensor for tensor in tensors}

    def find(self, tensor: str) -> str:
        root = self.root
        while (above := root[tensor]) != tensor:
            root[tensor] = tensor = root[above]  # Halves the path, so that long chains of concats stay cheap.
        return tensor

    def join(self, whole: str, parts: Sequence[str]) -> None:
        for tensor in parts:
            other = self.find(tensor)
            if other != whole:
                self.root[other] = whole


def feature_maps_of(
    kernels: Sequence[Kernel],
    shapes: Mapping[str, tuple[int, ...]],
    copied: Mapping[str, Sequence[str]],
    border: Collection[str],
) -> tuple[dict[str, FeatureMap], dict[str, str]]:
    """The feature maps of a network by name, and for each tensor the name of the one in which it lies.

    Args:
        kernels: In order of execution, free ones included.
        shapes: Of all tensors, as stored.
        copied: For each concat, by its kernel's name, the inputs that are not written right into its output.
        border: The network's inputs and outputs, and what the host hands over or takes within it.
    """
    kernels = [kernel for kernel in kernels if LEFT_TO_HOST not in kernel.rules]
    touched = dict.fromkeys([tensor for kernel in kernels for tensor in (*kernel.inputs, *kernel.outputs)])
    shared = _SharedTensors(touched)
    nhwc_tensors: set[str] = set()
    paddings: dict[str, ExplicitPadding] = {}
    joined: dict[str, str] = {}
    for kernel in kernels:
        if kernel.kind in _MAYBE_NHWC:
            nhwc_tensors.update(_nhwc_tensors(kernel))
        padding = explicit_padding_of(kernel) if kernel.kind in _POOLINGS else None
        if padding is not None and kernel.anchor.workload.dimensions.batch == 1:
            paddings[kernel.inputs[0]] = padding
        if not (kernel.outputs and kernel.inputs and (kernel.free or kernel.name in copied)):
            continue
        concat = kernel.name in copied
        apart = set(copied.get(kernel.name, ()))
        parts = [tensor for tensor in kernel.inputs if tensor not in apart] if concat else kernel.outputs
        whole = shared.find(kernel.outputs[0] if concat else kernel.inputs[0])
        if concat:
            joined.update(dict.fromkeys(parts, kernel.outputs[0]))
            depths = [hwc_of(shapes[tensor])[2] for tensor in kernel.inputs]
            depth = hwc_of(shapes[kernel.outputs[0]])[2]
            if any(size % BRICK for size in depths[:-1] or depths if size != depth):
                nhwc_tensors.add(whole)
        shared.join(whole, parts)
    root = {tensor: tensor if above == tensor else shared.find(tensor) for tensor, above in shared.root.items()}
    io = {root[tensor] for tensor in border if tensor in root}
    nhwc = {root[tensor] for tensor in nhwc_tensors} | _seen_differently(kernels, shapes, root, joined)
    padded = {root[tensor]: padding for tensor, padding in paddings.items()}
    maps = {}
    for name in dict.fromkeys(root.values()):
        linear = name in io or name in nhwc
        shape = shapes[name]
        if name in padded:
            height, width, depth = hwc_of(shape)
            top, left, bottom, right = padded[name]
            shape = (top + height + bottom, left + width + right, depth)
        whole_map = name in nhwc or name in padded
        maps[name] = FeatureMap(stored_bytes(shape, nhwc=linear), linear, whole_map, name in io)
    return maps, root


def _nhwc_tensors(kernel: Kernel) -> tuple[str, ...]:
    """Tensors that a kernel can only read or write as NHWC."""
    d = kernel.anchor.workload.dimensions
    if kernel.kind == "grouped_conv":
        within_bricks = len(kernel.layers) == 1 and d.out_channels // max(d.groups, 1) % BRICK
        return (*kernel.inputs, *kernel.outputs) if within_bricks else kernel.inputs
    if kernel.kind == "depthwise_conv" and 1 < d.in_channels < d.out_channels:
        return kernel.outputs
    if is_product_of_positions(kernel):
        return (*kernel.inputs, *kernel.outputs) if len(kernel.layers) == 1 else kernel.inputs
    return (*kernel.inputs, *kernel.outputs) if kernel.kind == "transpose" else ()


def is_product_of_positions(kernel: Kernel) -> bool:
    """Whether a convolution runs as a matrix product over the positions of several samples."""
    d = kernel.anchor.workload.dimensions
    if kernel.kind != "conv" or d.batch == 1:
        return False
    single = d.kernel_height == d.kernel_width == d.stride_height == d.stride_width == 1
    return single and (d.out_height, d.out_width) == (d.in_height, d.in_width)


def _seen_differently(
    kernels: Sequence[Kernel],
    shapes: Mapping[str, tuple[int, ...]],
    root: Mapping[str, str],
    joined: Mapping[str, str],
) -> set[str]:
    """Feature maps that kernels do not all write and read with the same width and depth.

    Args:
        kernels: All kernels.
        shapes: Of all tensors, as stored.
        root: Name of the feature map in which each tensor lies.
        joined: The concat's output for what is written right into it.
    """
    views: dict[str, tuple[int, int]] = {}
    differently: set[str] = set()
    known: dict[tuple[tuple[int, ...], bool], tuple[int, int]] = {}
    for kernel in kernels:
        if kernel.free:
            continue
        by_element = is_by_element(kernel, shapes)
        for tensor in (*kernel.inputs, *kernel.outputs):
            if kernel.kind == "concat" and tensor in joined:
                continue
            shape = shapes[tensor if by_element or not joined else joined.get(tensor, tensor)]
            seen = known.get((shape, by_element))
            if seen is None:
                hwc = hwc_of(shape)
                seen = known[shape, by_element] = (reinterpreted(hwc) if by_element else hwc)[1:]
            if kernel.kind == "fully_connected":
                positions = math.prod(shapes[tensor][:-1])
                seen = positions // height_of_positions(positions), seen[1]
            if views.setdefault(root[tensor], seen) != seen:
                differently.add(root[tensor])
    return differently


def is_by_element(kernel: Kernel, shapes: Mapping[str, Sequence[int]]) -> bool:
    """Whether only the elements of what a kernel reads and writes count, not their places."""
    if kernel.kind in _BY_ELEMENT:
        return True
    if kernel.kind not in ELEMENTWISE or len(kernel.inputs) != 1:
        return False
    elements = kernel.anchor.workload.output_elements
    alike = all(math.prod(shapes[tensor]) == elements for tensor in (*kernel.inputs, *kernel.outputs))
    return alike and kernel.anchor.workload.weight_elements in (0, 1, elements)


def height_of_positions(positions: int) -> int:
    """Height into which the positions of a matrix product are laid: up to 16, and no more than the width."""
    most = min(_MOST_HEIGHT, math.isqrt(max(positions, 1)))
    return max(size for size in range(1, most + 1) if positions % size == 0)


def reinterpreted(hwc: tuple[int, int, int]) -> tuple[int, int, int]:
    """Height, width and depth as which a thin feature map is read and written where only the elements count.

    Below a brick, Vela fills the depth with the smallest prime factors of all sizes until it is one, and deals the
    others out between height and width, the largest first (found from its reports).
    """
    if hwc[2] >= BRICK or math.prod(hwc) <= hwc[2]:
        return hwc
    rest = sorted(factor for size in hwc for factor in _prime_factors(size))
    depth = 1
    while rest and depth < BRICK:
        depth *= rest.pop(0)
    return math.prod(rest[::-1][::2]), math.prod(rest[::-1][1::2]), depth


@lru_cache(maxsize=4096)
def _prime_factors(size: int) -> tuple[int, ...]:
    """Prime factors; what is left above the largest that is looked for counts as one."""
    factors, factor = [], 2
    while factor * factor <= size and factor <= _LARGEST_FACTOR:
        if size % factor:
            factor += 1
        else:
            factors.append(factor)
            size //= factor
    return (*factors, size) if size > 1 else tuple(factors)


def hwc_of(shape: Sequence[int]) -> tuple[int, int, int]:
    """Height, width and depth of a tensor's shape as stored; leading dimensions count as height."""
    width, depth = shape[-2] if len(shape) > 1 else 1, shape[-1] if shape else 1
    return max(math.prod(shape[:-2]), 1), width, depth


@lru_cache(maxsize=4096)
def stored_bytes(shape: tuple[int, ...], *, nhwc: bool = False) -> int:
    """Bytes that a tensor takes in memory, in NHCWB16 unless ``nhwc``."""
    elements, depth = math.prod(shape), shape[-1] if shape else 1
    return round_up(elements if nhwc or not depth else elements // depth * round_up(depth, BRICK), BRICK)
