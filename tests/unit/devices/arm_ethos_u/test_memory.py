"""Figures of Vela 5.2 in the SRAM, and small networks worked out by hand."""

import pytest

import annette
from annette.devices.arm_ethos_u.memory import plan_memory
from annette.mapping.kernel import Precision
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder


def network(build, shape):
    net = NetworkBuilder("n")
    build(net, net.input("x", shape))
    return net.build()


def planned(build, shape, target="ethos-u55-128"):
    mapping, what = preset(target), network(build, shape)
    return plan_memory(mapping, Precision(8, 8), what, mapping.apply(what))


def test_a_pooling_needs_its_ifm_and_its_ofm():
    plan = planned(lambda net, x: net.max_pool(x, 2, stride=2), (1, 16, 8, 8))
    assert plan.by_memory == {"SRAM": 8 * 8 * 16 + 4 * 4 * 16}
    assert plan.allocated_bytes == sum(plan.by_memory.values())


def test_feature_maps_between_operations_have_whole_bricks():
    plan = planned(lambda net, x: net.max_pool(net.max_pool(x, 2, stride=2), 2, stride=2), (1, 20, 16, 16))
    assert max(plan.alive_bytes) == 16 * 16 * 20 + 8 * 8 * 32


def test_a_sum_is_written_over_what_nobody_else_reads():
    def build(net, x):
        left, right = net.max_pool(x, 2, stride=2), net.average_pool(x, 2, stride=2)
        net.max_pool(net.add(left, right), 2, stride=2)

    half, whole = 4 * 4 * 16, 8 * 8 * 16
    assert planned(build, (1, 16, 8, 8)).alive_bytes == (whole + half, whole + 2 * half, 2 * half, half + 2 * 2 * 16)


@pytest.mark.parametrize(
    ("name", "sram"),
    [("mobilenet_v2", 1_509_728), ("squeezenet1_1", 983_312), ("densenet121", 1_940_464), ("resnet18", 1_066_912)],
)
def test_known_figures_of_vela(name, sram):
    assert annette.estimate(name, "ethos-u55-128").memory.by_memory["SRAM"] == pytest.approx(sram, rel=0.002)


@pytest.mark.parametrize(("name", "sram"), [("resnet18", 517_680), ("mobilenet_v3_small", 317_472)])
def test_staged_feature_maps_fit_the_sram(name, sram):
    memory = annette.estimate(name, "ethos-u65-512").memory
    assert memory.by_memory["SRAM"] == pytest.approx(sram, rel=0.03)
    assert memory.by_memory["off chip"] > 0


def test_mappings_without_a_schedule_have_no_plan():
    what = network(lambda net, x: net.max_pool(x, 2, stride=2), (1, 16, 8, 8))
    assert plan_memory(preset("none"), Precision(8, 8), what, preset("none").apply(what)) is None
