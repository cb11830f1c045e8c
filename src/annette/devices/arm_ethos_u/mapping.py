"""What Vela makes of a network for the accelerator that a dataset names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.mapping.rules import preset, presets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.mapping.model import MappingModel

__all__ = ["known_mapping"]


def known_mapping(environment: Mapping[str, str]) -> MappingModel | None:
    """The rules and the context stage of the accelerator; None where none is known for it."""
    name = environment.get("device", "")
    if name == "ethos-u65-512" and environment.get("memory_mode") == "Shared_Sram":
        name = "ethos-u65-512-sram"
    return preset(name) if name in presets() else None
