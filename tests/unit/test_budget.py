"""Work and memory in proportion to a file's size."""

from __future__ import annotations

import pytest

from annette.budget import budgeted, require, spend, spend_spare
from annette.errors import NetworkSizeError


@pytest.mark.parametrize(("cost", "resource"), [({"steps": 101}, "work"), ({"size_bytes": 2.0**70}, "memory")])
def test_names_what_asks_for_too_much(cost, resource):
    with budgeted("m.onnx", steps=100, size_bytes=1000):
        spend("a node", steps=100, size_bytes=1000)
        with pytest.raises(NetworkSizeError, match=f"'m.onnx': node 'x' asks for more {resource}"):
            spend("node 'x'", **cost)


def test_a_budget_inside_another_does_not_extend_it():
    with budgeted("outer", steps=10), budgeted("inner", steps=10**9), pytest.raises(NetworkSizeError, match="outer"):
        spend("part", steps=11)


def test_a_new_budget_after_one_that_is_spent():
    for _ in range(2):
        with budgeted("m", steps=10):
            spend("part", steps=10)


def test_nothing_is_limited_without_a_budget():
    spend("anything", steps=10**30)


def test_requiring_draws_nothing():
    with budgeted("m", steps=10, size_bytes=10):
        for _ in range(3):
            require("whole", steps=10, size_bytes=10)
        with pytest.raises(NetworkSizeError, match="'m': whole asks for more memory"):
            require("whole", size_bytes=11)
        with pytest.raises(NetworkSizeError, match="'m': whole asks for more work"):
            require("whole", steps=11)


def test_what_can_be_left_out_gets_half():
    with budgeted("m", steps=100, size_bytes=100):
        assert spend_spare(steps=50, size_bytes=10)
        assert not spend_spare(steps=1)
        assert not spend_spare(size_bytes=41)
        assert spend_spare(size_bytes=40)
        spend("the rest", steps=50, size_bytes=50)


def test_what_can_be_left_out_gets_no_more_than_there_is():
    with budgeted("m", steps=100):
        spend("most", steps=90)
        assert not spend_spare(steps=11)
        assert spend_spare(steps=10)


def test_without_a_budget_nothing_is_left_out():
    require("anything", steps=10**30)
    assert spend_spare(steps=10**30)
