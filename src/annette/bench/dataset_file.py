"""The file behind a dataset: its tables and their rows, how it is made and opened, and SQLite's errors as ours."""

from __future__ import annotations

import json
import math
import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from annette.bench.records import KernelRecord, Purpose, Run, Status
from annette.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from annette.network import Network

__all__ = [
    "VERSION",
    "create_file",
    "dump",
    "kernel_row",
    "mapped_errors",
    "nan_as_none",
    "not_numbers",
    "open_file",
    "run_from_rows",
    "run_row",
]

_FORMAT: Final = "annette/dataset"
VERSION: Final = 1
_APPLICATION_ID: Final = 0x414E4E45  # "ANNE", in the SQLite header: tells our files from other people's

_SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE environment (id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE);
CREATE TABLE network (digest TEXT NOT NULL, name TEXT NOT NULL, graph TEXT NOT NULL, PRIMARY KEY (digest, name));
CREATE TABLE plan (digest TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL,
    round INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    network_digest TEXT NOT NULL,
    network_name TEXT NOT NULL,
    environment INTEGER NOT NULL REFERENCES environment (id),
    details TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    started_unix_s REAL NOT NULL,
    duration_s REAL NOT NULL,
    latency_s REAL,
    samples_s TEXT NOT NULL,
    calibration_s TEXT NOT NULL,
    matched_share REAL,
    attempts INTEGER NOT NULL,
    UNIQUE (case_id, round),
    FOREIGN KEY (network_digest, network_name) REFERENCES network (digest, name)
);
CREATE TABLE kernel (
    run INTEGER NOT NULL REFERENCES run (id),
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    operator TEXT NOT NULL,
    layers TEXT NOT NULL,
    latency_s REAL NOT NULL,
    samples_s TEXT NOT NULL,
    added INTEGER NOT NULL,
    info TEXT NOT NULL,
    PRIMARY KEY (run, position)
);
"""
"""``run.calibration_s`` holds the times of the reference workload; the column keeps its name for old datasets."""


def create_file(path: Path) -> None:
    """Makes a file with empty tables.

    Raises:
        DatasetError: The path exists, or its folder does not or cannot be written.
    """
    if path.exists():
        raise DatasetError(f"dataset {str(path)!r} exists already: use --resume to continue it, or another --out")
    if not path.parent.is_dir():
        what = "is not a folder" if path.parent.exists() else "does not exist"
        raise DatasetError(f"folder {str(path.parent)!r} for dataset {path.name!r} {what}")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with mapped_errors(path), closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={VERSION}")
            connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
            connection.execute("INSERT INTO meta VALUES ('format', ?), ('version', ?)", (_FORMAT, str(VERSION)))
        unfinished.replace(path)  # Whoever is killed in the middle leaves no half-made dataset under this name.
    except OSError as error:
        raise DatasetError(f"dataset {str(path)!r} cannot be made: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # Where nothing can be written, nothing can be removed.
            unfinished.unlink(missing_ok=True)


def open_file(path: Path, *, write: bool) -> sqlite3.Connection:
    """Connects to an existing file; rows answer to the names of their columns, transactions are begun explicitly.

    Raises:
        DatasetError: There is none at ``path``, it is something else, of another version, or torn.
    """
    if not path.is_file():
        raise DatasetError(f"there is no dataset at {str(path)!r}; annette bench --out makes one")
    with mapped_errors(path):
        if not write and path.with_name(f"{path.name}-journal").exists():
            _connect(path, "rw").close()  # Its writer was killed: what was half written is taken back first.
        connection = _connect(path, "rw" if write else "ro")
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION_ID:
        raise DatasetError(f"{str(path)!r} is not a dataset of annette")
    if version != VERSION:
        remedy = "update annette" if version > VERSION else "measure again, or use the annette that wrote it"
        raise DatasetError(f"dataset {str(path)!r} has version {version}, this annette reads {VERSION}: {remedy}")
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # Opens the file, which connecting does not.
    return connection


@contextmanager
def mapped_errors(path: Path) -> Iterator[None]:
    """Raises SQLite's errors about a dataset as `annette.errors.DatasetError`."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        what = "has this run already" if "UNIQUE" in str(error) else "refuses this run"
        raise DatasetError(f"dataset {str(path)!r} {what}: {error}") from error
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        remedy = "; what was finished is kept: make room and go on with --resume" if full else ""
        raise DatasetError(f"dataset {str(path)!r} cannot be used: {error}{remedy}") from error


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


def run_from_rows(
    row: sqlite3.Row, kernels: Sequence[sqlite3.Row], network: Network, environment: Mapping[str, str]
) -> Run:
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
