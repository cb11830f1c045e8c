"""The roofline: a kernel takes as long as its operations or its bytes need, whichever is longer.

Refined, it knows that dimensions which a device unrolls lose work at their edges.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - annotations are read at run time
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np

from annette.documents import Count, Duration, Positive, Share, check_fields
from annette.errors import PlatformFormatError, nearest
from annette.models.base import LayerModel, Terms

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["UNROLLED", "RefinedRoofline", "Roofline", "Unroll", "extent_of"]

UNROLLED: Final = ("out_height", "out_width", "in_channels", "out_channels")
"""Dimensions that may be unrolled; ``in_channels`` are those of one group."""


@dataclass(frozen=True)
class Roofline(LayerModel):
    """``t = max(ops / P, bytes / B) + t0`` (the roofline of Wess et al., IEEE Access 9, 2021; t0 is ours).

    A kernel without operations is bound by memory. The offset t0 is what a kernel costs however small it is:
    measured data wants it, the original's published parameters have none.

    Attributes:
        ops_per_s: Peak rate P of this kind of kernel, operations per second, above 0.
        bytes_per_s: Bandwidth B that this kind of kernel reaches, bytes per second, above 0.
        offset_s: Time t0 that every kernel costs, seconds, at least 0.

    Raises:
        PlatformFormatError: A parameter is not finite or out of its range.
    """

    family: ClassVar[str] = "roofline"
    correctable: ClassVar[bool] = True

    ops_per_s: Positive
    bytes_per_s: Positive
    offset_s: Duration = 0.0

    def predict_s(self, table: KernelTable) -> FloatArray:
        """Latency of each row, in seconds, shape ``(rows,)``."""
        return self.terms(table).slower_s(self.offset_s)

    def terms(self, table: KernelTable) -> Terms:
        """``ops / P`` and ``bytes / B`` of each row, without the offset."""
        return Terms(table["ops"] / self.ops_per_s, table.bytes / self.bytes_per_s)

    def scaled(self, factor: float) -> Self:
        """The same model, every prediction ``factor`` times as long."""
        return replace(
            self,
            ops_per_s=self.ops_per_s / factor,
            bytes_per_s=self.bytes_per_s / factor,
            offset_s=self.offset_s * factor,
        )


@dataclass(frozen=True, slots=True)
class Unroll:
    """How a device unrolls one dimension.

    Attributes:
        size: Elements processed side by side, s, a whole number of at least 1.
        alpha: Share of the work that the unrolling governs, from 0 (not at all) to 1 (all of it).

    Raises:
        PlatformFormatError: A parameter is out of its range.
    """

    size: Count
    alpha: Share

    def __post_init__(self) -> None:
        check_fields(self, error=PlatformFormatError)

    def efficiency(self, extent: FloatArray) -> FloatArray:
        """Share of the peak rate that is left at the edges of this dimension.

        ``u = x / (ceil(x / s) s)`` and ``eff = 1 / ((1 - alpha) + alpha / u)`` (Wess et al., IEEE Access 9,
        2021: u is its equation 3).

        Args:
            extent: Size x of the dimension in each row, at least 1, shape ``(rows,)``.

        Returns:
            Efficiencies in (0, 1], shape ``(rows,)``.
        """
        used = extent / (np.ceil(extent / self.size) * self.size)
        left: FloatArray = 1.0 / ((1.0 - self.alpha) + self.alpha / used)
        return left


@dataclass(frozen=True)
class RefinedRoofline(Roofline):
    """``t = max(ops / (P eff), bytes / B) + t0`` with ``eff`` the product over the unrolled dimensions.

    Only the compute term is refined, before the maximum is taken, so that the prediction is continuous in P, B and
    every alpha: a kernel that wastes half of its multipliers becomes slower exactly when computing becomes the
    longer side. A dimension that is not listed is not unrolled.

    Attributes:
        unroll: How each unrolled dimension is processed; keys from `UNROLLED`.

    Raises:
        PlatformFormatError: A parameter is not finite or out of its range, or a dimension is not known.
    """

    family: ClassVar[str] = "refined-roofline"

    unroll: Mapping[str, Unroll] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = next((name[:80] for name in self.unroll if name not in UNROLLED), None)
        if unknown is not None:
            hint = nearest(unknown, UNROLLED)
            raise PlatformFormatError(
                f"$.unroll: dimension {unknown!r} is not known here{hint}; known: {', '.join(UNROLLED)}"
            )
        ordered = {name: self.unroll[name] for name in UNROLLED if name in self.unroll}
        object.__setattr__(self, "unroll", MappingProxyType(ordered))

    def __hash__(self) -> int:
        return hash((self.ops_per_s, self.bytes_per_s, self.offset_s, tuple(self.unroll.items())))

    def efficiency(self, table: KernelTable) -> FloatArray:
        """Product of the efficiencies of all unrolled dimensions, in (0, 1], shape ``(rows,)``."""
        product = np.ones(len(table))
        for name, unroll in self.unroll.items():
            product *= unroll.efficiency(extent_of(table, name))
        return product

    def terms(self, table: KernelTable) -> Terms:
        """``ops / (P eff)`` and ``bytes / B`` of each row, without the offset."""
        compute_s, memory_s = super().terms(table)
        return Terms(compute_s / self.efficiency(table), memory_s)


def extent_of(table: KernelTable, name: str) -> FloatArray:
    """Size of an unrolled dimension in each row, shape ``(rows,)``; channels are those of one group."""
    if name == "in_channels":
        per_group: FloatArray = table["in_channels"] / table["groups"]
        return per_group
    return table[name]
