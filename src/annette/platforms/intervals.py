"""How far estimates were off: quantiles of log residuals, for kernels by kind and for whole networks."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - annotations are read at run time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from annette.documents import Document, check_fields, convert, located, member
from annette.errors import PlatformFormatError
from annette.platforms.composition import ComposedErrors
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
    networks: LogResiduals | None = None
    composed: Mapping[str, ComposedErrors] = field(default_factory=dict)
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

    @classmethod
    def from_json(cls, document: Any) -> Intervals:
        """Reads intervals.

        Raises:
            PlatformFormatError: A part is missing, unknown, or out of its range.
        """
        read = convert(document, _File, error=PlatformFormatError)
        kernels: dict[str, dict[str, LogResiduals]] = {}
        for kind, families in read.kernels.items():
            path = member("$.kernels", kind)
            kernels[kind] = {family: _residuals(known, member(path, family)) for family, known in families.items()}
        networks = None if read.networks is None else _residuals(read.networks, "$.networks")
        composed: dict[str, ComposedErrors] = {}
        for family, errors in read.composed.items():
            with located(member("$.composed", family), error=PlatformFormatError):
                composed[family] = ComposedErrors.from_json(errors)
        return cls(kernels, networks, composed, read.extrapolation_widening)


class _File(Document, frozen=True, kw_only=True):
    kernels: dict[str, dict[str, dict[str, Any]]]
    networks: dict[str, Any] | None = None
    composed: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    extrapolation_widening: float


def _residuals(document: Any, path: str) -> LogResiduals:
    with located(path, error=PlatformFormatError):
        return LogResiduals.from_json(document)
