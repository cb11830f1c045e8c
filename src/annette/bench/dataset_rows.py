"""Runs and their kernels as rows of a dataset's tables, and back."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from annette.bench.records import KernelRecord, Purpose, Run, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from sqlite3 import Row

    from annette.network import Network

__all__ = ["dump", "kernel_row", "nan_as_none", "not_numbers", "run_from_rows", "run_row"]


def run_row(run: Run, network_digest: str, environment: int) -> dict[str, Any]:
    """A row of the table ``run``, by column.

    Args:
        run: What was measured.
        network_digest: Key of its network, with the network's name.
        environment: Key of its environment.
    """
    return {
        "case_id": run.case,
        "round": run.round,
        "purpose": run.purpose.value,
        "network_digest": network_digest,
        "network_name": run.network.name,
        "environment": environment,
        "details": dump(dict(run.details)),
        "status": run.status.value,
        "reason": run.reason,
        "started_unix_s": run.started_unix_s,
        "duration_s": run.duration_s,
        "latency_s": nan_as_none(run.latency_s),
        "samples_s": dump(run.samples_s),
        "calibration_s": dump(run.reference_s),
        "matched_share": nan_as_none(run.matched_share),
        "attempts": run.attempts,
    }


def kernel_row(kernel: KernelRecord, run: int, position: int) -> dict[str, Any]:
    """A row of the table ``kernel``, by column.

    Args:
        kernel: One kernel of a run.
        run: Key of the run.
        position: Its place in the order of execution, from 0.
    """
    return {
        "run": run,
        "position": position,
        "name": kernel.name,
        "operator": kernel.operator,
        "layers": dump(kernel.layers),
        "latency_s": kernel.latency_s,
        "samples_s": dump(kernel.samples_s),
        "added": int(kernel.added),
        "info": dump(dict(kernel.info)),
    }


def run_from_rows(row: Row, kernels: Sequence[Row], network: Network, environment: Mapping[str, str]) -> Run:
    """The run that a row of ``run`` and its rows of ``kernel`` hold.

    Args:
        row: The run.
        kernels: Its kernels in order of execution.
        network: Its network.
        environment: Its environment.
    """
    return Run(
        case=row["case_id"],
        round=row["round"],
        purpose=Purpose(row["purpose"]),
        network=network,
        environment=environment,
        details=json.loads(row["details"]),
        status=Status(row["status"]),
        reason=row["reason"],
        started_unix_s=row["started_unix_s"],
        duration_s=row["duration_s"],
        latency_s=math.nan if row["latency_s"] is None else row["latency_s"],
        samples_s=tuple(json.loads(row["samples_s"])),
        reference_s=tuple(json.loads(row["calibration_s"])),
        kernels=tuple(
            KernelRecord(
                name=kernel["name"],
                operator=kernel["operator"],
                layers=tuple(json.loads(kernel["layers"])),
                latency_s=kernel["latency_s"],
                samples_s=tuple(json.loads(kernel["samples_s"])),
                added=bool(kernel["added"]),
                info=json.loads(kernel["info"]),
            )
            for kernel in kernels
        ),
        matched_share=math.nan if row["matched_share"] is None else row["matched_share"],
        attempts=row["attempts"],
    )


def not_numbers(run: Run) -> list[object]:
    """Times of a run that are no numbers, as a file from elsewhere may hold them."""
    times = (run.latency_s, *run.samples_s, *run.reference_s, *(kernel.latency_s for kernel in run.kernels))
    return [time_s for time_s in times if not isinstance(time_s, (int, float))]


def dump(value: object) -> str:
    """Compact JSON whose objects have their keys in order, so that equal values are equal texts."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def nan_as_none(value: float) -> float | None:
    """A number that may be unknown, as SQL has it."""
    return None if math.isnan(value) else value
