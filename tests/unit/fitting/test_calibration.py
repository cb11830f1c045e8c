"""Calibration: recovers what it can know, stays where it cannot, and refuses to guess."""

from dataclasses import replace

import numpy as np
import pytest

from annette.errors import FitError
from annette.estimation import estimate_network
from annette.fitting.calibration import GROUPINGS, calibrate
from annette.fitting.regularised import LinearModel, choose, left_out_s, solve
from annette.models.base import families
from annette.network.builder import NetworkBuilder
from annette.platforms import Overhead, dumps_platform, loads_platform
from annette.testing.layer_models import example_table
from tests.contract.test_layer_models import MODELS
from tests.unit.platforms.examples import example

START = example(
    latency_is="device",
    overhead=Overhead(),
    intervals=None,
    accuracy=(),
    models={kind: {"roofline": example().models["conv"]["roofline"]} for kind in ("conv", "relu", "max_pool")},
    preferred_family="roofline",
    preferred_by_kind={},
)


def network(filters, size):
    net = NetworkBuilder(f"net{filters}-{size}")
    x = net.input("image", (1, 3, size, size))
    for index in range(3):
        x = net.relu(net.conv(x, filters * (index + 1), 3, padding=1))
    return net.build(net.max_pool(x, 2, stride=2))


NETWORKS = [network(filters, size) for filters in (8, 16, 32) for size in (16, 32, 64)]


def times(platform):
    return [estimate_network(net, platform).latency_s for net in NETWORKS]


def test_a_device_that_is_slower_by_one_factor_is_recovered():
    slower = replace(START, models={k: {f: m.scaled(1.7) for f, m in v.items()} for k, v in START.models.items()})
    report = calibrate(START, list(zip(NETWORKS, times(slower), strict=True)))
    assert report.error("before") > 0.4
    assert report.error("left_out") < 0.01
    np.testing.assert_allclose(times(report.platform), times(slower), rtol=0.01)


def test_host_costs_are_recovered_and_end_to_end_becomes_the_headline():
    host = Overhead(0.0, 2e-4, 0.0, 0.0)
    target = replace(START, overhead=host, latency_is="end_to_end")
    pairs = list(zip(NETWORKS, times(target), strict=True))
    report = calibrate(START, pairs, measured="end_to_end", overheads=["per_run_s"])
    assert report.platform.latency_is == "end_to_end"
    assert report.error("left_out") < 0.05
    assert report.platform.overhead.per_run_s == pytest.approx(2e-4, rel=0.1)


def test_a_platform_that_is_right_stays_as_it_is():
    report = calibrate(START, list(zip(NETWORKS, times(START), strict=True)))
    np.testing.assert_allclose(times(report.platform), times(START), rtol=1e-6)


def test_coefficients_are_never_negative():
    measured = [time_s * factor for time_s, factor in zip(times(START), np.linspace(3, 0.1, 9), strict=True)]
    report = calibrate(START, list(zip(NETWORKS, measured, strict=True)), measured="end_to_end")
    assert min(report.coefficients.values()) >= 0


def test_the_calibrated_platform_says_so_and_survives_its_file():
    report = calibrate(START, list(zip(NETWORKS, times(START), strict=True)), names=[f"n{i}" for i in range(9)])
    again = loads_platform(dumps_platform(report.platform).encode(), source="x")
    assert dumps_platform(again) == dumps_platform(report.platform)
    assert "calibrated on 9 whole networks" in report.platform.provenance.notes[-1]
    assert report.platform.intervals.networks is not None
    assert report.names[0] == "n0"


def test_fewer_than_five_networks_are_refused():
    with pytest.raises(FitError, match="needs 5 networks or more, and there are 4"):
        calibrate(START, list(zip(NETWORKS, times(START), strict=True))[:4])


def test_five_networks_are_enough():
    pairs = [(net, 2 * time_s) for net, time_s in zip(NETWORKS, times(START), strict=True)][::2]
    assert calibrate(START, pairs).error("left_out") < 0.05


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"overheads": ["per_run_s"]}, "'per_run_s' cannot be fitted to device times"),
        ({"groupings": ["layer"]}, "cannot be grouped by 'layer'"),
        ({"groupings": []}, "cannot be grouped"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, complaint):
    with pytest.raises(FitError, match=complaint):
        calibrate(START, list(zip(NETWORKS, times(START), strict=True)), **options)


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_times_must_be_positive(wrong):
    with pytest.raises(FitError, match="must be positive"):
        calibrate(START, [(net, wrong) for net in NETWORKS])


def test_what_the_data_does_not_tell_keeps_its_prior():
    features = np.column_stack([np.arange(1.0, 9.0), np.zeros(8)])
    candidate = LinearModel(features, np.array([1.0, 0.3]), np.array([1.0, 0.3]), np.zeros(8))
    assert solve(candidate, 2 * np.arange(1.0, 9.0), 0.01) == pytest.approx([2.0, 0.3], rel=1e-2)


def test_left_out_predictions_do_not_see_the_network():
    random = np.random.default_rng(1)
    candidate = LinearModel(random.uniform(1, 2, (8, 2)), np.ones(2), np.ones(2), np.zeros(8))
    measured = candidate.features.sum(axis=1)
    before = left_out_s(candidate, measured, 0.01)
    measured[3] *= 100
    after = left_out_s(candidate, measured, 0.01)
    assert after[3] == pytest.approx(before[3])
    assert after[2] != pytest.approx(before[2])


def test_a_richer_description_must_earn_its_place():
    features = np.arange(1.0, 9.0)[:, None]
    plain = LinearModel(features, np.ones(1), np.ones(1), np.zeros(8))
    same = LinearModel(np.hstack([features, np.zeros((8, 1))]), np.ones(2), np.ones(2), np.zeros(8))
    assert choose([plain, same], 2 * features[:, 0]).model == 0


def test_groupings_go_from_coarse_to_fine():
    kinds = ("conv", "fully_connected", "relu", "winograd_conv")
    assert [len({group(kind) for kind in kinds}) for group in GROUPINGS.values()] == [1, 2, 4]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.family)
def test_every_family_scales_by_a_factor(model):
    table = example_table()
    np.testing.assert_allclose(model.scaled(1.6).predict_s(table), 1.6 * model.predict_s(table), rtol=1e-9)
    assert model.family in families()
