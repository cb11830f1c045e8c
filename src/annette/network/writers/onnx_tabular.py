"""Learners of tables as operators of ``ai.onnx.ml``, which hold their parameters as attributes."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annette.errors import UnsupportedOperatorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.network.layer import Layer
    from annette.network.writers.onnx_nodes import Lowering

__all__ = ["RULES"]

_DOMAIN: Final = "ai.onnx.ml"
_SPREAD: Final = 0.7
"""Standard deviation of thresholds: features are standard normal where annette measures, and both ways are taken."""
_DEGREE: Final = 3.0


def _tree_ensemble(to: Lowering, layer: Layer) -> None:
    """Complete binary trees with random features and thresholds; the nodes of a level follow each other."""
    trees, depth, nodes, targets = (
        int(layer.attributes[key])  # type: ignore[arg-type]
        for key in ("trees", "depth", "nodes", "targets")
    )
    each, inner = 2 ** (depth + 1) - 1, 2**depth - 1
    if nodes != trees * each:
        raise UnsupportedOperatorError(
            f"layer {layer.name!r} (tree_ensemble) has {nodes} nodes in {trees} trees of depth {depth}: only complete "
            "trees can be written"
        )
    generator = np.random.default_rng(zlib.crc32(layer.name.encode()))
    features = to.network.tensors[layer.inputs[0]].shape[-1]
    numbers = np.arange(each)
    is_inner = np.tile(numbers < inner, trees)
    leaves = np.tile(numbers[inner:], trees)
    places = np.repeat(np.arange(trees), each - inner)
    children = np.tile(np.where(numbers < inner, 2 * numbers + 1, 0), trees)
    told = "class" if len(layer.outputs) == 2 else "target"
    results = {
        f"{told}_treeids": places.tolist(),
        f"{told}_nodeids": leaves.tolist(),
        f"{told}_ids": generator.integers(0, targets, len(leaves)).tolist(),
        f"{told}_weights": generator.normal(0, 1, len(leaves)).tolist(),
        **({"classlabels_int64s": list(range(targets))} if told == "class" else {"n_targets": targets}),
    }
    to.kept.update(layer.inputs[1:])
    to.node(
        "TreeEnsembleClassifier" if told == "class" else "TreeEnsembleRegressor",
        layer,
        [layer.inputs[0]],
        operator_set=_DOMAIN,
        nodes_treeids=np.repeat(np.arange(trees), each).tolist(),
        nodes_nodeids=np.tile(numbers, trees).tolist(),
        nodes_featureids=np.where(is_inner, generator.integers(0, features, nodes), 0).tolist(),
        nodes_modes=np.where(is_inner, "BRANCH_LEQ", "LEAF").tolist(),
        nodes_values=np.where(is_inner, generator.normal(0, _SPREAD, nodes), 0).tolist(),
        nodes_truenodeids=children.tolist(),
        nodes_falsenodeids=np.where(is_inner, children + 1, 0).tolist(),
        nodes_missing_value_tracks_true=[0] * nodes,
        **results,
    )


def _support_vectors(to: Lowering, layer: Layer) -> None:
    if layer.attributes["targets"] != 1:
        raise UnsupportedOperatorError(f"layer {layer.name!r} ({layer.kind}) has several results: one can be written")
    vectors, features = to.network.tensors[layer.inputs[1]].shape
    generator = np.random.default_rng(zlib.crc32(layer.name.encode()))
    kernel = str(layer.attributes["kernel"]).upper()
    attributes: dict[str, Any] = {
        "kernel_type": kernel,
        "kernel_params": [1 / features, 0.0, _DEGREE],
        "rho": [0.0],
        "support_vectors": generator.normal(0, 1, vectors * features).tolist(),
        "coefficients": generator.normal(0, 1, vectors).tolist(),
    }
    to.kept.update(layer.inputs[1:])
    if len(layer.outputs) == 2:
        operator = "SVMClassifier"
        attributes |= {"classlabels_ints": [0, 1], "vectors_per_class": [vectors - vectors // 2, vectors // 2]}
    else:
        operator = "SVMRegressor"
        attributes["n_supports"] = vectors
    to.node(operator, layer, [layer.inputs[0]], operator_set=_DOMAIN, **attributes)


RULES: Final[dict[str, Callable[[Lowering, Layer], None]]] = {
    "tree_ensemble": _tree_ensemble,
    **dict.fromkeys(("support_vectors", "rbf_support_vectors"), _support_vectors),
}
"""Rules by kind."""
