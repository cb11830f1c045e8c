"""What the definition of a layer kind consists of.

One multiply-accumulate is two operations. Element-wise arithmetic counts one operation per output element;
transcendental functions count as the handful of operations their usual evaluation takes. The counts of anything but
convolutions and matrix products are conventions: layer models are fitted on the same counts, so what matters is
that they never change between fitting and estimating.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from annette.network.kinds.dimensions import Operands, map_dimensions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from annette.network.kinds.shapes import ShapeRule
    from annette.network.layer import AttributeValue, Dimensions

__all__ = ["FLAG", "INTEGER", "INTEGERS", "NUMBER", "TEXT", "Attribute", "Category", "Kind", "WeightRule", "family"]


class Category(Enum):
    """Families of kinds that other parts of annette treat alike."""

    CONVOLUTION = "convolution"
    MATRIX_PRODUCT = "matrix product"
    ATTENTION = "attention"
    POOLING = "pooling"
    GLOBAL_POOLING = "global pooling"
    ACTIVATION = "activation"
    UNARY = "element-wise, one operand"
    BINARY = "element-wise, several operands"
    NORMALIZATION = "normalization"
    REDUCTION = "reduction"
    MOVEMENT = "data movement"
    VIEW = "view"
    RECURRENT = "recurrent"
    QUANTIZATION = "quantization"
    SELECTION = "selection"
    SPECTRAL = "spectral transform"
    TABULAR = "learner of tables"
    CONTROL = "control flow"
    OPAQUE = "opaque"


class Attribute(NamedTuple):
    """One attribute of a kind.

    Attributes:
        types: What its value, or each item of its value, is an instance of.
        several: Whether it is a tuple; a single number may stand for a tuple of one.
        default: What holds where a layer leaves it out, one number for one per dimension; None where nothing does:
            the attribute is required, or its absence has a meaning of its own.
    """

    types: tuple[type, ...]
    several: bool = False
    default: AttributeValue | None = None

    def accepts(self, value: AttributeValue) -> bool:
        """Whether a value is of the attribute's type."""
        if self.several and isinstance(value, tuple):
            return all(map(isinstance, value, (self.types,) * len(value)))
        return isinstance(value, self.types)


INTEGER: Final = Attribute((int,))
INTEGERS: Final = Attribute((int,), several=True)
NUMBER: Final = Attribute((int, float))
TEXT: Final = Attribute((str,))
FLAG: Final = Attribute((int,), default=False)
"""True or false; files write 1 and 0."""

WeightRule: TypeAlias = "Callable[[tuple[int, ...], Mapping[str, AttributeValue], int], dict[str, tuple[int, ...]]]"


def _no_macs(_: Dimensions) -> int:
    return 0


def _on_the_larger_side(ops: int, sizes: Dimensions, operands: Operands) -> int:
    """A number of operations for each element of the input or the output, whichever has more."""
    del sizes
    if not ops:
        return 0
    read = sum(tensor.elements for tensor in operands.inputs if not tensor.constant)
    return ops * max(read, sum(tensor.elements for tensor in operands.outputs))


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of layer: everything that is known of it, whatever file a layer comes from.

    Attributes:
        name: The field's name for it, in snake case.
        category: The family it belongs to.
        description: One line for people.
        ops_per_element: Operations per element, which ``ops`` multiplies; 0 where it has a formula of its own.
        attributes: Canonical attributes of its layers, by name (`docs/network.md` says what they mean).
        shapes: Shapes of what a layer writes, from the shapes of all its operands and its attributes; None where
            they do not follow from those and must be stated.
        dimensions: Named dimensions of a layer, which layer models see.
        macs: Multiply-accumulates of a layer of given dimensions; None where they must be stated.
        ops: Further operations, from ``ops_per_element``, the dimensions and the operands.
        reads_what_it_writes: Whether a layer reads no more of its largest operand than it writes.
        keeps_elements: Whether a layer writes exactly the elements that it reads, at other places or under another
            shape.
        spatial: Whether it works on feature maps: its operands have channels and positions, whatever their rank.
        weights: How it is built: shapes of the constants that belong to a layer, by their names and in the order of
            operands, from the shape of its first operand (N, C, …spatial…), its attributes and the number of
            features that it writes; None where it has no constants of its own.
        part_of: The kind that it belonged to before it was told apart; platforms that were fitted before price it
            like that one, marked as an assumption.
    """

    name: str
    category: Category
    description: str
    ops_per_element: int = 0
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    shapes: ShapeRule | None = None
    dimensions: Callable[[Operands], Dimensions] = map_dimensions
    macs: Callable[[Dimensions], int] | None = _no_macs
    ops: Callable[[int, Dimensions, Operands], int] = _on_the_larger_side
    reads_what_it_writes: bool = False
    keeps_elements: bool = False
    spatial: bool = False
    weights: WeightRule | None = None
    part_of: str = ""


def family(category: Category, kinds: Sequence[tuple[str, int, str]], **shared: object) -> tuple[Kind, ...]:
    """Kinds of one category that differ in nothing but their names and operations per element.

    Args:
        category: Their category.
        kinds: Name, operations per element and description of each.
        shared: Further fields of `Kind`.
    """
    return tuple(Kind(name, category, text, ops, **shared) for name, ops, text in kinds)  # type: ignore[arg-type]
