"""How far a correction reaches: what a forest learned from some kernels says little of very different ones.

Two campaigns of one device agree where both have measured; far from there their forests differ by tens of per cent,
each repeating what it saw at the border that happened to be nearest. Distances are counted in octaves: a kernel with
one size twice as large is 1 away.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import numpy.typing as npt
from msgspec import Meta

from annette.documents import Document, Finite, Positive, convert
from annette.errors import PlatformFormatError
from annette.models.features import FeatureSet

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["SIZES", "Reach"]

SIZES: Final = (
    "log2:batch", "log2:groups", "log2:in_channels_per_group", "log2:out_channels_per_group", "log2:in_positions",
    "log2:out_positions", "log2:kernel_depth", "log2:kernel_height", "log2:kernel_width", "log2:stride_height",
    "log2:stride_width", "log2:dilation_height", "log2:dilation_width", "log2:axis_size", "log2:inner_size",
    "log2:input_count", "log2:output_count", "log2:run_length", "log2:walk",
)  # fmt: skip
"""Sizes that tell kernels of one kind apart, in octaves."""

_MOST_POINTS: Final = 4096
_RESOLUTION: Final = 16.0
"""Points are stored in sixteenths of an octave."""
_BLOCK: Final = 1024


@dataclass(frozen=True, eq=False)
class Reach:
    """Where a correction counts in full, and how it fades beyond.

    Attributes:
        features: What distances are made of, each in octaves.
        points: Kernels that stand for those that were measured, shape ``(points, features)``.
        full: Distance from the nearest point up to which the correction counts in full, octaves.
        fading: Further distance over which its weight falls to 1/e, octaves.
        usual: The correction that remains: what the formula is off by as a rule, a natural logarithm.

    Raises:
        PlatformFormatError: The points do not fit the features, or there are too many.
    """

    features: FeatureSet
    points: FloatArray
    full: float
    fading: float
    usual: float

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[1] != len(self.features.names):
            raise PlatformFormatError("$.points do not have one number for each feature")
        if not 1 <= len(self.points) <= _MOST_POINTS:
            raise PlatformFormatError(f"$.points are {len(self.points)}, not 1 to {_MOST_POINTS}")

    def faded(self, correction: FloatArray, table: KernelTable) -> FloatArray:
        """The correction of each row, less of it the further the row is from what was measured.

        Args:
            correction: Natural logarithms, shape ``(rows,)``.
            table: The same rows.
        """
        weight = np.exp(-np.maximum(self.distance(table) - self.full, 0.0) / self.fading)
        left: FloatArray = self.usual + weight * (correction - self.usual)
        return left

    def distance(self, table: KernelTable) -> FloatArray:
        """Distance of each row from the nearest point, octaves, shape ``(rows,)``."""
        return self.distance_of(self.features.matrix(table))

    def distance_of(self, rows: FloatArray) -> FloatArray:
        """As `distance`, of rows whose features are known.

        Args:
            rows: Shape ``(rows, features)``.
        """
        columns, same, points, squares = self._varying
        # What all points share is one distance for all of them.
        away = rows[:, same] - self.points[0, same]
        shared: FloatArray = np.einsum("ij,ij->i", away, away)
        rows = rows[:, columns]
        nearest = np.empty(len(rows))
        for start in range(0, len(rows), _BLOCK):
            part = rows[start : start + _BLOCK]
            products = np.einsum("ij,jk->ik", part, points)  # a BLAS would wake threads for so little
            products *= -2.0
            products += squares
            nearest[start : start + _BLOCK] = products.min(axis=1) + np.einsum("ij,ij->i", part, part)
        distance: FloatArray = np.sqrt(np.maximum(nearest, 0.0) + shared)
        return distance

    @cached_property
    def _varying(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], FloatArray, FloatArray]:
        """Features that points differ in and that they share; of the former all points, by feature, and squares."""
        differs = (self.points != self.points[0]).any(axis=0)
        columns = np.flatnonzero(differs)
        points = np.ascontiguousarray(self.points[:, columns].T)
        return columns, np.flatnonzero(~differs), points, (points**2).sum(axis=0)

    def to_json(self) -> dict[str, Any]:
        """All parameters; the points as text."""
        packed = np.rint(self.points * _RESOLUTION).astype("<i2").tobytes()
        return {
            "features": self.features.to_json(),
            "count": len(self.points),
            "points": base64.b64encode(zlib.compress(packed, 9)).decode("ascii"),
            "full": self.full,
            "fading": self.fading,
            "usual": self.usual,
        }

    @classmethod
    def from_json(cls, document: Any) -> Reach:
        """Reads `to_json`.

        Raises:
            PlatformFormatError: A part is missing, of another type or out of its range, or the points do not fit.
        """
        read = convert(document, _ReachFile, error=PlatformFormatError)
        size = 2 * read.count * len(read.features)
        try:
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(base64.b64decode(read.points, validate=True), size + 1)
        except (binascii.Error, zlib.error, ValueError) as error:
            raise PlatformFormatError(f"$.points is not a packed array: {error}") from error
        if len(data) != size:
            raise PlatformFormatError(f"$.points does not hold {read.count} times {len(read.features)} numbers")
        whole: npt.NDArray[np.int16] = np.frombuffer(data, dtype="<i2")
        points = whole.reshape(read.count, len(read.features)) / _RESOLUTION
        return cls(FeatureSet(tuple(read.features)), points, read.full, read.fading, read.usual)


class _ReachFile(Document, frozen=True):
    features: Annotated[list[str], Meta(min_length=1, max_length=64)]
    count: Annotated[int, Meta(ge=1, le=_MOST_POINTS)]
    points: str
    full: Annotated[float, Meta(ge=0, le=64)]
    fading: Positive
    usual: Finite
