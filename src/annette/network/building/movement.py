"""Data movement and views."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from annette.errors import NetworkShapeError
from annette.network.building.graph import Graph
from annette.network.kinds import output_shapes
from annette.network.kinds.movement import keeps_order
from annette.network.kinds.shapes import normalize_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.tensor import Tensor

__all__ = ["MovementOperators"]


class MovementOperators(Graph):
    """What moves elements and computes nothing. Axes may count from the end."""

    def concat(self, parts: Sequence[Tensor], *, axis: int = 1, name: str = "") -> Tensor:
        """Joins tensors along an axis.

        Raises:
            NetworkShapeError: There are no tensors, or their other dimensions differ.
        """
        if not parts:
            raise NetworkShapeError("a concat of no tensors has no shape")
        return self.apply("concat", *parts, attributes={"axis": normalize_axis(axis, len(parts[0].shape))}, name=name)

    def split(self, x: Tensor, sizes: int | Sequence[int], *, axis: int = 1, name: str = "") -> list[Tensor]:
        """Cuts a tensor into a number of equal parts, or parts of the given sizes.

        Raises:
            NetworkShapeError: The parts do not add up.
        """
        number = normalize_axis(axis, len(x.shape))
        parts = (x.shape[number] // sizes,) * sizes if isinstance(sizes, int) else tuple(sizes)
        return self.layer("split", [x], name=name, attributes={"axis": number, "split": parts})

    def slice(
        self, x: Tensor, starts: Sequence[int], ends: Sequence[int], axes: Sequence[int], *,
        steps: Sequence[int] | None = None, name: str = "",
    ) -> Tensor:  # fmt: skip
        """Part of a tensor, like numpy's x[start:end:step] along each of the axes.

        Raises:
            NetworkShapeError: Nothing is left.
        """
        numbers = tuple(normalize_axis(axis, len(x.shape)) for axis in axes)
        sizes = [x.shape[number] for number in numbers]
        firsts = tuple(start + size if -size <= start < 0 else start for start, size in zip(starts, sizes, strict=True))
        attributes = {"starts": firsts, "ends": tuple(ends), "axes": numbers}
        attributes["steps"] = tuple(steps or (1,) * len(numbers))
        return self.apply("slice", x, attributes=attributes, name=name)

    def roll(self, x: Tensor, shift: int, axis: int, *, name: str = "") -> Tensor:
        """Rotates along an axis towards its end: two slices and a concat, as exported files do."""
        size = x.shape[axis]
        cut = -shift % size
        if not cut:
            return x
        with self.scope(name or "roll"):
            back = self.slice(x, [cut], [size], [axis])
            front = self.slice(x, [0], [cut], [axis])
            return self.concat([back, front], axis=axis)

    def pad(
        self, x: Tensor, pads: Sequence[int], *, mode: str = "constant", value: float = 0.0, name: str = ""
    ) -> Tensor:
        """Adds a border; ``pads`` has all fronts, then all backs. Modes are constant, reflect and edge.

        Raises:
            NetworkShapeError: ``pads`` does not fit the rank.
        """
        return self.apply("pad", x, attributes={"pads": tuple(pads), "mode": mode, "value": float(value)}, name=name)

    def transpose(self, x: Tensor, perm: Sequence[int], *, name: str = "") -> Tensor:
        """Permutes dimensions: dimension i of the result is ``perm[i]`` of the operand.

        Where only dimensions of size 1 change places nothing moves, and the layer is a reshape.

        Raises:
            NetworkShapeError: ``perm`` is not a permutation.
        """
        (shape,) = output_shapes("transpose", [x.shape], {"perm": tuple(perm)}, name=name)
        if keeps_order(x.shape, perm):
            return self.apply("reshape", x, attributes={"shape": shape, "perm": tuple(perm)}, name=name or "transpose")
        return self.apply("transpose", x, attributes={"perm": tuple(perm)}, name=name)

    def reshape(self, x: Tensor, shape: Sequence[int], *, name: str = "") -> Tensor:
        """The same elements under another shape; one size may be -1.

        Raises:
            NetworkShapeError: The number of elements differs.
        """
        return self.apply("reshape", x, attributes={"shape": tuple(shape)}, name=name)

    def flatten(self, x: Tensor, *, name: str = "") -> Tensor:
        """All dimensions but the first as one."""
        return self.reshape(x, (math.prod(x.shape[:1]), math.prod(x.shape[1:])), name=name or "flatten")

    def expand(self, x: Tensor, shape: Sequence[int], *, name: str = "") -> Tensor:
        """Repeats along dimensions of size 1.

        Raises:
            NetworkShapeError: The shapes do not broadcast.
        """
        return self.apply("expand", x, attributes={"shape": tuple(shape)}, name=name)

    def tile(self, x: Tensor, repeats: Sequence[int], *, name: str = "") -> Tensor:
        """Repeats along dimensions.

        Raises:
            NetworkShapeError: There is not one positive count per dimension.
        """
        return self.apply("tile", x, attributes={"repeats": tuple(repeats)}, name=name)

    def gather(self, x: Tensor, index: int, *, axis: int, name: str = "") -> Tensor:
        """The slice at one position of an axis, which disappears (x[:, 0])."""
        attributes = {"axis": normalize_axis(axis, len(x.shape)), "index": index}
        return self.apply("gather", x, attributes=attributes, name=name)

    def identity(self, x: Tensor, *, name: str = "") -> Tensor:
        """The same tensor under another name."""
        return self.apply("identity", x, name=name)
