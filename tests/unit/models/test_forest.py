"""Flattened forests: what they predict, and what a file may not hold."""

import base64
import json
import zlib

import numpy as np
import pytest

from annette.errors import PlatformFormatError
from annette.models.forest import Forest


def stump():
    """Feature 1 at most 2.5 gives 10, else 20; and a tree that is one leaf of 1."""
    return Forest(
        roots=np.array([0, 3], dtype=np.int32),
        feature=np.array([1, -1, -1, -1], dtype=np.int16),
        threshold=np.array([2.5, 0, 0, 0], dtype=np.float32),
        left=np.array([1, 0, 0, 0], dtype=np.int32),
        value=np.array([0, 10, 20, 1], dtype=np.float32),
        base=0.5,
    )


def test_rows_go_left_up_to_and_at_the_threshold():
    table = np.array([[0.0, 2.5], [0.0, 2.5000005], [9.0, -3.0]])
    assert stump().predict(table).tolist() == [11.5, 21.5, 11.5]
    assert stump().predict(table[:0]).shape == (0,)
    assert stump().columns == 2


def test_text_round_trip_is_exact():
    document = json.loads(json.dumps(stump().to_json(), allow_nan=False))
    assert Forest.from_json(document).to_json() == document


def packed(values, kind):
    return base64.b64encode(zlib.compress(np.array(values, dtype=kind).tobytes())).decode()


@pytest.mark.parametrize(
    "change",
    [
        {"left": packed([0, 0, 0, 0], "<i4")},
        {"left": packed([3, 0, 0, 0], "<i4")},
        {"left": packed([-5, 0, 0, 0], "<i4")},
        {"value": packed([0, np.nan, 20, 1], "<f4")},
        {"threshold": packed([np.inf, 0, 0, 0], "<f4")},
        {"threshold": packed([1, 2], "<f4")},
        {"threshold": packed([1] * 100000, "<f4")},
        {"feature": "not base64"},
        {"feature": base64.b64encode(b"not zlib").decode()},
        {"roots": [4]},
        {"roots": [-1]},
        {"roots": [True]},
        {"roots": []},
        {"nodes": 0},
        {"nodes": 10**9},
        {"nodes": 3},
        {"base": float("nan")},
        {"base": "1"},
        {"extra": 1},
    ],
    ids=str,
)
def test_what_makes_no_forest_is_refused_in_one_line(change):
    with pytest.raises(PlatformFormatError) as caught:
        Forest.from_json({**stump().to_json(), **change})
    assert "\n" not in str(caught.value)


def test_a_tree_deeper_than_any_learner_makes_is_refused():
    depth = 100
    feature = np.array([value for _ in range(depth) for value in (0, -1)] + [-1], dtype=np.int16)
    feature[1:] = np.where(np.arange(1, 2 * depth + 1) % 2 == 0, 0, -1)
    feature[-1] = -1
    left = np.zeros(2 * depth + 1, dtype=np.int32)
    left[feature >= 0] = np.flatnonzero(feature >= 0) + 1
    zeros = np.zeros(2 * depth + 1, dtype=np.float32)
    forest = Forest(np.zeros(1, dtype=np.int32), feature, zeros, left, zeros)
    with pytest.raises(PlatformFormatError, match="levels deep"):
        forest.predict(np.ones((1, 1)))


def chain(depth):
    """One tree whose every inner node has a leaf on its left: ``depth`` comparisons deep."""
    nodes = 2 * depth + 1
    feature = np.array([0 if node % 2 == 0 and node < nodes - 1 else -1 for node in range(nodes)], dtype=np.int16)
    return Forest(
        roots=np.array([0], dtype=np.int32),
        feature=feature,
        threshold=np.arange(nodes, dtype=np.float32),
        left=np.where(feature == 0, np.arange(nodes) + 1, 0).astype(np.int32),
        value=np.arange(nodes, dtype=np.float32),
    )


def test_the_walk_goes_as_deep_as_the_deepest_leaf():
    assert chain(64).predict(np.array([[0.0], [3.0], [1000.0]])).tolist() == [1.0, 5.0, 128.0]


def test_a_forest_that_is_too_deep_is_refused():
    with pytest.raises(PlatformFormatError, match="more than 64 levels deep"):
        chain(65).predict(np.zeros((1, 1)))


def test_many_rows_are_the_same_as_one_by_one():
    table = np.random.default_rng(3).uniform(0, 5, (40_000, 2))
    together = stump().predict(table)
    assert together.shape == (40_000,)
    assert all(together[row] == stump().predict(table[row : row + 1])[0] for row in range(0, 40_000, 997))
