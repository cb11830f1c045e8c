"""Datasets: every run of a campaign in one SQLite file.

Append-only, and safe against being killed at any moment: a run and its kernels are one transaction. SQLite comes with
Python, so the measuring side needs nothing but numpy, onnx and the runtime; pandas, polars and DuckDB read the file
as it is. The tables are described in docs/dataset.md.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Self

from annette.bench.records import KernelRecord, Purpose, Run, Status
from annette.errors import DatasetError, NetworkError
from annette.network.graph_json import graph_digest, graph_from_json, graph_to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from annette.network import Network

__all__ = ["FORMAT", "VERSION", "Dataset"]

FORMAT: Final = "annette/dataset"
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

_RUN_COLUMNS: Final = (
    "case_id, round, purpose, network_digest, network_name, environment, details, status, reason, started_unix_s, "
    "duration_s, latency_s, samples_s, calibration_s, matched_share, attempts"
)
_KERNEL_COLUMNS: Final = "run, position, name, operator, layers, latency_s, samples_s, added, info"


class Dataset:
    """A dataset file, open; a context manager that closes it.

    Use `Dataset.create` or `Dataset.open`. One process writes at a time; any number read.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def create(cls, path: Path) -> Self:
        """Makes an empty dataset.

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
            with _mapped(path), closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
                connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={VERSION}")
                connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
                connection.execute("INSERT INTO meta VALUES ('format', ?), ('version', ?)", (FORMAT, str(VERSION)))
            unfinished.replace(path)  # Whoever is killed in the middle leaves no half-made dataset under this name.
        except OSError as error:
            raise DatasetError(f"dataset {str(path)!r} cannot be made: {error.strerror or error}") from error
        finally:
            with suppress(OSError):  # Where nothing can be written, nothing can be removed.
                unfinished.unlink(missing_ok=True)
        return cls.open(path, write=True)

    @classmethod
    def open(cls, path: Path, *, write: bool = False) -> Self:
        """Opens an existing dataset.

        Raises:
            DatasetError: There is none at ``path``, it is something else, of another version, or torn.
        """
        if not path.is_file():
            raise DatasetError(f"there is no dataset at {str(path)!r}; annette bench --out makes one")
        with _mapped(path):
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
        return cls(path, connection)

    def add(self, run: Run) -> None:
        """Appends a run and its kernels, all or nothing.

        Raises:
            DatasetError: The case is recorded already for this round, or the file cannot be written.
        """
        with _mapped(self.path), self._transaction():
            self._insert(run)

    def has(self, case: str, round_: int = 0) -> bool:
        """Whether a case has been recorded for a round, failed or not."""
        with _mapped(self.path):
            row = self._connection.execute(
                "SELECT 1 FROM run WHERE case_id = ? AND round = ?", (case, round_)
            ).fetchone()
        return row is not None

    def rounds(self, case: str, network: Network) -> int:
        """How many rounds of a case there are that did not fail.

        Raises:
            DatasetError: What is recorded under this name is another network.
        """
        rows = self._select("SELECT status, network_digest FROM run WHERE case_id = ?", (case,))
        if any(digest != graph_digest(network) for _, digest in rows):
            raise DatasetError(
                f"dataset {str(self.path)!r} holds another network called {case!r}: rename one, or use another dataset"
            )
        return sum(status != Status.FAILED.value for status, _ in rows)

    def next_round(self, cases: Iterable[str]) -> int:
        """The first round that none of the cases has been recorded for."""
        rounds = [self._select("SELECT max(round) FROM run WHERE case_id = ?", (case,))[0][0] for case in cases]
        return max((int(last) + 1 for last in rounds if last is not None), default=0)

    def runs(self) -> Iterator[Run]:
        """All runs, in the order of case and round, which does not depend on when they were measured."""
        environments = {
            key: json.loads(identity) for key, identity in self._select("SELECT id, identity FROM environment")
        }
        graphs: dict[tuple[str, str], Network] = {}
        for row in self._select(f"SELECT id, {_RUN_COLUMNS} FROM run ORDER BY case_id, round"):  # noqa: S608 - constants
            key = (row[4], row[5])
            if key not in graphs:
                graphs[key] = self._network(*key)
            yield self._run(row, graphs[key], environments[row[6]])

    def environments(self) -> list[dict[str, str]]:
        """The distinct environments of the runs."""
        return [json.loads(identity) for (identity,) in self._select("SELECT identity FROM environment ORDER BY id")]

    def add_plan(self, digest: str, document: str) -> None:
        """Keeps the plan that the runs belong to, so that a campaign can be resumed from the dataset alone."""
        with _mapped(self.path), self._transaction():
            self._connection.execute("INSERT OR IGNORE INTO plan VALUES (?, ?)", (digest, document))

    def plans(self) -> list[str]:
        """The plans kept, as JSON documents."""
        return [document for (document,) in self._select("SELECT document FROM plan ORDER BY rowid")]

    def set_origin(self, document: str) -> None:
        """Keeps where imported measurements come from, as a JSON document (`annette.bench.importing.collection`)."""
        with _mapped(self.path), self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('origin', ?)", (document,))

    def origin(self) -> str | None:
        """The document that `set_origin` kept; None for what was measured with ``annette bench``."""
        rows = self._select("SELECT value FROM meta WHERE key = 'origin'")
        return str(rows[0][0]) if rows else None

    def merge(self, other: Dataset) -> int:
        """Appends the runs of another dataset that this one does not have.

        Returns:
            How many runs were appended.

        Raises:
            DatasetError: The two were measured in different environments; the message names the difference.
        """
        mine = self.environments()
        for theirs in other.environments():
            for ours in mine:
                _check_same_environment(ours, theirs, self.path, other.path)
        added = 0
        with _mapped(self.path), self._transaction():
            for run in other.runs():
                if not self.has(run.case, run.round):
                    self._insert(run)
                    added += 1
        return added

    def digest(self) -> str:
        """SHA-256 of what was measured, 64 hexadecimal digits.

        Covers every run's case, round, network, environment, status and times, and nothing that differs between two
        campaigns that measured the same (dates, durations, machine details, order).
        """
        digest = hashlib.sha256()
        for run in self.runs():
            record = [
                run.case,
                run.round,
                graph_digest(run.network),
                sorted(run.environment.items()),
                run.status,
                _number(run.latency_s),
                [[k.name, k.operator, sorted(k.layers), k.latency_s.hex(), k.added] for k in run.kernels],
            ]
            digest.update(json.dumps(record, separators=(",", ":")).encode())
        return digest.hexdigest()

    def count(self, status: Status | None = None) -> int:
        """How many runs there are, in all or of one status."""
        if status is None:
            ((count,),) = self._select("SELECT count(*) FROM run")
        else:
            ((count,),) = self._select("SELECT count(*) FROM run WHERE status = ?", (status.value,))
        return int(count)

    def close(self) -> None:
        """Closes the file; may be called twice."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def _select(self, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with _mapped(self.path), closing(self._connection.execute(query, parameters)) as cursor:
            return cursor.fetchall()

    def _insert(self, run: Run) -> None:
        digest = graph_digest(run.network)
        self._connection.execute(
            "INSERT OR IGNORE INTO network VALUES (?, ?, ?)",
            (digest, run.network.name, _dump(graph_to_json(run.network))),
        )
        identity = _dump(dict(run.environment))
        self._connection.execute("INSERT OR IGNORE INTO environment (identity) VALUES (?)", (identity,))
        (environment,) = self._connection.execute(
            "SELECT id FROM environment WHERE identity = ?", (identity,)
        ).fetchone()
        values = (
            run.case,
            run.round,
            run.purpose.value,
            digest,
            run.network.name,
            environment,
            _dump(dict(run.details)),
            run.status.value,
            run.reason,
            run.started_unix_s,
            run.duration_s,
            _number(run.latency_s),
            _dump(run.samples_s),
            _dump(run.calibration_s),
            _number(run.matched_share),
            run.attempts,
        )
        cursor = self._connection.execute(
            f"INSERT INTO run ({_RUN_COLUMNS}) VALUES ({', '.join('?' * len(values))})",  # noqa: S608 - constants
            values,
        )
        self._connection.executemany(
            f"INSERT INTO kernel ({_KERNEL_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
            [
                (
                    cursor.lastrowid,
                    position,
                    kernel.name,
                    kernel.operator,
                    _dump(kernel.layers),
                    kernel.latency_s,
                    _dump(kernel.samples_s),
                    int(kernel.added),
                    _dump(dict(kernel.info)),
                )
                for position, kernel in enumerate(run.kernels)
            ],
        )

    def _network(self, digest: str, name: str) -> Network:
        ((graph,),) = self._select("SELECT graph FROM network WHERE digest = ? AND name = ?", (digest, name))
        try:
            return graph_from_json(json.loads(graph))
        except (NetworkError, json.JSONDecodeError) as error:
            raise DatasetError(f"dataset {str(self.path)!r} holds a damaged network {name!r}: {error}") from error

    def _run(self, row: tuple[Any, ...], network: Network, environment: Mapping[str, str]) -> Run:
        kernels = self._select(
            "SELECT name, operator, layers, latency_s, samples_s, added, info FROM kernel "
            "WHERE run = ? ORDER BY position",
            (row[0],),
        )
        samples_s, calibration_s = json.loads(row[13]), json.loads(row[14])
        times = [row[12] or 0.0, *samples_s, *calibration_s, *(k[3] for k in kernels)]
        strange = next((time_s for time_s in times if not isinstance(time_s, (int, float))), None)
        if strange is not None:
            raise DatasetError(
                f"dataset {str(self.path)!r}: a time of run {row[1]!r} is {strange!r}, which is no number"
            )
        return Run(
            case=row[1],
            round=row[2],
            purpose=Purpose(row[3]),
            network=network,
            environment=environment,
            details=json.loads(row[7]),
            status=Status(row[8]),
            reason=row[9],
            started_unix_s=row[10],
            duration_s=row[11],
            latency_s=math.nan if row[12] is None else row[12],
            samples_s=tuple(samples_s),
            calibration_s=tuple(calibration_s),
            kernels=tuple(
                KernelRecord(
                    name=k[0],
                    operator=k[1],
                    layers=tuple(json.loads(k[2])),
                    latency_s=k[3],
                    samples_s=tuple(json.loads(k[4])),
                    added=bool(k[5]),
                    info=json.loads(k[6]),
                )
                for k in kernels
            ),
            matched_share=math.nan if row[15] is None else row[15],
            attempts=row[16],
        )


def _check_same_environment(ours: Mapping[str, str], theirs: Mapping[str, str], mine: Path, other: Path) -> None:
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key):
            raise DatasetError(
                f"datasets {str(mine)!r} and {str(other)!r} do not belong together: {key} is "
                f"{ours.get(key)!r} in one and {theirs.get(key)!r} in the other"
            )


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # Opens the file, which connecting does not.
    return connection


@contextmanager
def _mapped(path: Path) -> Iterator[None]:
    """Maps SQLite's errors to ours, at this one border."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        what = "has this run already" if "UNIQUE" in str(error) else "refuses this run"
        raise DatasetError(f"dataset {str(path)!r} {what}: {error}") from error
    except sqlite3.Error as error:
        remedy = "; what was finished is kept: make room and go on with --resume" if _is_full(error) else ""
        raise DatasetError(f"dataset {str(path)!r} cannot be used: {error}{remedy}") from error


def _is_full(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
