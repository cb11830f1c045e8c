"""Grows forests with LightGBM and flattens them into `annette.models.forest.Forest`."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
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
    options = asdict(growth)
    booster = lightgbm.train(
        {
            "objective": "l2",
            "num_leaves": options["leaves"],
            "learning_rate": options["learning_rate"],
            "min_data_in_leaf": options["least_in_leaf"],
            "feature_fraction": options["features"],
            "path_smooth": options["smoothing"],
            "lambda_l2": options["ridge"],
            "bagging_fraction": options["rows"],
            "bagging_freq": 1 if options["rows"] < 1 else 0,
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
    feature: list[int] = []
    threshold: list[float] = []
    left: list[int] = []
    value: list[float] = []
    roots = []

    def append() -> int:
        feature.append(-1)
        threshold.append(0.0)
        left.append(0)
        value.append(0.0)
        return len(feature) - 1

    for tree in trees:
        roots.append(append())
        queue = deque([(tree, roots[-1])])
        while queue:
            node, index = queue.popleft()
            if "split_feature" not in node:
                value[index] = float(node["leaf_value"])
                continue
            feature[index] = int(node["split_feature"])
            threshold[index] = _not_above(float(node["threshold"]))
            left[index] = append()
            append()
            queue.append((node["left_child"], left[index]))
            queue.append((node["right_child"], left[index] + 1))
    return Forest(
        roots=np.array(roots, dtype=np.int32),
        feature=np.array(feature, dtype=np.int16),
        threshold=np.array(threshold, dtype=np.float32),
        left=np.array(left, dtype=np.int32),
        value=np.array(value, dtype=np.float32),
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
