"""The lists of networks that nobody tuned for: no network is in two, and each has a file or a reason."""

import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LISTS = ("unseen-networks", "strangers", "libraries")
LARGEST_BYTES = 100_000_000


def rows(name):
    with (ROOT / "docs" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_no_network_is_in_two_lists():
    named = [(row["name"], row["sha256"]) for listed in LISTS for row in rows(listed)]
    assert len({name for name, _ in named}) == len(named) >= 400
    hashes = [digest for _, digest in named if digest]
    assert len(set(hashes)) == len(hashes) >= 250


@pytest.mark.parametrize("listed", LISTS)
def test_a_network_has_a_file_or_a_reason_and_never_both(listed):
    for row in rows(listed):
        assert re.fullmatch(r"[a-z0-9_]+", row["name"])
        assert row["source"]
        assert row["task"]
        assert row["family"]
        assert row["new_family"] in ("yes", "no")
        assert bool(row["dropped"]) != bool(row["sha256"])
        if row["sha256"]:
            assert re.fullmatch(r"[0-9a-f]{64}", row["sha256"])
            assert 0 < int(row["bytes"]) <= LARGEST_BYTES


def test_half_of_the_third_list_and_more_is_left_and_of_families_that_no_list_before_has():
    listed = rows("libraries")
    left = [row for row in listed if row["sha256"]]
    before = {row["family"] for name in LISTS[:2] for row in rows(name)}
    new = [row for row in listed if row["new_family"] == "yes"]
    assert not {row["family"] for row in new} & before
    assert len(left) >= 70
    assert 2 * sum(row["new_family"] == "yes" for row in left) >= len(left)


def test_no_library_of_the_third_list_served_an_earlier_one():
    used = {row["source"].split()[0] for name in LISTS[:2] for row in rows(name)}
    assert not used & {row["source"].split()[0] for row in rows("libraries")}


@pytest.mark.parametrize("listed", LISTS)
def test_the_log_names_every_list_and_the_census_leaves_it_out(listed):
    assert f"({listed}.csv)" in (ROOT / "docs" / "held-out-log.md").read_text(encoding="utf-8")
    assert f'"{listed}"' in (ROOT / "tools" / "plan_census.py").read_text(encoding="utf-8")
