"""The Neural Compute Stick 2 against published counters, networks left out."""

import functools

import numpy as np
import pytest

from annette.devices.intel_myriad.constants import Settings, choose_settings
from annette.devices.intel_myriad.fit import MAPPING, counter_samples, fit_ncs2
from annette.devices.intel_myriad.importer import TWINS, import_ncs2, match_counters, read_ncs2_counters
from annette.errors import FitError
from annette.estimation import estimate_network
from annette.network.zoo import build
from annette.platforms import dumps_platform, load_platform
from tests.published import DATA, FULL, needs_full

TOTALS_MS = {"cf_inceptionv1": 16.560, "tf_resnet50": 45.500}
if FULL:
    TOTALS_MS |= {"tf_inceptionv1": 15.912, "cf_inceptionv3": 75.583}


@functools.cache
def counted():
    return {n.name: n for n in read_ncs2_counters(DATA / "ncs2" / "layers.csv", DATA / "graphs" / "annette")}


@functools.cache
def runs():
    """The same as runs, without the networks of which only the total is known."""
    return [run for run in import_ncs2(DATA / "ncs2").runs if run.kernels]


@functools.cache
def fitted_without(group):
    """A platform whose constants and settings never saw a group of networks; None fits on all."""
    samples = counter_samples(runs())
    part = samples if group is None else samples.select(samples.groups != group)
    published = load_platform("ncs2-openvino-original")
    return fit_ncs2(part, published, published.provenance, held_out=False)


def test_the_reports_sum_to_their_published_totals():
    totals = {name: round(network.latency_s * 1e3, 3) for name, network in counted().items()}
    assert totals == TOTALS_MS


@pytest.mark.parametrize("name", TOTALS_MS)
def test_what_runs_is_what_the_report_says_ran(name):
    network = counted()[name]
    pairs = match_counters(network.counters, MAPPING.apply(network.network))
    wrong = [
        row.layer
        for row, kernel in pairs
        if row.runs != (kernel is not None and (not kernel.free or "beside-hardware" in kernel.rules))
    ]
    assert wrong == []


@needs_full
@pytest.mark.parametrize("name", TOTALS_MS)
def test_totals_of_networks_that_were_left_out(name):
    network = counted()[name]
    estimate = estimate_network(network.network, fitted_without(TWINS.get(name, name)))
    assert estimate.device_latency_s == pytest.approx(network.latency_s, rel=0.035)


def test_a_network_that_typical_settings_never_saw():
    """With one network to learn from nothing can be chosen by leaving networks out: the defaults must do."""
    part = counter_samples([run for run in runs() if run.case == "tf_resnet50"])
    original = load_platform("ncs2-openvino-original")
    platform = fit_ncs2(part, original, original.provenance, settings=Settings(), held_out=False)
    network = counted()["cf_inceptionv1"]
    estimate = estimate_network(network.network, platform)
    assert estimate.device_latency_s == pytest.approx(network.latency_s, rel=0.15)


def test_settings_are_not_chosen_where_nothing_can_be_left_out():
    part = counter_samples([run for run in runs() if run.case == "tf_resnet50"])
    with pytest.raises(FitError, match="counters of three different networks"):
        choose_settings(part)


@needs_full
def test_convolutions_of_networks_that_were_left_out():
    errors = []
    for name, network in counted().items():
        estimate = estimate_network(network.network, fitted_without(TWINS.get(name, name)))
        latency_s = {kernel.name: kernel.latency_s for kernel in estimate.kernels}
        errors += [
            abs(latency_s[kernel.name] / row.latency_s - 1)
            for row, kernel in match_counters(network.counters, estimate.mapped)
            if row.runs and kernel.anchor.kind == "conv"
        ]
    assert len(errors) == 263
    assert np.mean(errors) < 0.07


@needs_full
def test_the_shipped_platform_is_the_one_that_the_counters_give():
    shipped, fitted = load_platform("ncs2-openvino"), fitted_without(None)
    for name, network in counted().items():
        ours = estimate_network(network.network, shipped).device_latency_s
        assert ours == pytest.approx(estimate_network(network.network, fitted).device_latency_s, rel=2e-3), name


def test_fitting_twice_gives_the_same_bytes():
    samples = counter_samples([run for run in runs() if run.case in ("cf_inceptionv1", "tf_resnet50")])
    published = load_platform("ncs2-openvino-original")
    texts = {dumps_platform(fit_ncs2(samples, published, published.provenance, held_out=False)) for _ in range(2)}
    assert len(texts) == 1


@pytest.mark.parametrize("name", TOTALS_MS)
def test_the_shipped_platform_is_close_to_the_counters(name):
    network = counted()[name]
    estimate = estimate_network(network.network, load_platform("ncs2-openvino"))
    assert estimate.device_latency_s == pytest.approx(network.latency_s, rel=0.03)


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "mobilenet_v2", "squeezenet1_1", "nasbench201:CELL"])
def test_zoo_networks_are_priced(name):
    cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|"
    estimate = estimate_network(build(name.replace("CELL", cell)), load_platform("ncs2-openvino"))
    assert 1e-3 < estimate.device_latency_s < estimate.end_to_end_latency_s < 0.1
    assert estimate.latency_s == estimate.device_latency_s
    assert all(kernel.latency_s > 0 for kernel in estimate.kernels if kernel.bound != "free")
