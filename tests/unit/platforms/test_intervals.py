"""Composed errors: the scale by hand, and files."""

import json
from dataclasses import replace

import numpy as np
import pytest

from annette.errors import PlatformFormatError
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.platforms import ComposedErrors, LogResiduals
from annette.platforms.kernel_similarity import similarity, weighted_similarity
from annette.platforms.spread import Spread

UNIT = LogResiduals((0.05, 0.95), (-2.0, 2.0))
SPREADS = {"conv": Spread.constant(0.1), "add": Spread.constant(0.2)}
ERRORS = ComposedErrors(SPREADS, same_kind=0.5, other_kinds=0.25, run=0.0, standardised=UNIT, alike=0.75)


def table(kinds, doublings):
    """Kernels of so many doublings of operations; those of one kind with as many are equal."""
    values = np.zeros((len(kinds), len(COLUMNS)))
    values[:, COLUMNS.index("ops")] = 2.0 ** np.array(list(doublings), dtype=float)
    return KernelTable(np.array(kinds), values)


def scale(errors, kinds, latency_s, doublings, widening=None):
    widening = np.ones(len(kinds)) if widening is None else np.array(widening)
    return errors.scale(table(kinds, doublings), np.array(latency_s, dtype=float), widening)


def test_the_scale_is_the_root_of_the_double_sum():
    kinds, latency_s = ["conv", "conv", "conv", "add"], [1.0, 2.0, 2.0, 5.0]
    spread = np.array([0.1, 0.1, 0.1, 0.2]) * np.array(latency_s) / 10
    near, other = 0.5 + 0.25 * np.exp(-1.0), 0.25
    correlation = np.array([[1, near, near, other], [near, 1, 1, other], [near, 1, 1, other], [other, other, other, 1]])
    assert scale(ERRORS, kinds, latency_s, [3, 4, 4, 4]) == pytest.approx(np.sqrt(spread @ correlation @ spread))


def test_what_is_alike_errs_alike():
    near, far = (scale(ERRORS, ["conv", "conv"], [1.0, 1.0], [10, 10 + doublings]) for doublings in (0.01, 9.0))
    assert near == pytest.approx(0.1 * np.sqrt((1 + 0.75) / 2), rel=1e-2)
    assert far == pytest.approx(0.1 * np.sqrt((1 + 0.5) / 2), rel=1e-2)


def test_networks_of_any_length_are_compared_in_pieces():
    random = np.random.default_rng(0)
    place, parts = random.random((1300, 6)) * 3, random.random(1300)
    expected = float(parts @ similarity(place[:, None], place[None]) @ parts)
    assert weighted_similarity(place, parts) == pytest.approx(expected)


def test_repeats_do_not_cancel_and_variety_does():
    one = scale(ERRORS, ["conv"], [1.0], [0])
    assert one == pytest.approx(0.1)
    assert scale(ERRORS, ["conv"] * 20, [1.0] * 20, [0] * 20) == pytest.approx(one)
    assert scale(ERRORS, ["conv"] * 20, [1.0] * 20, range(0, 60, 3)) < 0.75 * one


def test_what_a_run_costs_beside_its_kernels_errs_by_itself():
    kernels = table(["conv"], [0])
    one_s, widening = np.array([3.0]), np.ones(1)
    assert ERRORS.scale(kernels, one_s, widening, (9.0, 0.0)) == pytest.approx(0.1 * 3 / 12)
    assert ERRORS.scale(kernels, one_s, widening, (9.0, 0.4)) == pytest.approx(np.hypot(0.3, 0.4) / 12)
    low, high = ERRORS.bounds(0.9, kernels, one_s, widening, (9.0, 0.4))
    assert (low, high) == pytest.approx((-2 * 0.5 / 12, 2 * 0.5 / 12))


def test_extrapolation_and_unknown_kinds_widen():
    assert scale(ERRORS, ["conv"], [1.0], [0], [2.0]) == pytest.approx(0.2)
    assert scale(ERRORS, ["unheard_of"], [1.0], [0]) == pytest.approx(np.log(2))


def test_spreads_follow_the_time_of_a_kernel():
    spread = Spread((1e-6, 1e-4), (0.3, 0.1))
    assert spread.at(np.array([1e-8, 1e-6, 1e-5, 1e-4, 1.0])) == pytest.approx([0.3, 0.3, 0.2, 0.1, 0.1])
    errors = replace(ERRORS, spreads={"conv": spread})
    assert scale(errors, ["conv"], [1e-6], [0]) == pytest.approx(0.3)
    assert ComposedErrors.from_json(json.loads(json.dumps(errors.to_json()))) == errors


@pytest.mark.parametrize(("times", "values"), [((), ()), ((1.0,), (0.1, 0.2)), ((2.0, 1.0), (1, 1)), ((1.0,), (0.0,))])
def test_spreads_that_are_none_are_refused(times, values):
    with pytest.raises(PlatformFormatError):
        Spread(times, values)


def test_bounds_are_quantiles_times_the_scale():
    arguments = (table(["conv"], [1]), np.array([3.0]), np.ones(1))
    assert ERRORS.bounds(0.9, *arguments) == pytest.approx((-0.2, 0.2))
    assert ERRORS.bounds(0.99, *arguments) == pytest.approx((-0.4, 0.4)), "an exponential tail beyond 90 %"
    assert ERRORS.bounds(0.9, arguments[0], np.zeros(1), np.ones(1)) is None


def test_files_keep_everything_and_refuse_the_rest():
    document = json.loads(json.dumps(ERRORS.to_json()))
    assert ComposedErrors.from_json(document) == ERRORS
    before = {key: value for key, value in document.items() if key != "alike"}
    assert ComposedErrors.from_json(before) == replace(ERRORS, alike=ERRORS.same_kind)
    for change in (
        {"alike": 1.5},
        {"alike": 0.4},
        {"same_kind": 1.5},
        {"other_kinds": 0.6},
        {"run": -1},
        {"spreads": {}},
        {"spreads": {"a": 0}},
        {"x": 1},
    ):
        with pytest.raises(PlatformFormatError):
            ComposedErrors.from_json({**document, **change})


PLATEAU = LogResiduals(
    (0.005, 0.025, 0.05, 0.1, 0.5, 0.9, 0.95, 0.975, 0.995), (-0.2, -0.2, -0.2, -0.1, 0, 0.1, 0.3, 0.3, 0.3)
)


def test_beyond_the_sample_a_tail_goes_on_instead_of_its_extreme():
    """A fit with few residuals repeats the last one: 90 % as stated, 99 % twice as far, 99.9 % three times."""
    assert PLATEAU.bounds(0.8) == pytest.approx((-0.1, 0.1))
    for confidence, times in ((0.9, 1), (0.99, 2), (0.999, 3)):
        assert PLATEAU.bounds(confidence) == pytest.approx((-0.2 * times, 0.3 * times))


def test_where_a_fit_cut_off_the_tail_goes_on_from_before():
    cut = LogResiduals((0.005, 0.05, 0.5, 0.95, 0.995), (-2.0, -1.0, 0.0, 3.0, 40.0))
    assert cut.bounds(0.99) == pytest.approx((-2.0, 6.0))


def test_an_interval_contains_its_estimate():
    """Residuals on one side say that the estimate is biased, not that it lies outside its interval."""
    assert LogResiduals((0.05, 0.5, 0.95), (0.1, 0.2, 0.3)).bounds(0.9) == (0.0, 0.3)
    assert LogResiduals((0.05, 0.5, 0.95), (-0.3, -0.2, -0.1)).bounds(0.9) == (-0.3, 0.0)


def test_without_a_tail_on_either_side_nothing_is_known():
    assert LogResiduals((0.6, 0.9), (0.1, 0.2)).bounds(0.9) is None
    assert LogResiduals((0.1, 0.4), (0.1, 0.2)).bounds(0.9) is None


@pytest.mark.parametrize("kinds", [["conv"], ["conv", "conv"], ["conv", "add"]])
def test_times_that_cannot_be_squared_have_no_bounds(kinds):
    rows = table(kinds, range(len(kinds)))
    assert ERRORS.bounds(0.9, rows, np.full(len(kinds), 1e200), np.ones(len(kinds))) is None
