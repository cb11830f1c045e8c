"""Cases of large tensors: their sizes, what stands around them, and that files hold what was built."""

import pytest

from annette.bench.generate.generator import draw_network
from annette.bench.generate.large_tensors import recipes
from annette.bench.records import Purpose
from annette.mapping.access import access_of
from annette.mapping.kernel import KernelTable, Precision
from annette.mapping.rules import preset
from annette.models.quantities import QUANTITIES
from annette.network.readers.onnx import read_onnx
from annette.network.writers.onnx import write_onnx

RECIPES = {recipe.group: recipe for recipe in recipes()}
MAPPING = preset("onnxruntime-cpu")


def drawn(group):
    recipe, seen = RECIPES[group], set()
    return [draw_network(recipe, 0, index, 1, seen) for index in range(recipe.count)]


@pytest.mark.parametrize("group", RECIPES)
def test_every_group_has_all_its_cases_with_a_tensor_past_a_core_s_own_caches(group):
    networks = drawn(group)
    assert None not in networks
    largest = [max(tensor.size_bytes for tensor in network.tensors.values()) for network in networks]
    assert sum(size >= 1 << 20 for size in largest) >= len(networks) - 1
    assert max(largest) >= 1.5 * (1 << 20)
    assert max(largest) <= RECIPES[group].most_bytes


@pytest.mark.parametrize("group", ["concat/large", "resize-nearest/large", "large/tokens", "large/heads"])
def test_files_are_read_as_they_were_built(tmp_path, group):
    network = drawn(group)[0]
    write_onnx(network, tmp_path / "case.onnx", opset=20)
    read = read_onnx(tmp_path / "case.onnx")
    assert [(layer.kind, layer.workload, access_of(layer, read)) for layer in read.layers] == [
        (layer.kind, layer.workload, access_of(layer, network)) for layer in network.layers
    ]


def test_some_of_what_moves_data_is_past_caches_of_any_size():
    for name, least in (("touched_past_1m", 20), ("touched_past_4m", 12), ("touched_past_16m", 4)):
        past = 0
        for group in ("concat/large", "slice/large", "pad/large", "add/large", "mul/large", "max-pool/large"):
            for network in drawn(group):
                table = KernelTable.from_kernels(MAPPING.apply(network), network, Precision())
                past += bool((QUANTITIES[name](table) > 0).any())
        assert past >= least


def test_chains_are_measured_behind_other_networks_too():
    assert {group for group, recipe in RECIPES.items() if recipe.purpose is Purpose.CHAIN} == {
        "large/decoder", "large/pointwise", "large/tokens", "large/heads",
    }  # fmt: skip


def test_averages_over_whole_maps_read_what_a_layer_wrote():
    """ONNX Runtime reorders a map that the network is given for them, which no network needs."""
    for network in drawn("global-average-pool/large"):
        pool = next(layer for layer in network.layers if layer.kind == "global_average_pool")
        assert pool.inputs[0] in network.producers
