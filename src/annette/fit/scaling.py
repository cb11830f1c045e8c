"""The same layer model for a device that is slower or faster by one factor."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import singledispatch
from typing import TypeVar

from annette.errors import FitError
from annette.models.base import LayerModel
from annette.models.dpu import Dpu
from annette.models.mixed import Mixed
from annette.models.roofline import Roofline
from annette.models.saturating import TERMS, CachedMemory, SaturatingRate
from annette.models.statistical import Statistical
from annette.models.tiled_roofline import TiledRoofline

__all__ = ["scaled"]

_Model = TypeVar("_Model", bound=LayerModel)


@singledispatch
def scaled(model: LayerModel, factor: float) -> LayerModel:
    """The model whose every prediction is ``factor`` times that of ``model``.

    Further families join with ``@scaled.register``.

    Args:
        model: Any layer model.
        factor: Above 0; below 1 is faster.

    Returns:
        A model of the same family.

    Raises:
        FitError: The family is not one that can be scaled.
    """
    raise FitError(f"models of family {model.family!r} cannot be scaled by {factor:g}: calibrate another platform")


@scaled.register
def _(model: Roofline, factor: float) -> Roofline:
    return replace(
        model,
        ops_per_s=model.ops_per_s / factor,
        bytes_per_s=model.bytes_per_s / factor,
        offset_s=model.offset_s * factor,
    )


@scaled.register
def _(model: Dpu, factor: float) -> Dpu:
    array, alu, pooling = model.array, model.alu, model.pooling
    return replace(
        model,
        bytes_per_cycle=model.bytes_per_cycle / factor,
        offset_s=model.offset_s * factor,
        array=None if array is None else replace(array, efficiency=array.efficiency / factor),
        alu=None if alu is None else replace(alu, efficiency=alu.efficiency / factor),
        pooling=None if pooling is None else replace(pooling, efficiency=pooling.efficiency / factor),
    )


@scaled.register
def _(model: SaturatingRate, factor: float) -> SaturatingRate:
    return SaturatingRate(**{name: getattr(model, name) * factor for name in TERMS})


@scaled.register
def _(model: CachedMemory, factor: float) -> CachedMemory:
    return replace(
        model,
        ops_per_s=model.ops_per_s / factor,
        bytes_per_s=model.bytes_per_s / factor,
        cache_bytes_per_s=model.cache_bytes_per_s / factor,
        offset_s=model.offset_s * factor,
    )


@scaled.register
def _(model: TiledRoofline, factor: float) -> TiledRoofline:
    return model.scaled(factor)


@scaled.register
def _(model: Statistical, factor: float) -> Statistical:
    forest = replace(model.forest, base=model.forest.base + math.log(factor))
    return replace(model, forest=forest, roofline=_same(model.roofline, factor))


@scaled.register
def _(model: Mixed, factor: float) -> Mixed:
    return replace(model, base=_same(model.base, factor))


def _same(model: _Model, factor: float) -> _Model:
    changed = scaled(model, factor)
    if not isinstance(changed, type(model)):
        raise FitError(f"scaling turned a model of family {model.family!r} into {changed.family!r}")
    return changed
