"""What a platform answers, and what it refuses to be."""

import math

import numpy as np
import pytest

from annette.errors import PlatformFormatError
from annette.platforms import Intervals, LogResiduals, Overhead
from annette.platforms.overhead import HostTraffic
from annette.testing.layer_models import example_table
from tests.unit.platforms.examples import example


def test_kinds_are_sorted_and_cannot_be_changed():
    platform = example()
    assert list(platform.models) == ["conv", "relu"]
    with pytest.raises(TypeError):
        platform.models["conv"] = {}
    with pytest.raises(TypeError):
        platform.ranges["conv"]["ops"] = (0, 1)
    with pytest.raises(AttributeError):
        platform.name = "other"


def test_a_platform_is_shown_in_one_line():
    assert repr(example()) == f"<Platform 'bench-board': {example().device}, {example().runtime}; 2 kinds of kernel>"


def test_the_preferred_family_may_differ_by_kind():
    platform = example()
    assert platform.default_family("conv") == "refined-roofline"
    assert platform.default_family("relu") == "roofline"


def test_rows_outside_a_fitted_range_are_told_apart():
    table = example_table(50)
    ranges = example().ranges_of(("relu", "conv"))
    inside = ranges.contain(table, np.ones(50, dtype=np.intp))
    expected = (
        (table["in_channels"] >= 3) & (table["in_channels"] <= 512) & (table["ops"] >= 1e3) & (table["ops"] <= 1e9)
    )
    np.testing.assert_array_equal(inside, expected)
    assert 0 < inside.sum() < 50
    assert ranges.contain(table, np.zeros(50, dtype=np.intp)).all(), "no range is known"


def test_intervals_come_from_quantiles_of_residuals():
    platform = example()
    assert platform.kernel_interval("conv", "roofline", 0.9) == pytest.approx((-0.2, 0.1))
    assert platform.kernel_interval("conv", "roofline", 0.45) == pytest.approx((-0.1, 0.05))
    assert platform.kernel_interval("conv", "roofline", 0.99) == pytest.approx((-0.4, 0.2)), (
        "twice as far: 0.5 % to 5 %"
    )
    assert platform.kernel_interval("conv", "refined-roofline", 0.9) is None
    assert platform.network_interval(0.9) == pytest.approx((-0.1, 0.1))
    assert platform.extrapolation_widening == 2.0
    bare = example(intervals=None)
    assert bare.kernel_interval("conv", "roofline", 0.9) is None
    assert bare.network_interval(0.9) is None
    assert bare.extrapolation_widening == 1.0


def test_overheads_add_up_and_the_host_is_known_or_not():
    overhead = Overhead(2.0, 10.0, per_input_byte_s=0.5, per_output_byte_s=0.25, per_input_s=100.0, per_output_s=1000.0)
    assert overhead.device_s(3) == 6.0
    assert overhead.host_s(HostTraffic(4, 8, 2, 3)) == 3214.0
    assert Overhead().host_s(HostTraffic(4, 8, 2, 3)) is None


@pytest.mark.parametrize(
    "terms",
    [
        {"per_kernel_s": -1.0},
        {"per_kernel_s": math.nan},
        {"per_run_s": 1.0},
        {"per_run_s": 1.0, "per_input_byte_s": 0.0},
        {"per_run_s": -1.0, "per_input_byte_s": 0.0, "per_output_byte_s": 0.0},
    ],
)
def test_overheads_that_make_no_sense_are_refused(terms):
    with pytest.raises(PlatformFormatError):
        Overhead(**terms)


@pytest.mark.parametrize(
    ("levels", "values"),
    [
        ((0.5,), (0.0,)),
        ((0.1, 0.9), (0.0,)),
        ((0.9, 0.1), (0.0, 1.0)),
        ((0.1, 0.9), (1.0, 0.0)),
        ((0.0, 1.0), (0.0, 1.0)),
    ],
)
def test_residuals_that_are_no_quantiles_are_refused(levels, values):
    with pytest.raises(PlatformFormatError):
        LogResiduals(levels, values)


def test_widening_does_not_narrow():
    with pytest.raises(PlatformFormatError):
        Intervals(extrapolation_widening=0.5)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"models": {}}, "no models at all"),
        ({"models": {"conv": {}}, "preferred_by_kind": {}}, "without layer models"),
        ({"preferred_family": "mixed"}, "prefers 'mixed'"),
        ({"preferred_by_kind": {"relu": "refined-roofline"}}, "no such model"),
        ({"latency_is": "wall"}, "is not one of"),
        ({"overhead": Overhead()}, "no overhead per run"),
    ],
)
def test_contradictions_are_refused(changes, complaint):
    with pytest.raises(PlatformFormatError, match=complaint):
        example(**changes)
