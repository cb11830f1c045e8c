"""Devices that tell totals only: noticed, measured with a plan of their own, within a budget."""

import sys
from itertools import count

import pytest

from annette.bench.dataset import Dataset
from annette.bench.measurement import Settings
from annette.bench.plan import Case, Plan
from annette.bench.records import Purpose
from annette.bench.session import benchmark, recorded_plan
from annette.bench.totals import Measuring, carry_out
from tests.unit.bench.scripted import SETTINGS, network

TOTAL = {"command": f"{sys.executable} -S -c \"print('3 ms')\" {{model}}"}
PROFILE = {"command": f"""{sys.executable} -S -c "print('name,latency_us'); print('relu,5')" {{model}}"""}


def plan(name, cases, expected_s=1.0):
    return Plan(
        name,
        tuple(Case(f"{name}/{n}", Purpose.CHAIN, "g", network(f"{name}{n}", 4 + n), expected_s) for n in range(cases)),
    )


def carry(path, first, other, options=TOTAL, **further):
    said = []
    with Dataset.create(path) as dataset:
        outcome = carry_out(
            first,
            Measuring(dataset, "command", options, Settings()),
            otherwise=lambda: other,
            switch=lambda plan, text: said.append((plan.name, text)),
            **further,
        )
        return outcome, said, [run.case for run in dataset.runs()]


def test_a_plan_for_totals_takes_over_where_answers_carry_no_kernels(tmp_path):
    out = tmp_path / "d.sqlite"
    outcome, said, cases = carry(out, plan("quick-cpu-0", 20), plan("totals-cpu-0", 12))
    assert outcome.measured == 8 + 12
    assert sum(case.startswith("totals") for case in cases) == 12
    ((name, text),) = said
    assert name == "totals-cpu-0"
    assert "nothing of kernels" in text
    assert "\n" not in text
    assert recorded_plan(out).name == "totals-cpu-0"


def test_a_device_that_tells_of_kernels_keeps_its_plan(tmp_path):
    outcome, said, cases = carry(tmp_path / "d.sqlite", plan("quick-cpu-0", 11), plan("totals-cpu-0", 5), PROFILE)
    assert (outcome.measured, len(cases), said) == (11, 11, [])


def test_the_plan_of_a_user_is_carried_out_as_it_is(tmp_path):
    outcome, said, _ = carry(tmp_path / "d.sqlite", plan("mine", 10), plan("totals-cpu-0", 5))
    assert (outcome.measured, said) == (10, [])


def test_the_budget_is_kept_by_what_runs_turn_out_to_cost(tmp_path):
    ticks = count(step=20.0)  # The clock is read a few times in each part.
    outcome, _, cases = carry(
        tmp_path / "d.sqlite",
        plan("quick-cpu-0", 8),
        plan("totals-cpu-0", 90),
        budget_s=100.0,
        clock=lambda: next(ticks),
    )
    assert 8 < len(cases) < 60
    assert outcome.measured == len(cases)


def test_a_campaign_is_continued_with_the_plan_for_totals(tmp_path):
    out = tmp_path / "d.sqlite"
    how = {"backend": "command", "options": TOTAL, "settings": SETTINGS}
    benchmark(plan("quick-cpu-0", 9), out, otherwise=lambda: plan("totals-cpu-0", 4), **how)
    again = recorded_plan(out)
    outcome = benchmark(again, out, otherwise=lambda: pytest.fail("made anew"), resume=True, **how)
    assert (outcome.measured, outcome.skipped) == (0, 4)
