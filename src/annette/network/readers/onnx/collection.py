"""What a walk over an ONNX graph collects: layers, notes, and the names that are taken."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annette.errors import NetworkStructureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import GraphProto, NodeProto

    from annette.network.readers.onnx.frame import Frame
    from annette.network.readers.onnx.node import Result
    from annette.network.readers.onnx.values import Value

__all__ = ["Collection", "PendingLayer"]


@dataclass(slots=True)
class PendingLayer:
    """A layer before it is known whether anything reads it."""

    name: str
    result: Result
    operands: list[Value]
    outputs: list[Value]


class Collection(ABC):
    """What a walk has found so far; nested graphs add to it through the same methods as the main graph.

    Attributes:
        layers: Found so far, in topological order.
        notes: Assumptions made, as the keys of an ordered set.
        names: Names of tensors taken.
        layer_names: Names of layers taken.
    """

    def __init__(self) -> None:
        self.layers: list[PendingLayer] = []
        self.notes: dict[str, None] = {}
        self.names: set[str] = set()
        self.layer_names: set[str] = set()

    @abstractmethod
    def initializers(self, graph: GraphProto, frame: Frame) -> None:
        """Defines a graph's stored tensors."""

    @abstractmethod
    def run(self, nodes: Sequence[NodeProto], frame: Frame) -> None:
        """Walks the nodes of one graph or function body.

        Raises:
            NetworkError: They are malformed, or a shape cannot be determined.
        """

    def define(self, frame: Frame, name: str, value: Value) -> None:
        """Gives a value a name in a frame."""
        if name in frame.values:
            raise NetworkStructureError(f"tensor {name!r} in graph {frame.graph!r} is produced twice")
        self.names.add(value.name)
        frame.values[name] = value

    def unique(self, name: str, taken: set[str]) -> str:
        """The name, or with a number behind it where it is taken, and marks it as taken."""
        unique, count = name, 2
        while unique in taken:
            unique = f"{name}#{count}"
            count += 1
        taken.add(unique)
        return unique

    def add_layer(self, name: str, result: Result, operands: Sequence[Value | None], outputs: list[Value]) -> None:
        """Adds a layer; sequences among its operands count as their members, empty tensors not at all."""
        if not outputs:
            return
        kept: list[Value] = []
        for value in operands:
            if value is not None:
                kept.extend(member for member in (value.items or (value,)) if member.elements)
        self.layers.append(PendingLayer(self.unique(name, self.layer_names), result, kept, outputs))
