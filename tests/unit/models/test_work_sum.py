"""Sums of works, counted by hand."""

import numpy as np
import pytest

from annette.errors import PlatformFormatError
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.models.base import build_model
from annette.models.work_sum import WorkSum, works_of
from annette.testing.layer_models import LayerModelContract


class TestContract(LayerModelContract):
    @pytest.fixture
    def model(self):
        return WorkSum(
            {"kernels": 1e-6, "macs/fill:out_channels:16": 1e-11, "products": 1e-7, "output_bytes": 2e-10, "macs": 0.0}
        )


def _row(**values):
    table = np.ones((1, len(COLUMNS)))
    for name, value in values.items():
        table[0, COLUMNS.index(name)] = value
    return KernelTable(np.array(["conv"]), table)


def test_works_take_their_time_in_turn():
    table = _row(macs=1600, out_channels=24, output_bytes=100, blocked=0, batch=2, groups=3)
    model = WorkSum({"kernels": 5.0, "macs/fill:out_channels:16": 0.1, "output_bytes": 0.2, "products": 1.0})
    assert model.predict_s(table) == pytest.approx([5.0 + 160 / 0.75 + 20.0 + 6.0])
    compute_s, memory_s = model.terms(table)
    assert compute_s == pytest.approx([160 / 0.75])
    assert memory_s == pytest.approx([26.0])


def test_scaled_takes_as_many_times_as_long():
    table = _row(macs=1600)
    model = WorkSum({"kernels": 5.0, "macs": 0.1})
    assert model.scaled(1.5).predict_s(table) == pytest.approx(1.5 * model.predict_s(table))


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        ({}, "no work"),
        ({"macs": 0.0}, "no work"),
        ({"macs": -1.0}, "seconds"),
        ({"macs/batch": 1.0}, "divided"),
        ({"nothing": 1.0}, "nothing"),
    ],
)
def test_refuses_what_is_no_work(seconds, message):
    with pytest.raises(PlatformFormatError, match=message):
        build_model("work-sum", {"seconds": seconds})


def test_no_names_are_no_works():
    assert works_of((), _row()) == {}
