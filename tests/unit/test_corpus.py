"""The list of real files: halves follow from hashes, and inputs are given to files that are listed."""

import csv
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def rows(name):
    with (DOCS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_first_digit_of_the_hash_says_which_half_a_file_belongs_to():
    listed = rows("corpus.csv")
    assert len({row["sha256"] for row in listed}) == len(listed) >= 60
    for row in listed:
        assert len(row["sha256"]) == 64
        assert row["half"] == ("look" if int(row["sha256"][0], 16) < 8 else "scored")


def test_inputs_belong_to_files_that_are_listed():
    listed = {(row["source"], row["file"]) for row in rows("corpus.csv")}
    inputs = rows("corpus-inputs.csv")
    assert len({(row["source"], row["file"]) for row in inputs}) == len(inputs)
    for row in inputs:
        assert (row["source"], row["file"]) in listed
        for each in row["inputs"].split():
            name, _, shape = each.rpartition("=")
            assert name
            assert all(int(size) > 0 for size in shape.split("x"))
