"""How far estimates were off: quantiles of log residuals, for kernels by kind and for whole networks."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - annotations are read at run time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any

from msgspec import Meta

from annette.documents import OPTIONAL, check_fields
from annette.errors import PlatformFormatError
from annette.platforms.composition import ComposedErrors  # noqa: TC001 - annotations are read at run time
from annette.platforms.residuals import LogResiduals

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
    networks: LogResiduals | None = field(default=None, metadata=OPTIONAL)
    composed: Mapping[str, ComposedErrors] = field(default_factory=dict, metadata=OPTIONAL)
    extrapolation_widening: Annotated[float, Meta(ge=1, le=1e30)] = 1.0

    def __post_init__(self) -> None:
        check_fields(self, error=PlatformFormatError)
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
