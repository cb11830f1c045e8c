"""Cases of detectors, audio and tables: what is written is what is read, and the runtime's operator is one layer.

What selects by its data is built, and benchmarked, with all that it may select: the largest reading of the file.
"""

from itertools import islice

import pytest

from annette.bench.generate.detection_audio import recipes
from annette.bench.generate.recipe import CaseBuilder, Sampler
from annette.network.readers.onnx import read_onnx
from annette.network.writers.onnx import write_onnx

KINDS = {
    "fourier_transform", "tree_ensemble", "support_vectors", "rbf_support_vectors", "non_max_suppression", "roi_align",
    "grid_sample", "top_k", "non_zero", "scatter", "cumulative_sum", "lp_norm", "compare", "sin", "cos", "floor",
    "sign", "round", "attention",
}  # fmt: skip


def drawn(recipe, count, batch=1):
    for index in range(count):
        builder = CaseBuilder(f"case-{index}", batch)
        recipe.draw(Sampler(0, recipe.group, index), builder)
        yield builder.build()


def described(network):
    return [
        (layer.kind, layer.workload.ops, layer.workload.macs, layer.workload.bytes, layer.workload.dimensions)
        for layer in network.layers
    ]


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.group)
@pytest.mark.parametrize("opset", [17, 22])
def test_files_are_read_as_they_were_built(tmp_path, recipe, opset):
    for network in islice(drawn(recipe, 4), 4):
        write_onnx(network, tmp_path / "case.onnx", opset=opset)
        read = read_onnx(tmp_path / "case.onnx")
        assert described(read.extremes[-1] if read.extremes else read) == described(network)


def test_every_kind_has_its_cases():
    networks = [next(drawn(recipe, 1)) for recipe in recipes()]
    assert {layer.kind for network in networks for layer in network.layers} == KINDS
    assert all(len(network.layers) == 1 for network in networks)


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.group)
def test_several_samples_are_several_times_the_work(recipe):
    one, several = (next(drawn(recipe, 1, batch)) for batch in (1, 4))
    if recipe.group in ("scatter/rows", "roi-align/plain"):
        assert several.ops >= one.ops
        assert sum(layer.workload.bytes for layer in several.layers) > sum(layer.workload.bytes for layer in one.layers)
    else:
        assert several.ops == 4 * one.ops
