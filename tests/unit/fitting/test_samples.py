"""Cleaning: what is dropped and joined is named."""

import numpy as np
import pytest

from annette.errors import FitError
from annette.fitting.samples import Samples, clean, configurations, folds
from annette.mapping.kernel import COLUMNS, KernelTable
from tests.unit.fitting.synthetic import convolutions, samples


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0, 0.0])
def test_times_that_are_none_are_dropped_and_named(bad):
    data = samples(convolutions(5), [1.0, bad, 1.0, 1.0, 1.0])
    kept, dropped = clean(data)
    assert len(kept) == 4
    assert [part.sources for part in dropped] == [("case1",)]
    assert "time" in dropped[0].reason


def test_features_that_are_none_are_dropped_and_named():
    data = samples(convolutions(3), np.ones(3))
    data.table.values[2, 0] = np.inf
    kept, dropped = clean(data)
    assert len(kept) == 2
    assert dropped[0].sources == ("case2",)


def test_equal_kernels_are_joined_by_their_median_and_named():
    table = convolutions(3)
    table.values[1:] = table.values[0]
    kept, dropped = clean(samples(table, [1.0, 5.0, 2.0]))
    assert kept.latency_s.tolist() == [2.0]
    assert dropped[0].sources == ("case1", "case2")


def test_kinds_and_context_keep_kernels_apart():
    table = convolutions(2)
    table.values[1] = table.values[0]
    kinds = KernelTable(np.array(["conv", "add"]), table.values)
    context = KernelTable(table.kinds, table.values, {"context:depth": np.array([0.0, 1.0])})
    for apart in (kinds, context):
        kept, dropped = clean(samples(apart, [1.0, 2.0]))
        assert kept.latency_s.tolist() == [1.0, 2.0]
        assert dropped == ()


def test_nothing_left_is_an_error_that_says_why():
    with pytest.raises(FitError, match=r"none of 2 .* positive"):
        clean(samples(convolutions(2), [-1.0, np.nan]))


def test_columns_of_different_length_are_refused():
    data = samples(convolutions(2), np.ones(2))
    with pytest.raises(FitError, match="length"):
        Samples(data.table, np.ones(3), data.groups, data.sources)


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
