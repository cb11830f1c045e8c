"""Families of layer models by the name that platform files use."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from annette.errors import PlatformFormatError, nearest
from annette.models.dpu import Dpu
from annette.models.mixed import Mixed
from annette.models.original import OriginalRefinedRoofline, OriginalRoofline
from annette.models.refined_roofline import RefinedRoofline
from annette.models.roofline import Roofline
from annette.models.saturating import CachedMemory, SaturatingRate
from annette.models.statistical import Statistical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.models.base import LayerModel
    from annette.models.fields import Fields

__all__ = ["FAMILIES", "build_model"]

FAMILIES: Final[Mapping[str, type[LayerModel]]] = MappingProxyType(
    {
        family.family: family
        for family in (
            Roofline,
            RefinedRoofline,
            Statistical,
            Mixed,
            Dpu,
            SaturatingRate,
            CachedMemory,
            OriginalRoofline,
            OriginalRefinedRoofline,
        )
    }
)
"""Every family that a platform file may hold; those that begin with ``original-`` are for cross-checks only."""


def build_model(family: str, parameters: Fields) -> LayerModel:
    """Builds a layer model from a platform file.

    Args:
        family: Name of the family.
        parameters: Its parameters, with their place in the file.

    Raises:
        PlatformFormatError: The family is not known or a parameter is not acceptable.
    """
    if family not in FAMILIES:
        raise PlatformFormatError(
            f"{parameters.path} is of an unknown model family {family[:80]!r}"
            f"{nearest(family, FAMILIES)}; known: {', '.join(FAMILIES)}"
        )
    return FAMILIES[family].from_json(parameters)
