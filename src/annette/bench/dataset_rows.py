"""Rows of a dataset's tables as runs and kernels, and back.

SQLite keeps values of any type in any column, and datasets are handed around: what a row may hold is stated here, and
a row that does not is refused with its table, number and column.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from annette.bench.records import KernelRecord, Purpose, Run, Status
from annette.documents import Count, Duration, Latency, Share, convert, parse_json
from annette.errors import DatasetError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from annette.network import Network

__all__ = [
    "KernelRow",
    "RunRow",
    "check_row",
    "dump",
    "kernel_row",
    "nan_as_none",
    "parse_column",
    "run_from_rows",
    "run_row",
    "texts_by_name",
]

_T = TypeVar("_T")
_Small: TypeAlias = Annotated[int, Meta(ge=0, le=2**31)]
_Moment: TypeAlias = Annotated[float, Meta(ge=0, le=253_402_300_799)]
"""Seconds since 1970, until the year 9999."""
_Latencies: TypeAlias = tuple[Latency, ...]
_Durations: TypeAlias = tuple[Duration, ...]
_Texts: TypeAlias = dict[str, str]


class RunRow(msgspec.Struct):
    """A row of the table ``run``; what is JSON in it is still text."""

    id: int
    case_id: str
    round: _Small
    purpose: Purpose
    network_digest: str
    network_name: str
    environment: int
    details: str
    status: Status
    reason: str
    started_unix_s: _Moment
    duration_s: Duration
    latency_s: Latency | None
    samples_s: str
    calibration_s: str
    matched_share: Share | None
    attempts: Count


class KernelRow(msgspec.Struct):
    """A row of the table ``kernel``, likewise."""

    run: int
    position: _Small
    name: str
    operator: str
    layers: str
    latency_s: Duration
    samples_s: str
    added: Annotated[int, Meta(ge=0, le=1)]
    info: str


_DECODERS: Final = {kind: msgspec.json.Decoder(kind) for kind in (_Latencies, _Durations, tuple[str, ...], _Texts)}


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


def check_row(row: sqlite3.Row, kind: type[_T], place: str) -> _T:
    """A row whose columns are of the types that they should be, and in their ranges.

    Args:
        row: As SQLite gives it.
        kind: `RunRow` or `KernelRow`.
        place: Which row of which table it is, for the message.

    Raises:
        DatasetError: One is not.
    """
    return convert(dict(row), kind, error=DatasetError, path=place)


def run_from_rows(
    row: RunRow, kernels: Sequence[KernelRow], network: Network, environment: Mapping[str, str], place: str
) -> Run:
    """The run that a row of ``run`` and its rows of ``kernel`` hold.

    Args:
        row: The run.
        kernels: Its kernels in order of execution.
        network: Its network.
        environment: Its environment.
        place: Which row of the table it is, for messages.

    Raises:
        DatasetError: A column that is JSON holds something else, there are times of the network and no latency, or a
            kernel has layers that the network does not have.
    """
    samples_s = parse_column(row.samples_s, _Latencies, f"{place}.samples_s")
    if samples_s and row.latency_s is None:
        raise DatasetError(f"{place}.latency_s is null: it must be the median of samples_s, which has {len(samples_s)}")
    records = tuple(_kernel(kernel, f"{place}, kernel {kernel.position}") for kernel in kernels)
    known = {layer.name for layer in network.layers}
    for record in records:
        if not known.issuperset(record.layers):
            foreign = next(name for name in record.layers if name not in known)
            raise DatasetError(f"{place}, kernel {record.name!r}: its network has no layer {foreign!r}")
    return Run(
        case=row.case_id,
        round=row.round,
        purpose=row.purpose,
        network=network,
        environment=environment,
        details=parse_column(row.details, _Texts, f"{place}.details"),
        status=row.status,
        reason=row.reason,
        started_unix_s=row.started_unix_s,
        duration_s=row.duration_s,
        latency_s=math.nan if row.latency_s is None else row.latency_s,
        samples_s=samples_s,
        reference_s=parse_column(row.calibration_s, _Durations, f"{place}.calibration_s"),
        kernels=records,
        matched_share=math.nan if row.matched_share is None else row.matched_share,
        attempts=row.attempts,
    )


def _kernel(row: KernelRow, place: str) -> KernelRecord:
    return KernelRecord(
        name=row.name,
        operator=row.operator,
        layers=parse_column(row.layers, tuple[str, ...], f"{place}.layers"),
        latency_s=row.latency_s,
        samples_s=parse_column(row.samples_s, _Durations, f"{place}.samples_s"),
        added=bool(row.added),
        info=parse_column(row.info, _Texts, f"{place}.info"),
    )


def texts_by_name(text: Any, place: str) -> dict[str, str]:
    """What a column keeps that holds texts by name: an environment, the details of a run.

    Args:
        text: The column.
        place: Which column of which row of which table it is, for the message.

    Raises:
        DatasetError: It is not texts by name.
    """
    texts: dict[str, str] = parse_column(convert(text, str, error=DatasetError, path=place), _Texts, place)
    return texts


def parse_column(text: str, kind: Any, place: str) -> Any:
    """What a column holds as JSON.

    Args:
        text: The column.
        kind: What it must hold, one of those in `_DECODERS`.
        place: Where it stands, for the message.

    Raises:
        DatasetError: It holds something else, or is no JSON.
    """
    try:
        return _DECODERS[kind].decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        # Read again in a way that is slower, and says what is wrong where.
        document = parse_json(text.encode(errors="replace"), source=place, error=DatasetError)
        return convert(document, kind, error=DatasetError, path=place)


def dump(value: object) -> str:
    """Compact JSON whose objects have their keys in order, so that equal values are equal texts."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def nan_as_none(value: float) -> float | None:
    """A number that may be unknown, as SQL has it."""
    return None if math.isnan(value) else value
