"""The Ethos-U's formula: the busiest unit decides."""

import numpy as np
import pytest

from annette.devices.arm_ethos_u.formulas import BUSIEST
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.models.tiled_roofline import TiledRoofline

UNITS = ("engine", "on_chip", "off_chip")
COLUMNS_OF_CONTEXT = (*UNITS, "waiting")


def table(ops=1.0, **cycles):
    values = np.ones((1, len(COLUMNS)))
    values[0, COLUMNS.index("ops")] = ops
    context = {f"context:{unit}_cycles": np.array([cycles.get(unit, 0.0)]) for unit in COLUMNS_OF_CONTEXT}
    return KernelTable(np.array(["conv"]), values, context)


def model(start=0.0, clock_mhz=1.0):
    return TiledRoofline(BUSIEST.name, {"clock_mhz": clock_mhz, "start_cycles": start})


@pytest.mark.parametrize("busiest", UNITS)
def test_the_busiest_unit_decides(busiest):
    cycles = dict.fromkeys(UNITS, 100.0) | {busiest: 300.0}
    assert model().predict_s(table(**cycles))[0] == pytest.approx(300e-6)


def test_operations_one_after_another_take_longer_than_the_busiest_unit():
    assert model().predict_s(table(engine=300.0, off_chip=200.0, waiting=50.0))[0] == pytest.approx(350e-6)


def test_a_clock_twice_as_fast_takes_half_as_long():
    fast, slow = (model(clock_mhz=clock).predict_s(table(engine=100.0))[0] for clock in (2.0, 1.0))
    assert fast == pytest.approx(slow / 2)


def test_a_start_comes_on_top():
    assert model(start=20.0).predict_s(table(engine=100.0))[0] == pytest.approx(120e-6)


def test_an_idle_kernel_takes_a_cycle_and_not_nothing():
    assert model().predict_s(table())[0] == pytest.approx(1e-6)


def test_engine_and_memories_are_told_apart():
    terms = model().terms(table(engine=100.0, on_chip=50.0, off_chip=70.0))
    assert terms.compute_s[0] == pytest.approx(100e-6)
    assert terms.memory_s[0] == pytest.approx(70e-6)
    assert model().terms(table(ops=0.0, engine=100.0)).compute_s[0] == 0
