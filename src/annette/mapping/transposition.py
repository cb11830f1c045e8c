"""Transpositions that a matrix product does on the way: it reads the rows, or the columns, of its operand elsewhere.

ONNX Runtime's product has flags for two of them, which may come together (``core/optimizer/matmul_transpose_fusion.cc``
and the operator ``FusedMatMul``): the last two dimensions are exchanged, or the dimensions that count matrices stand
between rows and columns. All other transpositions are done before, and so is one that follows another: both become one
first, which no flag stands for (``core/optimizer/transpose_optimizer``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network import KINDS, Category

if TYPE_CHECKING:
    from annette.network import Layer, Network

__all__ = ["matrix_order"]

_PARTS = frozenset({"split", "slice", "gather"})
"""Kinds that a transposition is moved across by ONNX Runtime, for they cut along one dimension."""


def matrix_order(layer: Layer, network: Network) -> str | None:
    """How a transposition leaves the matrices that it is made of.

    Args:
        layer: Any layer.
        network: Where it stands.

    Returns:
        ``exchanged`` (of matrices ``[…, i, j]`` it makes ``[…, j, i]``), ``rows_first`` (of ``[i, …, j]`` it makes
        ``[…, i, j]``), ``columns_first`` (``[…, j, i]``); None of what is no transposition, of all other orders, and
        behind another transposition that it is joined with.

    Example:
        >>> from annette.network.builder import NetworkBuilder
        >>> net = NetworkBuilder("n")
        >>> moved = net.transpose(net.input("x", (16, 2, 8)), (1, 0, 2))
        >>> network = net.build()
        >>> matrix_order(network.producers[moved.name], network)
        'rows_first'
    """
    order = layer.attributes.get("perm")
    if layer.kind != "transpose" or not isinstance(order, tuple) or len(order) < 2:
        return None
    rank = len(order)
    between = tuple(range(1, rank - 1))
    orders = {
        (*range(rank - 2), rank - 1, rank - 2): "exchanged",
        (*between, 0, rank - 1): "rows_first",
        (*between, rank - 1, 0): "columns_first",
    }
    found = orders.get(tuple(int(axis) for axis in order))
    return None if found is None or _is_joined(layer, network) else found


def _is_joined(layer: Layer, network: Network) -> bool:
    """Whether another transposition stands before a layer, or before the tensor that its operand is a part of."""
    before = network.producers.get(layer.inputs[0])
    while before is not None and before.kind != "transpose":
        if KINDS[before.kind].category is Category.VIEW and before.inputs:
            # A part of size 1 loses its dimension; a view of anything else may be one that holds transpositions up.
            before = network.producers.get(before.inputs[0])
            if before is None or before.kind not in _PARTS:
                return False
        if before.kind not in _PARTS:
            return False
        before = network.producers.get(before.inputs[0])
    return before is not None
