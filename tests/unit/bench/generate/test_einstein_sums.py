"""Einstein sums: what is written is what is read, and all three orders change in some."""

import pytest

from annette.bench.generate.einstein_sums import recipes
from annette.bench.generate.generator import draw_network
from annette.mapping.access import access_of
from annette.network.readers.onnx import read_onnx
from annette.network.writers.onnx import write_onnx

RECIPES = {recipe.group: recipe for recipe in recipes()}


def drawn(group, count):
    recipe, seen = RECIPES[group], set()
    return [draw_network(recipe, 0, index, 1, seen) for index in range(count)]


def accesses(networks):
    return [access_of(layer, network) for network in networks for layer in network.layers]


@pytest.mark.parametrize("group", RECIPES)
def test_files_are_read_as_they_were_built(tmp_path, group):
    for network in drawn(group, 8):
        write_onnx(network, tmp_path / "case.onnx", opset=20)
        read = read_onnx(tmp_path / "case.onnx")
        assert [layer.workload for layer in read.layers] == [layer.workload for layer in network.layers]
        assert accesses([read]) == accesses([network])


@pytest.mark.parametrize("group", RECIPES)
def test_operands_and_results_change_their_order(group):
    walks = {access.walk - 1 for access in accesses(drawn(group, 20))}
    assert 0 in walks or group == "einsum/drawn"
    assert all(any(walk & moved for walk in walks) for moved in (1, 2, 4))


def test_some_read_more_than_a_core_s_caches_hold_for_few_products():
    sums = [network.layers[0].workload for network in drawn("einsum/matrices", 18)]
    assert sum(each.bytes > 2 << 20 and each.ops < 4 * each.bytes for each in sums) >= 5


def test_pieces_that_stay_together_are_short_and_long():
    runs = [access.run_length for access in accesses(drawn("einsum/drawn", 20)) if access.walk > 1]
    assert min(runs) == 1
    assert max(runs) > 4


def test_no_sum_takes_long():
    networks = [network for group in RECIPES for network in drawn(group, 20)]
    assert max(layer.workload.macs for network in networks for layer in network.layers) <= 1 << 29
