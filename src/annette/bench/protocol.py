"""The protocol between a campaign and its worker process: lines of JSON, one result per case."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads annotations
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec

from annette.bench.backend import ProfileEntry  # noqa: TC001 - msgspec reads annotations
from annette.bench.records import Status  # noqa: TC001 - msgspec reads annotations

__all__ = ["CaseResult"]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What a worker measured for one case.

    Attributes:
        case: Identity of the case.
        status: What the run says of itself.
        reason: Why it failed or is marked.
        samples_s: Whole-network times, in seconds.
        reference_s: Times of the reference workload, in seconds.
        entries: The runtime's per-kernel report; None where it has none.
        duration_s: Time taken in the worker.
        attempts: How often it was measured.
        details: Facts about the moment (scheduling class, processors, clock), and what the runtime adds.
    """

    case: str
    status: Status
    reason: str = ""
    samples_s: tuple[float, ...] = ()
    reference_s: tuple[float, ...] = ()
    entries: tuple[ProfileEntry, ...] | None = None
    duration_s: float = 0.0
    attempts: int = 1
    details: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> CaseResult:
        """Builds a result from `to_json`."""
        return msgspec.convert(values, cls)
