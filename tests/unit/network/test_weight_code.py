"""What values take in a Rice code, by hand."""

import numpy as np
import pytest

from annette.network.weight_code import SAMPLE_BYTES, code_bits, sampled


def test_zeros_alone_take_nothing():
    assert code_bits(np.zeros(100, np.int16)) == 0


def test_a_symbol_takes_its_unary_part_and_the_bits_shifted_out():
    assert code_bits(np.full(64, 1, np.int16)) == pytest.approx(2)  # Symbol 1: one unary bit and its end.
    assert code_bits(np.full(64, -16, np.int16)) == pytest.approx((32 >> 5) + 1 + 5)


def test_many_zeros_are_written_as_runs():
    values = np.zeros(1000, np.int16)
    values[::20] = 100
    dense = np.full(1000, 100, np.int16)
    assert code_bits(values) < code_bits(dense) / 5


def test_a_large_tensor_is_looked_at_in_parts_spread_over_it():
    assert sampled(1000) == [(0, 1000)]
    parts = sampled(10**9)
    assert sum(length for _, length in parts) == SAMPLE_BYTES
    assert parts[0][0] == 0
    assert sum(parts[-1]) == 10**9
