"""Datasets: every run of a campaign in one SQLite file.

Append-only, and safe against being killed at any moment: a run and its kernels are one transaction. SQLite comes with
Python, so the measuring side needs nothing but numpy, onnx and the runtime; pandas, polars and DuckDB read the file
as it is. The tables are described in docs/dataset.md.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from contextlib import closing, contextmanager
from itertools import product
from typing import TYPE_CHECKING, Any, Self

from annette.bench.dataset_file import create_file, empty_tables, mapped_errors, open_file, require_new, write_file
from annette.bench.dataset_rows import (
    KernelRow,
    RunRow,
    check_row,
    dump,
    kernel_row,
    nan_as_none,
    run_from_rows,
    run_row,
    texts_by_name,
)
from annette.bench.records import BOARD, Status
from annette.budget import BASE_BYTES, BASE_STEPS, budgeted
from annette.documents import Natural, convert
from annette.errors import DatasetError, NetworkError
from annette.network.graph_json import graph_digest, graph_from_text, graph_to_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from annette.bench.records import Run
    from annette.network import Network

__all__ = ["Dataset", "differing_fact"]


class Dataset:
    """A dataset file, open; a context manager that closes it.

    Use `Dataset.create` or `Dataset.open`. One process writes at a time; any number read.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def create(cls, path: Path) -> Self:
        """Makes an empty dataset and opens it for writing.

        Raises:
            DatasetError: The path exists, or its folder does not or cannot be written.
        """
        create_file(path)
        return cls.open(path, write=True)

    @classmethod
    def open(cls, path: Path, *, write: bool = False) -> Self:
        """Opens an existing dataset.

        Raises:
            DatasetError: There is none at ``path``, it is something else, of another version, or torn.
        """
        return cls(path, open_file(path, write=write))

    @classmethod
    def unsaved(cls, path: Path) -> Self:
        """Makes an empty dataset in memory; `save` makes it a file, with everything that was added meanwhile.

        Raises:
            DatasetError: The path exists, or its folder does not.
        """
        require_new(path)
        return cls(path, empty_tables())

    def save(self) -> None:
        """Writes a dataset that is in memory (`unsaved`), whole or not at all.

        Raises:
            DatasetError: The path exists, or its folder cannot be written.
        """
        write_file(self.path, self._connection)

    def add(self, run: Run) -> None:
        """Appends a run and its kernels, all or nothing.

        Raises:
            DatasetError: The case is recorded already for this round, or the file cannot be written.
        """
        with mapped_errors(self.path), self._transaction():
            self._insert(run)

    def has(self, case: str, round_: int = 0) -> bool:
        """Whether a case has been recorded for a round, failed or not."""
        return bool(self._select("SELECT 1 FROM run WHERE case_id = ? AND round = ?", (case, round_)))

    def failed(self, rounds: range) -> set[str]:
        """The cases that failed in one of some rounds.

        Args:
            rounds: Numbers of rounds that follow each other.
        """
        query = "SELECT DISTINCT case_id FROM run WHERE status = ? AND round >= ? AND round < ?"
        rows = self._select(query, (Status.FAILED.value, rounds.start, rounds.stop))
        place = self._place("case_id of table run")
        return {convert(case, str, error=DatasetError, path=place) for (case,) in rows}

    def visits(self, rounds: range) -> dict[str, list[tuple[float, float]]]:
        """What the visits of each case took and gave.

        Args:
            rounds: Numbers of the visits, which follow each other.

        Returns:
            By case, for each visit that did not fail, its device time and what its kernels take together (the whole
            network where none is known), both in seconds.

        Raises:
            DatasetError: A time is no number.
        """
        query = """
            SELECT case_id, duration_s, COALESCE((SELECT SUM(latency_s) FROM kernel WHERE run = run.id), latency_s)
            FROM run WHERE status != ? AND round >= ? AND round < ? ORDER BY run.id"""
        found: dict[str, list[tuple[float, float]]] = {}
        place = self._place("a time of table run")
        for case, *times_s in self._select(query, (Status.FAILED.value, rounds.start, rounds.stop)):
            taken = tuple(0.0 if time_s is None else time_s for time_s in times_s)
            visit = convert(taken, tuple[float, float], error=DatasetError, path=place)
            found.setdefault(case, []).append(visit)
        return found

    def boards(self) -> dict[str, str]:
        """The board of each case that boards have run: the one with most of its visits that did not fail.

        Raises:
            DatasetError: The details of a run are not texts by name.
        """
        counts: dict[str, Counter[str]] = {}
        for row in self._select("SELECT id, case_id, details FROM run WHERE status != ? ORDER BY id", (Status.FAILED,)):
            board = texts_by_name(row["details"], self._place(f"row {row['id']} of table run.details")).get(BOARD)
            if board:
                counts.setdefault(row["case_id"], Counter())[board] += 1
        return {case: count.most_common(1)[0][0] for case, count in counts.items()}

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
        place = self._place("max(round) of table run")
        known = [convert(last, Natural, error=DatasetError, path=place) for last in rounds if last is not None]
        return max(known, default=-1) + 1

    def runs(self) -> Iterator[Run]:
        """All runs, in the order of case and round, which does not depend on when they were measured."""
        environments = self._environments()
        networks: dict[tuple[str, str], Network] = {}
        for values in self._select("SELECT * FROM run ORDER BY case_id, round"):
            place = self._place(f"row {values['id']} of table run")
            row = check_row(values, RunRow, place)
            key = (row.network_digest, row.network_name)
            if key not in networks:
                networks[key] = self._network(*key)
            rows = self._select("SELECT * FROM kernel WHERE run = ? ORDER BY position", (row.id,))
            where = f"{place}, kernel"
            kernels = [check_row(kernel, KernelRow, f"{where} {number}") for number, kernel in enumerate(rows)]
            yield run_from_rows(row, kernels, networks[key], environments[row.environment], place)

    def environments(self) -> list[dict[str, str]]:
        """The distinct environments of the runs.

        Raises:
            DatasetError: One is not texts by name.
        """
        return list(self._environments().values())

    def add_plan(self, digest: str, document: str) -> None:
        """Keeps the plan that the runs belong to, so that a campaign can be resumed from the dataset alone."""
        with mapped_errors(self.path), self._transaction():
            self._connection.execute("INSERT OR IGNORE INTO plan VALUES (?, ?)", (digest, document))

    def plans(self) -> list[str]:
        """The plans kept, as JSON documents.

        Raises:
            DatasetError: One is no text.
        """
        place = self._place("document of table plan")
        rows = self._select("SELECT document FROM plan ORDER BY rowid")
        return [convert(document, str, error=DatasetError, path=place) for (document,) in rows]

    def set_origin(self, document: str) -> None:
        """Keeps where imported measurements come from, as a JSON document (`annette.bench.importing.collection`)."""
        with mapped_errors(self.path), self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('origin', ?)", (document,))

    def origin(self) -> str | None:
        """The document that `set_origin` kept; None for what was measured with ``annette bench``."""
        rows = self._select("SELECT value FROM meta WHERE key = 'origin'")
        place = self._place("origin in table meta")
        return convert(rows[0][0], str, error=DatasetError, path=place) if rows else None

    def merge(self, other: Dataset) -> int:
        """Appends the runs of another dataset that this one does not have.

        Returns:
            How many runs were appended.

        Raises:
            DatasetError: The two were measured in different environments; the message names the difference.
        """
        for theirs, ours in product(other.environments(), self.environments()):
            key = differing_fact(ours, theirs)
            if key is not None:
                raise DatasetError(
                    f"datasets {str(self.path)!r} and {str(other.path)!r} do not belong together: {key} is "
                    f"{ours.get(key)!r} in one and {theirs.get(key)!r} in the other"
                )
        added = 0
        with mapped_errors(self.path), self._transaction():
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
                nan_as_none(run.latency_s),
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

    def __exit__(self, *_: object) -> None:
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

    def _select(self, query: str, parameters: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        with mapped_errors(self.path), closing(self._connection.execute(query, parameters)) as cursor:
            return cursor.fetchall()

    def _insert(self, run: Run) -> None:
        digest = graph_digest(run.network)
        self._connection.execute(
            "INSERT OR IGNORE INTO network VALUES (?, ?, ?)",
            (digest, run.network.name, dump(graph_to_json(run.network))),
        )
        identity = dump(dict(run.environment))
        self._connection.execute("INSERT OR IGNORE INTO environment (identity) VALUES (?)", (identity,))
        (environment,) = self._connection.execute(
            "SELECT id FROM environment WHERE identity = ?", (identity,)
        ).fetchone()
        self._insert_row("run", run_row(run, digest, environment))
        ((key,),) = self._select("SELECT last_insert_rowid()")
        for position, kernel in enumerate(run.kernels):
            self._insert_row("kernel", kernel_row(kernel, key, position))

    def _insert_row(self, table: str, row: dict[str, Any]) -> None:
        columns = f"{table} ({', '.join(row)}) VALUES ({', '.join(f':{column}' for column in row)})"
        self._connection.execute(f"INSERT INTO {columns}", row)

    def _environments(self) -> dict[int, dict[str, str]]:
        rows = self._select("SELECT id, identity FROM environment ORDER BY id")
        return {
            key: texts_by_name(identity, self._place(f"row {key} of table environment.identity"))
            for key, identity in rows
        }

    def _network(self, digest: str, name: str) -> Network:
        ((graph,),) = self._select("SELECT graph FROM network WHERE digest = ? AND name = ?", (digest, name))
        place = self._place(f"graph of network {name!r}")
        text = convert(graph, str, error=DatasetError, path=place)
        with budgeted(place, steps=BASE_STEPS + len(text), size_bytes=BASE_BYTES + 10 * len(text)):
            try:
                return graph_from_text(text)
            except NetworkError as error:
                raise DatasetError(f"dataset {str(self.path)!r} holds a damaged network {name!r}: {error}") from error

    def _place(self, what: str) -> str:
        return f"dataset {str(self.path)!r}, {what}"


def differing_fact(first: Mapping[str, str], second: Mapping[str, str]) -> str | None:
    """The first fact, by name, in which two environments differ; None where they are the same."""
    keys = sorted(first.keys() | second.keys())
    return next((key for key in keys if first.get(key) != second.get(key)), None)
