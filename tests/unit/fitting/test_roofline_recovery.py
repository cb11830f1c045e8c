"""Fits find the parameters of devices that are known."""

import numpy as np
import pytest

from annette.errors import FitError
from annette.fitting.roofline import fit_plain_roofline, fit_refined_roofline, fit_roofline
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.models.roofline import RefinedRoofline, Roofline, Unroll
from tests.unit.fitting.synthetic import convolutions, samples

UNROLLS = [
    {"out_height": (8, 1.0), "in_channels": (16, 1.0), "out_channels": (16, 1.0)},
    {"out_channels": (24, 0.6), "in_channels": (8, 0.8)},
    {"out_width": (14, 0.9), "out_channels": (32, 0.5)},
    {},
]


SIZES = {
    "out_height": (2, 4, 7, 8, 12, 14, 16, 28, 32),
    "out_width": (4, 6, 8, 11, 14, 16, 21, 24, 32),
    "in_channels": (3, 4, 8, 16, 24, 32, 48, 64, 96),
    "out_channels": (8, 13, 16, 24, 32, 48, 56, 64, 100),
}


def measured(model, noise, rows=1200, seed=1):
    table = convolutions(rows, seed=seed)
    random = np.random.default_rng(seed + 1)
    return samples(table, model.predict_s(table) * np.exp(random.normal(0, noise, rows)))


def random_device(seed):
    """Some unrolls, and as many rows bound by memory as there happen to be."""
    random = np.random.default_rng(seed)
    names = [name for name in SIZES if random.random() < 0.6]
    unroll = {name: Unroll(int(random.choice(SIZES[name])), float(random.uniform(0.5, 1))) for name in names}
    peak = 10 ** random.uniform(10, 13)
    offset_s = float(random.choice([0.0, 2e5, 1e6])) / peak
    return RefinedRoofline(peak, peak / random.uniform(60, 200), offset_s, unroll)


def sizes(model):
    return {name: entry.size for name, entry in model.unroll.items()}


def assert_recovered(found, device):
    assert sizes(found) == sizes(device)
    assert found.ops_per_s == pytest.approx(device.ops_per_s, rel=0.03)
    assert found.bytes_per_s == pytest.approx(device.bytes_per_s, rel=0.03)
    for name, entry in device.unroll.items():
        assert found.unroll[name].alpha == pytest.approx(entry.alpha, rel=0.03)


@pytest.mark.parametrize("unroll", UNROLLS, ids=["three", "two", "other", "none"])
@pytest.mark.parametrize("noise", [0.0, 0.02, 0.05])
def test_refined_rooflines_are_recovered(unroll, noise):
    device = RefinedRoofline(1e12, 8e9, 1e-5, {name: Unroll(*values) for name, values in unroll.items()})
    found = fit_refined_roofline(measured(device, noise, rows=2500 if noise == 0.05 else 800))
    assert_recovered(found, device)
    assert found.offset_s == pytest.approx(1e-5, rel=0.03)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("noise", [0.0, 0.02, 0.05])
def test_random_devices_are_recovered(seed, noise):
    device = random_device(seed)
    rows = {0.0: 300, 0.02: 1000, 0.05: 2500}[noise]
    assert_recovered(fit_refined_roofline(measured(device, noise, rows, seed=100 + seed)), device)


def test_sizes_that_no_list_has_are_found():
    device = RefinedRoofline(1e12, 8e9, 1e-5, {"in_channels": Unroll(53, 0.7), "out_channels": Unroll(101, 0.8)})
    assert_recovered(fit_refined_roofline(measured(device, 0.02)), device)


def test_two_sizes_that_only_together_are_better_are_exchanged():
    table = convolutions(400)
    table["out_width"][:] = table["out_height"]
    table["out_width"][::8] += 1
    device = RefinedRoofline(1e12, 8e10, 0.0, {"out_height": Unroll(8, 0.9), "out_width": Unroll(16, 1.0)})
    assert_recovered(fit_refined_roofline(samples(table, device.predict_s(table))), device)


def test_of_sizes_that_cut_everything_alike_the_roundest_is_claimed():
    table = convolutions(400)
    sides = np.random.default_rng(3).choice([7, 14, 28, 56, 112], len(table))
    work = sides / table["out_height"]
    for name in ("ops", "input_bytes", "output_bytes"):
        table[name][:] *= work
    table["out_height"][:] = sides
    for size in (30, 32, 36):
        device = RefinedRoofline(1e12, 8e10, 0.0, {"out_height": Unroll(size, 0.6)})
        found = fit_refined_roofline(samples(table, device.predict_s(table)))
        assert sizes(found) == {"out_height": 32}
        np.testing.assert_allclose(found.predict_s(table), device.predict_s(table), rtol=1e-4)


def test_a_bandwidth_that_few_rows_show_is_found():
    device = RefinedRoofline(1e12, 3e11, 1e-8, {"out_channels": Unroll(16, 0.9)})
    data = measured(device, 0.0)
    terms = device.terms(data.table)
    assert 0 < np.mean(terms.memory_s > terms.compute_s) < 0.1
    assert_recovered(fit_refined_roofline(data), device)


def test_a_side_that_never_decides_is_put_where_it_just_does_not():
    device = RefinedRoofline(1e12, 1e15, 1e-6, {"out_channels": Unroll(16, 0.9)})
    data = measured(device, 0.0)
    terms = fit_refined_roofline(data).terms(data.table)
    assert (terms.memory_s / terms.compute_s).max() == pytest.approx(1.0)
    data = measured(Roofline(1e18, 8e9, 1e-6), 0.0)
    terms = fit_roofline(data).terms(data.table)
    assert (terms.compute_s / terms.memory_s).max() == pytest.approx(1.0)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_bad_measurements_do_not_change_sizes(noise):
    data = measured(RefinedRoofline(1e12, 8e9, 1e-5, {"out_channels": Unroll(24, 0.8)}), noise)
    data.latency_s[::25] *= 5
    found = fit_refined_roofline(data)
    assert sizes(found) == {"out_channels": 24}
    assert found.unroll["out_channels"].alpha == pytest.approx(0.8, rel=0.03)


def test_single_bad_measurements_do_not_decide():
    device = Roofline(1e12, 8e9, 1e-5)
    data = measured(device, 0.01)
    data.latency_s[::20] *= 10
    found = fit_roofline(data)
    assert found.ops_per_s == pytest.approx(1e12, rel=0.03)
    assert found.bytes_per_s == pytest.approx(8e9, rel=0.03)


def test_constant_dimensions_are_not_refined():
    table = convolutions(100)
    table.values[:] = table.values[0]
    found = fit_refined_roofline(samples(table, np.full(100, 1e-3)))
    assert dict(found.unroll) == {}
    np.testing.assert_allclose(found.predict_s(table), 1e-3, rtol=1e-3)


@pytest.mark.parametrize("fit", [fit_roofline, fit_refined_roofline])
def test_two_kernels_are_too_few(fit):
    with pytest.raises(FitError, match="2"):
        fit(samples(convolutions(2), np.ones(2)))


@pytest.mark.parametrize("rows", [8, 12, 20, 40, 80])
def test_noise_alone_is_not_taken_for_unrolls(rows):
    for seed in range(5):
        table = convolutions(rows, seed=seed)
        noise = np.exp(np.random.default_rng(seed).normal(0, 0.15, rows))
        assert (
            dict(fit_refined_roofline(samples(table, Roofline(1e12, 8e9, 1e-5).predict_s(table) * noise)).unroll) == {}
        )


def error(model, rows):
    return np.abs(np.log(model.predict_s(rows.table) / rows.latency_s)).mean()


def test_rates_are_recovered_in_spite_of_bad_measurements():
    table = convolutions(300)
    true = Roofline(ops_per_s=5e10, bytes_per_s=2e10)
    latency_s = true.predict_s(table)
    latency_s[::20] *= 30
    found = fit_plain_roofline(samples(table, latency_s))
    assert found.ops_per_s == pytest.approx(5e10, rel=0.01)
    assert found.bytes_per_s == pytest.approx(2e10, rel=0.01)
    assert found.offset_s == 0


def test_no_neighbour_is_better():
    table = convolutions(200, seed=4)
    random = np.random.default_rng(4)
    rows = samples(table, Roofline(4e10, 1e10, 2e-5).predict_s(table) * random.lognormal(0, 0.3, 200))
    found = fit_plain_roofline(rows)
    for by_ops in (0.8, 0.97, 1.0, 1.03, 1.25):
        for by_bytes in (0.8, 0.97, 1.0, 1.03, 1.25):
            other = Roofline(found.ops_per_s * by_ops, found.bytes_per_s * by_bytes)
            assert error(found, rows) <= error(other, rows) + 1e-4


def test_kernels_without_operations_count_by_their_bytes():
    table = convolutions(50)
    values = table.values.copy()
    values[:, COLUMNS.index("ops")] = 0
    moved = KernelTable(table.kinds, values)
    found = fit_plain_roofline(samples(moved, moved.bytes / 3e9))
    assert found.bytes_per_s == pytest.approx(3e9, rel=1e-6)
    values[:, [COLUMNS.index(name) for name in ("input_bytes", "output_bytes", "weight_bytes")]] = 0
    with pytest.raises(FitError, match="roofline"):
        fit_plain_roofline(samples(KernelTable(table.kinds, values), np.ones(50)))
