"""Loops, branches and computed sizes in estimates: priced where a platform knows their cost, else said."""

from dataclasses import replace

import pytest

from annette.errors import PlatformFormatError
from annette.estimation import estimate_network
from annette.network.builder import NetworkBuilder
from annette.network.loop import Loop
from annette.network.network import Network
from annette.platforms import Overhead
from tests.unit.samples import with_intervals

LOOPS = [Loop("scan", "Scan", 100, 3), Loop("loop", "Loop", 10, 2)]


def network(loops=(), size_nodes=0):
    net = NetworkBuilder("net")
    built = net.build(net.conv(net.input("x", (1, 3, 16, 16)), 8, 3))
    parts = {name: getattr(built, name) for name in ("name", "layers", "tensors", "inputs", "outputs")}
    return Network(**parts, loops=loops, size_nodes=size_nodes)


def test_rounds_cost_what_the_platform_says():
    plain = with_intervals()
    target = replace(plain, overhead=replace(plain.overhead, per_round_s=2e-7, per_round_value_s=1e-7))
    with_loops, without = (estimate_network(network(loops), target) for loops in (LOOPS, ()))
    extra_s = 110 * 2e-7 + (100 * 3 + 10 * 2) * 1e-7
    assert with_loops.device_latency_s == pytest.approx(without.device_latency_s + extra_s)
    assert not any("rounds of loops" in note for note in with_loops.notes)


def test_what_was_not_measured_is_said_and_in_the_interval():
    target = with_intervals()
    with_loops, without = (estimate_network(network(loops), target) for loops in (LOOPS, ()))
    assert with_loops.latency_s == without.latency_s
    assert with_loops.interval_s[0] == without.interval_s[0]
    assert with_loops.interval_s[1] == pytest.approx(without.interval_s[1] + 110e-6 + 320 * 0.3e-6)
    assert any("to begin 110 rounds of loops was not measured" in note for note in with_loops.notes)
    assert not any("rounds" in note for note in without.notes)


def test_branches_and_sizes_cost_what_the_platform_says():
    plain = with_intervals()
    target = replace(plain, overhead=replace(plain.overhead, per_branch_s=2e-6, per_size_node_s=3e-7))
    branched, without = (
        estimate_network(network(*given), target) for given in (([Loop("if", "If", 1, 2)], 10), ((), 0))
    )
    assert branched.device_latency_s == pytest.approx(without.device_latency_s + 2e-6 + 10 * 3e-7)


def test_a_branch_that_was_not_measured_is_said():
    estimate = estimate_network(network([Loop("if", "If", 1, 2)]), with_intervals())
    assert any("to begin 1 branch was not measured" in note for note in estimate.notes)


def test_both_costs_of_a_round_are_known_or_none():
    with pytest.raises(PlatformFormatError, match="state both or none"):
        Overhead(per_round_s=1e-7)
