"""How a kernel that moves or broadcasts elements walks through memory, which its sizes alone do not say.

A transpose that swaps two blocks of rows copies long runs; one that swaps rows and columns moves single elements. A
product with one number per channel is a product with one number for a whole map; with one number per column it is one
of two vectors. Runtimes have a loop for each of these cases (ONNX Runtime: the sources of its Transpose, Slice, Expand,
Concat and of the broadcasting of its element-wise operators), and how long the inner loop is decides its speed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from annette.network.kinds import Category, kinds_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annette.network import Layer, Network

__all__ = ["PLAIN", "Access", "access_of"]


class Access(NamedTuple):
    """How elements are walked through.

    Attributes:
        run_length: Elements that the innermost loop takes in a row: copied in one piece, or combined in one way; 0
            for kinds that have no such loop.
        walk: Which loop it is. Of a transpose, how many blocks of dimensions change places (dimensions of size 1 do
            not count, neighbours that stay neighbours are one). Of two operands, 0 where their shapes are equal, 1
            where one number goes with the whole run, 2 where a run of the smaller one is used again and again. Of a
            slice, 2 where elements in the run are left out, else 1.
    """

    run_length: int = 0
    walk: int = 0


PLAIN: Final = Access()
_Shapes: TypeAlias = "Sequence[tuple[int, ...]]"


def access_of(layer: Layer, network: Network) -> Access:
    """How a layer walks through memory.

    Args:
        layer: The layer; one of a kind that neither moves nor broadcasts has `PLAIN`.
        network: Where its tensors are described; a layer that is none of the network's has `PLAIN`.
    """
    rule = _RULES.get(layer.kind)
    if rule is None or any(name not in network.tensors for name in (*layer.inputs, *layer.outputs)):
        return PLAIN
    shapes = [network.tensors[name].shape for name in layer.inputs]
    results = [network.tensors[name].shape for name in layer.outputs]
    return rule(layer, shapes, results) if shapes and results else PLAIN


def _transpose(layer: Layer, shapes: _Shapes, _: _Shapes) -> Access:
    perm = layer.attributes.get("perm")
    if not isinstance(perm, tuple) or sorted(perm) != list(range(len(shapes[0]))):
        return PLAIN
    order = [int(axis) for axis in perm if shapes[0][int(axis)] > 1]
    ranks = {axis: rank for rank, axis in enumerate(sorted(order))}
    blocks: list[list[int]] = []
    for axis in order:
        if blocks and ranks[axis] == ranks[blocks[-1][-1]] + 1:
            blocks[-1].append(axis)
        else:
            blocks.append([axis])
    stays_last = bool(blocks) and ranks[blocks[-1][-1]] == len(ranks) - 1
    run = math.prod(shapes[0][axis] for axis in blocks[-1]) if stays_last else 1
    stays_first = len(blocks) > 1 and ranks[blocks[0][0]] == 0
    return Access(run, len(blocks) - stays_last - stays_first)


def _slice(layer: Layer, shapes: _Shapes, results: _Shapes) -> Access:
    """Runs end at the last dimension that loses elements."""
    run, whole = 1, True
    for before, after in zip(reversed(shapes[0]), reversed(results[0]), strict=False):
        whole = before == after
        run *= after
        if not whole:
            break
    steps = layer.attributes.get("steps", 1)
    strided = any(abs(int(step)) > 1 for step in (steps if isinstance(steps, tuple) else (steps,)))
    return Access(run, 2 if strided else 1)


def _repeated(_: Layer, shapes: _Shapes, results: _Shapes) -> Access:
    """Runs end at the last dimension that is repeated."""
    run = 1
    for before, after in zip(reversed(shapes[0]), reversed(results[0]), strict=False):
        if before != after:
            break
        run *= before
    return Access(run, 1)


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


def _gathered(layer: Layer, shapes: _Shapes, _: _Shapes) -> Access:
    axis = layer.attributes.get("axis", 0)
    return Access(math.prod(shapes[0][int(axis) + 1 :]) if isinstance(axis, int) and axis >= 0 else 1, 1)


def _broadcast(_: Layer, shapes: _Shapes, results: _Shapes) -> Access:
    result = results[0]
    total = math.prod(result)
    sizes = [math.prod(shape) for shape in shapes]
    least = min(sizes)
    if len(shapes) == 1 or least in (1, total):
        return Access(total, 0 if least == total and len(shapes) > 1 else 1)
    shape = shapes[sizes.index(least)]
    padded = (*(1,) * (len(result) - len(shape)), *shape)
    run, repeated = 1, -1
    for own, size in zip(reversed(padded), reversed(result), strict=False):
        if size == 1:
            continue
        now = int(own == size)
        if repeated not in (-1, now):
            break
        repeated, run = now, run * size
    return Access(run, 2 if repeated == 1 else 1)


_RULES: Final[dict[str, Callable[[Layer, _Shapes, _Shapes], Access]]] = {
    "transpose": _transpose,
    "slice": _slice,
    "expand": _repeated,
    "tile": _repeated,
    "pad": _padded,
    "concat": _parts,
    "split": _parts,
    "gather": _gathered,
    **dict.fromkeys(sorted(kinds_in(Category.BINARY)), _broadcast),
}
