"""Graphs that an operator IF chooses from, as they would stand in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from annette.budget import spend
from annette.errors import NetworkFormatError
from annette.network.readers.tflite.file import FileOperator, Graph

if TYPE_CHECKING:
    from annette.network.readers.tflite.file import FileTensor

__all__ = ["inlined"]

_STEPS_PER_OPERATOR: Final = 100
_BYTES_PER_ITEM: Final = 2000


def inlined(graph: Graph, operator: FileOperator) -> Graph:
    """A branch whose inputs are the operands of an IF and whose outputs are its results.

    Args:
        graph: The branch.
        operator: The IF; its first operand is the condition.

    Raises:
        NetworkFormatError: The branch has another number of inputs or outputs.
        NetworkSizeError: The file's size does not warrant that it is read once more.
    """
    spend(
        f"operator IF that writes {operator.label!r}",
        steps=_STEPS_PER_OPERATOR * (1 + len(graph.operators)),
        size_bytes=_BYTES_PER_ITEM * (len(graph.operators) + len(graph.tensors)),
    )
    operands = operator.inputs[1:]
    if len(operands) != len(graph.inputs) or len(operator.outputs) != len(graph.outputs):
        raise NetworkFormatError(
            f"operator IF that writes {operator.label!r} has {len(operands)} operands and {len(operator.outputs)} "
            f"results; its branch takes {len(graph.inputs)} and gives {len(graph.outputs)}"
        )
    names: dict[str, FileTensor | None] = {
        tensor.name: replace(tensor, name=f"{operator.label}/{tensor.name}") for tensor in graph.tensors
    }
    names |= dict(zip(graph.inputs, operands, strict=True))
    views = []
    written = set(graph.inputs)
    for name, result in zip(graph.outputs, operator.outputs, strict=True):
        if name in written:
            views.append(FileOperator("RESHAPE", (names[name],), (result,), {}))
        else:
            names[name] = result
            written.add(name)
    operators = [
        replace(
            inner,
            inputs=tuple(None if tensor is None else names[tensor.name] for tensor in inner.inputs),
            outputs=tuple(tensor for each in inner.outputs if (tensor := names[each.name]) is not None),
        )
        for inner in graph.operators
    ]
    tensors = dict.fromkeys(tensor for tensor in (*names.values(), *operator.outputs) if tensor is not None)
    return Graph(tuple(tensors), (*operators, *views), (), (), graph.branches)
