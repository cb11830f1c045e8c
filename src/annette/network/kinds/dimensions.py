"""From tensors to the named dimensions that layer models see."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from annette.errors import NetworkShapeError
from annette.network.kinds.shapes import integers
from annette.network.layer import Dimensions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.layer import AttributeValue
    from annette.network.tensor import Tensor

__all__ = ["Operands", "axis_sizes", "feature_map", "map_dimensions"]

_WINDOW_LABELS: Final = {"kernel_shape": "kernel", "strides": "stride", "dilations": "dilation"}


class Operands(NamedTuple):
    """What a layer reads and writes.

    Attributes:
        inputs: All operands in the operator's order, constants included.
        outputs: The tensors written.
        attributes: Canonical attributes.
        channels_last: Whether feature maps are N, …spatial…, C.
    """

    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    attributes: Mapping[str, AttributeValue]
    channels_last: bool = False

    @property
    def input_count(self) -> int:
        """Number of activations read, each once."""
        return len({tensor.name for tensor in self.inputs if not tensor.constant})


def feature_map(
    shape: Sequence[int], *, channels_last: bool = False, channels_first_rank_3: bool = False
) -> tuple[int, int, int, int, int]:
    """Reads a shape as (batch, channels, depth, height, width).

    Ranks 4 and 5 are feature maps. Rank 3 is N, tokens, features unless ``channels_first_rank_3`` (the operand of a
    one-dimensional convolution). Above rank 5 the last dimension is features and the middle ones are positions.
    """
    sizes = tuple(shape)
    rank = len(sizes)
    if rank == 0:
        return 1, 1, 1, 1, 1
    if rank == 1:
        return 1, sizes[0], 1, 1, 1
    if rank > 5 or (rank == 3 and not channels_first_rank_3):
        return sizes[0], sizes[-1], 1, 1, math.prod(sizes[1:-1])
    spatial = sizes[1:-1] if channels_last else sizes[2:]
    channels = sizes[-1] if channels_last else sizes[1]
    return (sizes[0], channels, *_three(spatial))


def map_dimensions(
    operands: Operands,
    *,
    channels_first_rank_3: bool = False,
    first: bool = False,
    widest: bool = False,
    axis_of_result: bool = False,
) -> Dimensions:
    """Dimensions of a layer that reads and writes feature maps.

    Args:
        operands: What it reads and writes.
        channels_first_rank_3: Whether tensors of rank 3 are N, C, steps.
        first: Whether its first operand counts as what it reads, even a constant; else its first activation does.
        widest: Whether its largest activation does.
        axis_of_result: Whether ``axis`` is one of the result; else of what it reads.
    """
    activations = [tensor for tensor in operands.inputs if not tensor.constant and not first] or list(operands.inputs)
    source = activations[0] if activations else None
    if widest and source is not None:
        source = max(activations, key=lambda tensor: tensor.elements)
    result = operands.outputs[0] if operands.outputs else None
    fields: dict[str, Any] = {"input_count": operands.input_count, "output_count": len(operands.outputs)}
    for side, tensor in (("out", result), ("in", source)):
        if tensor is not None:
            fields["batch"], *sizes = feature_map(
                tensor.shape, channels_last=operands.channels_last, channels_first_rank_3=channels_first_rank_3
            )
            fields |= zip((f"{side}_channels", f"{side}_depth", f"{side}_height", f"{side}_width"), sizes, strict=True)
    for key, label in _WINDOW_LABELS.items():
        if key in operands.attributes:
            sizes = [*_three(integers(operands.attributes, key))]
            fields |= zip((f"{label}_depth", f"{label}_height", f"{label}_width"), sizes, strict=True)
    if "groups" in operands.attributes:
        fields["groups"] = int(operands.attributes["groups"])  # type: ignore[arg-type]
    reference = result if axis_of_result else source or result
    if reference is not None:
        fields["axis_size"], fields["inner_size"] = axis_sizes(reference.shape, operands.attributes)
    return Dimensions(**fields)


def axis_sizes(shape: Sequence[int], attributes: Mapping[str, AttributeValue]) -> tuple[int, int]:
    """Size of the axis or axes an attribute names, and the product of the sizes behind them."""
    key = "axes" if "axes" in attributes else "axis"
    if key not in attributes:
        return 1, 1
    axes = tuple(axis + len(shape) if axis < 0 else axis for axis in integers(attributes, key))
    if not axes or any(not 0 <= axis < len(shape) for axis in axes):
        return 1, 1
    return math.prod(shape[axis] for axis in axes), math.prod(shape[max(axes) + 1 :])


def _three(sizes: tuple[int, ...]) -> tuple[int, int, int]:
    """Spatial sizes as (depth, height, width), missing dimensions being 1.

    Raises:
        NetworkShapeError: There are more than three.
    """
    if len(sizes) > 3:
        raise NetworkShapeError(f"has {len(sizes)} spatial dimensions, {sizes}: three are the most")
    depth, height, width = (1,) * (3 - len(sizes)) + sizes
    return depth, height, width
