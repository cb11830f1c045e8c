"""The original program's published results, layer by layer, through the real readers, mappings and models."""

import csv
import gzip
import json
from collections import defaultdict
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from annette.cli.main import cli
from annette.errors import NetworkError
from annette.estimation import estimate_network
from annette.network.readers.json import read_json
from annette.platforms import dumps_platform, load_platform
from tests.golden.original_differences import DIFFERENCES, VIEWS, Row, reason, table
from tests.published import DATA, FULL, needs_full

ROOT = Path(__file__).parents[2]
GRAPHS, REFERENCE = DATA / "graphs" / "annette", DATA / "reference"
TOLERANCE = 1e-6
MOST_AGREE = 3500 if FULL else 250
SOUND_NETWORKS = {
    "dnndk__dnndk-roofline": 2 if FULL else 1,
    "ov__ncs2-roofline": 3 if FULL else 1,
    "ov__ncs2-ref_roofline": 3 if FULL else 1,
}
SOFTPLUS = ("Exp", "Power", "Log")
RUNS = {
    "dnndk__dnndk-roofline": ("zcu102-dnndk-original", "original-roofline"),
    "dnndk__dnndk-ref_roofline": ("zcu102-dnndk-original", "original-refined-roofline"),
    "ov__ncs2-roofline": ("ncs2-openvino-original", "original-roofline"),
    "ov__ncs2-ref_roofline": ("ncs2-openvino-original", "original-refined-roofline"),
}


@cache
def read(graph):
    """A published description and the types it stores, or None where it is not here or is refused."""
    file = GRAPHS / f"{graph}.json"
    if not file.is_file():
        return None
    try:
        network = read_json(file)
    except NetworkError:
        return None
    return network, {name: layer["type"] for name, layer in json.loads(file.read_text())["layers"].items()}


@cache
def reference(run):
    """The original's rows by graph and layer; the three parts of a Softplus are added up."""
    rows = defaultdict(dict)
    with gzip.open(REFERENCE / "layers" / f"{run}.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            layer, _, part = row["layer"].rpartition("_")
            if row["type"] in SOFTPLUS and part == row["type"]:
                whole = rows[row["graph"]].setdefault(layer, {**row, "type": "Softplus", "time_ms": "0"})
                whole["time_ms"] = repr(float(whole["time_ms"]) + float(row["time_ms"]))
            else:
                rows[row["graph"]][row["layer"]] = row
    return rows


@cache
def compare(run):
    """Judges every row: (graph, layer, difference or None, original's seconds, ours)."""
    name, family = RUNS[run]
    platform = load_platform(name)
    judged = []
    for graph, rows in reference(run).items():
        found = read(graph)
        if found is None:
            continue
        network, stored = found
        result = estimate_network(network, platform, model=family, fallback="roofline")
        anchors = {kernel.name: kernel for kernel in result.kernels}
        holders = {layer: kernel for kernel in result.kernels for layer in kernel.layers}
        for layer, values in rows.items():
            kernel = anchors.get(layer) or holders.get(layer)
            row = Row(
                layer, values["type"], values, network, stored, kernel, run.split("__")[1][:5].rstrip("-"), "ref" in run
            )
            ours = anchors[layer].latency_s if layer in anchors else None
            if layer in network.inputs:
                size = network.tensors[layer].elements * platform.precision.activation_bits / 8
                ours = platform.overhead.per_input_byte_s * size
            judged.append((graph, layer, reason(row), float(values["time_ms"]) / 1e3, ours))
    return judged


@pytest.mark.parametrize("run", RUNS)
def test_agrees_with_the_original_wherever_it_is_sound(run):
    judged = compare(run)
    wrong = [
        (graph, layer, theirs, ours)
        for graph, layer, difference, theirs, ours in judged
        if difference is None and (ours is None or abs(ours - theirs) > TOLERANCE * theirs)
    ]
    assert not wrong, f"{len(wrong)} of {len(judged)} layers differ without a listed reason, first {wrong[0]}"
    assert sum(difference is None for _, _, difference, _, _ in judged) > MOST_AGREE


@needs_full
def test_every_listed_difference_makes_a_difference():
    """A reason that no longer excludes a layer that would disagree must leave the list."""
    seen = set()
    for run in RUNS:
        for _, _, difference, theirs, ours in compare(run):
            if difference is not None and (ours is None or abs(ours - theirs) > TOLERANCE * theirs):
                seen.add(difference.what)
    assert seen == {difference.what for difference in DIFFERENCES}


@pytest.mark.parametrize("run", SOUND_NETWORKS)
def test_totals_agree_for_networks_without_a_difference(run):
    name, family = RUNS[run]
    mapping, model = run.split("__")
    with (REFERENCE / "totals.csv").open() as file:
        totals = {
            row["graph"]: float(row["total_ms"]) / 1e3
            for row in csv.DictReader(file)
            if (row["mapping"], row["model"]) == (mapping, model)
        }
    judged = defaultdict(list)
    for graph, _, difference, theirs, _ in compare(run):
        judged[graph].append((difference, theirs))
    compared = 0
    for graph, found in judged.items():
        network, _ = read(graph)
        complete = len(reference(run)[graph]) >= len(
            estimate_network(network, load_platform(name), fallback="roofline").kernels
        )
        if not complete or any(difference not in (None, VIEWS) for difference, _ in found):
            continue
        views_s = sum(theirs for difference, theirs in found if difference is VIEWS)
        result = estimate_network(network, load_platform(name), model=family)
        assert result.latency_s == pytest.approx(totals[graph] - views_s, rel=TOLERANCE), graph
        compared += 1
    assert compared >= SOUND_NETWORKS[run]


def test_the_documentation_lists_exactly_these_differences():
    assert table() in (ROOT / "docs" / "original.md").read_text(encoding="utf-8")


@needs_full
def test_the_documentation_states_how_many_layers_agree():
    text = (ROOT / "docs" / "original.md").read_text(encoding="utf-8")
    names = ("ZCU102, roofline", "ZCU102, refined roofline", "NCS2, roofline", "NCS2, refined roofline")
    for run, name in zip(RUNS, names, strict=True):
        judged = compare(run)
        sound = sum(difference is None for _, _, difference, _, _ in judged)
        assert f"| {name} | {len(judged)} | {sound} | {len(judged) - sound} |" in text


@pytest.mark.parametrize("key", ["dnndk", "ncs2"])
def test_the_catalogue_is_what_the_converter_makes(key, tmp_path):
    made = tmp_path / "made.json"
    arguments = ["import", str(REFERENCE / "models"), "--layout", f"original-{key}", "--out", str(made)]
    CliRunner().invoke(cli, arguments, catch_exceptions=False)
    platform = load_platform(str(made))
    shipped = load_platform(platform.name)
    creator = replace(platform.provenance, created_by=shipped.provenance.created_by)
    assert dumps_platform(replace(platform, provenance=creator)) == dumps_platform(shipped)
