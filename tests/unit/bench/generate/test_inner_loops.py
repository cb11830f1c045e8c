"""Cases of inner loops: what is written is what is read, and what makes loops slow occurs."""

from itertools import islice

import numpy as np
import pytest

from annette.bench.generate import generate_plan
from annette.bench.generate.generator import draw_network
from annette.bench.generate.inner_loops import recipes
from annette.mapping.access import access_of
from annette.mapping.kernel import KernelTable, Precision
from annette.mapping.rules import preset
from annette.models.quantities import QUANTITIES
from annette.network.readers.onnx import read_onnx
from annette.network.writers.onnx import write_onnx

RECIPES = {recipe.group: recipe for recipe in recipes()}
MAPPING = preset("onnxruntime-cpu")


def drawn(group, count):
    recipe, seen = RECIPES[group], set()
    return [draw_network(recipe, 0, index, 1, seen) for index in range(count)]


def described(network):
    return [(layer.kind, layer.workload, access_of(layer, network)) for layer in network.layers]


def quantity(name, group):
    """A quantity of the kernels that a group is about, which come last."""
    amounts = []
    for network in drawn(group, RECIPES[group].count):
        kernels = [kernel for kernel in MAPPING.apply(network) if not kernel.free]
        table = KernelTable.from_kernels(kernels[-1:], network, Precision())
        amounts.append(float(QUANTITIES[name](table)[0]))
    return np.array(amounts)


@pytest.mark.parametrize("group", RECIPES)
def test_files_are_read_as_they_were_built(tmp_path, group):
    for network in islice(drawn(group, 4), 4):
        write_onnx(network, tmp_path / "case.onnx", opset=20)
        assert described(read_onnx(tmp_path / "case.onnx")) == described(network)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("crowded_elements", "reduce-max/strides"),
        ("colliding_elements", "reduce-min/strides"),
        ("middle_blocks", "reduce-sum/many"),
        ("heap_steps", "top-k/boxes"),
        ("doublings", "expand/maps"),
        ("single_elements", "concat/columns"),
        ("single_elements", "split/columns"),
        ("held_elements", "where/masks"),
    ],
)
def test_what_makes_a_loop_slow_occurs(name, group):
    assert np.count_nonzero(quantity(name, group)) >= 2


def test_every_prelu_of_a_plan_stands_behind_a_convolution_or_among_tiny_kernels():
    """Over random numbers it takes several times as long as over what convolutions write."""
    for case in generate_plan("full").cases:
        for layer in case.network.layers:
            if layer.kind == "prelu" and case.group.startswith("prelu/"):
                assert case.network.producers[layer.inputs[0]].kind == "conv"
