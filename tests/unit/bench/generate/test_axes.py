"""Cases of axes and types: what is written is what is read, and all loops have their cases."""

from itertools import islice

import pytest

from annette.bench.generate.axes import recipes
from annette.bench.generate.generator import draw_network
from annette.mapping.access import access_of
from annette.network.readers.onnx import read_onnx
from annette.network.writers.onnx import write_onnx

RECIPES = {recipe.group: recipe for recipe in recipes()}


def drawn(group, count):
    recipe, seen = RECIPES[group], set()
    return [draw_network(recipe, 0, index, 1, seen) for index in range(count)]


def described(network):
    return [(layer.kind, layer.workload, access_of(layer, network)) for layer in network.layers]


@pytest.mark.parametrize("group", RECIPES)
def test_files_are_read_as_they_were_built(tmp_path, group):
    for network in islice(drawn(group, 4), 4):
        write_onnx(network, tmp_path / "case.onnx", opset=20)
        assert described(read_onnx(tmp_path / "case.onnx")) == described(network)


@pytest.mark.parametrize(
    ("group", "walks"),
    [
        ("reduce-mean/blocks", {2, 4, 5, 6}),
        ("arg-max/blocks", {4, 5}),
        ("softmax/axis", {0, 1, 2}),
        ("log-softmax/axis", {0, 1, 2}),
        ("resize-nearest/doubled", {0, 2}),
        ("resize-linear/dimensions", {1, 3}),
    ],
)
def test_every_loop_has_its_cases(group, walks):
    networks = drawn(group, RECIPES[group].count)
    assert {access_of(network.layers[-1], network).walk for network in networks} >= walks
