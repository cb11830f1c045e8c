"""The recipes reach what the census of networks found far from all other cases."""

import pytest

from annette.bench.generate import census_regions, generate_plan
from annette.bench.nearness import PlannedSizes, kernel_sizes
from annette.mapping.kernel import KernelTable, Precision
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder

MAPPING = preset("onnxruntime-cpu")
GROUPS = {recipe.group: recipe.count for recipe in census_regions.recipes()}


@pytest.fixture(scope="module")
def cases():
    return [case for case in generate_plan("full").cases if case.group in GROUPS]


def test_every_recipe_gives_all_of_its_cases_and_they_are_few_and_light(cases):
    counts = dict.fromkeys(GROUPS, 0)
    for case in cases:
        counts[case.group] += 1
    assert counts == GROUPS
    assert len(cases) <= 150
    assert sum(case.expected_s for case in cases) < 40


def regions():
    """Kernels in the midst of regions that had nothing within two to eight octaves."""
    net = NetworkBuilder("strided")
    net.conv(net.input("x", (1, 128, 56, 56)), 256, 3, stride=2, padding="half")
    yield "conv", net.build(), 1.6
    net = NetworkBuilder("frames")
    net.conv1d(net.input("x", (1, 1, 160_400)), 402, 400, stride=160, bias=False)
    yield "conv", net.build(), 1.6
    net = NetworkBuilder("scores")
    net.softmax(net.input("x", (1, 6, 1500, 1500)))
    yield "softmax", net.build(), 2.0
    net = NetworkBuilder("joined")
    net.split(net.input("x", (3, 1, 6, 196, 32)), 3, axis=0)
    yield "split", net.build(), 3.5
    net = NetworkBuilder("wave")
    net.sub(net.input("x", (1, 160_000)), net.input("y", (1, 160_000)))
    yield "sub", net.build(), 3.5


@pytest.mark.parametrize(("kind", "network", "most"), list(regions()), ids=lambda value: getattr(value, "name", ""))
def test_regions_that_were_thin_are_reached(cases, kind, network, most):
    planned = PlannedSizes.of((case.network for case in cases), MAPPING, Precision())
    kernel = next(kernel for kernel in MAPPING.apply(network) if kernel.kind == kind)
    distance, _ = planned.nearest(kind, kernel_sizes(KernelTable.from_kernels([kernel], network, Precision())))
    assert distance[0] < most
