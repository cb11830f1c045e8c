"""The floor of measurements against normal noise and disturbed rounds."""

import numpy as np
import pytest

from annette.bench.records import repeatability


@pytest.mark.parametrize("rounds", [2, 3, 4, 5, 7, 12, 13])
def test_normal_noise_gives_its_standard_deviation(rounds):
    random = np.random.default_rng(rounds)
    times = 2.0 * (1 + random.normal(0, 0.01, (rounds, 20000)))
    assert repeatability(times).mean() == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize("rounds", [3, 4, 5, 8])
def test_one_disturbed_round_hardly_counts(rounds):
    times = 1 + np.random.default_rng(0).normal(0, 0.01, (rounds, 500))
    disturbed = times.copy()
    disturbed[0] *= 5
    assert repeatability(disturbed).mean() < 2.5 * repeatability(times).mean()


def test_one_round_says_nothing():
    assert np.isnan(repeatability([1.0]))
    assert np.isnan(repeatability(np.ones((1, 3)))).all()
