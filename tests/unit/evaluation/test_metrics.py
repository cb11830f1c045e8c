"""Metrics against their definitions and against scipy."""

import numpy as np
import pytest
from scipy import stats

from annette.errors import OptionError
from annette.evaluation.metrics import errors, kendall, ranking, spearman


def test_errors_by_hand():
    found = errors(np.array([1.1, 0.8, 1.0, 1.5]), np.ones(4))
    assert found.mape == pytest.approx(0.2)
    assert found.rmspe == pytest.approx(np.sqrt((0.01 + 0.04 + 0.25) / 4))
    assert found.median == pytest.approx(0.15)
    assert found.worst == pytest.approx(0.5)
    assert found.bias == pytest.approx(0.1)
    assert found.within_5 == 0.25
    assert found.within_10 in (0.25, 0.5)


@pytest.mark.parametrize("seed", range(5))
def test_rank_correlations_equal_those_of_scipy_with_ties(seed):
    random = np.random.default_rng(seed)
    first = random.integers(0, 8, 30).astype(float)
    second = first + random.integers(0, 5, 30)
    assert spearman(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
    assert kendall(first, second) == pytest.approx(stats.kendalltau(first, second).statistic)


def test_a_constant_side_has_no_rank_correlation():
    assert np.isnan(spearman(np.ones(4), np.arange(4.0)))
    assert np.isnan(kendall(np.ones(4), np.arange(4.0)))


def test_bootstrap_intervals_hold_the_value_and_repeat():
    random = np.random.default_rng(1)
    truth = random.uniform(1, 10, 40)
    estimate = truth * np.exp(random.normal(0, 0.2, 40))
    found = ranking(estimate, truth)
    assert found.spearman_interval[0] < found.spearman < found.spearman_interval[1]
    assert found.kendall_interval[0] < found.kendall < found.kendall_interval[1]
    assert ranking(estimate, truth) == found
    assert ranking(estimate[:2], truth[:2]) is None


@pytest.mark.parametrize("measured", [[0.0], [-1.0], [np.nan], [], [1.0, 2.0]])
def test_pairs_that_are_none_are_refused(measured):
    with pytest.raises(OptionError):
        errors(np.ones(1) if measured else np.ones(0), np.array(measured))
