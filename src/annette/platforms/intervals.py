"""How far estimates were off: quantiles of log residuals, for kernels by kind and for whole networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from annette.models.fields import checked_number
from annette.platforms.composition import ComposedErrors
from annette.platforms.residuals import LogResiduals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.models.fields import Fields

__all__ = ["Intervals", "LogResiduals"]


@dataclass(frozen=True)
class Intervals:
    """What a platform knows about its own errors.

    Attributes:
        kernels: Residuals by kind of kernel and model family.
        networks: Residuals of whole networks, or None where none were held out.
        composed: For each model family, how the errors of kernels add up to that of a network; the key ``preferred``
            stands for what the platform prefers for each kind. Used where ``networks`` is None.
        extrapolation_widening: Factor on the log interval of kernels outside the fitted ranges, at least 1.

    Raises:
        PlatformFormatError: The factor is below 1.
    """

    kernels: Mapping[str, Mapping[str, LogResiduals]] = field(default_factory=dict)
    networks: LogResiduals | None = None
    composed: Mapping[str, ComposedErrors] = field(default_factory=dict)
    extrapolation_widening: float = 1.0

    def __post_init__(self) -> None:
        checked_number(self.extrapolation_widening, "intervals.extrapolation_widening", least=1)
        frozen = {kind: MappingProxyType(dict(self.kernels[kind])) for kind in sorted(self.kernels)}
        object.__setattr__(self, "kernels", MappingProxyType(frozen))
        object.__setattr__(self, "composed", MappingProxyType(dict(sorted(self.composed.items()))))

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "kernels": {
                kind: {family: residuals.to_json() for family, residuals in sorted(families.items())}
                for kind, families in self.kernels.items()
            },
            "networks": None if self.networks is None else self.networks.to_json(),
            "composed": {family: errors.to_json() for family, errors in self.composed.items()},
            "extrapolation_widening": self.extrapolation_widening,
        }

    @classmethod
    def from_json(cls, fields: Fields) -> Intervals:
        """Reads intervals.

        Raises:
            PlatformFormatError: A part is missing, unknown, or out of its range.
        """
        fields.only("kernels", "networks", "composed", "extrapolation_widening")
        listed = fields.object("kernels")
        networks = fields.optional_object("networks")
        return cls(
            kernels={
                kind: {
                    family: LogResiduals.from_json(listed.object(kind).object(family)) for family in listed.object(kind)
                }
                for kind in listed
            },
            networks=None if networks is None else LogResiduals.from_json(networks),
            composed=_composed(fields) if "composed" in fields else {},
            extrapolation_widening=fields.number("extrapolation_widening", least=1),
        )


def _composed(fields: Fields) -> dict[str, ComposedErrors]:
    listed = fields.object("composed")
    return {family: ComposedErrors.from_json(listed.object(family)) for family in listed}
