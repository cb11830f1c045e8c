"""Composed errors: the scale by hand, and files."""

import json

import numpy as np
import pytest

from annette.errors import PlatformFormatError
from annette.models.fields import Fields
from annette.platforms import ComposedErrors, LogResiduals
from annette.platforms.spread import Spread

UNIT = LogResiduals((0.05, 0.95), (-2.0, 2.0))
SPREADS = {"conv": Spread.constant(0.1), "add": Spread.constant(0.2)}
ERRORS = ComposedErrors(SPREADS, same_kind=0.5, other_kinds=0.25, run=0.0, standardised=UNIT)


def scale(errors, kinds, latency_s, equal, widening=None):
    kinds = np.array(kinds)
    widening = np.ones(len(kinds)) if widening is None else np.array(widening)
    return errors.scale(kinds, np.array(latency_s, dtype=float), np.array(equal), widening)


def test_the_scale_is_the_root_of_the_double_sum():
    kinds, latency_s, equal = ["conv", "conv", "conv", "add"], [1.0, 2.0, 2.0, 5.0], [0, 1, 1, 2]
    spread = np.array([0.1, 0.1, 0.1, 0.2]) * np.array(latency_s) / 10
    same, other = 0.5, 0.25
    correlation = np.array([[1, same, same, other], [same, 1, 1, other], [same, 1, 1, other], [other, other, other, 1]])
    assert scale(ERRORS, kinds, latency_s, equal) == pytest.approx(np.sqrt(spread @ correlation @ spread))


def test_repeats_do_not_cancel_and_variety_does():
    one = scale(ERRORS, ["conv"], [1.0], [0])
    assert one == pytest.approx(0.1)
    assert scale(ERRORS, ["conv"] * 20, [1.0] * 20, [0] * 20) == pytest.approx(one)
    assert scale(ERRORS, ["conv"] * 20, [1.0] * 20, range(20)) < 0.75 * one


def test_extrapolation_and_unknown_kinds_widen():
    assert scale(ERRORS, ["conv"], [1.0], [0], [2.0]) == pytest.approx(0.2)
    assert scale(ERRORS, ["unheard_of"], [1.0], [0]) == pytest.approx(np.log(2))


def test_spreads_follow_the_time_of_a_kernel():
    spread = Spread((1e-6, 1e-4), (0.3, 0.1))
    assert spread.at(np.array([1e-8, 1e-6, 1e-5, 1e-4, 1.0])) == pytest.approx([0.3, 0.3, 0.2, 0.1, 0.1])
    errors = ComposedErrors({"conv": spread}, same_kind=0.5, other_kinds=0.25, run=0.0, standardised=UNIT)
    assert scale(errors, ["conv"], [1e-6], [0]) == pytest.approx(0.3)
    assert ComposedErrors.from_json(Fields(json.loads(json.dumps(errors.to_json())))) == errors


@pytest.mark.parametrize(("times", "values"), [((), ()), ((1.0,), (0.1, 0.2)), ((2.0, 1.0), (1, 1)), ((1.0,), (0.0,))])
def test_spreads_that_are_none_are_refused(times, values):
    with pytest.raises(PlatformFormatError):
        Spread(times, values)


def test_bounds_are_quantiles_times_the_scale():
    arguments = (np.array(["conv"]), np.array([3.0]), np.array([0]), np.ones(1))
    assert ERRORS.bounds(0.9, *arguments) == pytest.approx((-0.2, 0.2))
    assert ERRORS.bounds(0.99, *arguments) is None
    assert ERRORS.bounds(0.9, np.array(["conv"]), np.zeros(1), np.array([0]), np.ones(1)) is None


def test_files_keep_everything_and_refuse_the_rest():
    document = json.loads(json.dumps(ERRORS.to_json()))
    assert ComposedErrors.from_json(Fields(document)) == ERRORS
    for change in (
        {"same_kind": 1.5},
        {"other_kinds": 0.6},
        {"run": -1},
        {"spreads": {}},
        {"spreads": {"a": 0}},
        {"x": 1},
    ):
        with pytest.raises(PlatformFormatError):
            ComposedErrors.from_json(Fields({**document, **change}))
