"""Flattened forests are the forests that LightGBM grew."""

import lightgbm
import numpy as np
import pytest

from annette.fitting import forest as growing
from annette.fitting.forest import Growth, grow


def data(rows=400, columns=6):
    random = np.random.default_rng(3)
    features = random.normal(0, 10, (rows, columns)).astype(np.float32).astype(np.float64)
    features[:, 0] = np.round(features[:, 0])
    return features, np.sin(features[:, 0]) + features[:, 1] ** 2 / 50


@pytest.mark.parametrize("growth", [Growth(), Growth(trees=3, leaves=4), Growth(trees=40, leaves=31, least_in_leaf=1)])
def test_predictions_equal_those_of_lightgbm(monkeypatch, growth):
    grown = []
    train = lightgbm.train
    monkeypatch.setattr(growing.lightgbm, "train", lambda *a, **k: grown.append(train(*a, **k)) or grown[-1])
    features, target = data()
    forest = grow(features, target, growth)
    random = np.random.default_rng(4)
    fresh = random.normal(0, 20, (500, features.shape[1])).astype(np.float32).astype(np.float64)
    for table in (features, fresh):
        trees = grown[0].dump_model()["tree_info"]
        leaves = grown[0].predict(table, pred_leaf=True)
        values = [
            {leaf["leaf_index"]: leaf["leaf_value"] for leaf in _leaves(tree["tree_structure"])} for tree in trees
        ]
        expected = [
            np.array([np.float32(values[tree][leaf]) for tree, leaf in enumerate(row)]).sum(dtype=np.float64)
            for row in leaves
        ]
        np.testing.assert_array_equal(forest.predict(table), expected)


def _leaves(node):
    return [node] if "split_feature" not in node else _leaves(node["left_child"]) + _leaves(node["right_child"])


def test_the_same_input_and_seed_give_the_same_forest():
    features, target = data()
    first, second = (grow(features, target, Growth(), seed=1).to_json() for _ in range(2))
    assert first == second
    assert grow(features, target, Growth(), seed=2).to_json() != first


def test_constant_features_and_targets_give_a_constant():
    forest = grow(np.ones((20, 2)), np.full(20, 3.5), Growth(trees=5))
    np.testing.assert_allclose(forest.predict(np.zeros((2, 2))), 3.5, rtol=1e-6)
