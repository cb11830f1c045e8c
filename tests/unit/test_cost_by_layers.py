"""The command that shows the cost of estimates by layers: what it measures, and the table that it makes of it."""

import json

import pytest
from benchmarks.layers import Cost, costs, main, table
from benchmarks.workloads import GRAPHS


@pytest.mark.parametrize("graph", GRAPHS)
def test_networks_have_about_as_many_layers_as_were_asked_for(graph):
    assert len(GRAPHS[graph](300).layers) == pytest.approx(300, rel=0.35)


def test_each_platform_form_and_size_is_measured_in_a_process_of_its_own():
    found = list(costs(["zcu102-dnndk"], ["chain", "star"], [20, 40]))
    assert [(each.platform, each.graph) for each in found] == [
        ("zcu102-dnndk", graph) for graph in 2 * ["chain"] + 2 * ["star"]
    ]
    assert [each.layers for each in found[:2]] == [20, 40]
    assert all(each.seconds > 0 and each.peak_bytes >= 0 for each in found)


def test_a_line_a_platform_sizes_in_order_and_the_memory_of_the_largest():
    found = [
        Cost("b", "chain", 2_000, 4e-3, 30_000_000),
        Cost("b", "chain", 1_000, 1e-3, 10_000_000),
        Cost("a", "chain", 1_000, 5e-3, 20_000_000),
    ]
    assert table(found).splitlines() == [
        "| platform | chain, us a layer | MB |",
        "|---|---:|---:|",
        "| a | 5 | 20 |",
        "| b | 1 / 2 | 30 |",
    ]


def test_figures_of_several_runs_make_one_table(tmp_path, capsys):
    files = []
    for name in ("a", "b"):
        files.append(tmp_path / f"{name}.jsonl")
        files[-1].write_text(json.dumps(Cost(name, "star", 1_000, 2e-3, 7_000_000)) + "\n", encoding="utf-8")
    assert main(["--join", *map(str, files)]) == 0
    assert capsys.readouterr().out.splitlines()[2:] == ["| a | 2 | 7 |", "| b | 2 | 7 |"]
