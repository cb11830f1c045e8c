"""Subnormal numbers become zero inside, and are themselves again outside."""

import numpy as np
import pytest

from annette.bench.subnormals import SUBNORMAL_LATENCY, can_flush, flushed, slowed_by
from tests.unit.bench.test_dataset import run

SMALL = np.full(64, 1e-30, dtype=np.float32)


def product() -> float:
    return float((SMALL * np.float32(1e-10)).max())


@pytest.mark.skipif(not can_flush(), reason="the C library or the processor cannot flush subnormal numbers")
def test_products_too_small_become_zero_and_only_inside() -> None:
    assert product() > 0
    with flushed():
        assert product() == 0
    assert product() > 0


@pytest.mark.skipif(not can_flush(), reason="the C library or the processor cannot flush subnormal numbers")
def test_errors_leave_the_numbers_as_they_were() -> None:
    with pytest.raises(ZeroDivisionError), flushed():
        raise ZeroDivisionError
    assert product() > 0


def test_another_processor_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert not can_flush()
    with flushed():
        assert product() > 0


def test_the_least_factor_of_all_rounds_counts() -> None:
    rounds = [
        run(latency_s=1e-3, details={SUBNORMAL_LATENCY: "0.003"}),
        run(latency_s=1e-3, details={SUBNORMAL_LATENCY: "0.002"}),
        run(latency_s=1e-3),
    ]
    assert slowed_by(rounds) == pytest.approx(2.0)
    assert slowed_by(rounds[2:]) is None
