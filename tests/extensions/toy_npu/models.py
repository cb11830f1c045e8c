"""The layer model of the vector unit and the DMA engine: so many bytes in a second, and a start."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from annette.models.fields import Fields

from annette.models.base import LayerModel, Terms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.mapping.kernel import FloatArray, KernelTable


@dataclass(frozen=True)
class Stream(LayerModel):
    """Time by bytes alone.

    Attributes:
        bytes_per_s: Bytes that cross the kernel's border in a second, above 0.
        start_s: Time of a kernel that moves nothing, seconds, at least 0.
    """

    family: ClassVar[str] = "toy-stream"

    bytes_per_s: float
    start_s: float

    def predict_s(self, table: KernelTable) -> FloatArray:
        return self.terms(table).slower_s(self.start_s)

    def terms(self, table: KernelTable) -> Terms:
        return Terms(np.zeros(len(table)), table.bytes / self.bytes_per_s)

    def scaled(self, factor: float) -> Self:
        return replace(self, bytes_per_s=self.bytes_per_s / factor, start_s=self.start_s * factor)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, parameters: Mapping[str, Any]) -> Stream:
        fields = Fields.of(parameters)
        fields.only("bytes_per_s", "start_s")
        return cls(fields.number("bytes_per_s", above=0), fields.number("start_s", least=0))
