"""Errors of kernels add up to those of networks."""

import numpy as np
import pytest

from annette.fitting.composition import composed_errors
from annette.fitting.families import KindFit
from annette.models.roofline import Roofline
from tests.unit.fitting.synthetic import convolutions, samples

MODEL = Roofline(1e12, 8e9, 1e-5)


def world(random, runs, kernels, shared, own):
    """Runs of some kernels each; all of a run are off by a shared factor, each by its own."""
    table = convolutions(runs * kernels, seed=int(random.integers(1 << 30)))
    error = np.repeat(random.normal(0, shared, runs), kernels) + random.normal(0, own, runs * kernels)
    groups = np.repeat([f"run{index}" for index in range(runs)], kernels)
    return samples(table, MODEL.predict_s(table) * np.exp(error), groups)


def learned(data):
    fit = KindFit("conv", {"roofline": MODEL}, {"roofline": MODEL.predict_s(data.table)}, data, "roofline")
    return composed_errors(data, {"conv": fit}, None, 0.0)


def bounds(errors, table, confidence):
    return errors.bounds(confidence, table, MODEL.predict_s(table), np.ones(len(table)))


@pytest.mark.parametrize(("shared", "own"), [(0.0, 0.1), (0.05, 0.1), (0.1, 0.02)])
def test_confidences_hold_on_networks_far_longer_than_the_runs_learned_from(shared, own):
    random = np.random.default_rng(8)
    errors = learned(world(random, 1200, 5, shared, own))
    networks = world(random, 300, 60, shared, own)
    for confidence in (0.5, 0.8, 0.9, 0.95):
        covered = []
        for index in range(300):
            rows = networks.select(np.arange(60 * index, 60 * (index + 1)))
            off = np.log(rows.latency_s.sum() / MODEL.predict_s(rows.table).sum())
            low, high = bounds(errors, rows.table, confidence)
            covered.append(low <= off <= high)
        assert np.mean(covered) == pytest.approx(confidence, abs=0.09)


def test_what_is_shared_is_told_from_what_cancels():
    random = np.random.default_rng(9)
    independent, together = (learned(world(random, 300, 5, *spread)) for spread in ((0.0, 0.1), (0.1, 0.02)))
    assert independent.same_kind < 0.1
    assert together.same_kind > 0.8
    table = convolutions(80, seed=4)
    widths = [np.subtract(*bounds(errors, table, 0.9)) for errors in (independent, together)]
    assert abs(widths[0]) < 0.5 * abs(widths[1])


def test_few_runs_teach_nothing():
    assert learned(world(np.random.default_rng(0), 10, 5, 0.0, 0.1)) is None
