"""What trees over examples say, and where they write down a split."""

import pytest

from annette.fitting.mapping_trees import Example, leaves


def examples(field, *groups):
    """``count`` examples of a value each."""
    return [Example({f"second.{field}": value}, holds) for value, holds, count in groups for _ in range(count)]


def conditions(found):
    return {leaf.conditions: leaf.holds == leaf.seen for leaf in found}


@pytest.mark.parametrize(
    ("field", "threshold"), [("consumers", "0.5"), ("out_channels", "2"), ("attributes.group", "2")]
)
def test_splits_of_counts_are_written_right_above_the_smaller_one(field, threshold):
    found = conditions(leaves(examples(field, (0, False, 30), (4, True, 30)), seed=0))
    assert found == {(f"second.{field} <= {threshold}",): False, (f"second.{field} > {threshold}",): True}


def test_a_count_that_is_special_elsewhere_does_not_move_a_split():
    made = [
        Example({"second.consumers": count, "first.has_residual": residual}, holds)
        for number in range(30)
        for count, residual, holds in ((0, False, False), (4, False, True), (1, True, False), (4, True, False))
    ]
    (whole,) = [leaf.conditions for leaf in leaves(made, seed=0) if leaf.holds]
    assert set(whole) == {"second.consumers > 0.5", "first.has_residual == false"}
