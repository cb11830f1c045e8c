"""The layer model of the vector unit and the DMA engine: so many bytes in a second, and a start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from annette.documents import NonNegative, Positive  # noqa: TC001 - annotations are read at run time
from annette.models.base import LayerModel, Terms

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray, KernelTable


@dataclass(frozen=True)
class Stream(LayerModel):
    """Time by bytes alone.

    Attributes:
        bytes_per_s: Bytes that cross the kernel's border in a second, above 0.
        start_s: Time of a kernel that moves nothing, seconds, at least 0.
    """

    family: ClassVar[str] = "toy-stream"

    bytes_per_s: Positive
    start_s: NonNegative

    def predict_s(self, table: KernelTable) -> FloatArray:
        return self.terms(table).slower_s(self.start_s)

    def terms(self, table: KernelTable) -> Terms:
        return Terms(np.zeros(len(table)), table.bytes / self.bytes_per_s)

    def scaled(self, factor: float) -> Self:
        return replace(self, bytes_per_s=self.bytes_per_s / factor, start_s=self.start_s * factor)
