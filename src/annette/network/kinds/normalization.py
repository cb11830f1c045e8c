"""Normalizations and reductions: kinds that combine the elements along axes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.kinds.dimensions import map_dimensions
from annette.network.kinds.kind import (
    FLAG,
    INTEGER,
    INTEGERS,
    NUMBER,
    TEXT,
    Attribute,
    Category,
    Kind,
    WeightRule,
    family,
)
from annette.network.kinds.shapes import Shape, integers, normalize_axis, same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.layer import AttributeValue

__all__ = ["KINDS", "SOFTMAX_OPS", "reduced_shapes"]

SOFTMAX_OPS: Final = 6
"""Operations per element of a softmax, a convention (`annette.network.kinds.kind`)."""


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


def _kind(
    name: str, ops: int, description: str, attributes: Mapping[str, Attribute], weights: WeightRule | None = None,
    *, per_channel: bool = False,
) -> Kind:  # fmt: skip
    """A normalization, over feature maps where it is done for each channel."""
    return Kind(
        name,
        Category.NORMALIZATION,
        description,
        ops,
        attributes,
        same,
        partial(map_dimensions, channels_first_rank_3=per_channel),
        spatial=per_channel,
        weights=weights,
    )


_STATISTICS: Final = partial(_channel_weights, ("scale", "bias", "mean", "variance"))
_PER_CHANNEL: Final = partial(_channel_weights, ("scale", "bias"))
_EPSILON: Final = {"epsilon": NUMBER}
_OVER_AXES: Final = {"axes": INTEGERS, "epsilon": NUMBER}
_TRAILING: Final = _OVER_AXES | {"residual": FLAG}
_LRN: Final = {"size": INTEGER, "alpha": NUMBER, "beta": NUMBER, "bias": NUMBER}

_REDUCED: Final = {
    "axis": INTEGER,
    "axes": INTEGERS,
    "keepdims": FLAG._replace(default=True),
    "equation": TEXT,
}

KINDS: Final = (
    _kind("batch_norm", 2, "scale and shift by constants per channel", _EPSILON, _STATISTICS, per_channel=True),
    _kind(
        "layer_norm",
        8,
        "normalization over the trailing axes",
        _TRAILING | {"embedding": FLAG},
        partial(_trailing_weights, ("scale", "bias")),
    ),
    _kind(
        "rms_norm",
        5,
        "division by the root mean square of the trailing axes",
        _TRAILING,
        partial(_trailing_weights, ("scale",)),
    ),
    _kind(
        "instance_norm",
        8,
        "normalization of each channel over its positions",
        _OVER_AXES,
        _PER_CHANNEL,
        per_channel=True,
    ),
    _kind("group_norm", 8, "normalization of groups of channels", _EPSILON | {"num_groups": INTEGER}, _PER_CHANNEL),
    _kind("lp_norm", 4, "division by the p-norm along an axis", {"axis": INTEGER}),
    replace(_kind("lrn", 10, "local response normalization across channels", _LRN), spatial=True),
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
        attributes=_REDUCED,
        shapes=reduced_shapes,
    ),
    Kind(
        "reduce_log_sum_exp",
        Category.REDUCTION,
        "logarithm of the sum of exponentials along axes",
        5,
        _REDUCED,
        shapes=reduced_shapes,
        part_of="reduce_norm",
    ),
    Kind("cumulative_sum", Category.REDUCTION, "running sum along an axis", 1, {"axis": INTEGER}, shapes=same),
)
"""Normalizations, softmax and reductions."""
