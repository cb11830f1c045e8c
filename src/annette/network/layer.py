"""A layer, its named dimensions and its workload."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from annette.frozen import quick

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AttributeValue", "Dimensions", "Layer", "Workload"]

AttributeValue: TypeAlias = int | float | str | bool | tuple[int, ...] | tuple[float, ...]


class Dimensions(NamedTuple):
    """The named dimensions of a layer: the columns that layer models see.

    What does not apply is 1. Feature maps of rank 3 that feed matrix products and transformers hold their tokens in
    ``width`` and their features in ``channels``. A matrix product of ``[..., M, K] x [..., K, N]`` has ``batch`` =
    product of the leading dimensions, ``out_width`` = M, ``in_channels`` = K, ``out_channels`` = N; a recurrent
    layer has ``out_width`` = steps, ``out_channels`` = hidden size, ``groups`` = directions.

    Attributes:
        axis_size: Size of the axis (or product of the axes) that is normalized, reduced, joined or cut.
        inner_size: Product of the sizes behind that axis; 1 when it is the innermost.
        input_count: Number of activations read.
        output_count: Number of activations written.
    """

    batch: int = 1
    groups: int = 1
    in_channels: int = 1
    in_depth: int = 1
    in_height: int = 1
    in_width: int = 1
    out_channels: int = 1
    out_depth: int = 1
    out_height: int = 1
    out_width: int = 1
    kernel_depth: int = 1
    kernel_height: int = 1
    kernel_width: int = 1
    stride_depth: int = 1
    stride_height: int = 1
    stride_width: int = 1
    dilation_depth: int = 1
    dilation_height: int = 1
    dilation_width: int = 1
    axis_size: int = 1
    inner_size: int = 1
    input_count: int = 1
    output_count: int = 1

    def above_one(self) -> dict[str, int]:
        """Those that say something: the sizes that are not 1, by name."""
        return {name: size for name, size in self._asdict().items() if size != 1}


@dataclass(frozen=True, slots=True)
class Workload:
    """What a layer computes and moves, independent of any device.

    Layers of a network that have one and the same object as their workload are alike: their operands and results have
    the same shapes and element types in the same order, and their attributes are equal.

    Attributes:
        ops: Operations (1 multiply-accumulate = 2 operations).
        macs: Multiply-accumulates of convolutions and matrix products; 0 for every other kind.
        input_elements: Elements of all activations read, each once however often it is listed.
        weight_elements: Elements of all constants read.
        output_elements: Elements of all activations written.
        input_bytes: Size of the activations read, in their own element types.
        weight_bytes: Size of the constants read, in their own element types.
        output_bytes: Size of the activations written, in their own element types.
        dimensions: The named dimensions.
    """

    ops: int
    macs: int
    input_elements: int
    weight_elements: int
    output_elements: int
    input_bytes: int
    weight_bytes: int
    output_bytes: int
    dimensions: Dimensions

    @property
    def bytes(self) -> int:
        """Everything moved, in the network's own element types."""
        return self.input_bytes + self.weight_bytes + self.output_bytes


@quick
@dataclass(frozen=True, slots=True)
class Layer:
    """One operator of a network.

    Attributes:
        name: Unique within its network.
        kind: A name in `annette.network.kinds.KINDS`.
        inputs: Names of all operands in the operator's order, activations and constants alike.
        outputs: Names of the tensors written.
        attributes: What else determines the result, under canonical names (``strides``, ``pads``, ``axis``, …).
        workload: Operations, bytes and dimensions.
        module: Dotted path of the module that calls it, where the file says so; no part of what the layer is.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    workload: Workload
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    module: str = field(default="", compare=False)
