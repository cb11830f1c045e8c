"""One roofline for a device, recovered from kernels of it."""

import numpy as np
import pytest

from annette.errors import FitError
from annette.fitting.plain_roofline import fit_plain_roofline
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.models.roofline import Roofline
from tests.unit.fitting.synthetic import convolutions, samples


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
