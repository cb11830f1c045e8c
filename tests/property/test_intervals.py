"""Intervals never shrink where less is known, and contain what they are of."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annette.estimation import estimate_network
from annette.mapping.kernel import Precision
from annette.mapping.rules import preset
from annette.models.roofline import Roofline
from annette.platforms import Platform, Provenance
from annette.platforms.intervals import WIDEST, ComposedErrors, Intervals, LogResiduals
from annette.platforms.spread import Spread
from tests.unit.samples import small_network

KINDS = ("conv", "max_pool", "fully_connected")
LEVELS = (0.005, 0.025, 0.05, 0.1, 0.5, 0.9, 0.95, 0.975, 0.995)
SHARES = st.floats(0.0, 1.0)
CONFIDENCES = st.lists(st.floats(0.01, 0.9999), min_size=2, max_size=4, unique=True).map(sorted)


@st.composite
def residuals(draw):
    """Quantiles as fits give them: with plateaus where the sample was small, perhaps all on one side."""
    steps = draw(st.lists(st.sampled_from([0.0, 0.01, 0.1, 0.5]), min_size=len(LEVELS), max_size=len(LEVELS)))
    values = np.cumsum(steps) - draw(SHARES) * sum(steps)
    return LogResiduals(LEVELS, tuple(values.tolist()))


@st.composite
def intervals(draw):
    kernels = {kind: {"roofline": draw(residuals())} for kind in draw(st.sets(st.sampled_from(KINDS)))}
    composed = {}
    networks = draw(st.none() | residuals())
    if networks is None:
        low, middle, high = sorted(draw(st.tuples(SHARES, SHARES, SHARES)))
        kinds = draw(st.sets(st.sampled_from(KINDS), min_size=1))
        spreads = {kind: Spread.constant(draw(st.floats(0.01, 0.5))) for kind in kinds}
        composed = {"preferred": ComposedErrors(spreads, high, middle, low, draw(st.floats(0, 0.2)), draw(residuals()))}
    return Intervals(kernels, networks, composed, draw(st.sampled_from([1.0, 1.5, 2.0])))


NETWORK = small_network()


def platform(known, offsets, **changes):
    rooflines = {
        kind: {"roofline": Roofline(ops_per_s=1e9, bytes_per_s=1e9, offset_s=offset)}
        for kind, offset in zip(KINDS, offsets, strict=True)
    }
    return Platform(
        name="toy", description="", device="board", runtime="runtime", precision=Precision(32, 32), threads=1,
        latency_is="device", mapping=preset("generic"), models=rooflines, preferred_family="roofline",
        provenance=Provenance("a test"), intervals=known, **changes,
    )  # fmt: skip


OFFSETS = st.tuples(*[st.sampled_from([0.0, 1e-4, 1e-2, 1.0])] * len(KINDS))


def reach(estimate):
    """Log factors to the ends of the network's interval and of each kernel's; infinite where unavailable."""
    parts = [(estimate.latency_s, estimate.interval_s)]
    parts += [(kernel.latency_s, kernel.interval_s) for kernel in estimate.kernels if kernel.latency_s > 0]
    ratios = [(0.0, math.inf) if ends is None else (ends[0] / time_s, ends[1] / time_s) for time_s, ends in parts]
    with np.errstate(divide="ignore"):
        return np.log(np.array(ratios)) * [-1, 1]


@settings(max_examples=100, deadline=None)
@given(intervals(), OFFSETS, CONFIDENCES, st.sets(st.sampled_from(KINDS)), st.sets(st.sampled_from(KINDS)))
def test_intervals_grow_with_confidence_and_contain_the_estimate(known, offsets, confidences, unfitted, outside):
    target = platform(
        known,
        offsets,
        assumed=dict.fromkeys(unfitted, "a test"),
        ranges={kind: {"ops": (0.0, 1.0)} for kind in outside},
    )
    before = 0.0
    for confidence in confidences:
        ends = reach(estimate_network(NETWORK, target, confidence=confidence))
        assert (ends >= -1e-9).all()
        assert (ends[:, 1][np.isfinite(ends[:, 1])] <= WIDEST + 1e-9).all()
        assert (ends >= before - 1e-9).all()
        before = ends


@settings(max_examples=100, deadline=None)
@given(intervals(), OFFSETS, st.floats(0.1, 0.999), st.sampled_from(KINDS), st.sets(st.sampled_from(KINDS)))
def test_a_kind_that_goes_out_of_range_or_loses_its_model_narrows_nothing(known, offsets, confidence, kind, others):
    reasons = dict.fromkeys(others - {kind}, "a test")
    before = reach(estimate_network(NETWORK, platform(known, offsets, assumed=reasons), confidence=confidence))
    outside = platform(known, offsets, assumed=reasons, ranges={kind: {"ops": (0.0, 1.0)}})
    unfitted = platform(known, offsets, assumed=reasons | {kind: "a test"})
    away = reach(estimate_network(NETWORK, outside, confidence=confidence))
    lost = reach(estimate_network(NETWORK, unfitted, confidence=confidence))
    assert (away >= before - 1e-9).all()
    assert (lost >= away - 1e-9).all()


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_what_nobody_fitted_is_not_as_sure_as_measured_networks(share):
    """Seven per cent of whole networks say nothing of one that no fitted model prices."""
    known = Intervals(networks=LogResiduals((0.05, 0.5, 0.95), (-0.07, 0.0, 0.07)))
    sure = estimate_network(NETWORK, platform(known, (0.0,) * 3))
    assert sure.interval_s == pytest.approx([sure.latency_s * math.exp(sign * 0.07) for sign in (-1, 1)])
    names = KINDS if share == 0 else ("fully_connected",)
    rough = estimate_network(NETWORK, platform(known, (0.0,) * 3, assumed=dict.fromkeys(names, "a test")))
    assert (rough.coverage.latency == 0) == (share == 0)
    assert rough.interval_s[1] > 1.2 * sure.interval_s[1]


def test_a_platform_that_knows_no_errors_states_none():
    estimate = estimate_network(NETWORK, replace(platform(None, (0.0,) * 3), assumed={"conv": "a test"}))
    assert estimate.interval_s is None
    assert all(kernel.interval_s is None for kernel in estimate.kernels if kernel.latency_s > 0)
