"""Layer models of tuned CPU kernels: linear in a few counts, with coefficients that are not negative.

A compiler that tunes every loop nest (TVM's AutoTVM: Chen et al., *Learning to Optimize Tensor Programs*, NeurIPS 2018)
reaches a rate that saturates with the size of each dimension; what is left are edges, packing and traffic, each
proportional to a count. Such a model is monotone and stays sane far outside the fitted range, where trees cannot.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np

from annette.documents import Duration, NonNegative, Positive  # noqa: TC001 - annotations are read at run time
from annette.models.base import LayerModel, Terms

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["TERMS", "CachedMemory", "SaturatingRate"]

TERMS: Final = ("per_mac_s", "per_output_s", "per_patch_s", "per_weight_s", "per_input_s", "offset_s")
"""Coefficients of `SaturatingRate`, in the order of its columns."""


@dataclass(frozen=True)
class SaturatingRate(LayerModel):
    """``t = t0 + macs r (1 + a / c + b / f + d / positions) + inputs p``.

    ``c`` and ``f`` are input channels of a group and output channels. Written out, the four parts are a time for each
    multiply-accumulate, each accumulation into an output element (``macs / c``), each element of the unfolded input
    (``macs / f``) and each weight (``macs / positions``).

    Attributes:
        per_mac_s: r, seconds per multiply-accumulate.
        per_output_s: r a, seconds per ``macs / c``.
        per_patch_s: r b, seconds per ``macs / f``.
        per_weight_s: r d, seconds per ``macs / positions``.
        per_input_s: p, seconds per input element.
        offset_s: t0, what every kernel costs.

    Raises:
        PlatformFormatError: A coefficient is negative or not finite.
    """

    family: ClassVar[str] = "saturating-rate"
    correctable: ClassVar[bool] = True

    per_mac_s: Duration
    per_output_s: Duration
    per_patch_s: Duration
    per_weight_s: Duration
    per_input_s: Duration
    offset_s: Duration

    @staticmethod
    def columns(table: KernelTable) -> FloatArray:
        """What each coefficient multiplies, shape ``(rows, 6)``."""
        macs = table["macs"]
        positions = table["batch"] * table["out_depth"] * table["out_height"] * table["out_width"]
        inputs = table["batch"] * table["in_channels"] * table["in_depth"] * table["in_height"] * table["in_width"]
        per_group = table["in_channels"] / table["groups"]
        ones = np.ones(len(table))
        return np.column_stack(
            [
                macs,
                macs / per_group,
                macs / table["out_channels"],
                macs / positions,
                np.where(macs > 0, inputs, 0.0),
                ones,
            ]
        )

    @property
    def coefficients(self) -> FloatArray:
        """The coefficients in the order of `TERMS`."""
        return np.array([getattr(self, name) for name in TERMS])

    def predict_s(self, table: KernelTable) -> FloatArray:
        """Latency of each row in seconds, shape ``(rows,)``."""
        predicted: FloatArray = (self.columns(table) * self.coefficients).sum(axis=1)
        return predicted

    def terms(self, table: KernelTable) -> Terms:
        """Time of the multiply-accumulates at the saturated rate, and of everything else but the offset."""
        parts = self.columns(table) * self.coefficients
        return Terms(parts[:, 0], parts[:, 1:5].sum(axis=1))

    def scaled(self, factor: float) -> Self:
        """The same model, every prediction ``factor`` times as long."""
        return replace(self, **{name: getattr(self, name) * factor for name in TERMS})


@dataclass(frozen=True)
class CachedMemory(LayerModel):
    """``t = max(ops / P, activations / B' + weights / B) + t0`` with B' the cache's bandwidth where they fit.

    For kinds that mainly move data, on processors with a cache: activations that fit are read and written at its rate,
    weights always come from memory.

    Attributes:
        ops_per_s: Peak rate P, operations per second, above 0.
        bytes_per_s: Bandwidth B of the memory, bytes per second, above 0.
        cache_bytes: Size of the cache, at least 0.
        cache_bytes_per_s: Bandwidth of the cache, bytes per second, above 0.
        offset_s: What every kernel costs, seconds, at least 0.

    Raises:
        PlatformFormatError: A parameter is not finite or out of its range.
    """

    family: ClassVar[str] = "cached-memory"
    correctable: ClassVar[bool] = True

    ops_per_s: Positive
    bytes_per_s: Positive
    cache_bytes: NonNegative
    cache_bytes_per_s: Positive
    offset_s: Duration = 0.0

    def predict_s(self, table: KernelTable) -> FloatArray:
        """Latency of each row in seconds, shape ``(rows,)``."""
        return self.terms(table).slower_s(self.offset_s)

    def terms(self, table: KernelTable) -> Terms:
        """Time of the operations, and of the bytes."""
        live = table["input_bytes"] + table["output_bytes"]
        rate = np.where(live <= self.cache_bytes, self.cache_bytes_per_s, self.bytes_per_s)
        return Terms(table["ops"] / self.ops_per_s, live / rate + table["weight_bytes"] / self.bytes_per_s)

    def scaled(self, factor: float) -> Self:
        """The same model, every prediction ``factor`` times as long."""
        return replace(
            self,
            ops_per_s=self.ops_per_s / factor,
            bytes_per_s=self.bytes_per_s / factor,
            cache_bytes_per_s=self.cache_bytes_per_s / factor,
            offset_s=self.offset_s * factor,
        )
