"""Shapes between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND in files that leave their batch open.

The converter takes a convolution with dilation apart: positions that lie a block apart become samples of their own, a
plain convolution works on them, and they are put together again. Converted with an open batch, the file states a batch
of 1 for every tensor, there, too, where a block of 2 by 2 makes 4 samples of each.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annette.network.readers.tflite.file import FileOperator, FileTensor, Graph

__all__ = ["with_samples_of_blocks"]


def with_samples_of_blocks(graph: Graph) -> Graph:
    """The graph with as many samples between the two operators as there are; itself where the file says so."""
    factors: dict[str, int] = {}
    for operator in graph.operators:
        _follow(operator, factors)
    if all(factor == 1 for factor in factors.values()):
        return graph
    tensors = {tensor.name: _scaled(tensor, factors.get(tensor.name, 1)) for tensor in graph.tensors}
    operators = [
        replace(
            operator,
            inputs=tuple(None if tensor is None else tensors[tensor.name] for tensor in operator.inputs),
            outputs=tuple(tensors[tensor.name] for tensor in operator.outputs),
        )
        for operator in graph.operators
    ]
    return replace(graph, tensors=tuple(tensors.values()), operators=tuple(operators))


def _follow(operator: FileOperator, factors: dict[str, int]) -> None:
    """Notes how many times the stated samples an operator's results have."""
    data = next((tensor for tensor in operator.present if not tensor.constant), None)
    if data is None or not data.shape:
        return
    factor = max(factors.get(tensor.name, 1) for tensor in operator.present)
    block = math.prod(operator.integers(1) or ()) if operator.name.endswith(("_TO_BATCH_ND", "_TO_SPACE_ND")) else 1
    for result in operator.outputs:
        if not result.shape or result.shape[0] != data.shape[0] or block < 1:
            continue  # The file says what a block makes of the batch, or the result has none.
        if operator.name == "SPACE_TO_BATCH_ND":
            factors[result.name] = factor * block
        elif operator.name == "BATCH_TO_SPACE_ND":
            factors[result.name] = max(1, factor // block)
        elif factor > 1:
            factors[result.name] = factor


def _scaled(tensor: FileTensor, factor: int) -> FileTensor:
    if factor == 1:
        return tensor
    shape = (tensor.shape[0] * factor, *tensor.shape[1:])
    return replace(tensor, shape=shape, stated=shape)
