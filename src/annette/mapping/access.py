"""How a kernel that moves or broadcasts elements walks through memory, which its sizes alone do not say.

A transpose that swaps two blocks of rows copies long runs; one that swaps rows and columns moves single elements. A
product with one number per channel is a product with one number for a whole map; with one number per column it is one
of two vectors. Runtimes have a loop for each of these cases (ONNX Runtime: the sources of its Transpose, Slice, Expand,
Concat and of the broadcasting of its element-wise operators), and how long the inner loop is decides its speed.

So it is with what goes along axes. A reduction has a vector loop where the reduced dimensions are one block, and one of
single elements elsewhere (ONNX Runtime: ``OptimizeShapeForFastReduce`` and its users in
``core/providers/cpu/reduction/reduction_ops.cc``). A softmax along another axis than the last moves that axis to the
end and back (``core/providers/cpu/math/softmax.cc``).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from annette.mapping.contraction import copies, reorderings
from annette.network.kinds import Category, kinds_in
from annette.network.kinds.shapes import integers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annette.network import Layer, Network
    from annette.network.tensor import DType

__all__ = ["PLAIN", "REPEATING_WALKS", "Access", "access_between", "access_of", "grows_by_whole_factors", "walks"]


class Access(NamedTuple):
    """How elements are walked through.

    Attributes:
        run_length: Elements that the innermost loop takes in a row: copied in one piece, or combined in one way; 0
            for kinds that have no such loop.
        walk: Which loop it is. Of a transpose, how many blocks of dimensions change places (dimensions of size 1 do
            not count, neighbours that stay neighbours are one), at least 3 where more than one dimension moves. Of
            two operands, 0 where their shapes are equal, 1 where one number goes with the whole run, 2 where a run
            of the smaller one is used again and again. Of a slice or of the largest elements, 2 where single
            elements are taken from between others, else 1. Of an expansion, 2 where a run repeats one element, else
            1. Of a reduction, 1 where its dimensions are the last, 2 the first and the last, 3 the first, 4 in
            between; 5 where what is before them is of size 1, 6 where there are still more blocks. Of a softmax,
            how many blocks of dimensions its axis changes places with, 0 where it is the last. Of a resize, how
            many dimensions change, 0 where each of the last two is doubled by repeating elements, 7 where they grow
            by other whole factors in that way. Of a cast, 2
            where real numbers become integers, else 1. Of elements that are written, 2 where positions say all of
            where, else 1. Of an Einstein sum, 1 and what is put into another order: 1 the first operand, 2 the
            second, 4 the result; its ``run_length`` is the mean piece that stays together in that.
        neighbours: Of a transpose that moves one dimension of single elements, how many become neighbours in the
            result; of an Einstein sum, how many elements are copied before and behind its product; 0 of all others.
        distance: Of such a transpose, how many elements lie between two of them in the operand, the first one
            included; of an Einstein sum, how many of the pieces that it copies have their positions computed; 0 of all
            others.
    """

    run_length: int = 0
    walk: int = 0
    neighbours: int = 0
    distance: int = 0


PLAIN: Final = Access()
_MAP_RANK: Final = 4
_REPEATED: Final = 7

REPEATING_WALKS: Final = frozenset({0, _REPEATED})
"""Of resizes: ``walk`` of those that repeat elements by whole factors."""

_SCATTERED: Final = 3
_BITS: Final = 8
_PAIR: Final = 2
_Shapes: TypeAlias = "Sequence[tuple[int, ...]]"


def access_of(layer: Layer, network: Network) -> Access:
    """How a layer walks through memory.

    Args:
        layer: The layer; one of a kind that neither moves nor broadcasts has `PLAIN`.
        network: Where its tensors are described; a layer that is none of the network's has `PLAIN`.
    """
    if not walks(layer.kind):
        return PLAIN
    known = all(name in network.tensors for name in (*layer.inputs, *layer.outputs))
    if layer.kind == "cast" and known and layer.inputs:
        return _cast(network.tensors[layer.inputs[0]].dtype, network.tensors[layer.outputs[0]].dtype)
    if not known:
        return PLAIN
    return access_between(
        layer,
        [network.tensors[name].shape for name in layer.inputs],
        [network.tensors[name].shape for name in layer.outputs],
    )


def access_between(layer: Layer, shapes: _Shapes, results: _Shapes) -> Access:
    """How a layer walks through memory whose tensors have other shapes in a kernel than in the network.

    Args:
        layer: The layer; one of a kind that neither moves nor broadcasts has `PLAIN`.
        shapes: Of its operands.
        results: Of its results.
    """
    rule = _RULES.get(layer.kind)
    return rule(layer, shapes, results) if rule is not None and shapes and results else PLAIN


def walks(kind: str) -> bool:
    """Whether layers of a kind are asked how they walk, which follows from shapes, element types and attributes."""
    return kind in _RULES or kind == "cast"


def _cast(before: DType, after: DType) -> Access:
    """Runs are the bytes of one element, read and written; real numbers that become integers are cut off."""
    return Access((before.bits + after.bits) // _BITS, 2 if before.is_float and not after.is_float else 1)


def _transpose(layer: Layer, shapes: _Shapes, _: _Shapes) -> Access:
    perm = layer.attributes.get("perm")
    if not isinstance(perm, tuple) or sorted(perm) != list(range(len(shapes[0]))):
        return PLAIN
    return _transposed(shapes[0], tuple(int(axis) for axis in perm))


def _transposed(shape: tuple[int, ...], perm: tuple[int, ...]) -> Access:
    order = [axis for axis in perm if shape[axis] > 1]
    ranks = {axis: rank for rank, axis in enumerate(sorted(order))}
    blocks: list[list[int]] = []
    for axis in order:
        if blocks and ranks[axis] == ranks[blocks[-1][-1]] + 1:
            blocks[-1].append(axis)
        else:
            blocks.append([axis])
    stays_last = bool(blocks) and ranks[blocks[-1][-1]] == len(ranks) - 1
    run = math.prod(shape[axis] for axis in blocks[-1]) if stays_last else 1
    stays_first = len(blocks) > 1 and ranks[blocks[0][0]] == 0
    moved = len(blocks) - stays_last - stays_first
    if moved > 1 and not _moves_one_axis(perm):
        return Access(run, max(moved, _SCATTERED))
    if run > 1 or not blocks:
        return Access(run, moved)
    innermost = blocks[-1]
    distance = math.prod(shape[innermost[-1] + 1 :])
    return Access(run, moved, math.prod(shape[axis] for axis in innermost), distance)


def _moves_one_axis(axes: tuple[int, ...]) -> bool:
    """Whether all dimensions but one keep their order, those of size 1 among them.

    ONNX Runtime has loops for that, and takes all other transposes apart into the pieces that stay together at the end,
    with the position of each computed anew: a transpose of two rows of 160,000 numbers takes ten times as long where
    a dimension of size 1 changes places with them (``core/providers/cpu/tensor/transpose.cc``).
    """
    others = [axes[:at] + axes[at + 1 :] for at in range(len(axes))]
    return any(list(kept) == sorted(kept) for kept in others)


def _slice(layer: Layer, shapes: _Shapes, results: _Shapes) -> Access:
    """Runs end at the last dimension that loses elements; they are single elements where that has steps."""
    run, whole = 1, True
    steps = dict(zip(integers(layer.attributes, "axes", ()), integers(layer.attributes, "steps", ()), strict=False))
    for axis in reversed(range(min(len(shapes[0]), len(results[0])))):
        whole = shapes[0][axis] == results[0][axis] and steps.get(axis, 1) == 1
        if steps.get(axis, 1) != 1 and results[0][axis] > 1:
            return Access(run, 2)
        run *= results[0][axis]
        if not whole:
            break
    return Access(run, 1)


def _repeated(_: Layer, shapes: _Shapes, results: _Shapes) -> Access:
    """Runs end at the last dimension that is repeated."""
    run = 1
    for before, after in zip(reversed(shapes[0]), reversed(results[0]), strict=False):
        if before != after:
            break
        run *= before
    return Access(run, 1)


def _expanded(_: Layer, shapes: _Shapes, results: _Shapes) -> Access:
    """Runs are what is repeated as a whole, or where the last dimension grows, the copies of one element.

    Dimensions of size 1 do not count. ONNX Runtime writes each run once and doubles it from there
    (``core/providers/cpu/tensor/expand.cc``).
    """
    result = results[0]
    shape = (*(1,) * (len(result) - len(shapes[0])), *shapes[0])
    run, repeated = 1, -1
    for before, after in zip(reversed(shape), reversed(result), strict=True):
        if after == 1:
            continue
        now = int(before != after)
        if repeated not in (-1, now):
            break
        repeated, run = now, run * after
    return Access(run, 2 if repeated == 1 else 1)


def _padded(_: Layer, shapes: _Shapes, results: _Shapes) -> Access:
    """Runs end at the last dimension that grows."""
    run = 1
    for before, after in zip(reversed(shapes[0]), reversed(results[0]), strict=False):
        run *= before
        if before != after:
            break
    return Access(run, 1)


def _parts(layer: Layer, shapes: _Shapes, results: _Shapes) -> Access:
    """Of a concat what one part has in a row, of a split what one result has: the mean."""
    parts, whole = (shapes, results[0]) if layer.kind == "concat" else (results, shapes[0])
    axis = layer.attributes.get("axis", 0)
    at = int(axis) if isinstance(axis, int) else 0
    return Access(math.prod(whole[at:]) // max(len(parts), 1), 1)


def _contracted(layer: Layer, shapes: _Shapes, _: _Shapes) -> Access:
    """Runs are the mean piece of what is put into another order, each order as a transpose of its own has it.

    Positions are computed where more than one dimension moves, as in a transpose; what moves dimensions of size 1 only
    is copied as it is.
    """
    equation = layer.attributes.get("equation")
    if not isinstance(equation, str) or len(shapes) != 2:
        return PLAIN
    first, second, result = reorderings(equation, shapes[0], shapes[1])
    moved = [each for each in (first, second, result) if each.moves]
    pieces = [math.prod(each.shape) / _transposed(each.shape, each.perm).run_length for each in moved]
    run = round(sum(math.prod(each.shape) for each in moved) / sum(pieces)) if moved else 0
    made = copies(equation, shapes[0], shapes[1])
    placed = [each for each in made if each.moves and not _moves_one_axis(each.perm)]
    return Access(
        run,
        1 + first.moves + 2 * second.moves + 4 * result.moves,
        sum(each.elements for each in made),
        sum(each.elements // _last_block(each.shape, each.perm) for each in placed),
    )


def _last_block(shape: tuple[int, ...], perm: tuple[int, ...]) -> int:
    """Elements that stay together: those of the last dimensions, as far as these keep their places."""
    block = 1
    for axis in reversed(range(len(perm))):
        if perm[axis] != axis:
            break
        block *= shape[axis]
    return block


def _reduced(layer: Layer, shapes: _Shapes, _: _Shapes) -> Access:
    """Runs are what lies behind the reduced dimensions, or those dimensions where they are the last.

    Kept and reduced dimensions are merged with neighbours alike, those of size 1 as well. Between two kept blocks ONNX
    Runtime has a vector loop unless the first of them is smaller than 2 or the number of threads.
    """
    shape = shapes[0]
    key = "axes" if "axes" in layer.attributes else "axis"
    axes = integers(layer.attributes, key, tuple(range(len(shape))))
    if not shape or any(not -len(shape) <= axis < len(shape) for axis in axes):
        return PLAIN
    reduced = {axis % len(shape) for axis in axes}
    blocks: list[tuple[bool, int]] = []
    for axis, size in enumerate(shape):
        now = axis in reduced
        if blocks and blocks[-1][0] == now:
            blocks[-1] = (now, blocks[-1][1] * size)
        else:
            blocks.append((now, size))
    run = blocks[-1][1]
    if len(blocks) <= 2:
        return Access(run, 1 if blocks[-1][0] else 3)
    if len(blocks) > 3:
        return Access(run, 6)
    return Access(run, 2 if blocks[0][0] else 4 if blocks[0][1] > 1 else 5)


def _along_axis(layer: Layer, shapes: _Shapes, _: _Shapes) -> Access:
    """The axis changes places with the last one; those between them that are of size 1 do not count."""
    shape, axis = shapes[0], layer.attributes.get("axis", -1)
    if not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
        return PLAIN
    behind = [size for size in shape[axis % len(shape) + 1 :] if size > 1]
    return Access(behind[-1] if behind else shape[axis], min(len(behind), 2))


def _resized(layer: Layer, shapes: _Shapes, results: _Shapes) -> Access:
    """Runs are what lies behind the dimensions that change: channels, where they are last.

    ONNX Runtime doubles feature maps without looking positions up, if the elements are those before the places asked
    for (``core/providers/cpu/tensor/upsample.cc``).
    """
    before, after = shapes[0], results[0]
    if len(before) != len(after):
        return PLAIN
    changed = [axis for axis, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    if not changed:
        return PLAIN
    walk = len(changed)
    plain = layer.attributes.get("coordinates", "asymmetric") == "asymmetric"
    plain = plain and layer.attributes.get("rounding", "floor") == "floor"
    if layer.kind == "resize_nearest" and plain and grows_by_whole_factors(before, after):
        walk = 0 if all(after[axis] == 2 * before[axis] for axis in (2, 3)) else _REPEATED
    return Access(math.prod(after[changed[-1] + 1 :]), walk)


def grows_by_whole_factors(before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    """Whether a feature map's height and width, and nothing else, become whole multiples of what they were."""
    maps = len(before) == len(after) == _MAP_RANK and before[:2] == after[:2]
    return maps and all(new % old == 0 for old, new in zip(before[2:], after[2:], strict=True))


def _placed(layer: Layer, shapes: _Shapes, _: _Shapes) -> Access:
    """What one row of positions stands for: all that lies behind the dimensions which it has numbers for."""
    source, positions = shapes[0], shapes[1] if len(shapes) > 1 else ()
    first = layer.attributes.get("batch_dims", 0)
    depth = (positions[-1] if positions else 0) + (first if isinstance(first, int) else 0)
    return Access(math.prod(source[depth:]), 1)


def _single(layer: Layer, shapes: _Shapes, _: _Shapes) -> Access:
    """Elements one by one; runs are what lies behind the axis, within which they are near each other."""
    axis = layer.attributes.get("axis", 0)
    at = axis if isinstance(axis, int) else 0
    return Access(math.prod(shapes[0][at + 1 :]) if 0 <= at < len(shapes[0]) else 1, 1)


def _scattered(layer: Layer, shapes: _Shapes, results: _Shapes) -> Access:
    """By positions in all dimensions, or along one axis."""
    places = len(shapes) > 2 and shapes[1] != shapes[2]
    return Access(1, 2) if places else _single(layer, shapes, results)


def _largest(layer: Layer, shapes: _Shapes, _: _Shapes) -> Access:
    """Runs are the elements that are kept: how long the heap or the sorted part is."""
    axis, count = layer.attributes.get("axis", -1), layer.attributes.get("k", 1)
    behind = math.prod(shapes[0][axis % len(shapes[0]) + 1 :]) if isinstance(axis, int) and shapes[0] else 1
    return Access(count if isinstance(count, int) else 1, 1 if behind == 1 else 2)


def _gathered(layer: Layer, shapes: _Shapes, _: _Shapes) -> Access:
    axis = layer.attributes.get("axis", 0)
    at = axis % len(shapes[0]) if isinstance(axis, int) and shapes[0] else 0
    return Access(math.prod(shapes[0][at + 1 :]), 1)


def _broadcast(_: Layer, shapes: _Shapes, results: _Shapes) -> Access:
    result = results[0]
    total = math.prod(result)
    sizes = [math.prod(shape) for shape in shapes]
    least = min(sizes)
    if len(shapes) == 1 or least in (1, total):
        return Access(total, 0 if least == total and len(shapes) > 1 else 1)
    # Of two operands both may hold still in some dimensions: a run ends where either begins to vary or to hold still.
    compared = shapes if len(shapes) == _PAIR else [shapes[sizes.index(least)]]
    padded = [(*(1,) * (len(result) - len(shape)), *shape) for shape in compared]
    run, varying = 1, ()
    for size, *own in zip(*map(reversed, (result, *padded)), strict=False):
        if size == 1:
            continue
        now = tuple(each == size for each in own)
        if varying not in ((), now):
            break
        varying, run = now, run * size
    return Access(run, 2 if all(varying) else 1)


_RULES: Final[dict[str, Callable[[Layer, _Shapes, _Shapes], Access]]] = {
    "transpose": _transpose,
    "slice": _slice,
    "expand": _expanded,
    "tile": _repeated,
    "pad": _padded,
    "concat": _parts,
    "split": _parts,
    "gather": _gathered,
    "gather_elements": _single,
    "scatter_elements": _scattered,
    "top_k": _largest,
    "gather_nd": _placed,
    "scatter": _placed,
    "prelu": _broadcast,
    **dict.fromkeys(("fully_connected", "matmul"), _contracted),
    **dict.fromkeys(("softmax", "log_softmax"), _along_axis),
    **dict.fromkeys(("resize_nearest", "resize_linear", "resize_cubic"), _resized),
    **dict.fromkeys(sorted(kinds_in(Category.REDUCTION) - {"cumulative_sum"}), _reduced),
    **dict.fromkeys(sorted(kinds_in(Category.BINARY)), _broadcast),
}
