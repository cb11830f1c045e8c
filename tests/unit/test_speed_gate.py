"""The speed gate: what fails, what is measured again, and that every recorded ratio belongs to a case."""

import json

import pytest
from benchmarks import gate


@pytest.fixture
def measured(monkeypatch):
    """Gives the gate one case and the ratios that it will measure, one after the other."""

    def give(*ratios):
        left = list(ratios)
        monkeypatch.setattr(gate, "cases", lambda: {"case": (lambda: None, 1, 1)})
        monkeypatch.setattr(gate, "ratio_of", lambda *_: left.pop(0))
        return left

    return give


def test_within_the_tolerance_all_is_well(measured):
    measured(1.9)
    assert gate.check({"case": 1.0}) == []


def test_what_was_slow_once_is_measured_again(measured):
    left = measured(5.0, 2.5, 1.5)
    assert gate.check({"case": 1.0}) == []
    assert left == []


def test_what_stays_slow_fails(measured):
    measured(5.0, 2.5, 2.1)
    assert gate.check({"case": 1.0}) == ["case"]


def test_what_has_no_recorded_ratio_fails(measured):
    measured(1.0)
    assert gate.check({}) == ["case"]


def test_every_case_has_a_recorded_ratio_and_no_other_is_recorded():
    assert gate.cases().keys() == json.loads(gate.RATIOS.read_text(encoding="utf-8")).keys()
