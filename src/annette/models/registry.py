"""Families of layer models by the name that platform files use."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from annette.errors import PlatformFormatError, nearest

if TYPE_CHECKING:
    from annette.models.base import LayerModel
    from annette.models.fields import Fields

__all__ = ["FAMILIES", "build_model"]

_BUILT_IN: Final = MappingProxyType(
    {
        "roofline": ("annette.models.roofline", "Roofline"),
        "refined-roofline": ("annette.models.refined_roofline", "RefinedRoofline"),
        "statistical": ("annette.models.statistical", "Statistical"),
        "mixed": ("annette.models.mixed", "Mixed"),
        "tiled-roofline": ("annette.models.tiled_roofline", "TiledRoofline"),
        "dpu": ("annette.models.dpu", "Dpu"),
        "saturating-rate": ("annette.models.saturating", "SaturatingRate"),
        "cached-memory": ("annette.models.saturating", "CachedMemory"),
        "original-roofline": ("annette.models.original", "OriginalRoofline"),
        "original-refined-roofline": ("annette.models.original", "OriginalRefinedRoofline"),
    }
)


class _Families(Mapping[str, "type[LayerModel]"]):
    """Imports the module of a family when the family is asked for: most platforms use two or three of them."""

    def __getitem__(self, family: str) -> type[LayerModel]:
        module, name = _BUILT_IN[family]
        found: type[LayerModel] = getattr(importlib.import_module(module), name)
        return found

    def __contains__(self, family: object) -> bool:
        return family in _BUILT_IN

    def __iter__(self) -> Iterator[str]:
        return iter(_BUILT_IN)

    def __len__(self) -> int:
        return len(_BUILT_IN)


FAMILIES: Final[Mapping[str, type[LayerModel]]] = _Families()
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
