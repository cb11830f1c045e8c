"""Datasets of strangers: each kind of damage is one error that names the table and the row, on every way of reading."""

import math
import os
import sqlite3
from contextlib import closing, suppress

import pytest

from annette.bench.dataset import Dataset
from annette.bench.records import KernelRecord, Purpose, Run, Status
from annette.bench.session import measured_networks
from annette.devices.replay.backend import ReplayBackend, ReplayOptions
from annette.errors import DatasetError
from tests.unit.bench.scripted import network

ENDLESS = """
CREATE VIEW run AS WITH RECURSIVE endless (id) AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM endless)
SELECT * FROM endless
"""


def run(number):
    kernel = KernelRecord("k", "Conv", ("conv",), 1e-3, (1e-3, 2e-3), info={"a": "b"})
    return Run(
        case=f"case{number}", round=0, purpose=Purpose.NETWORK, network=network("net"), environment={"runtime": "r"},
        details={"cpus": "1"}, status=Status.OK, reason="", started_unix_s=1.0, duration_s=2.0, latency_s=1e-3,
        samples_s=(1e-3,), reference_s=(1e-3, 0.0), kernels=(kernel,), matched_share=1.0,
    )  # fmt: skip


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "d.sqlite"
    with Dataset.create(path) as dataset:
        for number in range(3):
            dataset.add(run(number))
        dataset.add_plan("digest", "{}")
    return path


def change(path, *statements):
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(*statement) if isinstance(statement, tuple) else connection.execute(statement)
        connection.commit()


def read_all(path):
    with Dataset.open(path) as dataset:
        dataset.digest()
        dataset.plans()


VALUES = [
    ("run", "round", -5), ("run", "round", b"\x80"), ("run", "round", 1.5), ("run", "round", 2**62),
    ("run", "case_id", b"case"), ("run", "purpose", "x"), ("run", "status", "x"), ("run", "status", b"ok"),
    ("run", "reason", b"\xff"), ("run", "started_unix_s", "soon"), ("run", "started_unix_s", 1e300),
    ("run", "duration_s", -1.0), ("run", "duration_s", float("inf")),
    ("run", "latency_s", 0.0), ("run", "latency_s", -1.0), ("run", "latency_s", 1e300), ("run", "latency_s", "1 ms"),
    ("run", "latency_s", float("inf")), ("run", "latency_s", None),
    ("run", "latency_s", 1e-310), ("run", "latency_s", b"\0"),
    ("run", "samples_s", "[-1]"), ("run", "samples_s", "[0]"), ("run", "samples_s", "[1e999]"),
    ("run", "samples_s", "[true]"), ("run", "samples_s", "[NaN]"), ("run", "samples_s", "{}"),
    ("run", "samples_s", "5"), ("run", "samples_s", ""), ("run", "samples_s", b"[]"),
    ("run", "samples_s", "[" * 100_000), ("run", "samples_s", "[" * 100_000 + "]" * 100_000),
    ("run", "samples_s", f"[{'9' * 5000}]"), ("run", "calibration_s", '["soon"]'), ("run", "calibration_s", "[1e300]"),
    ("run", "details", "[x"), ("run", "details", "[]"), ("run", "details", '{"a": 1}'),
    ("run", "details", '{"a": "\\ud800"}'), ("run", "matched_share", 2.0), ("run", "matched_share", "all"),
    ("run", "attempts", 0), ("run", "attempts", "x"),
    ("kernel", "position", -1), ("kernel", "name", b"\xff"), ("kernel", "latency_s", -1e-6),
    ("kernel", "latency_s", float("inf")), ("kernel", "latency_s", "fast"), ("kernel", "layers", "conv"),
    ("kernel", "layers", "[1]"), ("kernel", "samples_s", "[-1]"), ("kernel", "added", 7), ("kernel", "added", "yes"),
    ("kernel", "info", "1"), ("kernel", "info", '{"a": {}}'), ("kernel", "info", '{"a": "\\ud800"}'),
    ("environment", "identity", "x"), ("environment", "identity", "1.5"), ("environment", "identity", '{"a": null}'),
    ("network", "graph", "[]"), ("network", "graph", "x"), ("network", "graph", b"\x80"), ("network", "graph", "{}"),
    ("network", "graph", "[" * 100_000 + "]" * 100_000), ("plan", "document", b"\x80"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "column", "value"), VALUES)
def test_a_column_that_holds_something_else_is_named_with_its_row(path, table, column, value):
    statement = f"UPDATE {table} SET {column} = ? WHERE rowid = 1"  # noqa: S608 - names of our own
    change(path, (statement, (value,)))
    with pytest.raises(DatasetError) as caught:
        read_all(path)
    message = str(caught.value)
    assert str(path) in message
    assert len(message) < 1000
    place = {"network": "network 'net'", "plan": "table plan"}.get(table, f"row 1 of table {table}")
    assert (place if table != "kernel" else "of table run, kernel 0") in message
    if table in ("run", "kernel"):
        assert f".{column}" in message


def test_layers_that_the_network_does_not_have_are_refused(path):
    change(path, """UPDATE kernel SET layers = '["elsewhere"]' WHERE rowid = 1""")
    with pytest.raises(DatasetError, match=r"row 1 of table run, kernel '.+': its network has no layer 'elsewhere'"):
        read_all(path)


def test_text_that_is_no_utf8_is_refused(path):
    change(path, "UPDATE run SET reason = CAST(x'ff80' AS TEXT)")
    with pytest.raises(DatasetError, match="Could not decode to UTF-8 column 'reason'"):
        read_all(path)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE run SET environment = 7 WHERE id = 1", "row 1 of run refers to no environment"),
        ("UPDATE run SET network_digest = 'x' WHERE id = 2", "row 2 of run refers to no network"),
        ("DELETE FROM network", "refers to no network"),
        ("UPDATE kernel SET run = 99 WHERE rowid = 3", "row 3 of kernel refers to no run"),
    ],
)
def test_what_refers_to_nothing_is_refused(path, statement, message):
    change(path, statement)
    with pytest.raises(DatasetError, match=message):
        read_all(path)


STRANGE = [
    ("CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM kernel; END", "a trigger 't'"),
    ("CREATE VIEW v AS SELECT 1", "a view 'v'"),
    ("CREATE TABLE more (a)", "a table 'more'"),
    ("CREATE INDEX i ON run (status)", "a index 'i'"),
    ("ALTER TABLE run ADD COLUMN g GENERATED ALWAYS AS (hex(zeroblob(1000000000)))", "a table 'run'"),
    ("ALTER TABLE run ADD COLUMN more", "a table 'run'"),
    ("ALTER TABLE run RENAME COLUMN case_id TO c", "a table 'run'"),
    ("DROP TABLE plan", "no table 'plan'"),
    ("CREATE VIRTUAL TABLE f USING fts5(a)", "a table 'f"),
]


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize(("statement", "message"), STRANGE)
def test_other_tables_than_ours_are_refused_before_anything_is_read(path, statement, message, write):
    try:
        change(path, statement)
    except sqlite3.OperationalError as error:
        pytest.skip(f"this SQLite cannot make it: {error}")
    before = path.read_bytes()
    with pytest.raises(DatasetError, match=message):
        Dataset.open(path, write=write)
    assert path.read_bytes() == before


def test_a_view_without_end_in_place_of_a_table_is_refused(path):
    change(path, "ALTER TABLE run RENAME TO run0", ENDLESS)
    with pytest.raises(DatasetError, match="that is not ours"):
        read_all(path)


def test_every_way_of_reading_gives_the_same_kind_of_error(path, tmp_path):
    change(path, "UPDATE run SET status = 'x' WHERE id = 2")
    with Dataset.open(path) as dataset, pytest.raises(DatasetError, match=r"row 2 of table run\.status"):
        measured_networks(dataset)
    with pytest.raises(DatasetError, match=r"row 2 of table run\.status"):
        ReplayBackend(ReplayOptions(dataset=str(path)))
    with (
        Dataset.open(path) as dataset,
        Dataset.create(tmp_path / "other") as other,
        pytest.raises(DatasetError, match=r"d\.sqlite', row 2 of table run\.status"),
    ):
        other.merge(dataset)
    with Dataset.open(tmp_path / "other") as other:
        assert other.count() == 0


def test_rounds_that_are_no_numbers_are_refused_when_going_on(path):
    change(path, "UPDATE run SET round = 'x' WHERE id = 1")
    with Dataset.open(path) as dataset, pytest.raises(DatasetError, match=r"max\(round\) of table run is 'x'"):
        dataset.next_round(["case0"])


def test_pages_that_share_branches_are_refused(path):
    """A page that stands in the tree twice would be read twice, and a few levels of such pages never end."""
    with Dataset.open(path, write=True) as dataset:
        for number in range(3, 400):
            dataset.add(run(number))
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'run'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    start = (root - 1) * size
    assert content[start] == 5  # An inner page of a table: its cells begin with the number of a page below it.
    cells = [int.from_bytes(content[at : at + 2], "big") for at in (start + 12, start + 14)]
    content[start + cells[1] : start + cells[1] + 4] = content[start + cells[0] : start + cells[0] + 4]
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="is damaged"):
        read_all(path)


def test_every_single_byte_may_be_wrong(path):
    content = path.read_bytes()
    for position in range(0, len(content), 211):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
        with suppress(DatasetError):  # Some bytes are of no consequence.
            read_all(path)


def test_a_name_in_the_schema_that_is_no_text_is_refused(path):
    """SQLite quotes it in its complaint, which Python cannot decode."""
    content = path.read_bytes()
    assert content.count(b"CREATE TABLE kernel (") == 1
    path.write_bytes(content.replace(b"CREATE TABLE kernel (", b"CREATE TABLE \xff\xfe\xfd\xfc\xfb\xfa ("))
    with pytest.raises(DatasetError):
        read_all(path)
    path.write_bytes(content.replace(b"CREATE TABLE kernel (", b"CREATE T\xffBLE kernel ("))
    with pytest.raises(DatasetError):
        read_all(path)
    path.write_bytes(
        content.replace(b"tablekernelkernel", b"tablek\xffrnelk\xffrnel").replace(b"E kernel (", b"E kernel  ")
    )
    with pytest.raises(DatasetError, match=r"damaged|malformed|cannot be used"):
        read_all(path)


@pytest.mark.parametrize("cut", [0, 1, 99, 100, 4096, 5000, -1])
def test_files_that_end_early_are_refused(path, cut):
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DatasetError):
        read_all(path)


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, message in (
        ("pipe", "it is no file"),
        ("folder", "it is no file"),
        ("none", "does not exist"),
        ("x" * 300, "too long"),
        ("none/d", "does not exist"),
        ("a\0b", r"null|does not exist"),
    ):
        with pytest.raises(DatasetError, match=message):
            Dataset.open(tmp_path / name)
    with pytest.raises(DatasetError, match="too long"):
        Dataset.create(tmp_path / ("x" * 300))
    os.mkfifo(tmp_path / "d.sqlite-journal")
    with pytest.raises(DatasetError, match=r"d\.sqlite-journal' is no file"):
        Dataset.open(path)


def test_a_journal_may_not_name_another_file(path, tmp_path):
    """SQLite would read it as a list of journals, and delete it."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    name = str(victim).encode()
    tail = name + len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big") + bytes.fromhex("d9d505f920a163d7")
    path.with_name("d.sqlite-journal").write_bytes(bytes.fromhex("d9d505f920a163d7") + bytes(504) + bytes(4) + tail)
    with pytest.raises(DatasetError, match="its journal names another file"):
        Dataset.open(path)
    assert victim.read_text() == "precious"


def test_a_file_that_another_has_locked_is_an_error(path, monkeypatch):
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *names, **options: connect(*names, **{**options, "timeout": 0.1}))
    with closing(connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatasetError, match="is locked"):
            Dataset.open(path)


def test_a_dataset_in_memory_is_a_file_only_when_it_is_whole(tmp_path):
    path = tmp_path / "d"
    with Dataset.unsaved(path) as dataset:
        dataset.add(run(1))
        assert not path.exists()
        dataset.save()
        with pytest.raises(DatasetError, match="exists already"):
            dataset.save()
    with Dataset.open(path) as dataset:
        assert dataset.count() == 1
    assert [each.name for each in tmp_path.iterdir()] == ["d"]


def test_what_is_sound_is_read_as_before(path):
    """Times of zero included, of kernels and of the reference workload."""
    change(
        path,
        "UPDATE kernel SET latency_s = 0, samples_s = '[0.0, 0]'",
        "UPDATE run SET latency_s = NULL, samples_s = '[]'",
    )
    with Dataset.open(path) as dataset:
        first = next(iter(dataset.runs()))
    assert first.kernels[0].samples_s == (0.0, 0.0)
    assert first.reference_s == (1e-3, 0.0)
    assert math.isnan(first.latency_s)
