"""Cleaning: what is dropped and joined is named."""

import numpy as np
import pytest

from annette.errors import FitError
from annette.fitting.samples import Samples, clean
from annette.mapping.kernel import KernelTable
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
