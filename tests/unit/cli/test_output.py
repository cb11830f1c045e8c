"""Tables of commands as files: whole, plain numbers, in place of the text or beside it."""

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from annette.cli.main import cli
from annette.platforms import dump_platform
from tests.unit.cli.test_estimate import run  # noqa: F401 - a fixture
from tests.unit.samples import platform
from tests.unit.spaces.samples import DESCRIBED


@pytest.fixture
def toy(tmp_path):
    dump_platform(platform(), tmp_path / "toy.json")
    return str(tmp_path / "toy.json")


def called(*words):
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def commands(toy):
    """Commands that print a table, and where their documents have it."""
    space = Path(toy).with_name("space.json")
    space.write_text(json.dumps(DESCRIBED), encoding="utf-8")
    return {
        ("platforms",): "platforms",
        ("backends",): "backends",
        ("inspect", "alexnet"): "layers",
        ("inspect", "alexnet", "--platform", toy): "kernels",
        ("compare", "alexnet", "--platform", toy, "--fallback", "roofline"): "platforms",
        ("diff", "alexnet", "squeezenet1_1", "--platform", toy, "--fallback", "roofline"): "kernels",
        ("advise", "mobilenet_v2", "--platform", "ethos-u55-128"): "hints",
        ("search", "--space", str(space), "--platform", "kirin970-tvm", "--exhaustive"): "front",
    }


@pytest.mark.parametrize("number", range(8))
def test_the_rows_are_those_of_the_document(toy, tmp_path, number):
    words, listed = list(commands(toy).items())[number]
    document = json.loads(called(*words, "--json", "--csv", str(tmp_path / "t.csv")))
    printed = rows(called(*words, "--csv", "-"))
    assert printed == rows((tmp_path / "t.csv").read_text(encoding="utf-8"))
    assert len(printed) == len(document[listed]) > 0
    for row, entry in zip(printed, document[listed], strict=True):
        for name, value in entry.items():
            if isinstance(value, int | float):
                assert float(row[name] == "True" if isinstance(value, bool) else row[name]) == value


def test_networks_stand_below_each_other_and_say_why_one_has_no_estimate(run, tmp_path):  # noqa: F811
    code, out, err = run("squeezenet1_1", "no-such-network", "--csv", "-", "--html", tmp_path / "page.html")
    good, bad = rows("\n".join(out))
    assert (code, len(err)) == (2, 1)
    assert float(good["lower_s"] or good["latency_s"]) <= float(good["latency_s"])
    assert int(good["memory_peak_activation_bytes"]) > 0
    assert (bad["network"], bad["latency_s"]) == ("no-such-network", "")
    assert "no network of the zoo" in bad["error"]
    assert (tmp_path / "page.html").exists()


def test_json_and_rows_are_not_both_printed(run):  # noqa: F811
    code, out, err = run("squeezenet1_1", "--csv", "-", "--json")
    assert (code, out) == (2, [])
    assert "give --csv a file" in err[0]
    result = CliRunner().invoke(cli, ["platforms", "--csv", "-", "--json"])
    assert "give --csv a file" in result.output


def test_other_endings_are_refused(run, tmp_path):  # noqa: F811
    code, _, err = run("squeezenet1_1", "--csv", tmp_path / "t.xlsx")
    assert code == 2
    assert "tables end with .csv or .parquet" in err[0]


def test_options_of_a_listing_do_not_stand_before_another_command():
    result = CliRunner().invoke(cli, ["platforms", "--json", "show", "ncs2-openvino"])
    assert result.exit_code == 2
    assert "stand behind it" in result.output
