"""What rounds of loops and branches cost beside their kernels."""

from dataclasses import fields, replace

import numpy as np
import pytest

from annette.bench.generate import generate_plan
from annette.fitting.rounds import RoundCosts, is_about_control, round_costs
from annette.network.builder import NetworkBuilder
from annette.network.graph_json import graph_from_json, graph_to_json
from annette.network.tensor import DType
from annette.platforms import Overhead
from tests.unit.fitting.synthetic import chain, run

PER_ROUND_S, PER_VALUE_S, KERNEL_S, PER_BRANCH_S = 2e-7, 1.2e-7, 3e-7, 8e-7


def loop(states, rounds, additions):
    net = NetworkBuilder("loop")
    inputs = [net.input(f"x{index}", (8,)) for index in range(states)]
    return net.build(*net.layer("loop", inputs, attributes={"rounds": rounds, "additions": additions}))


def measured(states, rounds, additions, random):
    kernels = 1 + states * additions
    total_s = 6e-6 + 1e-6 * states + rounds * (PER_ROUND_S + PER_VALUE_S * states + KERNEL_S * kernels)
    total_s *= float(np.exp(random.normal(0, 0.01)))
    made = run(chain("c", random), random)
    case = f"micro-kernel/loop/{states}-{rounds}-{additions}"
    return replace(made, case=case, network=loop(states, rounds, additions), latency_s=total_s, samples_s=(total_s,))


def measured_branches(branches, additions, random):
    net = NetworkBuilder("branch")
    inputs = [net.input("x", (8,)), net.input("condition", (1,), DType.BOOL)]
    network = net.build(*net.layer("branch", inputs, attributes={"branches": branches, "additions": additions}))
    total_s = 6e-6 + branches * (PER_BRANCH_S + KERNEL_S * additions)
    total_s *= float(np.exp(random.normal(0, 0.01)))
    made = run(chain("c", random), random)
    case = f"micro-kernel/branch/{branches}-{additions}"
    return replace(made, case=case, network=network, latency_s=total_s, samples_s=(total_s,))


def campaign(count=24):
    random = np.random.default_rng(0)
    return [
        measured(1 + index % 6, int(2 ** random.uniform(2, 8)), 1 + index // 6 % 4, random) for index in range(count)
    ]


def test_costs_of_rounds_are_told_from_those_of_their_kernels():
    found = round_costs(campaign())
    assert found.per_round_s == pytest.approx(PER_ROUND_S, abs=1e-7)
    assert found.per_round_value_s == pytest.approx(PER_VALUE_S, abs=4e-8)
    assert found.per_size_node_s == pytest.approx(KERNEL_S, abs=4e-8)
    assert found.per_branch_s is None


def test_costs_of_branches_are_told_from_those_of_their_kernels():
    random = np.random.default_rng(1)
    found = round_costs([measured_branches(1 + index, 1 + index % 4, random) for index in range(20)])
    assert found.per_branch_s == pytest.approx(PER_BRANCH_S, abs=1e-7)
    assert found.per_round_s is None


def test_few_loops_tell_nothing():
    assert round_costs(campaign(9)) == RoundCosts()


def test_plans_have_loops_and_datasets_keep_them():
    cases = [case for case in generate_plan("full").cases if case.group == "loop/rounds"]
    assert len(cases) >= 20
    assert all(map(is_about_control, (case.network for case in cases)))
    shapes = {(len(case.network.inputs), case.network.layers[0].attributes["additions"]) for case in cases}
    assert len({states for states, _ in shapes}) > 3
    assert len({additions for _, additions in shapes}) > 2
    again = graph_from_json(graph_to_json(cases[0].network))
    assert again.layers == cases[0].network.layers


def test_plans_have_branches_whose_condition_is_one_for_all_samples():
    cases = [case for case in generate_plan("full").cases if case.group == "branch/additions"]
    assert len(cases) >= 12
    assert {case.network.tensors[case.network.layers[0].inputs[1]].shape for case in cases} == {(1,)}


def test_costs_are_named_as_fields_of_overheads():
    assert set(RoundCosts._fields) < {each.name for each in fields(Overhead)}
