"""The same layer model for a similar device: faster or slower in all, in computing, in moving, in starting."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.models.base import LayerModel
from annette.models.roofline import RefinedRoofline, Roofline
from annette.models.statistical import Mixed

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["SIDES", "Change", "rescaled", "time_shares"]

SIDES: Final = ("computing", "moving", "starting")
"""What bounds a kernel of a roofline: operations, bytes, and the time that every kernel takes."""


@dataclass(frozen=True, slots=True)
class Change:
    """How another device differs, as natural logarithms of factors on time; 0 changes nothing.

    Attributes:
        overall: On everything.
        computing: On the time of operations, on top.
        moving: On the time of bytes, on top.
        starting: On the offset of every kernel, on top.
    """

    overall: float = 0.0
    computing: float = 0.0
    moving: float = 0.0
    starting: float = 0.0


@singledispatch
def rescaled(model: LayerModel, change: Change) -> LayerModel:
    """The model for a device that differs by ``change``.

    Models without rates of their own (forests, fixed formulas) follow the overall factor alone.

    Raises:
        ModelError: The family is not one that can be scaled.
    """
    return model.scaled(math.exp(change.overall))


@rescaled.register
def _(model: Roofline, change: Change) -> LayerModel:
    return replace(
        model,
        ops_per_s=model.ops_per_s / math.exp(change.overall + change.computing),
        bytes_per_s=model.bytes_per_s / math.exp(change.overall + change.moving),
        offset_s=model.offset_s * math.exp(change.overall + change.starting),
    )


@rescaled.register
def _(model: Mixed, change: Change) -> LayerModel:
    base = rescaled(model.base, change)
    if not isinstance(base, type(model.base)):
        raise TypeError(f"adapting turned a base of family {model.base.family!r} into {base.family!r}")
    return replace(model, base=base)


def time_shares(model: LayerModel, table: KernelTable) -> FloatArray:
    """How much of each row's time follows each of `SIDES` in `rescaled`, shape ``(rows, 3)``; zeros where none does."""
    base = model.base if isinstance(model, Mixed) else model
    shares = np.zeros((len(table), len(SIDES)))
    if not isinstance(base, (Roofline, RefinedRoofline)):
        return shares
    terms = base.terms(table)
    total_s = np.maximum(terms.slower_s(base.offset_s), 1e-300)
    computing = terms.compute_s >= terms.memory_s
    shares[:, 0] = np.where(computing, terms.compute_s, 0.0) / total_s
    shares[:, 1] = np.where(computing, 0.0, terms.memory_s) / total_s
    shares[:, 2] = base.offset_s / total_s
    return shares
