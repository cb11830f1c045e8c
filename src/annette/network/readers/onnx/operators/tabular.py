"""Operators of ``ai.onnx.ml``: what converters of scikit-learn, LightGBM and XGBoost write for learners of tables."""

from __future__ import annotations

import math
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

from annette.budget import spend
from annette.network.kinds.matrix import product_dimensions
from annette.network.kinds.tabular import NUMBERS_PER_NODE
from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.values import Meta, Value, dtype_of
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.layer import AttributeValue
    from annette.network.readers.onnx.node import Node, Rule

__all__ = ["RULES"]

_BRANCHES: Final = ("nodes_truenodeids", "nodes_falsenodeids")
_LEAF: Final = b"LEAF"
_VALUES: Final = {
    "values_strings": DType.STRING,
    "values_int64s": DType.INT64,
    "values_floats": DType.FLOAT32,
}


def _constant(node: Node, label: str, *shape: int) -> Value:
    """Parameters that the file keeps in attributes, as the constant that they are."""
    name = f"{node.name}.{label}"
    value = Value(name, shape, DType.FLOAT32, constant=True)
    value.root = name
    return value


def _rows(node: Node) -> tuple[int, int]:
    """Rows and features of the table that a node reads."""
    shape = node.input(0).shape
    if len(shape) not in (1, 2):
        raise node.error(f"reads a table of rows and features, not {list(shape)}")
    return (shape[0], shape[1]) if len(shape) == 2 else (1, shape[0])


def _labels(node: Node, *names: str) -> tuple[int, DType]:
    """How many classes a classifier tells apart, and what it calls them."""
    for name in names:
        if name in node.attributes:
            attribute = node.attributes[name]
            return max(len(attribute.strings), len(attribute.ints)), DType.STRING if attribute.strings else DType.INT64
    return 0, DType.INT64


def _strings(node: Node, name: str) -> Sequence[bytes]:
    return node.attributes[name].strings if name in node.attributes else ()


def _depth(node: Node, modes: Sequence[bytes], trees: Sequence[int]) -> int:
    """Mean number of decisions on the way to a leaf, every leaf counting the same, rounded to a whole number.

    Raises:
        NetworkShapeError: A node's children do not exist, or it is a child of two.
    """
    numbers = node.integers("nodes_nodeids") or ()
    if not len(numbers) == len(trees) == len(modes):
        raise node.error(f"describes {len(modes)} nodes by {len(numbers)} numbers in {len(trees)} trees")
    places = {place: index for index, place in enumerate(zip(trees, numbers, strict=True))}
    children: dict[int, list[int]] = {}
    inner = set()
    branches = [node.integers(name) or () for name in _BRANCHES]
    if any(len(branch) != len(modes) for branch in branches):
        raise node.error(f"describes {len(modes)} nodes and the children of {len(branches[0])}")
    for index, mode in enumerate(modes):
        if mode != _LEAF:
            try:
                children[index] = [places[trees[index], branch[index]] for branch in branches]
            except KeyError as error:
                raise node.error(f"has no node {error} of a tree, which is a child of another") from None
            inner.update(children[index])
    depths, seen = [], 0
    level = [index for index in range(len(modes)) if index not in inner]
    below = 0
    while level and seen <= len(modes):
        seen += len(level)
        depths += [below] * sum(modes[index] == _LEAF for index in level)
        level = [child for index in level for child in children.get(index, ())]
        below += 1
    if seen != len(modes) or not depths:
        raise node.error("has trees whose nodes are no trees: a node is the child of two, or of itself")
    return max(1, round(math.fsum(depths) / len(depths)))


def _trees(node: Node, targets: int) -> Result:
    trees, modes = node.integers("nodes_treeids") or (), _strings(node, "nodes_modes")
    spend(node.subject, steps=2 * len(modes), size_bytes=200 * len(modes))
    if not modes:
        raise node.error("has no trees")
    attributes: dict[str, AttributeValue] = {
        "trees": len(Counter(trees)),
        "nodes": len(modes),
        "depth": _depth(node, modes, trees),
        "targets": targets,
    }
    result = node.layer("tree_ensemble", node.input(0), attributes=attributes, dtype=DType.FLOAT32)
    result.operands = [node.input(0), _constant(node, "nodes", len(modes), NUMBERS_PER_NODE)]
    return result


def _tree_classifier(node: Node) -> Result:
    classes, dtype = _labels(node, "classlabels_strings", "classlabels_int64s")
    result = _trees(node, max(1, classes))
    result.outputs = [Meta((result.outputs[0].shape[0],), dtype), *result.outputs]
    return result


def _forest(node: Node) -> Result:
    """TreeEnsemble (version 5), whose nodes are tensors."""
    roots, leaves = node.integers("tree_roots") or (), node.integers("leaf_targetids") or ()
    features = node.integers("nodes_featureids") or ()
    if not roots or not leaves:
        raise node.error("has no trees")
    rows, _ = _rows(node)
    nodes, targets = len(features) + len(leaves), node.integer("n_targets", 1)
    attributes: dict[str, AttributeValue] = {
        "trees": len(roots),
        "nodes": nodes,
        "depth": max(1, round(math.log2(max(2.0, len(leaves) / len(roots))))),
        "targets": targets,
    }
    meta = Meta((rows, targets), node.input(0).dtype)
    operands = [node.input(0), _constant(node, "nodes", nodes, NUMBERS_PER_NODE)]
    return Result([meta], "tree_ensemble", attributes, operands=operands)


def _vectors(node: Node, targets: int) -> Result:
    rows, features = _rows(node)
    numbers = len(node.reals("support_vectors") or ())
    if not numbers:  # A linear machine without vectors: one coefficient for each feature and class.
        return _linear(node, max(1, len(node.reals("coefficients") or ()) // max(1, features)))
    if features < 1 or numbers % features:
        raise node.error(f"has support vectors of {numbers} numbers for {features} features")
    vectors = numbers // features
    kernel = node.text("kernel_type", "LINEAR").lower()
    attributes: dict[str, AttributeValue] = {"kernel": kernel, "vectors": vectors, "targets": targets}
    constants = [_constant(node, "vectors", vectors, features), _constant(node, "coefficients", targets, vectors)]
    meta = Meta((rows, targets), DType.FLOAT32)
    kind = "rbf_support_vectors" if kernel == "rbf" else "support_vectors"
    return Result([meta], kind, attributes, operands=[node.input(0), *constants])


def _vector_classifier(node: Node) -> Result:
    rows, _ = _rows(node)
    classes, dtype = _labels(node, "classlabels_strings", "classlabels_ints")
    result = _vectors(node, max(1, classes - 1))
    scores = classes if classes == 2 or "prob_a" in node.attributes else classes * (classes - 1) // 2
    result.outputs = [Meta((rows,), dtype), Meta((rows, max(1, scores)), DType.FLOAT32)]
    return result


def _linear(node: Node, targets: int) -> Result:
    """A product with coefficients that the file keeps in attributes."""
    rows, features = _rows(node)
    operands = [node.input(0), _constant(node, "coefficients", targets, features)]
    if node.reals("intercepts"):
        operands.append(_constant(node, "intercepts", targets))
    meta = Meta((rows, targets), DType.FLOAT32)
    dimensions = product_dimensions(rows, 1, features, targets, input_count=1)
    attributes: dict[str, AttributeValue] = {"transposed_weights": True}
    return Result([meta], "fully_connected", attributes, operands=operands, dimensions=dimensions)


def _linear_classifier(node: Node) -> Result:
    rows, features = _rows(node)
    coefficients = len(node.reals("coefficients") or ())
    classes, dtype = _labels(node, "classlabels_strings", "classlabels_ints")
    if features < 1 or not coefficients or coefficients % features:
        raise node.error(f"has {coefficients} coefficients for {features} features")
    result = _linear(node, coefficients // features)
    scores = Meta((rows, max(classes, coefficients // features)), DType.FLOAT32)
    # Of two classes a file may keep the coefficients of one: the layer computes them all the same.
    result.outputs = [Meta((rows,), dtype), scores]
    return result


def _scaler(node: Node) -> Result:
    """A shift and a factor for each feature."""
    rows, features = _rows(node)
    constants = [
        _constant(node, name, features) for name in ("offset", "scale") if len(node.reals(name) or ()) == features
    ]
    meta = Meta(node.input(0).shape or (rows, features), DType.FLOAT32)
    return Result([meta], "mul", operands=[node.input(0), *constants])


def _normalizer(node: Node) -> Result:
    operand = node.input(0)
    rank = len(operand.shape)
    if rank not in (1, 2):
        raise node.error(f"normalizes rows of a table, not {list(operand.shape)}")
    return Result([Meta(operand.shape, DType.FLOAT32)], "lp_norm", {"axis": rank - 1}, operands=[operand])


def _feature_extractor(node: Node) -> Result:
    """ArrayFeatureExtractor: columns by their numbers."""
    operand, columns = node.input(0), node.input(1)
    if not operand.shape:
        raise node.error("takes columns of a scalar")
    count = columns.elements
    shape = (*operand.shape[:-1], count) if len(operand.shape) > 1 else (1, count)
    attributes: dict[str, AttributeValue] = {"axis": len(operand.shape) - 1}
    return Result([Meta(shape, operand.dtype)], "gather", attributes, operands=[operand, columns])


def _feature_vector(node: Node) -> Result:
    """FeatureVectorizer: tables side by side."""
    operands = [node.input(index) for index in range(max(1, len(node.inputs)))]
    widths = [value.shape[1] if len(value.shape) == 2 else value.elements for value in operands]
    rows = operands[0].shape[0] if len(operands[0].shape) == 2 else 1
    return Result([Meta((rows, sum(widths)), DType.FLOAT32)], "concat", {"axis": 1}, operands=operands)


def _lookup(node: Node) -> Result:
    """LabelEncoder and CategoryMapper: every element by a table of keys and values."""
    operand = node.input(0)
    if "values_tensor" in node.attributes:
        dtype = dtype_of(node.attributes["values_tensor"].t.data_type, node.subject)
    elif node.op == "CategoryMapper":
        dtype = DType.INT64 if operand.dtype is DType.STRING else DType.STRING
    else:
        named = [dtype for name, dtype in _VALUES.items() if name in node.attributes]
        dtype = named[0] if named else DType.INT64 if operand.dtype is DType.STRING else DType.STRING
    return Result([Meta(operand.shape, dtype)], "gather", operands=[operand])


def _one_hot(node: Node) -> Result:
    classes, _ = _labels(node, "cats_int64s", "cats_strings")
    if not classes:
        raise node.error("has no categories")
    shape = node.input(0).shape
    axis: dict[str, AttributeValue] = {"axis": len(shape)}
    return Result([Meta((*shape, classes), DType.FLOAT32)], "generate", axis, operands=[node.input(0)])


def _elementwise(kind: str, node: Node) -> Result:
    return Result([node.input(0).meta], kind, operands=[node.input(0)])


def _zip_map(node: Node) -> Result:
    """A table as a list of dictionaries, one for each row: what it holds is copied."""
    operand = node.input(0)
    rows = Value(f"{node.output_names[0]}[]", operand.shape, operand.dtype, constant=operand.constant)
    return Result(kind="copy", items=(rows,), operands=[operand])


RULES: Final[Mapping[str, Rule]] = {
    "TreeEnsembleClassifier": _tree_classifier,
    "TreeEnsembleRegressor": lambda node: _trees(node, node.integer("n_targets", 1)),
    "TreeEnsemble": _forest,
    "SVMClassifier": _vector_classifier,
    "SVMRegressor": lambda node: _vectors(node, 1),
    "LinearClassifier": _linear_classifier,
    "LinearRegressor": lambda node: _linear(node, node.integer("targets", 1)),
    "Scaler": _scaler,
    "Normalizer": _normalizer,
    "ArrayFeatureExtractor": _feature_extractor,
    "FeatureVectorizer": _feature_vector,
    **dict.fromkeys(("LabelEncoder", "CategoryMapper"), _lookup),
    "OneHotEncoder": _one_hot,
    "Binarizer": partial(_elementwise, "compare"),
    "Imputer": partial(_elementwise, "where"),
    "ZipMap": _zip_map,
}
"""Rules of ``ai.onnx.ml`` by operator."""
