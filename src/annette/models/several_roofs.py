"""Several roofs: engines and memories that work side by side, each with a model of its own.

A roofline has two roofs, computing and moving. A device whose runtime reports how long each of its units is busy can
have as many: the slowest decides, and because every roof is fitted on its own, a kernel near the ridge is not averaged
between two regimes.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from annette.errors import PlatformFormatError
from annette.models.base import LayerModel, Terms
from annette.models.fields import Fields
from annette.models.mixed import Mixed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["SeveralRoofs"]

_MOST_ROOFS: Final = 16


@dataclass(frozen=True, eq=False)
class SeveralRoofs(LayerModel):
    """``t = max over the roofs``, each a mixed model: a formula under a forest.

    Attributes:
        roofs: By name: the unit that the roof stands for.

    Raises:
        PlatformFormatError: There is no roof, or there are too many.
    """

    family: ClassVar[str] = "several-roofs"

    roofs: Mapping[str, Mixed]

    def __post_init__(self) -> None:
        if not 0 < len(self.roofs) <= _MOST_ROOFS:
            raise PlatformFormatError(f"a model has {len(self.roofs)} roofs: it must have 1 to {_MOST_ROOFS}")
        object.__setattr__(self, "roofs", MappingProxyType(dict(self.roofs)))

    def predict_s(self, table: KernelTable) -> FloatArray:
        """Latency of each row in seconds: the slowest unit, shape ``(rows,)``."""
        latency_s: FloatArray = np.max([roof.predict_s(table) for roof in self.roofs.values()], axis=0)
        return latency_s

    def terms(self, table: KernelTable) -> Terms:
        """The slowest of the units that compute and of those that move, as predicted.

        A roof counts as computing where its formula computes longer than it moves.
        """
        compute_s, memory_s = np.zeros(len(table)), np.zeros(len(table))
        for roof in self.roofs.values():
            seconds, terms = roof.predict_s(table), roof.terms(table)
            computes = terms.compute_s > terms.memory_s
            compute_s = np.maximum(compute_s, np.where(computes, seconds, 0.0))
            memory_s = np.maximum(memory_s, np.where(computes, 0.0, seconds))
        return Terms(np.where(table["ops"] > 0, compute_s, 0.0), memory_s)

    def to_json(self) -> dict[str, Any]:
        """Every roof by name."""
        return {"roofs": {name: roof.to_json() for name, roof in self.roofs.items()}}

    @classmethod
    def from_json(cls, parameters: Mapping[str, Any]) -> SeveralRoofs:
        """Builds the model from its parameters.

        Raises:
            PlatformFormatError: A parameter is missing, unknown, of the wrong type, or out of its range.
        """
        fields = Fields.of(parameters)
        fields.only("roofs")
        roofs = fields.object("roofs")
        return cls({name: Mixed.from_json(roofs.object(name)) for name in roofs})
