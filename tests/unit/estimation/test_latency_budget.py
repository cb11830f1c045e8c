"""Estimates held against a budget."""

import pytest

from annette.errors import OptionError
from annette.estimation.latency_budget import judge_latency


def test_the_upper_end_decides_unless_another_is_asked_for():
    assert not judge_latency("n on p", 1.0, (0.9, 1.2), budget_s=1.1).kept
    assert judge_latency("n on p", 1.0, (0.9, 1.2), budget_s=1.1, by="estimate").kept
    assert judge_latency("n on p", 1.0, (0.9, 1.2), budget_s=1.2).kept


def test_without_an_interval_the_estimate_decides_and_the_reason_says_so():
    verdict = judge_latency("n on p", 1.0, None, budget_s=1.0)
    assert verdict.kept
    assert "no interval" in verdict.reason


def test_the_reason_names_both_times():
    reason = judge_latency("n on p", 1e-3, (9e-4, 2e-3), budget_s=1e-6, confidence=0.8).reason
    assert reason == "n on p: the upper end of the 80 % interval, 2.00 ms, is above the budget of 1.00 µs"


@pytest.mark.parametrize(("budget_s", "by"), [(0.0, "upper"), (float("nan"), "upper"), (1.0, "lower")])
def test_budgets_that_make_no_sense_are_refused(budget_s, by):
    with pytest.raises(OptionError):
        judge_latency("n on p", 1.0, None, budget_s=budget_s, by=by)
