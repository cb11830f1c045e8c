"""The protocol between a campaign and its worker process: lines of JSON, one result per case."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from annette.bench.backend import ProfileEntry
from annette.bench.records import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        entries = values["entries"]
        return cls(
            case=values["case"],
            status=Status(values["status"]),
            reason=values["reason"],
            samples_s=tuple(values["samples_s"]),
            reference_s=tuple(values["reference_s"]),
            entries=None if entries is None else tuple(_entry(entry) for entry in entries),
            duration_s=values["duration_s"],
            attempts=values["attempts"],
            details=values["details"],
        )


def _entry(values: Mapping[str, Any]) -> ProfileEntry:
    return ProfileEntry(
        name=values["name"],
        operator=values["operator"],
        latency_s=tuple(values["latency_s"]),
        layers=tuple(values["layers"]),
        inputs=tuple(values["inputs"]),
        outputs=tuple(values["outputs"]),
        input_shapes=tuple(tuple(shape) for shape in values["input_shapes"]),
        output_shapes=tuple(tuple(shape) for shape in values["output_shapes"]),
        info=values["info"],
    )
