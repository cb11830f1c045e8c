"""Cases of short loops: what makes them short occurs, and files hold what was built."""

import numpy as np
import pytest

from annette.bench.generate.generator import draw_network
from annette.bench.generate.short_loops import recipes
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
def test_files_are_read_as_they_were_built(tmp_path, group):
    for network in drawn(group)[:3]:
        write_onnx(network, tmp_path / "case.onnx", opset=20)
        read = read_onnx(tmp_path / "case.onnx")
        assert [(layer.kind, layer.workload, access_of(layer, read)) for layer in read.layers] == [
            (layer.kind, layer.workload, access_of(layer, network)) for layer in network.layers
        ]


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("single_elements", "gather/columns"),
        ("single_elements", "gather/windows"),
        ("copied_runs", "gather/rows"),
        ("paired_runs", "transpose/pairs"),
        ("called_runs", "transpose/short-runs"),
        ("scattered_runs", "transpose/scattered-runs"),
        ("single_elements", "transpose/one-axis"),
        ("doublings", "expand/blocks"),
        ("inner_runs", "reduce-sum/short-rows"),
        ("residual_elements", "layer-norm/stage-tokens"),
    ],
)
def test_what_makes_a_loop_slow_occurs(name, group):
    amounts = []
    for network in drawn(group):
        kernels = [kernel for kernel in MAPPING.apply(network) if not kernel.free]
        table = KernelTable.from_kernels(kernels[-1:], network, Precision())
        amounts.append(float(QUANTITIES[name](table)[0]))
    assert np.count_nonzero(amounts) >= 2
