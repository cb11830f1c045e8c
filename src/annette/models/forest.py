"""Flattened regression forests: arrays instead of objects, evaluated for all rows and trees at once.

Stored as base64 of zlib-compressed little-endian arrays: small, exact, and nothing that could run code.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

import numpy as np
import numpy.typing as npt
from msgspec import Meta

from annette.documents import Document, Finite, convert
from annette.errors import PlatformFormatError

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray

__all__ = ["Forest", "Trees"]

_MOST_NODES: Final = 4_000_000
"""A larger forest is refused: its arrays would have to be allocated before they can be checked."""

_ARRAYS: Final = {"feature": "<i2", "threshold": "<f4", "left": "<i4", "value": "<f4"}
_DEEPEST: Final = 64
_STEPS: Final = 2
"""Levels between two looks at who has arrived: looking costs about as much as a step."""
_BLOCK: Final = 32_768
"""Rows times trees that are walked at once: more would not stay in the processor's caches."""


@dataclass(frozen=True, eq=False)
class Trees:
    """Nodes of any number of trees, as `Forest` has them, but that leaves lead to themselves.

    Attributes:
        feature: Column that a node looks at, 0 for a leaf, shape ``(nodes,)``.
        threshold: What it compares with, infinite for a leaf, shape ``(nodes,)``.
        left: Child of rows at most the threshold, a leaf's own number, shape ``(nodes,)``.
        value: What a leaf adds, shape ``(nodes,)``.
    """

    feature: npt.NDArray[np.intp]
    threshold: npt.NDArray[np.float32]
    left: npt.NDArray[np.intp]
    value: npt.NDArray[np.float32]

    def sums(self, features: FloatArray, roots: npt.NDArray[Any]) -> FloatArray:
        """Sum over the trees of each row, shape ``(rows,)``.

        Args:
            features: Shape ``(rows, columns)``.
            roots: Numbers of the roots of each row's trees, shape ``(rows, trees)``.
        """
        rows, trees = roots.shape
        total = np.empty(rows)
        block = max(1, _BLOCK // trees)
        for start in range(0, rows, block):
            own = slice(start, start + block)
            leaves = self._leaves(features[own].astype(np.float32), roots[own].astype(np.intp).ravel())
            total[own] = self.value.take(leaves).reshape(-1, trees).sum(axis=1, dtype=np.float64)
        return total

    def _leaves(self, features: npt.NDArray[np.float32], at: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Leaf of each pair of row and tree. Most are there long before the deepest one, and are walked no further."""
        rows, columns = features.shape
        flat = features.ravel()
        row = np.repeat(np.arange(rows) * columns, len(at) // rows)
        leaves, places = at, np.arange(len(at))
        while len(places):
            for _ in range(_STEPS):
                beyond = flat.take(self.feature.take(at) + row) > self.threshold.take(at)
                at = self.left.take(at) + beyond
            leaves[places] = at
            on_the_way = np.flatnonzero(self.left.take(at) != at)
            at, row, places = at.take(on_the_way), row.take(on_the_way), places.take(on_the_way)
        return leaves


@dataclass(frozen=True, eq=False)
class Forest:
    """A sum of regression trees.

    All trees share four arrays of one entry per node. An inner node sends a row to ``left`` if its feature is at most
    the threshold, else to the node behind ``left``; children come behind their parents. A leaf has ``feature`` -1, and
    its value is what the tree adds.

    Attributes:
        roots: Index of each tree's root, shape ``(trees,)``.
        feature: Column that an inner node looks at, shape ``(nodes,)``.
        threshold: What it compares with, shape ``(nodes,)``.
        left: Child of rows at most the threshold, shape ``(nodes,)``; the sibling behind it takes the others.
        value: What a leaf adds, shape ``(nodes,)``.
        base: Constant part of the sum.

    Raises:
        PlatformFormatError: The arrays do not make trees.
    """

    roots: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int16]
    threshold: npt.NDArray[np.float32]
    left: npt.NDArray[np.int32]
    value: npt.NDArray[np.float32]
    base: float = 0.0

    def __post_init__(self) -> None:
        nodes = len(self.feature)
        if any(len(getattr(self, name)) != nodes for name in _ARRAYS):
            raise PlatformFormatError("a forest's arrays differ in length")
        if not len(self.roots) or not nodes or self.roots.min() < 0 or self.roots.max() >= nodes:
            raise PlatformFormatError("a forest's roots lie outside its nodes")
        inner = np.flatnonzero(self.feature >= 0)
        children = self.left[inner]
        if ((children <= inner) | (children >= nodes - 1)).any():
            raise PlatformFormatError("a forest's nodes do not lead to later nodes")
        if not (np.isfinite(self.threshold).all() and np.isfinite(self.value).all() and np.isfinite(self.base)):
            raise PlatformFormatError("a forest has values that are not finite")

    def predict(self, features: FloatArray) -> FloatArray:
        """Sum over all trees.

        Args:
            features: Shape ``(rows, columns)``; every column that a node looks at must exist.

        Returns:
            Shape ``(rows,)``.
        """
        return self.trees.sums(features, np.broadcast_to(self.roots, (len(features), len(self.roots)))) + self.base

    @property
    def columns(self) -> int:
        """Number of feature columns needed."""
        return int(self.feature.max()) + 1

    @cached_property
    def trees(self) -> Trees:
        """The nodes, ready to be walked.

        Raises:
            PlatformFormatError: A tree is deeper than any learner makes.
        """
        if self._depth > _DEEPEST:
            raise PlatformFormatError(f"a forest is more than {_DEEPEST} levels deep")
        leaf = self.feature < 0
        return Trees(
            feature=np.where(leaf, 0, self.feature).astype(np.intp),
            threshold=np.where(leaf, np.float32(np.inf), self.threshold),
            left=np.where(leaf, np.arange(len(self.feature)), self.left).astype(np.intp),
            value=self.value,
        )

    @cached_property
    def _depth(self) -> int:
        at, deepest = self.roots[self.feature[self.roots] >= 0], 0
        while len(at) and deepest <= _DEEPEST:
            deepest += 1
            children = np.unique(np.concatenate([self.left[at], self.left[at] + 1]))
            at = children[self.feature[children] >= 0]
        return deepest

    def to_json(self) -> dict[str, Any]:
        """The arrays as text."""
        document: dict[str, Any] = {"base": self.base, "nodes": len(self.feature), "roots": self.roots.tolist()}
        for name, kind in _ARRAYS.items():
            packed = zlib.compress(getattr(self, name).astype(kind).tobytes(), 9)
            document[name] = base64.b64encode(packed).decode("ascii")
        return document

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Reads the arrays.

        Raises:
            PlatformFormatError: They are missing, too large, or do not make trees.
        """
        read = convert(document, _PackedForest, error=PlatformFormatError)
        beyond = next((root for root in read.roots if root >= read.nodes), None)
        if beyond is not None:
            raise PlatformFormatError(f"$.roots has {beyond}: it must be a list of node numbers below {read.nodes}")
        arrays = {name: _unpack(getattr(read, name), name, kind, read.nodes) for name, kind in _ARRAYS.items()}
        return cls(roots=np.array(read.roots, dtype=np.int32), base=read.base, **arrays)


class _PackedForest(Document, frozen=True):
    """A forest in a platform file; the arrays as base64 of compressed bytes."""

    base: Finite
    nodes: Annotated[int, Meta(ge=1, le=_MOST_NODES)]
    roots: list[Annotated[int, Meta(ge=0, le=_MOST_NODES)]]
    feature: str
    threshold: str
    left: str
    value: str


def _unpack(text: str, name: str, kind: str, nodes: int) -> npt.NDArray[Any]:
    dtype = np.dtype(kind)
    size = nodes * dtype.itemsize
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode(text, validate=True), size + 1)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise PlatformFormatError(f"$.{name} is not a packed array: {error}") from error
    if len(data) != size:
        raise PlatformFormatError(f"$.{name} does not hold {nodes} entries of {dtype.itemsize} bytes")
    return np.frombuffer(data, dtype=dtype)
