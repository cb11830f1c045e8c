"""What values take in a Rice code, by hand."""

import numpy as np
import pytest

from annette.network.weight_code import SAMPLE_BYTES, code_bits, sampled


def test_zeros_alone_take_nothing():
    assert code_bits(np.zeros(100, np.int16)) == 0


def test_a_symbol_takes_its_unary_part_and_the_bits_shifted_out():
    values = np.arange(-50, 51, dtype=np.int16)  # One of each symbol up to 100: no palette.
    expected = min(np.mean([(symbol >> shift) + 1 + shift for symbol in range(101)]) for shift in range(6))
    assert code_bits(values) == pytest.approx(expected)


def test_most_frequent_values_come_first():
    assert code_bits(np.full(64, -16, np.int16)) == pytest.approx(1)
    rare = np.concatenate([np.repeat(np.int16(-16), 90), np.arange(1, 11, dtype=np.int16)])
    assert 1 < code_bits(rare) < 3


def test_many_zeros_are_written_as_runs():
    dense = np.random.default_rng(0).integers(-100, 101, 1000).astype(np.int16)
    sparse = dense * (np.arange(1000) % 20 == 0)
    assert code_bits(sparse) < code_bits(dense) / 5


def test_a_large_tensor_is_looked_at_in_parts_spread_over_it():
    assert sampled(1000) == [(0, 1000)]
    parts = sampled(10**9)
    assert sum(length for _, length in parts) == SAMPLE_BYTES
    assert parts[0][0] == 0
    assert sum(parts[-1]) == 10**9
