"""What is predicted in cross-validation was never fitted on, by network or by configuration."""

import numpy as np

from annette.fitting.folds import configurations, folds
from annette.mapping.kernel import COLUMNS
from tests.unit.fitting.synthetic import convolutions, samples

_WEIGHTS = COLUMNS.index("network_weight_bytes")


def twins(rows=60):
    """Every kernel twice, in two networks of different size."""
    table = convolutions(rows, seed=3)
    table.values[rows // 2 :] = table.values[: rows // 2]
    table.values[:, _WEIGHTS] = np.arange(rows)
    return samples(table, np.ones(rows))


def assert_apart(data):
    own = configurations(data.table)
    tested = np.zeros(len(data), dtype=int)
    for train, test in folds(data):
        assert not set(own[train]) & set(own[test])
        tested[test] += 1
    assert (tested == 1).all()


def test_equal_kernels_of_networks_of_different_size_stay_together():
    data = twins()
    assert len(np.unique(configurations(data.table))) < len(data)
    assert_apart(data)


def test_a_network_is_never_on_both_sides():
    data = samples(convolutions(60, seed=3), np.ones(60), np.array([f"network{row % 12}" for row in range(60)]))
    assert_apart(data)
    for train, test in folds(data):
        assert not set(data.groups[train]) & set(data.groups[test])


def test_configurations_that_occur_in_all_networks_are_split_alone():
    table = convolutions(40, seed=3)
    table.values[:] = table.values[np.arange(40) % 4]
    data = samples(table, np.ones(40), np.array([f"network{row // 4}" for row in range(40)]))
    assert_apart(data)
    assert all(len(train) for train, _ in folds(data))


def test_one_configuration_cannot_be_split():
    table = convolutions(10)
    table.values[:] = table.values[0]
    ((train, test),) = folds(samples(table, np.ones(10)))
    assert len(train) == len(test) == 10
