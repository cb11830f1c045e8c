"""Operators that move elements and compute none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.readers.openvino_ir.graph import Context, Rule

__all__ = ["MOVEMENT"]

_INT_MAX: Final = 2**63 - 1
_MOST_DIMENSIONS: Final = 64


def _reshape(layer: Context) -> None:
    layer.node("Reshape", allowzero=int(not layer.flag("special_zero")))


def _squeeze(layer: Context) -> None:
    layer.node("Squeeze")


def _unsqueeze(layer: Context) -> None:
    layer.node("Unsqueeze")


def _transpose(layer: Context) -> None:
    order = layer.known(1)
    if not order:
        order = layer.needed(1) or list(reversed(range(len(layer.shape(0)))))
    layer.node("Transpose", layer.inputs[:1], perm=order)


def _concat(layer: Context) -> None:
    layer.node("Concat", axis=int(layer.number("axis", 0)))


def _split(layer: Context) -> None:
    (axis,) = layer.needed(1)[:1]
    layer.node("Split", layer.inputs[:1], axis=axis, num_outputs=len(layer.outputs))


def _variadic_split(layer: Context) -> None:
    (axis,) = layer.needed(1)[:1]
    lengths = layer.known(2)
    operand = layer.inputs[2]
    size = layer.shape(0)[axis]
    if lengths is not None and -1 in lengths and size >= 0:
        rest = size - sum(length for length in lengths if length >= 0)
        operand = layer.constant([rest if length < 0 else length for length in lengths])
    layer.node("Split", [layer.inputs[0], operand], axis=axis)


def _slice(layer: Context) -> None:
    data, start, stop, step, *axes = layer.inputs
    layer.node("Slice", [data, start, stop, *(axes or [layer.constant(list(range(len(layer.shape(0)))))]), step])


def _strided_slice(layer: Context) -> bool | None:
    """A slice with masks: what is new or dropped on the way is a reshape behind it."""
    masks = {key: layer.numbers(f"{key}_mask") for key in ("begin", "end", "new_axis", "shrink_axis", "ellipsis")}
    if any(masks["ellipsis"]) or any(masks["new_axis"]):
        return _stated_reshape(layer)
    begin, end = layer.known(1), layer.known(2)
    count = layer.layer.inputs[1].dims[0] if layer.layer.inputs[1].dims else 0
    if count > _MOST_DIMENSIONS:
        return False
    if begin is None or end is None:
        ignored = [masks["begin"][:count], masks["end"][:count]]
        if any(any(mask) for mask in ignored) or any(masks["shrink_axis"]):
            return _stated_reshape(layer)
        axes = layer.constant(list(range(count)))
        layer.node("Slice", [*layer.inputs[:3], axes, *layer.inputs[3:4]])
        return None
    steps = layer.needed(3) if len(layer.inputs) > 3 else [1] * count
    starts, stops, dropped = [], [], []
    for axis, (first, last, step) in enumerate(zip(begin, end, steps, strict=True)):
        drop = _set(masks["shrink_axis"], axis)
        open_start, open_stop = _set(masks["begin"], axis), _set(masks["end"], axis)
        starts.append((0 if step > 0 else _INT_MAX) if open_start else first)
        stops.append((_INT_MAX if step > 0 else -_INT_MAX) if open_stop else last)
        if drop:
            dropped.append(axis)
            starts[-1], stops[-1] = first, first + 1 if first != -1 else _INT_MAX
    operands = [layer.inputs[0], *(layer.constant(each) for each in (starts, stops, list(range(count)), steps))]
    if dropped:
        layer.node("Squeeze", [layer.step("Slice", operands), layer.constant(dropped)])
    else:
        layer.node("Slice", operands)
    return None


def _set(mask: list[int], axis: int) -> bool:
    return axis < len(mask) and bool(mask[axis])


def _stated_reshape(layer: Context) -> bool | None:
    """Where the slice keeps all elements, the reshape that it is; else nothing is known."""
    result, source = layer.layer.outputs[0].dims, layer.shape(0)
    if any(size < 0 for size in (*result, *source)) or [s for s in result if s != 1] != [s for s in source if s != 1]:
        return False
    layer.node("Reshape", [layer.inputs[0], layer.constant(result)])
    return None


def _gather(layer: Context) -> bool | None:
    batch = int(layer.number("batch_dims", 0))
    axis = layer.known(2)
    if axis is None:
        return False
    if batch:
        return False
    layer.node("Gather", layer.inputs[:2], axis=axis[0])
    return None


def _gather_elements(layer: Context) -> None:
    layer.node("GatherElements", axis=int(layer.number("axis", 0)))


def _gather_nd(layer: Context) -> None:
    layer.node("GatherND", batch_dims=int(layer.number("batch_dims", 0)))


def _scatter_nd(layer: Context) -> None:
    layer.node("ScatterND")


def _scatter_elements(layer: Context) -> None:
    (axis,) = layer.needed(3)[:1]
    layer.node("ScatterElements", layer.inputs[:3], axis=axis)


def _broadcast(layer: Context) -> bool | None:
    if layer.text("mode", "numpy").lower() == "explicit":
        return False
    layer.node("Expand", layer.inputs[:2])
    return None


def _tile(layer: Context) -> None:
    layer.node("Tile")


def _pad(layer: Context) -> None:
    mode = {"constant": "constant", "reflect": "reflect", "edge": "edge", "symmetric": "reflect"}.get(
        layer.text("pad_mode", "constant").lower(), "constant"
    )
    borders = layer.step("Concat", layer.inputs[1:3], axis=0)
    layer.node("Pad", [layer.inputs[0], borders, *layer.inputs[3:4]], mode=mode)


def _depth_to_space(layer: Context) -> None:
    order = "DCR" if layer.text("mode", "blocks_first").lower() == "blocks_first" else "CRD"
    layer.node("DepthToSpace", blocksize=int(layer.number("block_size", 1)), mode=order)


def _space_to_depth(layer: Context) -> None:
    layer.node("SpaceToDepth", blocksize=int(layer.number("block_size", 1)))


def _top_k(layer: Context) -> None:
    largest = int(layer.text("mode", "max").lower() == "max")
    layer.inputs[1] = layer.step("Reshape", [layer.inputs[1], layer.constant([1])])
    layer.as_stated("TopK", 1, axis=int(layer.number("axis", -1)), largest=largest)


def _one_hot(layer: Context) -> None:
    indices, depth, on, off = layer.inputs[:4]
    one = layer.constant([1])
    limits = [layer.step("Reshape", [value, one]) for value in (off, on)]
    layer.node("OneHot", [indices, depth, layer.step("Concat", limits, axis=0)], axis=int(layer.number("axis", -1)))


def _reverse_sequence(layer: Context) -> None:
    layer.node(
        "ReverseSequence",
        batch_axis=int(layer.number("batch_axis", 0)),
        time_axis=int(layer.number("seq_axis", 1)),
    )


MOVEMENT: Final[Mapping[str, Rule]] = {
    "Broadcast": _broadcast,
    "Concat": _concat,
    "DepthToSpace": _depth_to_space,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "OneHot": _one_hot,
    "Pad": _pad,
    "Reshape": _reshape,
    "ReverseSequence": _reverse_sequence,
    "ScatterElementsUpdate": _scatter_elements,
    "ScatterNDUpdate": _scatter_nd,
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": _squeeze,
    "StridedSlice": _strided_slice,
    "Tile": _tile,
    "TopK": _top_k,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "VariadicSplit": _variadic_split,
}
"""Rules of operators that move elements, by OpenVINO's names."""
