"""Stated confidences hold on new data."""

import numpy as np
import pytest

from annette.bench.visits import joined_error
from annette.fitting.conformal import log_residuals


@pytest.mark.parametrize("confidence", [0.5, 0.7, 0.8, 0.9, 0.95])
def test_coverage_on_new_data_is_what_is_stated(confidence):
    random = np.random.default_rng(5)
    covered = []
    for _ in range(300):
        low, high = log_residuals(random.standard_t(3, 120) * 0.1 + 0.03).bounds(confidence)
        new = random.standard_t(3, 200) * 0.1 + 0.03
        covered.append(((low <= new) & (new <= high)).mean())
    assert np.mean(covered) == pytest.approx(confidence, abs=0.02)


def test_few_residuals_give_wider_tails_than_they_show():
    low, high = log_residuals(np.array([-0.1, 0.0, 0.1])).bounds(0.95)
    assert low < -0.1
    assert high > 0.1


def test_quantiles_never_decrease():
    found = log_residuals(np.array([0.3, 0.3, 0.3]))
    assert list(found.values) == sorted(found.values)


def test_intervals_hold_for_short_and_for_long_kernels_when_short_ones_err_more():
    random = np.random.default_rng(3)

    def errors(count):
        predicted_s = 10 ** random.uniform(-6, -2, count)
        return random.normal(0, 0.05 + 3e-7 / predicted_s), predicted_s

    found = log_residuals(*errors(2000))
    for confidence in (0.5, 0.8, 0.9, 0.95):
        low, high = found.bounds(confidence)
        off, predicted_s = errors(4000)
        unit = found.spread.at(predicted_s)
        inside = (low * unit <= off) & (off <= high * unit)
        short = predicted_s < np.median(predicted_s)
        assert inside[short].mean() == pytest.approx(confidence, abs=0.03)
        assert inside[~short].mean() == pytest.approx(confidence, abs=0.03)


def test_few_rows_have_one_interval():
    assert log_residuals(np.linspace(-1, 1, 60), np.linspace(1, 2, 60)).spread is None


def test_errors_of_nothing_change_nothing():
    for count in (7, 19, 60, 200):
        random = np.random.default_rng(count)
        residuals, predicted_s = random.normal(0.0, 0.1, count), random.uniform(1e-5, 1e-2, count)
        assert log_residuals(residuals, predicted_s, np.zeros(count)) == log_residuals(residuals, predicted_s)


@pytest.mark.parametrize("confidence", [0.8, 0.9])
def test_noise_of_the_campaign_widens_intervals_and_they_hold_in_a_calm_hour(confidence):
    """Kernels that a model knows to 8 % are visited three times by a machine that disturbs visits more and more."""
    widths, covered = [], []
    for noise in (0.0, 0.05, 0.2, 0.5):
        random = np.random.default_rng(1)
        known = random.normal(0.0, 0.08, 600)
        visits_s = np.exp(random.exponential(noise, (3, 600)) * (random.random((3, 600)) < 0.6))
        joined = np.log(visits_s.min(axis=0))
        told = np.array([joined_error(tuple(times_s)) for times_s in visits_s.T])
        low, high = log_residuals(known + joined, errors=told).bounds(confidence)
        widths.append(high - low)
        covered.append(float(((known >= low) & (known <= high)).mean()))
    assert widths == sorted(widths)
    assert widths[-1] > 1.2 * widths[0]
    assert all(share > confidence - 0.02 for share in covered)
