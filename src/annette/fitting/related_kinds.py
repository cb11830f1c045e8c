"""Rough models for kinds that were measured too little or not at all, from what was measured of related kinds.

A square root takes about as long as other element-wise functions of as many operations. Such a price is better than
refusing the network, but it is an assumption: the platform says so for every kind, its kernels count as not fitted, and
estimates show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from annette.fitting.roofline import fit_roofline
from annette.fitting.samples import LEAST_ROWS
from annette.network import Category
from annette.network.kinds import kinds_in

if TYPE_CHECKING:
    from collections.abc import Collection

    from annette.fitting.samples import Samples
    from annette.models.base import LayerModel

__all__ = ["shared_rooflines"]

_RELATED: Final = (
    (Category.ACTIVATION, Category.UNARY, Category.QUANTIZATION),
    (Category.BINARY,),
    (Category.REDUCTION, Category.GLOBAL_POOLING),
    (Category.NORMALIZATION,),
    (Category.POOLING,),
    (Category.MOVEMENT, Category.SELECTION),
    (Category.RECURRENT,),
)
"""Categories whose kinds do much the same with their data."""


def shared_rooflines(
    samples: Samples, fitted: Collection[str]
) -> tuple[dict[str, dict[str, LayerModel]], dict[str, str]]:
    """One roofline for all kinds of a group of categories that have no model of their own.

    Args:
        samples: All cleaned rows.
        fitted: Kinds that have models of their own.

    Returns:
        Models by kind and family, and for each of these kinds why it is an assumption.
    """
    models: dict[str, dict[str, LayerModel]] = {}
    reasons: dict[str, str] = {}
    for categories in _RELATED:
        related = kinds_in(*categories)
        rows = samples.select(np.isin(samples.table.kinds, sorted(related)))
        if len(rows) < LEAST_ROWS:
            continue
        roofline = fit_roofline(rows)
        measured = ", ".join(rows.kinds)
        for kind in sorted(related - set(fitted)):
            models[kind] = {"roofline": roofline}
            reasons[kind] = f"priced like the related kinds that were measured: {measured}"
    return models, reasons
