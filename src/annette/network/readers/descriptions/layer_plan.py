"""The kind, attributes and constants that a described layer gets in a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from annette.errors import NetworkShapeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.layer import AttributeValue
    from annette.network.readers.descriptions.described_layer import DescribedLayer
    from annette.network.tensor import Tensor

__all__ = ["LayerPlan", "refusal"]


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """How a described layer enters the network.

    Attributes:
        kind: Kind of layer.
        attributes: Canonical attributes.
        constants: Shapes of its constants by name, in the order of operands.
        reads: Whether it reads its parents at all.
    """

    kind: str
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    constants: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    reads: bool = True


def refusal(layer: DescribedLayer, sources: list[Tensor], why: str) -> NetworkShapeError:
    """The error for a layer whose shapes contradict each other."""
    read = ", ".join(str(list(source.shape)) for source in sources)
    return NetworkShapeError(
        f"layer {layer.name!r} ({layer.operator}) reads {read} and writes {list(layer.shape)}: {why}"
    )
