"""A rough price for kinds of kernel that a platform has no model for: asked for, marked, never silent."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.errors import UnsupportedKernelError
from annette.models.roofline import Roofline

if TYPE_CHECKING:
    from annette.platforms.platform import Platform

__all__ = ["FALLBACK_METHOD", "fallback_model"]

FALLBACK_METHOD: Final = "fallback-roofline"


@lru_cache(maxsize=64)
def fallback_model(platform: Platform) -> Roofline:
    """A roofline with the median peak rate, bandwidth and offset of the kinds that are fitted.

    Args:
        platform: Where the fitted rooflines are taken from.

    Raises:
        UnsupportedKernelError: The platform has no roofline at all to derive one from.
    """
    known = [
        model
        for families in platform.models.values()
        for model in (families.get("roofline"), families.get("refined-roofline"))
        if isinstance(model, Roofline)
    ]
    if not known:
        raise UnsupportedKernelError(
            f"platform {platform.name!r} has no roofline models to derive a fallback from; use --fallback error"
        )
    return Roofline(
        ops_per_s=float(np.median([model.ops_per_s for model in known])),
        bytes_per_s=float(np.median([model.bytes_per_s for model in known])),
        offset_s=float(np.median([model.offset_s for model in known])),
    )
