"""``annette search``."""

import json
import re
from html import unescape

import pytest

from annette.cli.main import main
from annette.report.schema import schema
from annette.report.search import write_search_html

SPACE = "tests.unit.spaces.samples:described"


def run(capsys, monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["annette", "search", *arguments])
    with pytest.raises(SystemExit) as done:
        main()
    out, err = capsys.readouterr()
    return done.value.code, out, err


@pytest.fixture
def space(tmp_path):
    from tests.unit.spaces.samples import DESCRIBED

    path = tmp_path / "space.json"
    path.write_text(json.dumps(DESCRIBED), encoding="utf-8")
    return str(path)


def test_a_search_prints_its_front_as_json_table_and_plot(capsys, monkeypatch, tmp_path, space):
    page = tmp_path / "front.html"
    arguments = ("--space", space, "--platform", "kirin970-tvm", "--exhaustive", "--html", str(page))
    code, out, _ = run(capsys, monkeypatch, *arguments, "--json")
    document = json.loads(out)
    assert code == 0
    assert set(document) == set(schema("search")["properties"])
    assert document["candidates"] == 9
    assert document["front"][0]["latency_s"] <= document["front"][-1]["latency_s"]
    text = page.read_text(encoding="utf-8")
    assert text.count("<circle") == len(document["front"])
    keys = [json.loads(unescape(key)) for key in re.findall(r'data-key="([^"]*)"', text)]
    columns = [keys[place::6] for place in range(6)]
    assert columns[2] == [each["latency_s"] for each in document["front"]]
    assert columns[4] == [each["peak_activation_bytes"]["kirin970-tvm"] for each in document["front"]]
    assert all(size > 0 for size in columns[4])
    code, out, _ = run(capsys, monkeypatch, *arguments)
    assert code == 0
    assert all(each["candidate"] in out for each in document["front"])


@pytest.mark.usefixtures("here")
def test_workers_of_a_cluster_find_the_same(capsys, monkeypatch, space):
    arguments = ("--space", space, "--platform", "kirin970-tvm", "--exhaustive", "--json")
    fronts = [
        json.loads(run(capsys, monkeypatch, *arguments, *where)[1])["front"]
        for where in ((), ("--scheduler", "tcp://x"))
    ]
    assert fronts[0] == fronts[1] != []
    code, _, err = run(capsys, monkeypatch, *arguments, "--tls-cert", "me.pem")
    assert code == 2
    assert "whose address (--scheduler) is missing" in err


def test_a_lookup_table_is_written(capsys, monkeypatch, tmp_path, space):
    path = tmp_path / "table.json"
    code, out, _ = run(capsys, monkeypatch, "--space", space, "--platform", "kirin970-tvm", "--lookup-table", str(path))
    assert code == 0
    assert "root mean square" in out
    assert set(json.loads(path.read_text(encoding="utf-8"))["latency_s"]) == {"block1", "block2"}


@pytest.mark.parametrize(
    ("text", "limit_s"), [("2ms", 2e-3), ("300us", 3e-4), ("0.5", 0.5), ("1e-3s", 1e-3), ("2E+1ms", 2e-2)]
)
def test_latencies_have_units(capsys, monkeypatch, space, text, limit_s):
    code, out, _ = run(
        capsys,
        monkeypatch,
        "--space",
        space,
        "--platform",
        "kirin970-tvm",
        "--count",
        "3",
        "--max-latency",
        text,
        "--json",
    )
    assert code == 0
    assert json.loads(out)["max_latency_s"] == pytest.approx(limit_s)


@pytest.mark.parametrize(
    "arguments", [("--max-latency", "fast"), ("--objective", "accuracy"), ("--strategy", "greedy")]
)
def test_mistakes_are_one_line(capsys, monkeypatch, space, arguments):
    code, _, err = run(capsys, monkeypatch, "--space", space, "--platform", "kirin970-tvm", *arguments)
    assert code == 2
    assert err.count("\n") == 1


@pytest.mark.parametrize(("scores", "marks"), [((71.2, 74.9), ["72", "73", "74"]), ((0.5, 0.5), ["0.5"])])
def test_axes_have_marks_at_round_numbers(tmp_path, scores, marks):
    found = {"platform": "p", "intervals_s": {"p": [2e-3, 3e-3]}, "peak_activation_bytes": {"p": None}}
    found |= {"by_platform_s": {"p": 2.5e-3}, "latency_s": 2.5e-3, "decisions": [0]}
    front = [{**found, "candidate": f"c{place}", "score": score} for place, score in enumerate(scores)]
    document = {
        "space": "s",
        "platforms": [{"platform": "p", "reason": ""}],
        "objective": "accuracy.csv",
        "front": front,
    }
    document |= dict.fromkeys(("candidates", "front_size", "unscored", "too_slow"), 2)
    document |= {"compile_s": 1.0, "search_s": 1.0, "candidates_per_s": 2.0, "max_latency_s": 1.0}
    write_search_html(document, tmp_path / "page.html")
    labels = re.findall(r'text-anchor="end">([^<]*)<', (tmp_path / "page.html").read_text(encoding="utf-8"))
    assert set(marks) <= set(labels)
    assert all(0.3 <= float(label) <= 80 for label in labels)
