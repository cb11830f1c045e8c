import numpy as np
import pytest

from annette.fitting.reach import reach_of
from annette.mapping.kernel import COLUMNS, KernelTable


def _table(channels):
    values = np.ones((len(channels), len(COLUMNS)))
    values[:, COLUMNS.index("in_channels")] = channels
    values[:, COLUMNS.index("ops")] = 1e6
    return KernelTable(np.array(["conv"] * len(values)), values)


def test_what_was_measured_is_in_reach_and_what_is_usual_is_the_median():
    table = _table(np.arange(1, 600))
    correction = np.linspace(0.0, 1.0, 599)
    reach = reach_of(table, correction)
    assert reach.usual == pytest.approx(0.5)
    assert reach.faded(correction, table) == pytest.approx(correction)


def test_of_many_kernels_few_stand_for_all():
    random = np.random.default_rng(0)
    values = 2.0 ** random.uniform(0, 9, (5000, len(COLUMNS)))
    table = KernelTable(np.array(["conv"] * 5000), values)
    reach = reach_of(table, np.zeros(5000))
    assert len(reach.points) <= 1024
    assert (reach.distance(table) <= reach.full + 0.2).all()


def test_one_kernel_is_enough():
    reach = reach_of(_table([64]), np.array([0.25]))
    assert reach.usual == 0.25
    assert reach.full > 0
