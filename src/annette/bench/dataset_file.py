"""The file behind a dataset: its tables, how it is made and opened, and SQLite's errors as ours.

Datasets are handed around, and an SQLite file may hold programs (views, triggers, generated columns) as well as data,
or trees of pages that share branches and never end. A file is opened only if it has our tables and nothing else, each
page of it once, and it is opened so that nothing in its schema is trusted (https://www.sqlite.org/security.html).
"""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final

from annette.atomic import write_whole
from annette.documents import MAX_JSON_BYTES
from annette.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "SCHEMA",
    "VERSION",
    "create_file",
    "empty_tables",
    "mapped_errors",
    "open_file",
    "require_new",
    "write_file",
]

_FORMAT: Final = "annette/dataset"
VERSION: Final = 1
_APPLICATION_ID: Final = 0x414E4E45  # "ANNE", in the SQLite header: tells our files from other people's

SCHEMA: Final = """
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

_LIMITS: Final = {
    sqlite3.SQLITE_LIMIT_LENGTH: MAX_JSON_BYTES,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 10_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 50,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 5,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 25_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 8,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
}
"""What SQLite may be asked for; our own statements stay far below."""

_SUPER_JOURNAL: Final = bytes.fromhex("d9d505f920a163d7")
"""Last bytes of a journal that names another file, which SQLite then reads and may delete."""

_DEFENSIVE: Final = 1010  # SQLITE_DBCONFIG_DEFENSIVE in sqlite3.h

_STEPS_PER_BYTE: Final = 20
_STEPS: Final = 10_000_000
_GLANCE: Final = 100_000
"""Instructions of SQLite's machine between two looks at how many there were."""


def create_file(path: Path) -> None:
    """Makes a file with empty tables.

    Raises:
        DatasetError: The path exists, or its folder does not or cannot be written.
    """
    with closing(empty_tables()) as connection:
        write_file(path, connection)


def empty_tables() -> sqlite3.Connection:
    """A dataset without runs, in memory."""
    connection = _configured(sqlite3.connect(":memory:", isolation_level=None))
    connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={VERSION}")
    connection.executescript(f"BEGIN; {SCHEMA} COMMIT;")
    connection.execute("INSERT INTO meta VALUES ('format', ?), ('version', ?)", (_FORMAT, str(VERSION)))
    return connection


def write_file(path: Path, connection: sqlite3.Connection) -> None:
    """Makes a file of what is in memory, whole or not at all.

    Raises:
        DatasetError: The path exists, or its folder does not or cannot be written.
    """
    require_new(path)
    try:
        write_whole(path, connection.serialize(), new=True)
    except OSError as error:
        raise DatasetError(f"dataset {str(path)!r} cannot be made: {error.strerror or error}") from error


def require_new(path: Path) -> None:
    """Checks that a dataset can be made.

    Raises:
        DatasetError: The path exists, or its folder does not.
    """
    try:
        exists, is_folder = path.exists(), path.parent.is_dir()
    except OSError as error:  # A name that no file can have.
        raise DatasetError(f"dataset {str(path)!r} cannot be made: {error.strerror or error}") from error
    if exists:
        raise DatasetError(f"dataset {str(path)!r} exists already: use --resume to continue it, or another --out")
    if not is_folder:
        what = "is not a folder" if path.parent.exists() else "does not exist"
        raise DatasetError(f"folder {str(path.parent)!r} for dataset {path.name!r} {what}")


def open_file(path: Path, *, write: bool) -> sqlite3.Connection:
    """Connects to an existing file; rows answer to the names of their columns, transactions are begun explicitly.

    Raises:
        DatasetError: There is none at ``path``, it is something else, of another version, or torn, or it has other
            tables than ours.
    """
    size_bytes = _require_file(path)
    with mapped_errors(path):
        if not write and path.with_name(f"{path.name}-journal").exists():
            _connect(path, "rw").close()  # Its writer was killed: what was half written is taken back first.
        connection = _connect(path, "rw" if write else "ro")
        try:
            _check(connection, path, size_bytes)
            connection.execute(f"PRAGMA query_only={int(not write)}")
        except BaseException:
            connection.close()
            raise
    return connection


def _require_file(path: Path) -> int:
    """The size of a file that is one, and whose neighbours are what SQLite takes them for."""
    try:
        if not path.is_file():
            what = "is no file" if path.exists() else "does not exist; annette bench --out makes one"
            raise DatasetError(f"there is no dataset at {str(path)!r}: it {what}")
        size_bytes = path.stat().st_size
        for ending in ("-journal", "-wal", "-shm"):
            beside = path.with_name(path.name + ending)
            if beside.exists() and not stat.S_ISREG(beside.lstat().st_mode):
                raise DatasetError(f"dataset {str(path)!r} cannot be used: {str(beside)!r} is no file")
            if ending == "-journal" and _names_another_file(beside):
                raise DatasetError(f"dataset {str(path)!r} cannot be used: its journal names another file")
    except (OSError, ValueError) as error:  # A name that no file can have, or a folder that may not be read.
        raise DatasetError(f"dataset {str(path)!r} cannot be used: {getattr(error, 'strerror', error)}") from error
    return size_bytes


def _names_another_file(journal: Path) -> bool:
    if not journal.exists():
        return False
    with journal.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(0, end - len(_SUPER_JOURNAL)))
        return file.read() == _SUPER_JOURNAL


def _check(connection: sqlite3.Connection, path: Path, size_bytes: int) -> None:
    """Checks that the file is ours, has our tables, and is sound, in a number of steps that its size warrants."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION_ID:
        raise DatasetError(f"{str(path)!r} is not a dataset of annette")
    if version != VERSION:
        remedy = "update annette" if version > VERSION else "measure again, or use the annette that wrote it"
        raise DatasetError(f"dataset {str(path)!r} has version {version}, this annette reads {VERSION}: {remedy}")
    left = _STEPS + _STEPS_PER_BYTE * size_bytes

    def count() -> int:
        nonlocal left
        left -= _GLANCE
        return left < 0

    connection.set_progress_handler(count, _GLANCE)
    try:
        strange = _strange(connection)
        if strange:
            raise DatasetError(f"dataset {str(path)!r} {strange}: it was not made by annette, or was changed")
        (finding,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if finding != "ok":
            raise DatasetError(f"dataset {str(path)!r} is damaged: {str(finding).splitlines()[-1]}")
        for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
            raise DatasetError(f"dataset {str(path)!r} is damaged: row {row} of {table} refers to no {parent}")
    finally:
        connection.set_progress_handler(None, 0)


def _strange(connection: sqlite3.Connection) -> str:
    """What the schema has that ours does not, or lacks; empty where there is no such thing."""
    left = dict(_objects())
    for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master"):
        if left.pop(name, None) != (kind, sql):
            return f"has a {kind} {name!r} that is not ours"
    return f"has no table {min(left)!r}" if left else ""


@cache
def _objects() -> tuple[tuple[str, tuple[str, str | None]], ...]:
    """Name, type and definition of everything in our schema."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        rows = connection.execute("SELECT name, type, sql FROM sqlite_master").fetchall()
    return tuple((name, (kind, sql)) for name, kind, sql in rows)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        _configured(connection)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # Opens the file, which connecting does not
    except BaseException:
        connection.close()
        raise
    return connection


def _configured(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Distrusts what is in the file, as far as this version of SQLite knows how to."""
    for limit, most in _LIMITS.items():
        connection.setlimit(limit, most)
    if hasattr(connection, "setconfig"):  # From Python 3.12 on.
        connection.setconfig(_DEFENSIVE, True)
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    return connection


@contextmanager
def mapped_errors(path: Path) -> Iterator[None]:
    """Raises SQLite's errors about a dataset as `annette.errors.DatasetError`."""
    try:
        yield
    except UnicodeDecodeError as error:  # Of a message that quotes a damaged name.
        raise DatasetError(f"dataset {str(path)!r} is damaged: a name in its schema is no UTF-8 text") from error
    except sqlite3.IntegrityError as error:
        what = "has this run already" if "UNIQUE" in str(error) else "refuses this run"
        raise DatasetError(f"dataset {str(path)!r} {what}: {error}") from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_INTERRUPT:
            raise DatasetError(f"dataset {str(path)!r} asks for more work than a file of its size warrants") from error
        full = code == sqlite3.SQLITE_FULL
        remedy = "; what was finished is kept: make room and go on with --resume" if full else ""
        raise DatasetError(f"dataset {str(path)!r} cannot be used: {error}{remedy}") from error
