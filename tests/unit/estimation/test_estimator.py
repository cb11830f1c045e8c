"""Estimates: mapping, pricing and sums against numbers worked out by hand."""

import math

import numpy as np
import pytest

from annette.errors import ModelError, OptionError, UnsupportedKernelError, UnsupportedOperatorError
from annette.estimation import estimate_network
from annette.models.roofline import Roofline
from annette.network import Network, Tensor, describe_layer
from annette.network.builder import NetworkBuilder
from annette.platforms import Overhead
from tests.unit.samples import platform, small_network, with_intervals

CONV_OPS = 2 * 32 * 32 * 16 * 27 + 32 * 32 * 16
CONV_BYTES = 4 * (3 * 32 * 32 + 16 * 32 * 32 + 16 * 27 + 16)
POOL_BYTES = 4 * (16 * 32 * 32 + 16 * 16 * 16)
CLASSIFIER_BYTES = 4 * (4096 + 4096 * 10 + 10 + 10)


def by_name(estimate):
    return {kernel.name: kernel for kernel in estimate.kernels}


def test_an_estimate_is_shown_in_one_line():
    estimate = estimate_network(small_network(), platform())
    assert repr(estimate).startswith(f"<Estimate of 'small' on '{platform().name}': ")
    assert repr(estimate).endswith(f" s, {len(estimate.kernels)} kernels>")


def test_kernels_are_priced_by_their_roofline_and_summed_with_the_overhead_per_kernel():
    estimate = estimate_network(small_network(), platform(), model="roofline")
    kernels = by_name(estimate)
    assert kernels["stem"].latency_s == pytest.approx(max(CONV_OPS / 1e9, CONV_BYTES / 1e8))
    assert kernels["pool"].latency_s == pytest.approx(POOL_BYTES / 1e8)
    assert kernels["classifier"].latency_s == pytest.approx(CLASSIFIER_BYTES / 1e8)
    total = sum(kernel.latency_s for kernel in estimate.kernels)
    assert estimate.latency_s == pytest.approx(total + 3 * 1e-5)
    assert estimate.device_latency_s == estimate.latency_s
    assert estimate.end_to_end_latency_s is None


def test_refinement_slows_only_what_is_compute_bound():
    refined = by_name(estimate_network(small_network(), platform()))
    assert refined["stem"].latency_s == pytest.approx(2 * CONV_OPS / 1e9)  # 16 of 32 unrolled channels are used
    assert refined["stem"].bound == "compute"
    assert refined["stem"].utilisation == pytest.approx(0.5)
    assert refined["pool"].bound == "memory"


def test_a_kind_without_the_family_uses_the_next_simpler_one_and_says_so():
    methods = {name: kernel.method for name, kernel in by_name(estimate_network(small_network(), platform())).items()}
    assert methods["stem"] == "refined-roofline"
    assert methods["pool"] == "roofline"


def test_views_are_free_and_marked():
    free = [kernel for kernel in estimate_network(small_network(), platform()).kernels if kernel.method == "free"]
    assert [kernel.bound for kernel in free] == ["free"]
    assert free[0].latency_s == 0
    assert free[0].rules


def test_end_to_end_adds_what_the_host_costs():
    overhead = Overhead(0.0, 1e-3, per_input_byte_s=1e-9, per_output_byte_s=2e-9, per_input_s=3e-4, per_output_s=5e-4)
    estimate = estimate_network(small_network(), platform(overhead=overhead, latency_is="end_to_end"))
    host_s = 1e-3 + 1e-9 * 4 * 3 * 32 * 32 + 2e-9 * 4 * 10 + 3e-4 + 5e-4
    assert estimate.end_to_end_latency_s == pytest.approx(estimate.device_latency_s + host_s)
    assert estimate.latency_s == estimate.end_to_end_latency_s


def test_batch_multiplies_the_work():
    one = estimate_network(small_network(batch=1), platform(overhead=Overhead()), model="roofline")
    four = estimate_network(small_network(batch=4), platform(overhead=Overhead()), model="roofline")
    assert four.batch == 4
    assert by_name(four)["pool"].latency_s == pytest.approx(4 * by_name(one)["pool"].latency_s)


def test_a_kind_without_a_model_is_an_error_that_names_layer_and_fitted_kinds():
    models = {kind: families for kind, families in platform().models.items() if kind != "max_pool"}
    with pytest.raises(UnsupportedKernelError, match=r"'max_pool' of layer 'pool'; use --fallback roofline"):
        estimate_network(small_network(), platform(models=models))


def test_fallback_prices_by_medians_is_marked_and_lowers_the_coverage():
    roofline = Roofline(ops_per_s=4e9, bytes_per_s=4e8, offset_s=3e-6)
    models = {"conv": {"roofline": roofline}, "fully_connected": {"roofline": roofline}}
    estimate = estimate_network(
        small_network(), platform(models=models, preferred_family="roofline"), fallback="roofline"
    )
    pool = by_name(estimate)["pool"]
    assert pool.method == "fallback-roofline"
    assert pool.latency_s == pytest.approx(POOL_BYTES / 4e8 + 3e-6)
    assert not pool.in_range
    assert estimate.coverage.kernels == pytest.approx(2 / 3)
    assert estimate.coverage.lowest < 1
    assert any("max_pool" in note for note in estimate.notes)


def test_unknown_operators_are_refused_by_name_or_priced_when_asked():
    x, y = Tensor("x", (1, 8)), Tensor("y", (1, 8))
    strange = describe_layer("unsupported", "odd", inputs=[x], outputs=[y], attributes={"operator": "acme.Frobnicate"})
    network = Network(name="n", layers=[strange], tensors={"x": x, "y": y}, inputs=["x"], outputs=["y"])
    with pytest.raises(UnsupportedOperatorError, match=r"'odd'.*'acme\.Frobnicate'"):
        estimate_network(network, platform())
    estimate = estimate_network(network, platform(), fallback="roofline")
    assert estimate.kernels[0].method == "fallback-roofline"
    assert estimate.latency_s > 0


def test_a_refusal_names_every_unknown_operator_in_one_short_line():
    tensors = [Tensor(name, (1, 8)) for name in "abcd"]
    operators = ("acme.Frobnicate", "acme.Twist", "acme.Frobnicate")
    layers = [
        describe_layer("unsupported", f"n{index}", inputs=[a], outputs=[b], attributes={"operator": operator})
        for index, (operator, a, b) in enumerate(zip(operators, tensors, tensors[1:], strict=False))
    ]
    network = Network(name="n", layers=layers, tensors={t.name: t for t in tensors}, inputs=["a"], outputs=["d"])
    with pytest.raises(UnsupportedOperatorError) as refusal:
        estimate_network(network, platform())
    assert str(refusal.value) == (
        "layer 'n0' and 2 more in network 'n' is operator 'acme.Frobnicate', which is not known; nor is 'acme.Twist'; "
        "use --fallback roofline to price it roughly"
    )


def test_intervals_follow_the_residuals_and_widen_outside_the_fitted_range():
    estimate = estimate_network(small_network(), with_intervals(), confidence=0.9)
    kernels = by_name(estimate)
    lower, upper = kernels["pool"].interval_s
    assert (lower, upper) == pytest.approx([kernels["pool"].latency_s * math.exp(q) for q in (-0.1, 0.2)])
    assert not kernels["stem"].in_range  # 16 channels, fitted from 32
    lower, upper = kernels["stem"].interval_s
    assert (lower, upper) == pytest.approx([kernels["stem"].latency_s * math.exp(q) for q in (-0.2, 0.4)])
    lower, upper = kernels["classifier"].interval_s  # nothing was held out for it
    assert (lower, upper) == pytest.approx([kernels["classifier"].latency_s * factor for factor in (1 / 36, 3.2)])
    stem_s, rest_s = kernels["stem"].latency_s, estimate.latency_s - kernels["stem"].latency_s
    ends = [stem_s * math.exp(2 * q) + rest_s * math.exp(q) for q in (-0.1, 0.2)]
    assert estimate.interval_s == pytest.approx(ends)
    assert [str(feature) for feature in kernels["stem"].outside] == ["out_channels 16 (fitted 32 to 64)"]
    assert any("outside the range" in note and "out_channels 16 (fitted 32 to 64)" in note for note in estimate.notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "rofline"}, "did you mean 'roofline'"),
        ({"fallback": "zero"}, "unknown fallback"),
        ({"confidence": 1.0}, "between 0 and 1"),
        ({"confidence": float("nan")}, "between 0 and 1"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        estimate_network(small_network(), platform(), **options)


@pytest.mark.parametrize("seconds", [np.nan, np.inf, -1e-9])
def test_a_model_that_gives_no_time_is_an_error(seconds):
    class Broken(Roofline):
        def predict_s(self, table):
            return np.full(len(table), seconds)

    models = {**platform().models, "max_pool": {"roofline": Broken(1e9, 1e8, 0.0)}}
    with pytest.raises(ModelError, match=r"'max_pool' gives kernel '.+' a time of"):
        estimate_network(small_network(), platform(models=models))


def test_a_total_that_cannot_be_counted_is_an_error():
    class Endless(Roofline):
        def predict_s(self, table):
            return np.full(len(table), 1.7e308)

    endless = Endless(1e9, 1e8, 0.0)
    models = {kind: dict.fromkeys(families, endless) for kind, families in platform().models.items()}
    with pytest.raises(ModelError, match="take longer than can be counted"):
        estimate_network(small_network(), platform(models=models))


def test_a_network_of_views_only_says_why_it_costs_nothing():
    net = NetworkBuilder("views", source_format="test")
    x = net.input("x", (2, 3))
    with pytest.raises(ModelError, match=r"costs nothing .+ its layers run as no kernel there \(reshape\)"):
        estimate_network(net.build(net.reshape(x, (3, 2))), platform())
