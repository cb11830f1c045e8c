"""Which sizes of a network change together.

A size is one axis of one tensor. What a layer does ties sizes: the channels that a convolution writes to the first axis
of its weights, those that it reads to the second, both operands of a sum to each other. Tied sizes stay in proportion:
half of a split, the channels of a pixel shuffle and a flattened map grow by the same factor as what they are made of. A
concatenation is a sum of sizes. What no rule here explains is fixed, and so are inputs and outputs of the network.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from annette.advice.editing import is_transposed
from annette.network.kinds import Category, kinds_in
from annette.network.kinds.shapes import integers, normalize_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from annette.network import Layer, Network

__all__ = ["Axis", "Joined", "Ties", "tie_sizes"]

Axis: TypeAlias = tuple[str, int]
"""Name of a tensor, and number of one of its axes."""


class Joined(NamedTuple):
    """A concatenation: the size of one axis is the sum of others."""

    layer: str
    whole: Axis
    parts: tuple[Axis, ...]


class Ties:
    """Groups of sizes that change in proportion.

    Args:
        network: Whose.

    Attributes:
        joined: Concatenations of sizes that are not in proportion, in topological order.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.joined: list[Joined] = []
        self._parent: dict[Axis, Axis] = {}
        self._fixed: dict[Axis, str] = {}

    def group(self, axis: Axis) -> Axis:
        """What stands for the group of a size."""
        parent = self._parent
        root = axis
        while (above := parent.get(root, root)) != root:
            root = above
        while axis != root:
            axis, parent[axis] = parent.get(axis, axis), root
        return root

    def tie(self, *axes: Axis) -> None:
        """Says that sizes change in proportion."""
        first = self.group(axes[0])
        for axis in axes[1:]:
            other = self.group(axis)
            if other != first:
                self._parent[other] = first
                if other in self._fixed:
                    self._fixed.setdefault(first, self._fixed[other])

    def fix(self, reason: str, *axes: Axis) -> None:
        """Says that sizes cannot change, and why."""
        for axis in axes:
            self._fixed.setdefault(self.group(axis), reason)

    def fixed(self, axis: Axis) -> str | None:
        """Why a size cannot change; None where it can."""
        return self._fixed.get(self.group(axis))

    def size(self, axis: Axis) -> int:
        """The size as it is."""
        return self.network.tensors[axis[0]].shape[axis[1]]

    def axes(self, tensor: str) -> tuple[Axis, ...]:
        """All axes of a tensor."""
        return tuple((tensor, number) for number in range(len(self.network.tensors[tensor].shape)))

    def members(self) -> dict[Axis, list[Axis]]:
        """All sizes of each group, by what stands for it."""
        found: dict[Axis, list[Axis]] = {}
        for tensor in self.network.tensors:
            for axis in self.axes(tensor):
                found.setdefault(self.group(axis), []).append(axis)
        return found


def tie_sizes(network: Network, *, throughout: bool = False) -> Ties:
    """Finds out which sizes of a network change together.

    Args:
        network: Any network whose feature maps are N, C, …spatial….
        throughout: Whether all that is concatenated grows by the same factor; else one part alone may.
    """
    ties = Ties(network)
    for name in network.inputs:
        ties.fix(f"the network's input {name!r}", *ties.axes(name))
    for name in network.outputs:
        ties.fix(f"the network's output {name!r}", *ties.axes(name))
    views = []
    for layer in network.layers:
        if layer.kind == "reshape":
            views.append(layer)
        else:
            _RULES.get(layer.kind, _unknown)(ties, layer)
    for layer in views:  # Which of several sizes a merged one follows, the other layers say.
        _reshape(ties, layer)
    if throughout:
        for joined in ties.joined:
            ties.tie(joined.whole, *joined.parts)
        ties.joined.clear()
    _settle_joined(ties)
    return ties


def _settle_joined(ties: Ties) -> None:
    """Concatenations whose parts all change in proportion do so themselves."""
    open_, ties.joined = ties.joined, []
    changed = True
    while changed:
        changed, left = False, []
        for joined in open_:
            roots = {ties.group(part) for part in joined.parts}
            if len(roots) == 1 or ties.group(joined.whole) in roots:
                ties.tie(joined.whole, *joined.parts)
                changed = True
            else:
                left.append(joined)
        open_ = left
    ties.joined = open_


def _why(layer: Layer) -> str:
    return f"layer {layer.name!r} ({layer.kind})"


def _unknown(ties: Ties, layer: Layer) -> None:
    for name in (*layer.inputs, *layer.outputs):
        ties.fix(_why(layer), *ties.axes(name))


def _same(ties: Ties, layer: Layer) -> None:
    """All axes of the first operand and the first result; constants of as many elements as channels go along."""
    source, result = ties.axes(layer.inputs[0]), ties.axes(layer.outputs[0])
    if len(source) != len(result) or len(layer.outputs) > 1:
        _unknown(ties, layer)
        return
    for one, other in zip(source, result, strict=True):
        ties.tie(one, other)


def _per_channel(ties: Ties, layer: Layer) -> None:
    _same(ties, layer)
    channels = (layer.inputs[0], 1)
    for name in layer.inputs[1:]:
        if ties.network.tensors[name].shape == (ties.size(channels),):
            ties.tie(channels, (name, 0))
        else:
            ties.fix(_why(layer), *ties.axes(name))


def _trailing(ties: Ties, layer: Layer) -> None:
    """Constants belong to the last axes of what is normalized."""
    _same(ties, layer)
    source = ties.axes(layer.inputs[0])
    for name in layer.inputs[1:]:
        own = ties.axes(name)
        for one, other in zip(reversed(own), reversed(source), strict=False):
            if ties.size(one) == ties.size(other):
                ties.tie(other, one)
            else:
                ties.fix(_why(layer), one)


def _broadcast(ties: Ties, layer: Layer) -> None:
    result = ties.axes(layer.outputs[0])
    for name in layer.inputs:
        for one, other in zip(reversed(ties.axes(name)), reversed(result), strict=False):
            if ties.size(one) == ties.size(other):
                ties.tie(other, one)
            else:
                ties.fix(_why(layer), one)


def _channels_only(ties: Ties, layer: Layer) -> None:
    """Channels go along; batch and positions are fixed."""
    source, result = layer.inputs[0], layer.outputs[0]
    ties.tie((source, 1), (result, 1))
    for name in (source, *layer.outputs):
        ties.fix(_why(layer), *(axis for axis in ties.axes(name) if axis[1] != 1 or name not in (source, result)))
    for name in layer.inputs[1:]:
        ties.fix(_why(layer), *ties.axes(name))


def _convolution(ties: Ties, layer: Layer) -> None:
    source, weights, result = layer.inputs[0], layer.inputs[1], layer.outputs[0]
    if len(layer.inputs) > 3 or len(layer.outputs) > 1 or not ties.network.tensors[weights].constant:
        _unknown(ties, layer)
        return
    written, read = (1, 0) if layer.kind == "conv_transpose" else (0, 1)
    ties.tie((result, 1), *((name, 0) for name in layer.inputs[2:]))
    if integers(layer.attributes, "groups", (1,))[0] == ties.size((source, 1)) > 1:
        # One group a channel: as many groups as channels, the other axis of the weights stays.
        ties.tie((source, 1), (result, 1), (weights, 0))
        ties.fix(_why(layer), (weights, 1))
    else:
        ties.tie((source, 1), (weights, read))
        ties.tie((result, 1), (weights, written))
    ties.fix(_why(layer), *(axis for axis in ties.axes(weights) if axis[1] > 1))
    ties.fix(_why(layer), *(axis for name in (source, result) for axis in ties.axes(name) if axis[1] != 1))


def _fully_connected(ties: Ties, layer: Layer) -> None:
    source, weights, result = layer.inputs[0], layer.inputs[1], layer.outputs[0]
    tensors = ties.network.tensors
    plain = tensors[weights].constant and len(tensors[weights].shape) == 2 and len(layer.inputs) <= 3
    if not plain or "equation" in layer.attributes or "weight_bits" in layer.attributes:
        _unknown(ties, layer)
        return
    before, after = ties.axes(source), ties.axes(result)
    turned = is_transposed(layer, tensors[weights].shape, ties.size(before[-1]))
    depth, features = (1, 0) if turned else (0, 1)
    ties.tie(before[-1], (weights, depth))
    ties.tie(after[-1], (weights, features), *(ties.axes(name)[-1] for name in layer.inputs[2:]))
    for one, other in zip(before[:-1], after[:-1], strict=True):
        ties.tie(one, other)


def _matmul(ties: Ties, layer: Layer) -> None:
    left, right, result = (ties.axes(name) for name in (layer.inputs[0], layer.inputs[1], layer.outputs[0]))
    if min(len(left), len(right)) < 2 or len(layer.inputs) > 2 or "equation" in layer.attributes:
        _unknown(ties, layer)
        return
    ties.tie(left[-1], right[-2])
    ties.tie(left[-2], result[-2])
    ties.tie(right[-1], result[-1])
    for operand in (left, right):
        for one, other in zip(reversed(operand[:-2]), reversed(result[:-2]), strict=False):
            if ties.size(one) == ties.size(other):
                ties.tie(one, other)


def _concat(ties: Ties, layer: Layer) -> None:
    result = ties.axes(layer.outputs[0])
    along = normalize_axis(integers(layer.attributes, "axis")[0], len(result))
    for name in layer.inputs:
        for one, other in zip(ties.axes(name), result, strict=True):
            if one[1] != along:
                ties.tie(one, other)
    ties.joined.append(Joined(layer.name, result[along], tuple((name, along) for name in layer.inputs)))


def _split(ties: Ties, layer: Layer) -> None:
    for name in layer.outputs:
        for one, other in zip(ties.axes(layer.inputs[0]), ties.axes(name), strict=True):
            ties.tie(one, other)


def _slice(ties: Ties, layer: Layer) -> None:
    """What is cut along one axis, without gaps, stays the same share of it."""
    source, result = ties.axes(layer.inputs[0]), ties.axes(layer.outputs[0])
    cut = integers(layer.attributes, "axes", tuple(range(len(source))))
    steps = integers(layer.attributes, "steps", (1,) * len(cut))
    plain = len(cut) == 1 and set(steps) == {1} and "starts" in layer.attributes
    moved = set() if plain else {normalize_axis(axis, len(source)) for axis in cut}
    _kept(ties, layer, source, result, [axis for axis in range(len(source)) if axis not in moved])


def _gather(ties: Ties, layer: Layer) -> None:
    """Rows are picked along one axis; the others stay as they are."""
    source, result = ties.axes(layer.inputs[0]), ties.axes(layer.outputs[0])
    along = normalize_axis(integers(layer.attributes, "axis", (0,))[0], len(source))
    rank = 0 if "index" in layer.attributes else len(ties.axes(layer.inputs[1]))
    behind = result[along + rank :]
    for one, other in zip((*source[:along], *source[along + 1 :]), (*result[:along], *behind), strict=True):
        ties.tie(one, other)
    ties.fix(_why(layer), source[along], *result[along : along + rank])
    for name in layer.inputs[1:]:
        ties.fix(_why(layer), *ties.axes(name))


def _pad(ties: Ties, layer: Layer) -> None:
    source, result = ties.axes(layer.inputs[0]), ties.axes(layer.outputs[0])
    pads = integers(layer.attributes, "pads")
    _kept(ties, layer, source, result, [i for i in range(len(source)) if not pads[i] and not pads[len(source) + i]])


def _kept(ties: Ties, layer: Layer, source: Sequence[Axis], result: Sequence[Axis], kept: Iterable[int]) -> None:
    """Ties the axes that a layer leaves as they are, and fixes the others."""
    whole = set(kept)
    for number, (one, other) in enumerate(zip(source, result, strict=True)):
        if number in whole:
            ties.tie(one, other)
        else:
            ties.fix(_why(layer), one, other)


def _transpose(ties: Ties, layer: Layer) -> None:
    if "equation" in layer.attributes:
        _unknown(ties, layer)
        return
    source = ties.axes(layer.inputs[0])
    for axis, result in zip(integers(layer.attributes, "perm"), ties.axes(layer.outputs[0]), strict=True):
        ties.tie(source[axis], result)


def _reduce(ties: Ties, layer: Layer) -> None:
    source, result = ties.axes(layer.inputs[0]), ties.axes(layer.outputs[0])
    key = "axis" if "axis" in layer.attributes else "axes"
    axes = {normalize_axis(axis, len(source)) for axis in integers(layer.attributes, key, tuple(range(len(source))))}
    if "equation" in layer.attributes or len(layer.outputs) > 1:
        _unknown(ties, layer)
        return
    kept = [axis for axis in source if axis[1] not in axes]
    targets = [axis for axis in result if axis[1] not in axes] if len(result) == len(source) else list(result)
    for one, other in zip(kept, targets, strict=True):
        ties.tie(one, other)


def _reshape(ties: Ties, layer: Layer) -> None:
    """Sizes whose products agree belong together; in each run of them, one size follows one other."""
    if "perm" in layer.attributes:
        _unknown(ties, layer)
        return
    source, result = (
        [axis for axis in ties.axes(name) if ties.size(axis) > 1] for name in (layer.inputs[0], layer.outputs[0])
    )
    while source and result:
        left, right = [source.pop(0)], [result.pop(0)]
        while (one := _product(ties, left)) != (other := _product(ties, right)):
            if one < other:
                left.append(source.pop(0))
            else:
                right.append(result.pop(0))
        _tie_run(ties, layer, left, right)


def _product(ties: Ties, axes: Iterable[Axis]) -> int:
    return math.prod(map(ties.size, axes))


def _tie_run(ties: Ties, layer: Layer, left: list[Axis], right: list[Axis]) -> None:
    free = [axis for axis in left if ties.fixed(axis) is None]
    if len(free) != 1:
        ties.fix(_why(layer), *left, *right)
        return
    target = right[-1]
    ties.tie(free[0], target)
    ties.fix(_why(layer), *(axis for axis in (*left, *right) if axis not in (free[0], target)))


_Rule: TypeAlias = "Callable[[Ties, Layer], None]"
_RULES: Final[dict[str, _Rule]] = {
    **dict.fromkeys(kinds_in(Category.ACTIVATION, Category.UNARY), _same),
    **dict.fromkeys(kinds_in(Category.BINARY) | {"prelu"}, _broadcast),
    **dict.fromkeys(kinds_in(Category.POOLING, Category.GLOBAL_POOLING), _channels_only),
    **dict.fromkeys(("resize_nearest", "resize_linear", "resize_cubic", "lrn"), _channels_only),
    **dict.fromkeys(("depth_to_space", "space_to_depth"), _channels_only),
    **dict.fromkeys(("conv", "grouped_conv", "depthwise_conv", "conv_transpose"), _convolution),
    **dict.fromkeys(("batch_norm", "instance_norm", "group_norm"), _per_channel),
    **dict.fromkeys(("layer_norm", "rms_norm"), _trailing),
    **dict.fromkeys(("softmax", "log_softmax", "identity", "copy"), _same),
    **dict.fromkeys(("reduce_mean", "reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "reduce_norm"), _reduce),
    "fully_connected": _fully_connected,
    "matmul": _matmul,
    "concat": _concat,
    "gather": _gather,
    "split": _split,
    "slice": _slice,
    "pad": _pad,
    "transpose": _transpose,
}
