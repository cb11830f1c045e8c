"""How Vela maps and schedules networks for what a dataset was compiled for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.devices.arm_ethos_u.configurations import mapping_document, preset_targets, target_of
from annette.mapping.rules import preset, read_preset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.mapping.model import MappingModel

__all__ = ["known_mapping"]


def known_mapping(environment: Mapping[str, str]) -> MappingModel | None:
    """The rules and the context stage for a dataset's target; None where facts about it are not known.

    Args:
        environment: As `annette.devices.arm_ethos_u.backend.VelaBackend.environment` writes it.
    """
    target = target_of(environment)
    document = mapping_document(target) if target is not None else None
    if target is None or document is None:
        return None
    named = next((name for name, each in preset_targets().items() if each == target), None)
    if named is not None:
        return preset(named)
    parts = [target.accelerator, target.system_config, target.memory_mode]
    parts += [str(target.arena_cache_size)] if target.arena_cache_size else []
    return read_preset("-".join(parts).lower().replace("_", "-"), document)
