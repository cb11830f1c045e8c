"""What classical learners of tables compute: ensembles of decision trees and support vector machines.

Their parameters are one constant operand each, whatever form a file keeps them in: of trees four numbers for each node
(a feature, a threshold and two children, or a leaf's value), of support vector machines the vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.errors import NetworkShapeError
from annette.network.kinds.kind import INTEGER, TEXT, Category, Kind
from annette.network.kinds.shapes import Shape, integers
from annette.network.layer import Dimensions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.kinds.dimensions import Operands
    from annette.network.layer import AttributeValue

__all__ = ["KINDS", "NUMBERS_PER_NODE"]

NUMBERS_PER_NODE: Final = 4
_OPS_PER_LEVEL: Final = 2
"""A comparison, and the choice of a child."""
_OPS_PER_DIFFERENCE: Final = 3
_OPS_PER_KERNEL_VALUE: Final = 4
"""Scaling and the exponential, hyperbolic tangent or power of a kernel that is not linear."""


def _rows(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    """One row of results for each row of features."""
    source, targets = inputs[0], integers(attributes, "targets")[0]
    if len(source) not in (1, 2) or targets < 1:
        raise NetworkShapeError(f"input {source} is no table of features, or {targets} results make no sense")
    return [(source[0] if len(source) == 2 else 1, targets)]


def _table(operands: Operands) -> tuple[int, int]:
    shape = operands.inputs[0].shape if operands.inputs else ()
    if len(shape) not in (1, 2):
        raise NetworkShapeError(f"reads a table of rows and features, not {shape}")
    return (1, *shape) if len(shape) == 1 else shape  # type: ignore[return-value]


def _tree_dimensions(operands: Operands) -> Dimensions:
    rows, features = _table(operands)
    trees, nodes, depth, targets = (
        integers(operands.attributes, key)[0] for key in ("trees", "nodes", "depth", "targets")
    )
    if min(trees, nodes, targets) < 1 or depth < 0:
        raise NetworkShapeError(f"has {trees} trees of {nodes} nodes, depth {depth}, for {targets} results")
    return Dimensions(
        batch=rows,
        in_channels=features,
        in_width=trees,
        out_channels=targets,
        axis_size=nodes,
        inner_size=max(1, depth),
        input_count=operands.input_count,
        output_count=len(operands.outputs),
    )


def _tree_ops(_: int, d: Dimensions, __: Operands) -> int:
    """A way down each tree, and the addition of what its leaf says."""
    return d.batch * d.in_width * (_OPS_PER_LEVEL * d.inner_size + 1)


def _tree_weights(_: Shape, attributes: Mapping[str, AttributeValue], __: int) -> dict[str, Shape]:
    return {"nodes": (integers(attributes, "nodes")[0], NUMBERS_PER_NODE)}


def _vector_dimensions(operands: Operands) -> Dimensions:
    rows, features = _table(operands)
    if len(operands.inputs) < 2 or len(operands.inputs[1].shape) != 2 or operands.inputs[1].shape[1] != features:
        raise NetworkShapeError(f"reads {features} features, which its support vectors do not have")
    return Dimensions(
        batch=rows,
        in_channels=features,
        out_channels=operands.inputs[1].shape[0],
        axis_size=integers(operands.attributes, "targets")[0],
        input_count=operands.input_count,
        output_count=len(operands.outputs),
    )


def _product_macs(d: Dimensions) -> int:
    """Products of rows and vectors, and of the kernel's values and their coefficients."""
    return d.batch * d.out_channels * (d.in_channels + d.axis_size)


def _product_ops(_: int, d: Dimensions, operands: Operands) -> int:
    linear = str(operands.attributes.get("kernel", "")).lower() == "linear"
    return 0 if linear else _OPS_PER_KERNEL_VALUE * d.batch * d.out_channels


def _sum_macs(d: Dimensions) -> int:
    """Products of the kernel's values and their coefficients."""
    return d.batch * d.out_channels * d.axis_size


def _distance_ops(_: int, d: Dimensions, __: Operands) -> int:
    """Squared differences, summed, and an exponential: no matrix product."""
    return d.batch * d.out_channels * (_OPS_PER_DIFFERENCE * d.in_channels + _OPS_PER_KERNEL_VALUE)


def _vector_weights(shape: Shape, attributes: Mapping[str, AttributeValue], _: int) -> dict[str, Shape]:
    vectors, targets = integers(attributes, "vectors")[0], integers(attributes, "targets")[0]
    return {"vectors": (vectors, shape[-1]), "coefficients": (targets, vectors)}


KINDS: Final = (
    Kind(
        "tree_ensemble",
        Category.TABULAR,
        "decision trees whose results are added",
        attributes={"trees": INTEGER, "nodes": INTEGER, "depth": INTEGER, "targets": INTEGER},
        shapes=_rows,
        dimensions=_tree_dimensions,
        ops=_tree_ops,
        weights=_tree_weights,
    ),
    *(
        Kind(
            name,
            Category.TABULAR,
            f"support vector machine whose kernel is made of {what}",
            attributes={"kernel": TEXT, "vectors": INTEGER, "targets": INTEGER},
            shapes=_rows,
            dimensions=_vector_dimensions,
            macs=macs,
            ops=ops,
            weights=_vector_weights,
        )
        for name, what, macs, ops in (
            ("support_vectors", "products (linear, polynomial, sigmoid)", _product_macs, _product_ops),
            ("rbf_support_vectors", "distances (radial basis functions)", _sum_macs, _distance_ops),
        )
    ),
)
"""Learners of tables that are no neural networks."""
