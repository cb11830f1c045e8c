"""Grows forests with LightGBM and flattens them into `annette.models.forest.Forest`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np

from annette.models.forest import Forest

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray

__all__ = ["Growth", "grow", "joined"]


@dataclass(frozen=True, slots=True)
class Growth:
    """How a forest is grown: gradient boosting on squared error.

    Attributes:
        trees: Number of trees.
        leaves: Most leaves a tree may have.
        learning_rate: Share of each tree that counts.
        least_in_leaf: Fewest rows in a leaf.
        features: Share of the features that each tree may look at.
        smoothing: Pull of small leaves towards their parents.
        ridge: Pull of all leaves towards 0, as a number of rows.
        rows: Share of the rows that each tree is grown on.
    """

    trees: int = 150
    leaves: int = 15
    learning_rate: float = 0.08
    least_in_leaf: int = 4
    features: float = 0.8
    smoothing: float = 1.0
    ridge: float = 0.0
    rows: float = 1.0


def grow(
    features: FloatArray, target: FloatArray, growth: Growth, *, seed: int = 0, weights: FloatArray | None = None
) -> Forest:
    """Grows a forest.

    The same input and seed give the same forest, bit for bit, on one machine type: one thread, no sampling that depends
    on time.

    Args:
        features: Shape ``(rows, columns)``.
        target: Shape ``(rows,)``.
        growth: How.
        seed: For the choice of features.
        weights: How much each row counts, above 0, shape ``(rows,)``; all the same where absent.
    """
    booster = lightgbm.train(
        {
            "objective": "l2",
            "num_leaves": growth.leaves,
            "learning_rate": growth.learning_rate,
            "min_data_in_leaf": growth.least_in_leaf,
            "feature_fraction": growth.features,
            "path_smooth": growth.smoothing,
            "lambda_l2": growth.ridge,
            "bagging_fraction": growth.rows,
            "bagging_freq": 1 if growth.rows < 1 else 0,
            "max_bin": 255,
            "min_data_in_bin": 1,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "seed": seed,
            "verbosity": -1,
        },
        lightgbm.Dataset(features, label=target, weight=weights, params={"verbosity": -1, "min_data_in_bin": 1}),
        num_boost_round=growth.trees,
    )
    return _flatten([tree["tree_structure"] for tree in booster.dump_model()["tree_info"]])


def _flatten(trees: list[dict[str, Any]]) -> Forest:
    """Lays trees out in arrays, breadth first, siblings side by side."""
    nodes: list[dict[str, Any]] = []
    left: list[int] = []
    roots = []
    for tree in trees:
        roots.append(len(nodes))
        nodes.append(tree)
        while len(left) < len(nodes):
            node = nodes[len(left)]
            splits = "split_feature" in node
            left.append(len(nodes) if splits else 0)
            nodes += [node["left_child"], node["right_child"]] if splits else []
    return Forest(
        roots=np.array(roots, dtype=np.int32),
        feature=np.array([node.get("split_feature", -1) for node in nodes], dtype=np.int16),
        threshold=np.array([_not_above(float(node.get("threshold", 0.0))) for node in nodes], dtype=np.float32),
        left=np.array(left, dtype=np.int32),
        value=np.array([float(node.get("leaf_value", 0.0)) for node in nodes], dtype=np.float32),
    )


def _not_above(threshold: float) -> float:
    """The largest single-precision number that is not above: splits single-precision features as the original does."""
    single = np.float32(threshold)
    return float(single if single <= threshold else np.nextafter(single, np.float32(-np.inf)))


def joined(first: Forest, second: Forest) -> Forest:
    """The sum of two forests over the same features."""
    nodes = len(first.feature)
    return Forest(
        roots=np.concatenate([first.roots, second.roots + nodes]).astype(np.int32),
        feature=np.concatenate([first.feature, second.feature]),
        threshold=np.concatenate([first.threshold, second.threshold]),
        left=np.concatenate([first.left, np.where(second.feature >= 0, second.left + nodes, 0)]).astype(np.int32),
        value=np.concatenate([first.value, second.value]),
        base=first.base + second.base,
    )
