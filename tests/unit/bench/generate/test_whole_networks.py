"""Whole networks as cases: how long they run, what their heads weigh, and that files hold what was built."""

import pytest

from annette.bench.generate.generator import draw_network
from annette.bench.generate.whole_networks import recipes
from annette.mapping.kernel import KernelTable, Precision
from annette.mapping.rules import preset
from annette.network.readers.onnx import read_onnx
from annette.network.writers.onnx import write_onnx

RECIPES = {recipe.group: recipe for recipe in recipes()}
MAPPING = preset("onnxruntime-cpu")


def drawn(group):
    recipe, seen = RECIPES[group], set()
    return [draw_network(recipe, 0, index, 1, seen) for index in range(recipe.count)]


def tables(group):
    return [KernelTable.from_kernels(MAPPING.apply(network), network, Precision()) for network in drawn(group)]


@pytest.mark.parametrize("group", RECIPES)
def test_files_are_read_as_they_were_built(tmp_path, group):
    network = drawn(group)[0]
    write_onnx(network, tmp_path / "case.onnx", opset=20)
    read = read_onnx(tmp_path / "case.onnx")
    assert [(layer.kind, layer.workload) for layer in read.layers] == [
        (layer.kind, layer.workload) for layer in network.layers
    ]


def test_networks_run_as_long_as_those_that_people_have():
    groups = [group for group in RECIPES if group not in ("network/small", "network/words", "network/perceptron")]
    busy = sorted(float(table["network_busy_ops"][0]) for group in groups for table in tables(group))
    assert busy[0] > 5e7
    assert busy[len(busy) // 2] > 7e8
    assert busy[-3] > 3e9


def test_perceptrons_read_more_weights_than_a_core_caches_again_within_a_millisecond():
    found = tables("network/perceptron")
    held = sorted(float(table["network_weight_bytes"][0]) for table in found)
    assert held[0] > 1 << 20
    assert held[len(held) // 2] > 4 << 20
    assert held[-1] < 64 << 20
    assert sum(float(table["network_busy_ops"][0]) < 3e8 for table in found) > len(found) / 2


def test_single_rows_read_many_weights_behind_networks_of_any_length():
    seen = set()
    for group in ("network/classifier", "network/long", "network/tokens", "network/pyramid-of-tokens"):
        for table in tables(group):
            rows = (table.kinds == "fully_connected") & (table["weight_bytes"] > 1e6)
            rows &= table["out_height"] * table["out_width"] == 1
            seen |= {int(busy / 1e9) for busy in table["network_busy_ops"][rows]}
    assert {0, 1, 2} <= seen
    assert max(seen) >= 5


def test_tokens_and_maps_change_into_each_other_in_some():
    moved = [table["output_bytes"][table.kinds == "transpose"] for table in tables("network/pyramid-of-tokens")]
    assert sum(len(sizes) >= 6 for sizes in moved) >= 5
    assert max(sizes.max() for sizes in moved) > 2e6


def test_decode_steps_read_more_weights_for_one_row_than_any_cache_holds():
    read = []
    for table in tables("network/decode-step"):
        rows = (table.kinds == "fully_connected") & (table["out_height"] * table["out_width"] == 1)
        read.append(float(table["weight_bytes"][rows].sum()))
        assert (table.kinds == "concat").sum() >= 2
    assert min(read) < 1.5e8
    assert max(read) > 3.5e8


def test_words_meet_weights_that_other_layers_pushed_out_in_networks_of_any_length():
    found = [
        (float(table["network_weight_bytes"][0]), float(table["network_busy_ops"][0]))
        for table in tables("network/words")
    ]
    assert sum(held > 2e7 and busy < 2e9 for held, busy in found) >= 8
    assert sum(held > 6e7 for held, _ in found) >= 3


def test_small_networks_stay_in_the_caches_of_a_core():
    held = [float(table["network_weight_bytes"][0]) for table in tables("network/small")]
    assert sum(each < 2**21 for each in held) >= 8
    assert max(held) < 2**25
