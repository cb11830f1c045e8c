"""An ONNX graph under construction, and what a rule sees of one layer of OpenVINO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from onnx import AttributeProto, NodeProto, TensorProto, helper

from annette.errors import NetworkFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt
    from onnx import GraphProto

    from annette.network.readers.openvino_ir.document import IrLayer

__all__ = ["ELEMENT_TYPES", "Context", "Rule", "Written", "element_type"]

ELEMENT_TYPES: Final = {
    "fp32": 1, "f32": 1, "u8": 2, "i8": 3, "u16": 4, "i16": 5, "i32": 6, "i64": 7, "string": 8, "boolean": 9, "bool": 9,
    "fp16": 10, "f16": 10, "fp64": 11, "f64": 11, "u32": 12, "u64": 13, "bf16": 16, "f8e4m3": 17, "f8e5m2": 19,
    "u4": 21, "i4": 22, "f4e2m1": 23, "nf4": 22, "u1": 2, "u2": 25, "f8e8m0": 24,
}  # fmt: skip
"""Element types by OpenVINO's names in lower case, as numbers of ``TensorProto.DataType``."""


def element_type(name: str, what: str) -> int:
    """The number of an element type.

    Raises:
        NetworkFormatError: OpenVINO has no such type.
    """
    number = ELEMENT_TYPES.get(name.lower())
    if number is None:
        raise NetworkFormatError(f"{what} has element type {name[:30]!r}, which OpenVINO does not have")
    return number


@dataclass(slots=True)
class Written:
    """The graph so far.

    Attributes:
        graph: Where nodes and constants are added.
        names: Names that are taken, of tensors.
        arrays: Contents of small constants by the name of their tensor.
        shapes: Sizes of each tensor, as far as they are known.
    """

    graph: GraphProto
    names: set[str]
    arrays: dict[str, npt.NDArray[np.generic]]
    shapes: dict[str, list[int]]

    def free(self, name: str) -> str:
        """A name that no other tensor has."""
        chosen, number = name, 1
        while chosen in self.names:
            number += 1
            chosen = f"{name}:{number}"
        self.names.add(chosen)
        return chosen


Rule: TypeAlias = "Callable[[Context], bool | None]"
"""Writes the nodes of a layer; False where this form of the operator is not known."""


class Context:
    """One layer for the rule that writes it.

    Args:
        written: The graph.
        layer: The layer.
        inputs: Names of the tensors that it reads.
        outputs: Names of those that it writes.
        unread: Those of them that nothing reads.
    """

    def __init__(
        self, written: Written, layer: IrLayer, inputs: list[str], outputs: list[str], unread: frozenset[str]
    ) -> None:
        self._written = written
        self.layer = layer
        self.inputs = inputs
        self.outputs = outputs
        self.unread = unread

    def node(
        self, op: str, inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None, **attributes: Any
    ) -> str:
        """Adds a node; it has the layer's name if it writes the layer's result. Returns its first result."""
        read = list(self.inputs if inputs is None else inputs)
        results = list(self.outputs if outputs is None else outputs)
        name = self.layer.name if results and results[0] in self.outputs else f"{self.layer.name}/{op}"
        node: NodeProto = helper.make_node(op, read, results, name=name)
        for key, value in attributes.items():
            if value is not None:
                node.attribute.append(helper.make_attribute(key, value, attr_type=_type_of(value)))
        self._written.graph.node.append(node)
        return results[0]

    def step(self, op: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Adds a node before the one that writes the layer's result; returns what it writes."""
        return self.node(op, inputs, [self._written.free(f"{self.outputs[0]}/{op}")], **attributes)

    def constant(self, values: Sequence[int] | int | float, element: int = TensorProto.INT64) -> str:
        """Adds a small constant."""
        name = self._written.free(f"{self.outputs[0]}/constant")
        shape = [] if isinstance(values, (int, float)) else [len(values)]
        flat = [values] if isinstance(values, (int, float)) else list(values)
        self._written.graph.initializer.append(helper.make_tensor(name, element, shape, flat))
        self._written.shapes[name] = shape
        return name

    def weights(self, shape: Sequence[int], element: int) -> str:
        """Adds a constant without contents."""
        name = self._written.free(f"{self.outputs[0]}/weights")
        self._written.graph.initializer.append(TensorProto(name=name, dims=list(shape), data_type=element))
        self._written.shapes[name] = list(shape)
        return name

    def as_stated(self, op: str, index: int, **attributes: Any) -> None:
        """Adds a node one of whose results is of 64 bits in ONNX, and a cast where OpenVINO states another type."""
        outputs, stated = list(self.outputs), element_type(self.layer.outputs[index].precision, self.layer.name)
        if stated != TensorProto.INT64:
            outputs[index] = self._written.free(f"{outputs[index]}/{op}")
        self.node(op, outputs=outputs, **attributes)
        if stated != TensorProto.INT64:
            self.node("Cast", [outputs[index]], [self.outputs[index]], to=stated)

    def shape(self, index: int) -> list[int]:
        """Sizes of an operand; -1 where they are open."""
        if index >= len(self.layer.inputs):
            raise NetworkFormatError(f"layer {self.layer.name!r} ({self.layer.type}) has no operand {index}")
        return self.layer.inputs[index].dims

    def element(self, index: int) -> int:
        """Element type of an operand."""
        return element_type(self.layer.inputs[index].precision, f"layer {self.layer.name!r}")

    def known(self, index: int) -> list[int] | None:
        """Contents of a constant operand of integers, where they are known."""
        array = self._written.arrays.get(self.inputs[index]) if index < len(self.inputs) else None
        return None if array is None else [int(value) for value in array.reshape(-1)]

    def needed(self, index: int) -> list[int]:
        """Contents of a constant operand, without which the layer cannot be read.

        Raises:
            NetworkFormatError: It is no constant, or its data are missing.
        """
        values = self.known(index)
        if values is None:
            raise NetworkFormatError(
                f"layer {self.layer.name!r} ({self.layer.type}) depends on operand {index}, which is no known "
                "constant: is the .bin file beside the .xml?"
            )
        return values

    def text(self, key: str, default: str = "") -> str:
        """An attribute."""
        return self.layer.data.get(key, default)

    def numbers(self, key: str) -> list[int]:
        """An attribute of integers; none where it is missing."""
        try:
            return [int(part) for part in self.text(key).replace(",", " ").split()]
        except ValueError as error:
            raise self._malformed(key) from error

    def number(self, key: str, default: float) -> float:
        """An attribute of one number."""
        try:
            return float(self.text(key) or default)
        except ValueError as error:
            raise self._malformed(key) from error

    def flag(self, key: str, *, default: bool = False) -> bool:
        """An attribute that says yes or no."""
        text = self.text(key).lower()
        return text in ("true", "1") if text else default

    def _malformed(self, key: str) -> NetworkFormatError:
        return NetworkFormatError(
            f"layer {self.layer.name!r} ({self.layer.type}) has attribute {key} {self.text(key)[:40]!r}"
        )


def _type_of(value: Any) -> int | None:
    """The type of an attribute; of an empty list nothing else says it."""
    return AttributeProto.INTS if isinstance(value, list) and not value else None
