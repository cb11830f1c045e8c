"""One operator while the graph is walked, and what its rule says about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from onnx import AttributeProto

from annette.budget import spend
from annette.errors import NetworkFormatError, NetworkShapeError, NetworkStructureError, UndecidedSizeError
from annette.network.kinds import output_shapes
from annette.network.readers.onnx.sizes import Place, Sizes
from annette.network.readers.onnx.values import MAX_RANK, Meta

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    from onnx import NodeProto

    from annette.network.layer import AttributeValue, Dimensions
    from annette.network.readers.onnx.values import Value
    from annette.network.tensor import DType

__all__ = ["Node", "Result", "Rule"]


@dataclass(slots=True)
class Result:
    """What an operator produces, and the layer it becomes.

    Attributes:
        outputs: Shape and type of each output, in order; there may be fewer than the node names where the rest is
            not described, and more than it names.
        kind: Kind of layer; None where the operator is no layer because ``alias`` or ``items`` says so.
        attributes: Canonical attributes of the layer.
        operands: Operands of the layer; None stands for every input that is there. Shape arguments are left out.
        dimensions: Named dimensions where they do not follow from the shapes.
        macs: Multiply-accumulates where they do not follow from the shapes.
        alias: The value that the first output is another name of.
        items: The first output as a sequence of tensors.
        note: An assumption the user should hear of.
    """

    outputs: Sequence[Meta] = ()
    kind: str | None = None
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    operands: Sequence[Value | None] | None = None
    dimensions: Dimensions | None = None
    macs: int | None = None
    alias: Value | None = None
    items: tuple[Value, ...] | None = None
    note: str = ""


@dataclass(slots=True, eq=False, repr=False)
class Node:
    """An operator with its operands resolved.

    Attributes:
        proto: The node as stored.
        name: For messages and the layer; unique.
        domain: Operator set, empty for ``ai.onnx``.
        version: Version of that operator set.
        inputs: Operands in order, None for optional ones left out.
        attributes: Attributes by name, references to function attributes resolved.
        states: Shape and type that the file itself states for a tensor.
        sizes: What is known of sizes that data decide, and takes note of them.
        rebatch: The batch sizes that the file states and that was asked for instead, where they differ.
        op: Operator type.
        output_names: Names of the outputs, empty for optional ones left out.
    """

    proto: NodeProto
    name: str
    domain: str
    version: int
    inputs: list[Value | None]
    attributes: Mapping[str, AttributeProto]
    states: Callable[[str], Meta | None] = lambda _: None
    sizes: Sizes = field(default_factory=lambda: Sizes({}))
    rebatch: tuple[int, int] | None = None
    op: str = field(init=False)
    output_names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.op = self.proto.op_type
        self.output_names = list(self.proto.output)

    @property
    def declared(self) -> list[Meta | None]:
        """Output shapes that the file itself states, for operators whose result depends on data."""
        return [self.states(name) if name else None for name in self.output_names]

    def decided_shape(self) -> tuple[int, ...] | None:
        """Shape of the first result where data decide it: as it was given, else as the file states it."""
        given = self.sizes.shape(self._first_result)
        if given is None and self.declared and self.declared[0] is not None:
            return self.declared[0].shape
        return given

    def selected(self, largest: int, decides: Value, *, axis: int) -> int:
        """How many elements it selects, which data decide: dimension ``axis`` of its first result.

        What the file states of it holds where nobody said otherwise, else what `Sizes.selected` counts it as.

        Args:
            largest: How many it can select at most.
            decides: What it selects by.
            axis: The dimension.
        """
        stated = self.declared[0] if self.declared else None
        place = self._first_result
        if stated is not None and axis < len(stated.shape) and not self.sizes.is_given(place.tensor):
            size = stated.shape[axis]
            if 0 < size <= largest:
                return size
        return self.sizes.selected(place, largest, decides, axis=axis)

    def steps(self, position: int, longest: int) -> int:
        """How many steps a recurrent layer takes: the longest of the sequences whose lengths an operand holds.

        Args:
            position: Number of the operand with the lengths; without one, all are as long as the input.
            longest: Steps of its input.
        """
        lengths = self.optional(position)
        if lengths is None:
            return longest
        if lengths.data is None:
            return self.sizes.steps(Place(self.proto.input[position], self.name, self.op), lengths, longest)
        return max(1, min(longest, max(self.known(position, "lengths of sequences"), default=longest)))

    @property
    def _first_result(self) -> Place:
        return Place(next(iter(self.output_names), ""), self.name, self.op)

    @property
    def subject(self) -> str:
        """The node as messages begin."""
        return f"node {self.name!r} ({self.op})"

    @property
    def operator(self) -> str:
        """The operator with its domain, as messages name it."""
        return f"{self.domain}.{self.op}" if self.domain else f"ai.onnx.{self.op}"

    def has(self, index: int) -> bool:
        """Whether an operand is there."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def input(self, index: int) -> Value:
        """An operand that must be there.

        Raises:
            NetworkStructureError: It is not.
        """
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            raise NetworkStructureError(f"node {self.name!r} ({self.op}) lacks its input {index}")
        if value.items is not None:
            raise NetworkStructureError(f"node {self.name!r} ({self.op}) reads a sequence where it needs a tensor")
        return value

    def optional(self, index: int) -> Value | None:
        """An operand, or None where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def data(self, index: int) -> npt.NDArray[np.generic] | None:
        """The contents of an operand, or None where it is left out or not known."""
        value = self.optional(index)
        return None if value is None else value.data

    def known(self, index: int, what: str) -> list[int]:
        """The integers that an operand holds.

        Raises:
            NetworkShapeError: They depend on the network's input data, or are no integers.
        """
        data = self.input(index).data
        if data is None:
            raise self.unknown(what)
        spend(f"node {self.name!r} ({self.op})", steps=data.size / 10)
        numbers: list[Any] = data.ravel().tolist()
        if not all(
            isinstance(number, int) or (isinstance(number, float) and number.is_integer()) for number in numbers
        ):
            raise self.error(
                f"takes its {what} from an operand of type {data.dtype.name}, which holds no whole numbers"
            )
        return [int(number) for number in numbers]

    def known_shape(self, index: int, what: str) -> tuple[int, ...]:
        """The integers that an operand holds, no more of them than a tensor has dimensions.

        Raises:
            NetworkShapeError: They depend on the network's input data, or are too many.
        """
        if self.input(index).elements > MAX_RANK:
            raise self.error(
                f"takes its {what} from {self.input(index).elements} numbers: no tensor has that many dimensions"
            )
        return tuple(self.known(index, what))

    def unknown(self, what: str) -> NetworkShapeError:
        """The error for a result that depends on data."""
        tensor = next(iter(self.output_names), "")
        return UndecidedSizeError(
            f"node {self.name!r} ({self.op}) takes its {what} from data that is only known at run time: the shapes "
            f"behind it cannot be determined; --input {tensor}=SHAPE says what it gives, --observe asks a run on this "
            "machine, or export the model with fixed sizes",
            tensor=tensor,
        )

    def error(self, text: str) -> NetworkShapeError:
        """An error about this node's shapes."""
        return NetworkShapeError(f"node {self.name!r} ({self.op}) {text}")

    def shapes(self) -> str:
        """The operands' shapes for messages."""
        return ", ".join("none" if v is None else str(list(v.shape)) for v in self.inputs)

    def infer(
        self, kind: str, *shapes: tuple[int, ...], attributes: Mapping[str, AttributeValue] | None = None
    ) -> list[tuple[int, ...]]:
        """Shapes that a layer of a kind writes, by the kind's own rule.

        Raises:
            NetworkShapeError: The shapes read do not fit each other or the attributes.
        """
        subject = f"node {self.name!r} ({self.op})"
        return output_shapes(kind, shapes, attributes or {}, subject=subject, empty=True)

    def layer(
        self,
        kind: str,
        *operands: Value,
        attributes: Mapping[str, AttributeValue] | None = None,
        only_for_shapes: Mapping[str, AttributeValue] | None = None,
        dtype: DType | None = None,
    ) -> Result:
        """A layer of a kind, its results by the kind's own shape rule.

        Args:
            kind: Its kind.
            operands: What it reads.
            attributes: Its canonical attributes.
            only_for_shapes: Further attributes that its shape rule needs and a layer that was read does not keep.
            dtype: Element type of its results; the first operand's where absent.

        Raises:
            NetworkShapeError: The operands do not fit each other or the attributes.
        """
        known = {**(attributes or {}), **(only_for_shapes or {})}
        shapes = self.infer(kind, *(operand.shape for operand in operands), attributes=known)
        metas = [Meta(shape, dtype or operands[0].dtype) for shape in shapes]
        return Result(metas, kind, dict(attributes or {}), operands=operands)

    def axis(self, axis: int, rank: int) -> int:
        """A non-negative axis below ``rank``.

        Raises:
            NetworkShapeError: There is no such axis.
        """
        if not -rank <= axis < rank:
            raise self.error(f"names axis {axis} of a tensor with {rank} dimensions")
        return axis + rank if axis < 0 else axis

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        attribute = self._attribute(name, AttributeProto.INT)
        return default if attribute is None else int(attribute.i)

    def real(self, name: str, default: float) -> float:
        """A floating-point attribute."""
        attribute = self._attribute(name, AttributeProto.FLOAT)
        return default if attribute is None else float(attribute.f)

    def text(self, name: str, default: str) -> str:
        """A string attribute."""
        attribute = self._attribute(name, AttributeProto.STRING)
        return default if attribute is None else attribute.s.decode("utf-8", "replace")

    def integers(self, name: str) -> tuple[int, ...] | None:
        """A list of integers, or None where it is left out."""
        attribute = self._attribute(name, AttributeProto.INTS)
        return None if attribute is None else tuple(attribute.ints)

    def reals(self, name: str) -> tuple[float, ...] | None:
        """A list of floating-point numbers, or None where it is left out."""
        attribute = self._attribute(name, AttributeProto.FLOATS)
        return None if attribute is None else tuple(attribute.floats)

    def _attribute(self, name: str, kind: int) -> AttributeProto | None:
        attribute = self.attributes.get(name)
        if attribute is not None and attribute.type != kind:
            if attribute.type == 0 or not attribute.HasField("type"):
                return attribute
            raise NetworkFormatError(
                f"node {self.name!r} ({self.op}) has an attribute {name!r} of type {attribute.type}, not {kind}"
            )
        return attribute


Rule: TypeAlias = "Callable[[Node], Result]"
"""Says what an operator produces and which layer it becomes."""
