"""``annette fit`` on datasets with bad rows: each is refused, or named and left out."""

import json
import re
import shutil
import sqlite3
from contextlib import closing

import pytest

from tests.unit.fitting.synthetic import dataset
from tests.unit.fitting.test_fit_platform import command


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    path = tmp_path_factory.mktemp("clean") / "clean.sqlite"
    dataset(path, 24).close()
    return path


@pytest.fixture
def doctored(clean, tmp_path):
    def change(*statements):
        path = tmp_path / "d.sqlite"
        shutil.copy(clean, path)
        with closing(sqlite3.connect(path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()
        return path

    return change


def kernel(run, time):
    return f"UPDATE kernel SET latency_s = {time} WHERE run = {run} AND position = 0"  # noqa: S608 - constants


COPY = (
    "INSERT INTO run SELECT 1000, 'copy', round, purpose, network_digest, network_name, environment, details, status, "
    "reason, started_unix_s, duration_s, latency_s, samples_s, calibration_s, matched_share, attempts FROM run "
    "WHERE id = 9",
    "INSERT INTO kernel SELECT 1000, position, name, operator, layers, latency_s, samples_s, added, info "
    "FROM kernel WHERE run = 9",
)


def test_bad_rows_are_named_and_left_out(capsys, monkeypatch, doctored, tmp_path):
    path = doctored(
        kernel(1, 0.0),
        kernel(2, 1e4),
        "UPDATE run SET calibration_s = '[0.001, 0]' WHERE id = 6",
        *COPY,
    )
    out = tmp_path / "p.json"
    code, text, _ = command(capsys, monkeypatch, "fit", path, "--out", out, "--json")
    assert code == 0
    document = json.loads(text)
    named = {part["reason"]: part["rows"] for part in document["dropped"]}

    def rows(words):
        return next(rows for reason, rows in named.items() if words in reason)

    assert rows("the time is 0") == ["chain/000: conv"]
    assert rows("50 times") == ["chain/001: conv"]
    assert rows("reference workload") == ["chain/005"]
    assert len(rows("several times")) == 4
    notes = json.loads(out.read_text(encoding="utf-8"))["provenance"]["notes"]
    assert all(any(reason in note for note in notes) for reason in named)


INT8 = "INSERT INTO environment SELECT 2, replace(identity, 'fp32', 'int8') FROM environment"


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ((kernel(1, "'soon'"),), "kernel 0.latency_s is 'soon': it must be a number"),
        ((kernel(3, "9e999"),), "kernel 0.latency_s is inf: it must be a number"),
        (("UPDATE run SET latency_s = 'soon' WHERE id = 1",), "row 1 of table run.latency_s is 'soon'"),
        (("UPDATE run SET latency_s = -1.0 WHERE id = 5",), "row 5 of table run.latency_s is -1.0"),
        (("UPDATE run SET calibration_s = '[\"soon\"]' WHERE id = 1",), r"calibration_s\[0\] is 'soon'"),
        (("UPDATE run SET calibration_s = '[0.001, -0.001]' WHERE id = 6",), r"calibration_s\[1\] is -0.001"),
        ((INT8, "UPDATE run SET environment = 2 WHERE id = 1"), "precision is"),
        (("UPDATE environment SET identity = replace(identity, '\"precision\":\"fp32\",', '')",), "--precision"),
        (("UPDATE environment SET identity = replace(identity, 'fp32', 'fp8')",), "'fp8' is not known"),
        (("UPDATE kernel SET latency_s = -1.0",), "kernel 0.latency_s is -1.0"),
        (("UPDATE kernel SET latency_s = 0.0",), "not fitted on|can be fitted|predicts"),
        (("DELETE FROM kernel WHERE run > 2",), "8 or more"),
        (("UPDATE run SET status = 'drifted'",), "no usable run"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_one_line(capsys, monkeypatch, doctored, tmp_path, statements, message):
    code, out, err = command(capsys, monkeypatch, "fit", doctored(*statements), "--out", tmp_path / "p.json")
    assert (code, out) == (2, "")
    assert re.search(message, err)
    assert len(err.splitlines()) == 1
