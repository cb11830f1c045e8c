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

__all__ = ["Forest"]

_MOST_NODES: Final = 4_000_000
"""A larger forest is refused: its arrays would have to be allocated before they can be checked."""

_ARRAYS: Final = {"feature": "<i2", "threshold": "<f4", "left": "<i4", "value": "<f4"}
_DEEPEST: Final = 64
_BLOCK: Final = 32_768
"""Rows times trees that are walked at once: more would not stay in the processor's caches."""


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
        rows = max(1, _BLOCK // len(self.roots))
        if len(features) <= rows:
            return self._predict(features)
        return np.concatenate([self._predict(features[at : at + rows]) for at in range(0, len(features), rows)])

    def _predict(self, features: FloatArray) -> FloatArray:
        feature, left, threshold = self._walk
        count, width = features.shape
        flat = features.astype(np.float32).ravel()
        row = (np.arange(count, dtype=np.int32) * width)[:, None]
        at = np.repeat(self.roots[None], count, axis=0)
        for _ in range(self._depth):
            beyond = flat.take(feature.take(at) + row) > threshold.take(at)
            at = left.take(at) + beyond
        total: FloatArray = self.value.take(at).sum(axis=1, dtype=np.float64) + self.base
        return total

    @property
    def columns(self) -> int:
        """Number of feature columns needed."""
        return int(self.feature.max()) + 1

    @cached_property
    def _walk(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """The arrays with leaves that lead to themselves, so that all rows can take the same number of steps."""
        leaf = self.feature < 0
        own = np.arange(len(self.feature), dtype=np.int32)
        return (
            np.where(leaf, 0, self.feature).astype(np.int32),
            np.where(leaf, own, self.left).astype(np.int32),
            np.where(leaf, np.float32(np.inf), self.threshold),
        )

    @cached_property
    def _depth(self) -> int:
        at, deepest = self.roots[self.feature[self.roots] >= 0], 0
        while len(at) and deepest <= _DEEPEST:
            deepest += 1
            children = np.unique(np.concatenate([self.left[at], self.left[at] + 1]))
            at = children[self.feature[children] >= 0]
        if deepest > _DEEPEST:
            raise PlatformFormatError(f"a forest is more than {_DEEPEST} levels deep")
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
