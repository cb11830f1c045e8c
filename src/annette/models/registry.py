"""Families of layer models by the name that platform files use."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from annette.devices.registry import find, offered, resolve
from annette.documents import located
from annette.errors import PlatformFormatError, nearest
from annette.models.base import LayerModel

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["build_model", "families", "family_class"]

_GENERAL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "roofline": "annette.models.roofline:Roofline",
        "refined-roofline": "annette.models.roofline:RefinedRoofline",
        "statistical": "annette.models.statistical:Statistical",
        "mixed": "annette.models.statistical:Mixed",
        "tiled-roofline": "annette.models.tiled_roofline:TiledRoofline",
    }
)
"""Families that suit any device; imported when asked for, since most platforms use two or three of them."""


def families() -> tuple[str, ...]:
    """Names of all families that a platform file may hold: those that suit any device, then those of device families.

    Names that begin with ``original-`` are for cross-checks only.
    """
    return (*_GENERAL, *(name for name in offered("layer_models") if name not in _GENERAL))


def family_class(family: str) -> type[LayerModel]:
    """The class of a family.

    Raises:
        PlatformFormatError: There is no such family.
    """
    found = resolve(_GENERAL[family]) if family in _GENERAL else find("layer_models", family)
    if not (isinstance(found, type) and issubclass(found, LayerModel)):
        known = families()
        raise PlatformFormatError(
            f"unknown model family {family[:80]!r}{nearest(family, known)}; known: {', '.join(known)}"
        )
    return found


def build_model(family: str, parameters: Any, path: str = "$") -> LayerModel:
    """Builds a layer model from a platform file.

    Args:
        family: Name of the family.
        parameters: Its parameters as they stand in the file.
        path: Where they are in the file, for messages.

    Raises:
        PlatformFormatError: The family is not known or a parameter is not acceptable.
    """
    with located(path, error=PlatformFormatError):
        return family_class(family).from_json(parameters)
