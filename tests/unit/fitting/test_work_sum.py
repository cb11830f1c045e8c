"""A sum of works is found again from kernels that follow one."""

import numpy as np
import pytest

from annette.fitting.families import fit_all
from annette.fitting.work_sum import fit_work_sum
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.models.features import FeatureSet
from annette.models.work_sum import WorkSum
from tests.unit.fitting.synthetic import convolutions, samples

RECURRENT = WorkSum({"kernels": 4e-6, "steps": 2e-7, "states": 4e-9, "macs": 2e-11, "repeated_weight_bytes": 5e-12})
PLAIN = WorkSum({"kernels": 1e-6, "products": 7e-7, "matrix_macs/fill:product_columns:8": 2e-11})


def _layers(rows, seed=0):
    random = np.random.default_rng(seed)
    values = np.ones((rows, len(COLUMNS)))
    column = {name: values[:, index] for index, name in enumerate(COLUMNS)}
    for name, most in (("batch", 16), ("out_width", 500), ("in_channels", 400), ("out_channels", 400)):
        column[name][:] = np.floor(2 ** random.uniform(0, np.log2(most), rows))
    hidden, features = column["out_channels"], column["in_channels"]
    column["macs"][:] = column["batch"] * column["out_width"] * 3 * hidden * (hidden + features)
    column["ops"][:] = 2 * column["macs"]
    column["weight_bytes"][:] = 12 * hidden * (hidden + features)
    column["input_bytes"][:] = 4 * column["batch"] * column["out_width"] * features
    column["output_bytes"][:] = 4 * column["batch"] * column["out_width"] * hidden
    return KernelTable(np.full(rows, "gru"), values)


def test_the_seconds_of_a_recurrent_layer_are_found():
    table = _layers(120)
    noise = np.exp(np.random.default_rng(1).normal(0, 0.02, 120))
    found = fit_work_sum(samples(table, RECURRENT.predict_s(table) * noise))
    fresh = _layers(60, seed=2)
    assert found.predict_s(fresh) == pytest.approx(RECURRENT.predict_s(fresh), rel=0.05)
    assert found.seconds["macs"] == pytest.approx(2e-11, rel=0.1)


def test_the_size_of_blocks_is_found():
    table = convolutions(200)
    table.values[:, COLUMNS.index("blocked")] = 0.0
    found = fit_work_sum(samples(table, PLAIN.predict_s(table)))
    assert found.predict_s(table) == pytest.approx(PLAIN.predict_s(table), rel=1e-3)
    assert any(name.endswith(":8") for name in found.seconds)


def test_single_bad_measurements_do_not_decide():
    table = _layers(120)
    latency_s = RECURRENT.predict_s(table)
    latency_s[::15] *= 5.0
    found = fit_work_sum(samples(table, latency_s)).predict_s(table)
    assert np.median(np.abs(np.log(found / RECURRENT.predict_s(table)))) < 0.02


def test_kinds_of_unknown_parts_and_few_rows_have_none():
    table = _layers(40)
    assert fit_work_sum(samples(table, RECURRENT.predict_s(table)).select(np.arange(10))) is None
    values = table.values.copy()
    values[:, COLUMNS.index("macs")] = 0.0
    other = KernelTable(np.full(40, "grid_sample"), values)
    assert fit_work_sum(samples(other, RECURRENT.predict_s(table))) is None


def test_what_is_copied_in_pieces_is_told_from_what_is_copied_one_by_one():
    random = np.random.default_rng(3)
    values = np.ones((80, len(COLUMNS)))
    column = {name: values[:, index] for index, name in enumerate(COLUMNS)}
    for name, most in (("run_length", 64), ("out_width", 50_000)):
        column[name][:] = np.floor(2 ** random.uniform(0, np.log2(most), 80))
    column["run_length"][::4] = 1.0
    column["input_bytes"][:] = column["output_bytes"][:] = 4 * column["out_width"]
    table = KernelTable(np.full(80, "concat"), values)
    truth = WorkSum({"kernels": 4e-7, "copied_runs": 2.5e-9, "single_elements": 3e-10, "input_bytes": 3e-11})
    found = fit_work_sum(samples(table, truth.predict_s(table)))
    assert found.seconds["copied_runs"] == pytest.approx(2.5e-9, rel=1e-3)
    assert found.seconds["single_elements"] == pytest.approx(3e-10, rel=0.2)


def test_a_forest_corrects_whichever_formula_fits():
    layers, maps = _layers(80), convolutions(80)
    summed = fit_all(samples(layers, RECURRENT.predict_s(layers)))["mixed"]
    assert summed.base.family == "work-sum"
    bounded_s = np.maximum(maps["ops"] / 1e11, FeatureSet(("bytes",)).matrix(maps)[:, 0] / 1e9)
    assert fit_all(samples(maps, bounded_s))["mixed"].base.family == "refined-roofline"


@pytest.mark.parametrize("size", ["1m", "16m"])
def test_the_size_of_the_cache_that_loses_weights_is_found(size):
    table = _layers(150)
    held = 2.0 ** np.random.default_rng(3).uniform(18, 26, 150)
    table.values[:, COLUMNS.index("network_weight_bytes")] = held + table["weight_bytes"]
    cold = WorkSum({**RECURRENT.seconds, f"weights_past_{size}": 1e-10, f"kernels_past_{size}": 2e-5})
    found = fit_work_sum(samples(table, cold.predict_s(table)))
    assert found.seconds[f"weights_past_{size}"] == pytest.approx(1e-10, rel=0.05)
    assert found.predict_s(table) == pytest.approx(cold.predict_s(table), rel=0.02)


def test_a_kind_of_another_precision_consists_of_the_same_parts():
    table = _layers(120)
    narrow = KernelTable(np.full(120, "gru@int8"), table.values)
    found = fit_work_sum(samples(narrow, RECURRENT.predict_s(table)))
    assert found.predict_s(narrow) == pytest.approx(RECURRENT.predict_s(table), rel=0.01)


def _products(rows, seed=0):
    """Products of few rows, in networks of all sizes."""
    table = _layers(rows, seed)
    random = np.random.default_rng(seed + 10)
    column = {name: table.values[:, index] for index, name in enumerate(COLUMNS)}
    column["out_width"][:] = 1.0
    column["macs"][:] = column["batch"] * column["in_channels"] * column["out_channels"]
    column["weight_bytes"][:] = column["in_channels"] * column["out_channels"]
    column["network_weight_bytes"][:] = column["weight_bytes"] + 2.0 ** random.uniform(16, 26, rows)
    return KernelTable(np.full(rows, "some_product@int8"), table.values)


def test_products_of_any_name_wait_for_matrices_that_no_cache_holds():
    table = _products(200)
    model = WorkSum({"kernels": 1e-6, "macs": 4e-12, "weight_bytes": 1e-11, "weights_past_4m": 6e-11})
    found = fit_work_sum(samples(table, model.predict_s(table)))
    assert found.predict_s(table) == pytest.approx(model.predict_s(table), rel=0.02)
    assert found.seconds["weights_past_4m"] == pytest.approx(6e-11, rel=0.1)
    assert (
        fit_work_sum(samples(KernelTable(np.full(200, "windowed"), _windowed(table)), found.predict_s(table))) is None
    )


def _windowed(table):
    values = table.values.copy()
    values[:, COLUMNS.index("kernel_width")] = 3.0
    return values


def _moved(rows, cold, elements, seed=4):
    """Element-wise kernels of so many numbers, of which the first ``cold`` read what a large network is given."""
    random = np.random.default_rng(seed)
    values = np.ones((rows, len(COLUMNS)))
    column = {name: values[:, index] for index, name in enumerate(COLUMNS)}
    column["out_width"][:] = column["in_width"][:] = np.floor(2 ** random.uniform(4, 14, rows))
    column["out_width"][:cold] = column["in_width"][:cold] = elements
    column["ops"][:] = column["out_width"]
    for name in ("input_bytes", "output_bytes"):
        column[name][:] = 4 * column["out_width"]
    column["reads_network_input"][:] = 0.0
    column["reads_network_input"][:cold] = 1.0
    column["network_weight_bytes"][:] = 2.0**26
    return KernelTable(np.full(rows, "abs"), values)


def test_large_kernels_say_nothing_of_what_small_ones_cost_at_the_start():
    table = _moved(100, cold=3, elements=[4e6, 1e7, 2e7])
    latency_s = 3e-7 + 1e-9 * table["out_width"]
    latency_s[:3] += 2.4e-3  # would be said of small ones, too
    found = fit_work_sum(samples(table, latency_s))
    assert "cold_kernels" not in found.seconds
