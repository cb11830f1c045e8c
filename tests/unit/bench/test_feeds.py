"""What networks are fed."""

import numpy as np
import pytest

from annette.bench.feeds import input_values


@pytest.mark.parametrize("kind", ["float32", "float16", "float64"])
def test_reals_are_standard_normal_and_always_the_same(kind: str) -> None:
    values = input_values((40, 50), kind)
    assert values.dtype == kind
    assert abs(values.mean()) < 0.1
    assert 0.9 < values.std() < 1.1
    assert np.array_equal(values, input_values((40, 50), kind))


@pytest.mark.parametrize("kind", ["int64", "int32", "uint8", "bool"])
def test_a_mask_hides_nothing_and_a_token_is_in_every_vocabulary(kind: str) -> None:
    values = input_values((1, 7), kind)
    assert values.dtype == kind
    assert (values == 1).all()


def test_rows_that_are_looked_up_are_spread_over_the_table() -> None:
    values = input_values((4, 100), "int64", rows=5)
    assert set(values.ravel()) == set(range(5))
    assert np.array_equal(values, input_values((4, 100), "int64", rows=5))
    assert (input_values((3,), "int32", rows=1) == 0).all()
    assert list(input_values((2,), "int64", [7, 3], rows=5)) == [7, 3]
