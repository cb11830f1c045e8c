"""What datasets hold that can be fitted on."""

import math
from dataclasses import replace

import numpy as np
import pytest

from annette.bench.dataset import Dataset
from annette.bench.machine_speed import LEAST_ROUND_EXPONENT, at_speed
from annette.bench.records import Purpose
from annette.errors import FitError
from annette.fitting.training_data import (
    common_environment,
    platform_fields,
    precision_of,
    read_training_data,
    with_usable_times,
    without_outliers,
)
from annette.mapping.rules import preset
from annette.models.roofline import Roofline
from tests.unit.fitting.synthetic import ENVIRONMENT, chain, convolutions, dataset, run, samples


def test_whole_networks_are_counted_and_not_fitted_on(tmp_path):
    dataset(tmp_path / "d.sqlite", 4).close()
    random = np.random.default_rng(1)
    with Dataset.open(tmp_path / "d.sqlite") as opened:
        before = read_training_data([opened])
    with Dataset.create(tmp_path / "networks.sqlite") as made:
        made.add(run(chain("net", random), random, purpose=Purpose.NETWORK))
        with pytest.raises(FitError, match="anything but whole networks"):
            read_training_data([made])
        with Dataset.open(tmp_path / "d.sqlite") as opened:
            both = read_training_data([opened, made])
    assert (before.whole_networks, both.whole_networks) == (0, 1)
    assert len(before.runs) == len(both.runs) == 4
    assert len(both.everything) == 5
    assert dict(both.environment) == ENVIRONMENT
    assert len(both.sources) == 2


@pytest.mark.parametrize("power", [0.4, 1.0])
def test_visits_are_joined_by_their_own_power_and_rounds_follow_one_that_is_not_small(tmp_path, power):
    random, measured = np.random.default_rng(3), run(chain("c", np.random.default_rng(2)), np.random.default_rng(2))
    with Dataset.create(tmp_path / "d.sqlite") as made:
        for number, slow in enumerate(np.repeat(random.normal(0.0, 0.1, 20), 30).tolist()):
            visit = at_speed(measured, float(np.exp(power * slow + random.normal(0.0, 0.02))))
            made.add(replace(visit, reference_s=(1e-3 * np.exp(slow),), started_unix_s=0.03 * number, round=number))
        data = read_training_data([made])
    assert data.speed.exponent == pytest.approx(max(power, LEAST_ROUND_EXPONENT))
    (joined,) = data.runs
    assert joined.latency_s == pytest.approx(
        measured.latency_s * data.speed.calibration_s**power / 1e-3**power, rel=0.06
    )


def test_time_of_the_profiler_is_taken_off_as_told_or_as_found(tmp_path):
    with dataset(tmp_path / "d.sqlite", 4) as opened:
        data = read_training_data([opened])
    found, told = (data.kernels(preset("generic"), profiler_s=added_s) for added_s in (None, 1e-6))
    assert data.overheads.profiler_s == 0
    assert found.measurement["profiler_s"] == 0
    assert told.measurement["profiler_s"] == 1e-6
    assert found.paired.latency_s - told.paired.latency_s == pytest.approx(np.full(len(found.paired), 1e-6))
    assert found.paired_share == pytest.approx(1)
    assert len(found.samples) <= len(found.paired)


@pytest.mark.parametrize(
    ("said", "device"),
    [
        ({"device": "CPU", "cpu": "AMD EPYC"}, "AMD EPYC"),
        ({"device": "ethos-u55-128"}, "ethos-u55-128"),
        ({"device": "", "cpu": ""}, "unknown device"),
    ],
)
def test_a_platform_of_a_processor_names_its_model(said, device):
    assert platform_fields(said)["device"] == device


def off_by_noise(rows=100, noise=0.3):
    table = convolutions(rows)
    random = np.random.default_rng(5)
    return samples(table, Roofline(1e12, 8e9, 1e-5).predict_s(table) * np.exp(random.normal(0, noise, rows)))


@pytest.mark.parametrize("factor", [1e4, 1e-4])
def test_orders_of_magnitude_are_named_and_left_out(factor):
    data = off_by_noise()
    data.latency_s[[7, 40]] *= factor
    kept, (dropped,) = without_outliers(data)
    assert dropped.sources == ("case7", "case40")
    assert "50 times" in dropped.reason
    assert len(kept) == 98


def test_slow_roads_stay():
    data = off_by_noise()
    data.latency_s[::10] *= 20
    assert without_outliers(data) == (data, ())


def test_too_few_rows_are_not_judged():
    data = off_by_noise(5)
    data.latency_s[0] *= 1e6
    assert without_outliers(data) == (data, ())


def measured_chain():
    random = np.random.default_rng(0)
    return run(chain("chain", random), random)


def test_with_usable_times_stay_as_they_are():
    runs = [measured_chain()]
    assert with_usable_times(runs) == (runs, ())


def test_a_kernel_without_a_time_goes_and_takes_the_whole_time_along():
    before = measured_chain()
    first = replace(before.kernels[0], latency_s=0.0)
    (after,), (dropped,) = with_usable_times([replace(before, kernels=(first, *before.kernels[1:]))])
    assert after.kernels == before.kernels[1:]
    assert dropped.sources == (f"chain: {first.name}",)
    assert after.samples_s == ()
    assert math.isnan(after.latency_s)


def test_references_without_a_time_are_not_used():
    before = measured_chain()
    (after,), (dropped,) = with_usable_times([replace(before, reference_s=(1e-3, 0.0))])
    assert "reference workload" in dropped.reason
    assert dropped.sources == ("chain",)
    assert after.kernels == before.kernels
    assert after.reference_s == (1e-3,)


_SILENT = {key: value for key, value in ENVIRONMENT.items() if key != "precision"}


def environment(tmp_path, found, precision=None):
    with dataset(tmp_path / "d.sqlite", 1, environment=found) as opened:
        return common_environment([opened], precision)


@pytest.mark.parametrize(("name", "bits"), [("fp32", 32), ("bf16", 16), ("fp16", 16), ("int8", 8)])
def test_precisions_have_their_bits(tmp_path, name, bits):
    found = environment(tmp_path, {**ENVIRONMENT, "precision": name})
    assert precision_of(found).activation_bits == precision_of(found).weight_bits == bits


def test_a_missing_precision_is_refused_with_its_remedy(tmp_path):
    with pytest.raises(FitError, match="--precision"):
        environment(tmp_path, _SILENT)


def test_a_stated_precision_is_recorded(tmp_path):
    assert environment(tmp_path, _SILENT, "int8")["precision"] == "int8"


@pytest.mark.parametrize(
    ("found", "stated", "message"),
    [
        ({**ENVIRONMENT, "precision": "fp8"}, None, "'fp8' is not known"),
        (_SILENT, "posit", "'posit' is not known"),
        (ENVIRONMENT, "int8", "measured in 'fp32'"),
    ],
)
def test_unknown_and_contradicted_precisions_are_refused(tmp_path, found, stated, message):
    with pytest.raises(FitError, match=message):
        environment(tmp_path, found, stated)


def test_mixed_precisions_are_refused(tmp_path):
    with (
        dataset(tmp_path / "a.sqlite", 1) as first,
        dataset(tmp_path / "b.sqlite", 1, environment={**ENVIRONMENT, "precision": "int8"}) as second,
        pytest.raises(FitError, match="precision is 'fp32' in one and 'int8' in another"),
    ):
        common_environment([first, second])


def test_quantised_networks_are_fitted_together_with_those_of_floating_point(tmp_path):
    quantised = {**ENVIRONMENT, "precision": "int8", "quantisation": "static"}
    with (
        dataset(tmp_path / "a.sqlite", 1) as first,
        dataset(tmp_path / "b.sqlite", 1, environment=quantised) as second,
    ):
        found = common_environment([first, second])
        assert found == common_environment([second]) == common_environment([second, first])
    assert found["precision"] == "fp32"
    assert "quantisation" not in found
