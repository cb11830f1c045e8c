"""Normalizations and reductions: kinds that combine the elements along axes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.kinds.dimensions import map_dimensions
from annette.network.kinds.kind import FLAG, INTEGER, INTEGERS, NUMBER, TEXT, Category, Kind, family
from annette.network.kinds.shapes import Shape, integers, normalize_axis, same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.layer import AttributeValue

__all__ = ["KINDS", "SOFTMAX_OPS", "reduced_shapes"]

SOFTMAX_OPS: Final = 6
"""Operations per element of a softmax, a convention (`annette.network.kinds.kind`)."""

_per_channel: Final = partial(map_dimensions, channels_first_rank_3=True)


def reduced_shapes(inputs: Sequence[Shape], attributes: Mapping[str, AttributeValue]) -> list[Shape]:
    """Shape rule of reductions along ``axis``, ``axes`` or all axes, which stay with size 1 unless not kept."""
    source = inputs[0]
    key = "axis" if "axis" in attributes else "axes"
    axes = {normalize_axis(axis, len(source)) for axis in integers(attributes, key, tuple(range(len(source))))}
    if attributes.get("keepdims", 1):
        return [tuple(1 if i in axes else size for i, size in enumerate(source))]
    return [tuple(size for i, size in enumerate(source) if i not in axes)]


def _channel_weights(
    names: tuple[str, ...], shape: Shape, _: Mapping[str, AttributeValue], __: int
) -> dict[str, Shape]:
    return dict.fromkeys(names, (shape[1],))


def _trailing_weights(
    names: tuple[str, ...], shape: Shape, attributes: Mapping[str, AttributeValue], _: int
) -> dict[str, Shape]:
    """One number for each element of what is normalized together, from the first axis on."""
    return dict.fromkeys(names, shape[min(integers(attributes, "axes")) :])


_normalization: Final = partial(Kind, category=Category.NORMALIZATION, shapes=same)

KINDS: Final = (
    _normalization(
        "batch_norm",
        description="scale and shift by constants per channel",
        ops_per_element=2,
        attributes={"epsilon": NUMBER},
        dimensions=_per_channel,
        weights=partial(_channel_weights, ("scale", "bias", "mean", "variance")),
    ),
    _normalization(
        "layer_norm",
        description="normalization over the trailing axes",
        ops_per_element=8,
        attributes={"axes": INTEGERS, "epsilon": NUMBER, "residual": FLAG, "embedding": FLAG},
        weights=partial(_trailing_weights, ("scale", "bias")),
    ),
    _normalization(
        "rms_norm",
        description="division by the root mean square of the trailing axes",
        ops_per_element=5,
        attributes={"axes": INTEGERS, "epsilon": NUMBER, "residual": FLAG},
        weights=partial(_trailing_weights, ("scale",)),
    ),
    _normalization(
        "instance_norm",
        description="normalization of each channel over its positions",
        ops_per_element=8,
        attributes={"axes": INTEGERS, "epsilon": NUMBER},
        dimensions=_per_channel,
        weights=partial(_channel_weights, ("scale", "bias")),
    ),
    _normalization(
        "group_norm",
        description="normalization of groups of channels",
        ops_per_element=8,
        attributes={"num_groups": INTEGER, "epsilon": NUMBER},
        weights=partial(_channel_weights, ("scale", "bias")),
    ),
    _normalization(
        "lp_norm", description="division by the p-norm along an axis", ops_per_element=4, attributes={"axis": INTEGER}
    ),
    _normalization(
        "lrn",
        description="local response normalization across channels",
        ops_per_element=10,
        attributes={"size": INTEGER, "alpha": NUMBER, "beta": NUMBER, "bias": NUMBER},
    ),
    *family(
        Category.NORMALIZATION,
        (
            ("softmax", SOFTMAX_OPS, "exponentials normalized along an axis"),
            ("log_softmax", SOFTMAX_OPS + 1, "logarithm of softmax along an axis"),
        ),
        attributes={"axis": INTEGER, "axes": INTEGERS},
        shapes=same,
    ),
    *family(
        Category.REDUCTION,
        (
            ("reduce_mean", 1, "mean along axes"),
            ("reduce_sum", 1, "sum along axes"),
            ("reduce_max", 1, "maximum along axes"),
            ("reduce_min", 1, "minimum along axes"),
            ("reduce_prod", 1, "product along axes"),
            ("reduce_norm", 2, "norm or logarithmic sum along axes"),
            ("arg_max", 1, "position of the extreme along an axis"),
        ),
        attributes={
            "axis": INTEGER,
            "axes": INTEGERS,
            "keepdims": FLAG._replace(default=True),
            "equation": TEXT,
        },
        shapes=reduced_shapes,
    ),
    Kind("cumulative_sum", Category.REDUCTION, "running sum along an axis", 1, {"axis": INTEGER}, shapes=same),
)
"""Normalizations, softmax and reductions."""
