"""Sweeps and generations as documents, tables, columns and pages."""

import json
import re

import jsonschema
import pytest

from annette.estimation.generation import estimate_generations
from annette.estimation.sweep import sweep
from annette.platforms import load_platform
from annette.report.generations import (
    generation_columns,
    generation_document,
    generation_page,
    print_generations,
)
from annette.report.page import Page
from annette.report.schema import schema
from annette.report.sweeps import print_sweep, sweep_columns, sweep_document, sweep_page
from tests.unit.network.readers.onnx.build import model, save

PLATFORM = "epyc-onnxruntime-fp32"
HOSTILE = "</script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def swept():
    found = sweep("vit_b_16", PLATFORM, batch=(1, 2), inputs={"image": "{batch}x3x{side=48,50,64}x{side}"})
    return sweep_document(found)


@pytest.fixture(scope="module")
def generated():
    made = estimate_generations("gpt2", load_platform(PLATFORM), prompts=(8, 16), new=4)
    return generation_document(made)


def printed(function, document):
    lines = []
    function(document, page=Page(width=200, write=lines.append))
    return [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1])


@pytest.mark.parametrize("name", ["sweep", "generation"])
def test_documents_follow_their_schemas(swept, generated, name):
    document = {"sweep": swept, "generation": generated}[name]
    jsonschema.validate(json.loads(json.dumps(document, allow_nan=False)), schema(name))


def test_a_sweep_is_a_line_for_each_size(swept):
    _, header, *rows = printed(print_sweep, swept)
    assert header.split()[:2] == ["batch", "side"]
    assert [row.split()[:2] for row in rows[:6]] == [[b, s] for b in "12" for s in ("48", "50", "64")]
    assert sum("no estimate" in row for row in rows[:6]) == 2
    assert any("multiples of 16" in row and "no estimate at batch 1, side 50 and 1 more" in row for row in rows[6:])


def test_columns_have_a_row_for_each_size(swept):
    columns = sweep_columns(swept)
    assert columns["side"] == [48, 50, 64] * 2
    assert columns["samples"] == [1, None, 1, 2, None, 2]
    assert columns["latency_s"][1] is None
    assert columns["lower_s"][0] < columns["latency_s"][0] < columns["upper_s"][0]
    assert "multiples of 16" in columns["error"][1]
    assert columns["error"][0] is None


def test_the_plot_is_over_the_size_with_most_values(swept):
    data = data_of(sweep_page(swept))
    assert data["across"] == "side"
    assert [(curve["name"], curve["sizes"]) for curve in data["curves"]] == [
        ("batch 1", [48, 64]),
        ("batch 2", [48, 64]),
    ]
    times = [point["run"]["latency_s"] for point in swept["points"] if point["run"]]
    assert [time for curve in data["curves"] for time in curve["times"]] == times


def test_generations_are_a_line_each_and_one_has_its_runs(generated):
    _, header, *rows = printed(print_generations, generated)
    assert header.split()[:3] == ["batch", "prompt", "new"]
    assert [row.split()[:3] for row in rows[:2]] == [["1", "8", "4"], ["1", "16", "4"]]
    one = {**generated, "generations": generated["generations"][:1]}
    lines = printed(print_generations, one)
    assert lines[1].startswith("time to first token: ")
    assert lines[2].startswith("time per token: ")
    assert [line.split()[0] for line in lines[6:10]] == ["prefill", "decode", "decode", "decode"]


def test_columns_of_generations_are_their_runs(generated):
    columns = generation_columns(generated)
    assert columns["run"] == ["prefill", "decode", "decode", "decode"] * 2
    assert columns["cached"] == [0, 8, 9, 10, 0, 16, 17, 18]
    assert columns["tokens_read"] == [8, 1, 1, 1, 16, 1, 1, 1]


def test_the_plot_is_the_time_per_token(generated):
    data = data_of(generation_page(generated))
    assert [(curve["name"], curve["sizes"]) for curve in data["curves"]] == [
        ("prompt 8", [8, 9, 10]), ("prompt 16", [16, 17, 18]),
    ]  # fmt: skip


def test_a_network_without_a_cache_says_so(tmp_path):
    graph = "g (int64[N, S] input_ids) => (float[N, S] y) { y = Cast <to = 1> (input_ids) }"
    path = save(tmp_path, model(graph), "plain.onnx")
    target = load_platform(PLATFORM)
    document = generation_document(estimate_generations(path, target, prompts=(8,), new=3, fallback="roofline"))
    assert document["has_cache"] is False
    assert document["generations"][0]["cache_bytes"] is None
    assert generation_columns(document)["tokens_read"] == [8, 9, 10]
    lines = printed(print_generations, document)
    assert any("no cache" in line for line in lines)
    assert any("each token costs a run over the whole sequence" in line for line in lines)


def test_names_of_strangers_are_text(swept):
    document = {**swept, "network": HOSTILE, "variables": {HOSTILE: [1]}}
    document["points"] = [{**point, "sizes": {HOSTILE: 1}} for point in swept["points"]]
    assert HOSTILE not in sweep_page(document)
