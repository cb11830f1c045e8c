"""What an operator of a TFLite file is in annette's terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from annette.network.tflite_schema import ACTIVATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.network.layer import AttributeValue, Dimensions
    from annette.network.readers.tflite.file import FileOperator, FileTensor

__all__ = ["FUSED", "Follower", "OperatorLayer", "Rule", "axis_of", "fused", "of_first", "scalar"]


@dataclass(frozen=True, slots=True)
class Follower:
    """A layer that is part of an operator and works on its result.

    Attributes:
        label: What is appended to the operator's name.
        kind: Its kind.
        attributes: Its attributes.
    """

    label: str
    kind: str
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OperatorLayer:
    """An operator as a layer.

    Attributes:
        kind: Its kind.
        attributes: Canonical attributes.
        operands: What it reads, without those operands that are attributes here; None keeps all.
        follower: What comes after it within the operator.
        dimensions: Where they do not follow from the shapes.
    """

    kind: str
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    operands: tuple[FileTensor, ...] | None = None
    follower: Follower | None = None
    dimensions: Dimensions | None = None


Rule: TypeAlias = "Callable[[FileOperator], OperatorLayer | None]"
"""Describes an operator; None where its constants are not there that would say what it does."""

FUSED: Final = {
    "relu": Follower("relu", "relu"),
    "relu_n1_to_1": Follower("relu_n1_to_1", "clip", {"min": -1.0, "max": 1.0}),
    "relu6": Follower("relu6", "clip", {"min": 0.0, "max": 6.0}),
    "tanh": Follower("tanh", "tanh"),
    "sign_bit": Follower("sign_bit", "sign"),
}


def fused(operator: FileOperator) -> Follower | None:
    """The activation that is an attribute of an operator."""
    code = operator.options.get("fused_activation_function", 0)
    return FUSED.get(ACTIVATIONS[code]) if 0 <= code < len(ACTIVATIONS) else None


def of_first(kind: str, *options: str, **attributes: AttributeValue) -> Rule:
    """Rule of operators that depend on their first operand alone.

    Args:
        kind: Kind of the layer.
        options: The operator's options that are attributes under the same names.
        attributes: Further attributes.
    """

    def rule(operator: FileOperator) -> OperatorLayer:
        stated = {name: operator.options.get(name, 0.0) for name in options}
        return OperatorLayer(kind, attributes | stated, (operator.tensor(0),))

    return rule


def axis_of(axis: int, rank: int) -> int:
    """An axis counted from the front; one that does not exist stays as it is, to be refused later."""
    return axis + rank if -rank <= axis < 0 else axis


def scalar(tensor: FileTensor) -> float | None:
    """The number that a constant of one element holds."""
    return float(tensor.values[0]) if tensor.constant and len(tensor.values) == 1 else None
