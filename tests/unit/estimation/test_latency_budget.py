"""Estimates held against a budget."""

from dataclasses import replace

import pytest

from annette.errors import OptionError
from annette.estimation import estimate_network
from annette.estimation.latency_budget import judge_latency
from tests.unit.samples import small_network, with_intervals


@pytest.fixture(scope="module")
def estimate():
    return estimate_network(small_network(), with_intervals())


def test_the_upper_end_decides_unless_another_is_asked_for(estimate):
    between_s = (estimate.latency_s + estimate.interval_s[1]) / 2
    assert not judge_latency(estimate, between_s).kept
    assert judge_latency(estimate, between_s, by="estimate").kept
    assert judge_latency(estimate, estimate.interval_s[1]).kept


def test_without_an_interval_the_estimate_decides_and_the_reason_says_so(estimate):
    verdict = judge_latency(replace(estimate, interval_s=None), estimate.latency_s)
    assert verdict.kept
    assert "no interval" in verdict.reason


def test_the_reason_names_both_times(estimate):
    verdict = judge_latency(estimate, 1e-6)
    assert "above the budget of 1.00 µs" in verdict.reason
    assert estimate.network in verdict.reason


@pytest.mark.parametrize(("budget_s", "by"), [(0.0, "upper"), (float("nan"), "upper"), (1.0, "lower")])
def test_budgets_that_make_no_sense_are_refused(estimate, budget_s, by):
    with pytest.raises(OptionError):
        judge_latency(estimate, budget_s, by=by)
