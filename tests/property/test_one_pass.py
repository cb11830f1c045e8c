"""Pricing all kinds at once says what asking each kind's model for its own rows says, which is what defines it."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import annette
from annette.errors import UnsupportedKernelError
from annette.estimation import estimate_network
from annette.estimation.pricing import FALLBACK_METHOD, FREE_METHOD, fallback_model
from annette.network import zoo
from annette.platforms.intervals import WIDEST, unfitted_bounds
from annette.platforms.ranges import within

PLATFORMS = [entry.name for entry in annette.list_platforms()]
NETWORKS = ("mobilenet_v2", "densenet121", "vit_b_16", "yolov4_tiny")
FAMILIES = (None, "mixed", "statistical", "refined-roofline", "roofline")


@functools.cache
def network(name):
    return zoo.build(name)


@functools.cache
def platform(name):
    return annette.load_platform(name)


def priced_alone(target, estimate, row, kind, confidence):
    """Everything that is said of one kernel, by the models and errors of its kind alone.

    Only of kinds that the platform has models for; of others, of the fallback's price.
    """
    prices, part = estimate.prices, estimate.table.select(np.array([row]))
    method = prices.methods[row]
    fitted = method != FALLBACK_METHOD and kind not in target.assumed
    model = fallback_model(target) if method == FALLBACK_METHOD else target.models[kind][method]
    with np.errstate(all="ignore"):
        latency_s = float(model.predict_s(part)[0])
        terms, efficiency = model.terms(part), model.efficiency(part)
    least_s = 0.0 if kind in target.host_kinds else float(target.least_s(part)[0])
    inside = fitted and latency_s >= least_s
    inside = inside and all(
        within(float(part[name][0]), *limits) for name, limits in target.ranges.get(kind, {}).items()
    )
    latency_s = max(latency_s, least_s)
    lower_s = upper_s = np.nan
    if target.intervals is not None:
        known = target.kernel_interval(kind, method, confidence)
        spread = float(target.kernel_spread(kind, method).at(np.array([latency_s]))[0])
        widening = spread * (1.0 if inside else target.extrapolation_widening)
        lower, upper = (0.0, 0.0) if known is None else (known[0] * widening, known[1] * widening)
        if known is None or not fitted:
            least, most = unfitted_bounds(confidence)
            lower, upper = min(lower, least), max(upper, most)
        if upper <= WIDEST:
            lower_s, upper_s = latency_s * np.exp(lower), latency_s * np.exp(upper)
    return latency_s, lower_s, upper_s, terms.compute_s[0], terms.memory_s[0], efficiency[0], inside, fitted


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(PLATFORMS), st.sampled_from(NETWORKS), st.sampled_from(FAMILIES), st.sampled_from((0.5, 0.9, 0.99))
)
def test_every_kernel_is_priced_as_by_its_own_model(name, of, family, confidence):
    target = platform(name)
    if family is not None and not any(family in kinds for kinds in target.models.values()):
        return
    try:
        estimate = estimate_network(network(of), target, model=family, fallback="roofline", confidence=confidence)
    except UnsupportedKernelError:  # nothing measured to derive a fallback from
        return
    prices = estimate.prices
    fields = ("latency_s", "lower_s", "upper_s", "compute_s", "memory_s", "efficiency", "in_range", "fitted")
    for row, kind in enumerate(estimate.table.kinds.tolist()):
        found = [float(getattr(prices, field)[row]) for field in fields]
        if prices.methods[row] == FREE_METHOD:
            assert found == [0, 0, 0, 0, 0, 1, 1, 1]
        elif kind in target.models or prices.methods[row] == FALLBACK_METHOD:
            expected = priced_alone(target, estimate, row, kind, confidence)
            assert found == pytest.approx([float(value) for value in expected], rel=1e-12, abs=0, nan_ok=True), kind


def test_the_same_estimate_is_made_again():
    first, again = (estimate_network(network("mobilenet_v2"), platform(PLATFORMS[0])) for _ in range(2))
    assert first.table is again.table, "mapped once"
    np.testing.assert_array_equal(first.prices.latency_s, again.prices.latency_s)
    assert first.interval_s == again.interval_s


def test_what_is_known_of_one_confidence_is_not_taken_for_another():
    narrow, wide, again = (
        estimate_network(network("mobilenet_v2"), platform("epyc-onnxruntime"), confidence=confidence).prices
        for confidence in (0.5, 0.95, 0.5)
    )
    known = ~np.isnan(wide.upper_s) & (wide.latency_s > 0)
    assert known.any()
    assert (wide.upper_s[known] > narrow.upper_s[known]).all()
    np.testing.assert_array_equal(narrow.upper_s, again.upper_s)
