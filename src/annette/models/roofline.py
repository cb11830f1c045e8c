"""The roofline: a kernel takes as long as its operations or its bytes need, whichever is longer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

from annette.documents import NonNegative, Positive  # noqa: TC001 - annotations are read at run time
from annette.models.base import LayerModel, Terms

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["Roofline"]


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
    offset_s: NonNegative = 0.0

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
