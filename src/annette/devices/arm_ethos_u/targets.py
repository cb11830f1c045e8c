"""What Vela can compile for: accelerators, and the clocks and memories that go with them.

The names are those of Vela's bundled configuration file ``Arm/vela.ini``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from annette.devices.device import json_file
from annette.errors import OptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BUNDLED", "FACTS", "VELAS_OWN", "Target"]

FACTS: Final = json_file(__package__, "configurations.json")
"""Accelerators with the system configuration and memory mode taken where none is named, system configurations and
memory modes of Vela's own configuration file."""

VELAS_OWN: Final = "internal-default"
"""Vela's name for what its command line takes where it is told nothing."""

BUNDLED: Final = "Arm/vela.ini"
"""Vela's own configuration file."""

_STRATEGIES: Final = ("Performance", "Size")
_SHARED: Final = "Shared_Sram"


@dataclass(frozen=True, slots=True)
class Target:
    """Everything that Vela's estimate depends on besides the network.

    Attributes:
        accelerator: Name with the multiply-accumulates per cycle.
        system_config: Clock and memories.
        memory_mode: What lies in which memory.
        optimise: Strategy of the scheduler.
        arena_cache_size: Bytes; 0 leaves it to the memory mode.
        config: Configuration file.
    """

    accelerator: str
    system_config: str
    memory_mode: str
    optimise: str = "Performance"
    arena_cache_size: int = 0
    config: str = BUNDLED

    @classmethod
    def choose(
        cls,
        accelerator: str,
        system_config: str = "",
        memory_mode: str = "",
        *,
        optimise: str = "Performance",
        arena_cache_size: int = 0,
        config: str = BUNDLED,
    ) -> Self:
        """Fills in what is left open: what a memory mode needs decides the system, and the accelerator the rest.

        What is called `VELAS_OWN` becomes what Vela's command line takes without these options.

        Raises:
            OptionError: A name is not known, or a size is negative.
        """
        facts = FACTS()
        _known("accelerator", accelerator, facts["accelerators"])
        _known("optimise", optimise, _STRATEGIES)
        if arena_cache_size < 0:
            raise OptionError(f"arena_cache_size {arena_cache_size} is negative")
        family = facts["families"][accelerator.rpartition("-")[0]]
        velas_system, velas_mode = family["command_line"]
        system_config = velas_system if system_config == VELAS_OWN else system_config
        memory_mode = velas_mode if memory_mode == VELAS_OWN else memory_mode
        usual_system, usual_mode = facts["accelerators"][accelerator]["usual"]
        if config == BUNDLED:
            _known("system_config", system_config or usual_system, facts["system_configs"])
            _known("memory_mode", memory_mode or usual_mode, facts["memory_modes"])
        if not memory_mode:
            memory_mode = _SHARED if _has_flash(system_config or usual_system) else usual_mode
        if not system_config:
            system_config = usual_system if memory_mode.startswith("Dedicated") else family["flash_system"]
        return cls(accelerator, system_config, memory_mode, optimise, arena_cache_size, config)

    @property
    def family(self) -> str:
        """``ethos-u55``, ``ethos-u65`` or ``ethos-u85``."""
        return self.accelerator.rpartition("-")[0]

    def arguments(self) -> list[str]:
        """The target as arguments of Vela's command line."""
        arguments = [
            *("--accelerator-config", self.accelerator),
            *("--config", self.config),
            *("--system-config", self.system_config),
            *("--memory-mode", self.memory_mode),
            *("--optimise", self.optimise),
        ]
        if self.arena_cache_size:
            arguments += ["--arena-cache-size", str(self.arena_cache_size)]
        return arguments

    def described(self) -> dict[str, str]:
        """The target as text, for the environment of a dataset."""
        described = {
            "device": self.accelerator,
            "system_config": self.system_config,
            "memory_mode": self.memory_mode,
            "optimise": self.optimise,
        }
        if self.arena_cache_size:
            described["arena_cache_size"] = str(self.arena_cache_size)
        if self.config != BUNDLED:
            described["config"] = self.config
        return described


def _has_flash(system_config: str) -> bool:
    """Whether a system has flash behind its SRAM instead of DRAM, so that nothing can be written there."""
    return "Embedded" in system_config or "Flash" in system_config


def _known(option: str, value: str, known: Iterable[str]) -> None:
    names = list(known)
    if value not in names:
        raise OptionError(f"Vela has no {option} {value!r}{nearest(value, names)}; known: {', '.join(names)}")
