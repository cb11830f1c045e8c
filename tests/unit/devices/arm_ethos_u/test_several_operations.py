"""Kernels that Vela makes several operations of whose cycles are known: against its reports."""

from dataclasses import replace

import pytest

from annette.devices.arm_ethos_u.scheduler.reductions import maximum_cycles
from annette.devices.arm_ethos_u.scheduler.softmax import softmax_cycles
from annette.devices.arm_ethos_u.stage import MAP_MAXIMUM, SOFTMAX_VECTOR, EthosUPlacement
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder
from annette.platforms import load_platform

U55, U65, U85 = (preset(name).context.accelerator for name in ("ethos-u55-128", "ethos-u65-512", "ethos-u85-512"))
SOFTMAX = [
    (U55, 10, 985), (U55, 36, 1277), (U55, 101, 2288), (U55, 1000, 16559), (U65, 10, 1020), (U65, 36, 1177),
    (U65, 101, 1536), (U65, 1000, 6986), (U85, 4, 472), (U85, 10, 517), (U85, 101, 1569), (U85, 1000, 11742),
]  # fmt: skip
"""Elements of a vector and what Vela reports for all operations of its softmax."""


@pytest.mark.parametrize(("accelerator", "depth", "cycles"), SOFTMAX)
def test_a_softmax_of_one_vector_takes_what_vela_says(accelerator, depth, cycles):
    assert softmax_cycles(accelerator, depth) == pytest.approx(cycles, rel=0.1)


@pytest.mark.parametrize(
    ("accelerator", "height", "cycles"), [(U55, 40, 1342 + 114), (U65, 16, 338 + 88), (U85, 40, 291 + 89)]
)
def test_the_largest_values_of_a_map_take_what_vela_says(accelerator, height, cycles):
    assert maximum_cycles(accelerator, height, 3, 16) == pytest.approx(cycles, rel=0.13)


def softmax(rows):
    net = NetworkBuilder("softmax", source_format="test")
    return net.build(net.softmax(net.fully_connected(net.input("x", (rows, 64)), 10, name="scores"), name="shares"))


def kinds(network, mapping):
    return {kernel.name: kernel.kind for kernel in mapping.apply(network)}


@pytest.mark.parametrize("name", ["ethos-u55-128", "ethos-u85-512"])
def test_only_a_softmax_of_one_vector_has_a_kind_of_its_own(name):
    assert kinds(softmax(1), preset(name))["shares"] == SOFTMAX_VECTOR
    assert kinds(softmax(4), preset(name))["shares"] == "softmax"


def test_platforms_that_do_not_know_cycles_of_32_bits_keep_the_kind():
    mapping = preset("ethos-u55-128")
    parameters = mapping.context.to_json()
    del parameters["engine"]["cycles_per_word"], parameters["engine"]["cycles_per_word_unary"]
    old = replace(mapping, context=EthosUPlacement.from_json(parameters))
    assert kinds(softmax(1), old)["shares"] == "softmax"


def test_the_kinds_are_priced_by_shipped_platforms():
    for name in ("ethos-u55-128", "ethos-u65-512-sram", "ethos-u65-512", "ethos-u85-512"):
        platform = load_platform(name)
        assert {SOFTMAX_VECTOR, MAP_MAXIMUM} <= platform.models.keys()
        assert {SOFTMAX_VECTOR, MAP_MAXIMUM} <= platform.assumed.keys()
