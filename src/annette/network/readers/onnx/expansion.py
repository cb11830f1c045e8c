"""What it costs to walk functions, branches and loops in place: every walk of a body draws on the file's budget.

A file of 3 kB can call functions that call each other a billion times, or nest loops of 4,096 rounds. What a function
comes to is counted, each function once, before any of it is walked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.budget import spend
from annette.network.readers.onnx.frame import MAX_DEPTH, STANDARD_DOMAINS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnx import FunctionProto, NodeProto

    from annette.network.readers.onnx.frame import Frame

__all__ = ["Expansion", "spend_on_body"]

_STEPS_PER_NODE: Final = 130
"""Microseconds that reading one node takes on a busy machine, from finding its operands to describing its layer (60 on
a calm one)."""

_BYTES_PER_NODE: Final = 800
"""Memory of one node's value and layer, its names and lists apart."""


def spend_on_body(nodes: Sequence[NodeProto], frame: Frame) -> None:
    """Draws what walking a nested body once takes: by its nodes, the bytes that encode it, and the names it makes.

    Raises:
        NetworkSizeError: That is more than the file's size warrants.
    """
    names = [name for node in nodes for name in (node.name, *node.output)]
    # One character that is not ASCII may make a text four times as large.
    width = 1 if frame.prefix.isascii() and all(name.isascii() for name in names) else 4
    spend(
        f"graph {frame.graph!r}",
        steps=_STEPS_PER_NODE * (1 + len(nodes)) + frame.encoded_bytes / 4,
        size_bytes=_BYTES_PER_NODE * (1 + len(nodes))
        + width * (len(names) + 1) * len(frame.prefix)
        + 2 * width * frame.encoded_bytes,
    )


class Expansion:
    """Counts what functions come to once all that they call is walked in place.

    Args:
        function_of: The function that a node calls, None where it is an operator.
    """

    def __init__(self, function_of: Callable[[NodeProto], FunctionProto | None]) -> None:
        self._function_of = function_of
        self._steps: dict[tuple[str, str], int] = {}

    def steps(self, function: FunctionProto, depth: int = 0) -> int:
        """Least work of walking a function, in steps; bodies of loops, whose rounds are not known yet, are left out.

        What functions that call themselves come to is not counted: walking them finds out at once.
        """
        key = (function.domain, function.name)
        if key not in self._steps:
            self._steps[key] = 0
            self._steps[key] = self._nodes(function.node, depth)
        return self._steps[key]

    def _nodes(self, nodes: Sequence[NodeProto], depth: int) -> int:
        if depth >= MAX_DEPTH:
            return 0
        total = _STEPS_PER_NODE * len(nodes)
        for node in nodes:
            function = self._function_of(node)
            if function is not None:
                total += self.steps(function, depth + 1)
            elif node.op_type == "If" and node.domain in STANDARD_DOMAINS:
                branches = [each.g.node for each in node.attribute if each.HasField("g")]
                total += min((self._nodes(branch, depth + 1) for branch in branches), default=0)
        return total
