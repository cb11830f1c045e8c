"""Datasets: cells, rows and the schema of the SQLite file, changed through SQLite, and bytes of the file."""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tools.fuzz.case import Format
from tools.fuzz.documents import encode_document, mutate_document, mutate_leaf
from tools.fuzz.formats.dataset_seeds import sound_datasets
from tools.fuzz.networks import small_networks
from tools.fuzz.oracle import Violation, check_document, check_error, check_estimate, check_printed, platforms
from tools.fuzz.values import floating, integer, near, text

from annette.api import fit, open_datasets
from annette.bench.dataset import Dataset
from annette.bench.session import recorded_plan
from annette.devices.replay.backend import ReplayBackend, ReplayOptions
from annette.errors import AnnetteError
from annette.estimation.estimator import estimate_network
from annette.evaluation.truth import MachineSpeed, truths_of
from annette.fitting.training_data import read_training_data
from annette.fitting.transfer import transfer_platform
from annette.report.dataset import (
    dataset_comparison_document,
    dataset_document,
    dataset_page,
    print_dataset,
    print_dataset_comparison,
)
from annette.report.fit import fit_document, print_fit
from annette.report.transfer import print_transfer, transfer_document

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from random import Random

__all__ = ["DatasetFormat"]

_TABLES: Final = ("run", "run", "run", "kernel", "kernel", "network", "environment", "meta", "plan")
_JSON: Final = {("run", "details"), ("run", "samples_s"), ("run", "calibration_s"), ("kernel", "layers"), ("kernel",
"samples_s"),
                ("kernel", "info"), ("network", "graph"), ("environment", "identity"), ("plan",
                "document")}  # fmt: skip
_WORDS: Final = ("ok", "failed", "unstable", "too-short", "drifted", "network", "chain", "micro-kernel",
"fusion-probe", "OK", "origin",
                 "format", "version", "annette/dataset", "1", "[]", "{}", "null", "[1e999]", "[null]", "[true]",
                 '["a"]', "[NaN]",
                 "[-1]", "[0]", "[1e300]", "[1e-310]", '{"a": 1}', "fp32", "conv8")  # fmt: skip
_FITS: Final = 1 / 100
"""Share of the cases that a platform is fitted to: a fit takes as long as a hundred reports."""
_MOST_STEPS: Final = 300_000
_WRITABLE: Final = "PRAGMA writable_schema = 1; UPDATE sqlite_master"
_SCHEMA_CHANGES: Final = (
    "sql = 'x'",
    "rootpage = 1",
    "rootpage = 9999",
    "sql = replace(sql, 'NOT NULL', '')",
    "sql = replace(sql, 'REAL', 'TEXT')",
)
_LONGEST_VALUE: Final = 10_000_000
"""Limits on SQLite while it damages a dataset: views that never end must not hold up who makes them."""

_VIEWS: Final = (
    "SELECT * FROM kept",
    "SELECT * FROM kept UNION ALL SELECT * FROM kept",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000000) SELECT kept.* FROM n, kept",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT kept.* FROM kept, n",
    "SELECT kept.* FROM kept, (SELECT randomblob(1000000000) AS b)",
    "SELECT kept.* FROM kept JOIN kept AS b JOIN kept AS c JOIN kept AS d JOIN kept AS e JOIN kept AS f JOIN kept AS g",
    "SELECT * FROM kept WHERE load_extension('x') IS NULL",
    "SELECT 1 AS id",
)  # fmt: skip


class DatasetFormat(Format):
    """What ``annette bench`` writes and ``dataset``, ``fit`` and ``evaluate`` read."""

    name: ClassVar[str] = "dataset"
    suffix: ClassVar[str] = ".dataset"
    raw: ClassVar[float] = 0.12

    def __init__(self, extra: Sequence[Path] = ()) -> None:
        super().__init__(extra)
        self._datasets = (*sound_datasets(), *(path.read_bytes() for path in self.extra))

    def draw(self, dice: Random) -> sqlite3.Connection:
        """A dataset in memory, for SQLite to change."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.deserialize(dice.choice(self._datasets))
        connection.set_progress_handler(lambda: 1, _MOST_STEPS)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        return connection

    def mutate(self, subject: sqlite3.Connection, dice: Random) -> None:
        """Changes a cell, in most cases; rows; or the schema."""
        with suppress(sqlite3.Error, OverflowError, UnicodeEncodeError):  # What SQLite refuses is no damaged dataset.
            dice.choice(_CHANGES)(subject, dice)

    def encode(self, subject: sqlite3.Connection, dice: Random) -> bytes:
        """The file's bytes."""
        del dice
        try:
            return subject.serialize()
        finally:
            subject.close()

    def attempt(self, file: Path, dice: Random) -> str:
        """What the commands do that read datasets; the first refusal counts, the others must be as good."""
        _report(file, dice)
        readers: tuple[Callable[[], object], ...] = (
            lambda: _train(file),
            lambda: _truths(file, dice),
            lambda: recorded_plan(file),
            lambda: ReplayBackend(ReplayOptions(str(file))),
            lambda: _compare(file, file.with_name("other.dataset")),
            lambda: _merge(file),
        )
        for reader in dice.sample(readers, 2):
            try:
                reader()
            except AnnetteError as error:
                check_error(error)
        if dice.random() < _FITS:
            _fit(file, dice)
        return "accepted"


def _cell(connection: sqlite3.Connection, dice: Random) -> None:
    """Another value in one cell, or in a whole column."""
    table = dice.choice(_TABLES)
    column = dice.choice(_columns(connection, table) or ["id"])
    rows = connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
    if not rows:
        return
    row, old = dice.choice(rows)
    new = _value(dice, old, is_json=(table, column) in _JSON)
    where = "" if dice.random() < 0.1 else f" WHERE rowid = {row}"
    connection.execute(f"UPDATE OR IGNORE {table} SET {column} = ?{where}", (new,))


def _value(dice: Random, old: Any, *, is_json: bool) -> Any:
    if is_json and isinstance(old, str) and dice.random() < 0.7:
        try:
            document = json.loads(old)
        except ValueError:
            return text(dice, _WORDS)
        if isinstance(document, dict | list):
            change = mutate_leaf if dice.random() < 0.6 else mutate_document
            change(document, dice)
            return encode_document(document, dice).decode("utf-8", "surrogateescape")
    if isinstance(old, int | float) and dice.random() < 0.5:
        return near(dice, old)
    noise = bytes(dice.randrange(256) for _ in range(dice.choice((0, 1, 8, 100))))
    return dice.choice((floating(dice), integer(dice), None, noise, text(dice, _WORDS), text(dice, _WORDS)))


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def _rows(connection: sqlite3.Connection, dice: Random) -> None:
    """Rows that lack or repeat."""
    table = dice.choice(_TABLES)
    match dice.randrange(3):
        case 0:
            connection.execute(f"DELETE FROM {table}")
        case 1:
            connection.execute(f"DELETE FROM {table} WHERE rowid % 3 = {dice.randrange(3)}")
        case _:
            _relax(connection, dice)
            connection.execute(f"INSERT INTO {table} SELECT * FROM {table}")


def _relax(connection: sqlite3.Connection, dice: Random) -> None:
    """A table without constraints: it takes NULL and repeated keys from then on."""
    table = dice.choice(_TABLES)
    connection.executescript(
        f"CREATE TABLE loose AS SELECT * FROM {table}; DROP TABLE {table}; ALTER TABLE loose RENAME TO {table};"
    )


def _schema(connection: sqlite3.Connection, dice: Random) -> None:
    """Tables and columns that lack, are called otherwise, or are views, generated or virtual."""
    table = dice.choice(_TABLES)
    column = dice.choice(_columns(connection, table) or ["id"])
    statements = (
        f"DROP TABLE {table}",
        f"ALTER TABLE {table} RENAME TO gone",
        f"ALTER TABLE {table} RENAME COLUMN {column} TO gone",
        f"ALTER TABLE {table} DROP COLUMN {column}",
        f"ALTER TABLE {table} ADD COLUMN more TEXT DEFAULT 'x'",
        f"ALTER TABLE {table} ADD COLUMN more GENERATED ALWAYS AS (zeroblob(1000000000)) VIRTUAL",
        f"ALTER TABLE {table} RENAME TO kept; CREATE VIEW {table} AS {dice.choice(_VIEWS)}",
        f"ALTER TABLE {table} RENAME TO kept; CREATE VIEW {table} AS {dice.choice(_VIEWS)}",
        f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN DELETE FROM run; END",
        f"CREATE TRIGGER t BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no\x1b[2J'); END",
        f"DROP TABLE {table}; CREATE VIRTUAL TABLE {table} USING fts5(a, b)",
        f"CREATE INDEX i ON {table} ({column})",
        f"PRAGMA user_version = {dice.choice((0, 2, -1, 2**31 - 1))}",
        f"PRAGMA application_id = {dice.choice((0, -1))}",
        "PRAGMA encoding = 'UTF-16'",
        "PRAGMA journal_mode = WAL",
        *(f"{_WRITABLE} SET {change} WHERE name = '{table}'" for change in _SCHEMA_CHANGES),
    )  # fmt: skip
    connection.executescript(dice.choice(statements))


_CHANGES: Final[tuple[Callable[[sqlite3.Connection, Random], None], ...]] = (
    *(_cell,) * 12,
    _rows,
    _relax,
    _schema,
    _schema,
    _schema,
)


def _report(file: Path, dice: Random) -> None:
    """``annette dataset``, with its page in some cases."""
    with Dataset.open(file) as dataset:
        document = dataset_document(dataset)
    check_document(document)
    check_printed(lambda page: print_dataset(document, page=page))
    if dice.random() < 0.1:
        dataset_page(document).encode()


def _train(file: Path) -> None:
    with open_datasets([file]) as opened:
        read_training_data(opened)


def _truths(file: Path, dice: Random) -> None:
    with Dataset.open(file) as dataset:
        for truth in truths_of(dataset, speed=MachineSpeed.of(dice.choice(platforms()))):
            if truth.latency_s is not None and not 0 < truth.latency_s < float("inf"):
                raise Violation("estimate", "a truth is not finite and positive", f"{truth.latency_s}")


def _compare(file: Path, other: Path) -> None:
    """``annette dataset`` with two."""
    other.write_bytes(sound_datasets()[0])
    with Dataset.open(file) as first, Dataset.open(other) as second:
        document = dataset_comparison_document(first, second)
    check_document(document)
    check_printed(lambda page: print_dataset_comparison(document, page=page))


def _merge(file: Path) -> None:
    """The dataset's runs, written to another one."""
    target = file.with_name("merged.dataset")
    target.unlink(missing_ok=True)
    with Dataset.open(file) as dataset, Dataset.create(target) as into:
        into.merge(dataset)


def _fit(file: Path, dice: Random) -> None:
    """``annette fit``, or ``fit --from``; the platform must give an estimate."""
    if dice.random() < 0.3:
        with open_datasets([file]) as opened:
            adapted = transfer_platform(opened, dice.choice(platforms()), name="fuzz")
        platform, document, show = adapted.platform, transfer_document(adapted, file), print_transfer
    else:
        report = fit([file], name="fuzz", mapping=dice.choice(("auto", "generic")))
        platform, document, show = report.platform, fit_document(report, file), print_fit
    check_document(document)
    check_printed(lambda page: show(document, page=page))
    check_estimate(estimate_network(small_networks()[0], platform, fallback="roofline"))
