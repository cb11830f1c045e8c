"""What Vela can compile for: accelerators, and the clocks and memories that go with them.

The names are those of Vela's bundled configuration file ``Arm/vela.ini``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from annette.errors import OptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ACCELERATORS", "VELAS_OWN", "Target"]

_SHARED: Final = "Shared_Sram"
_DEDICATED_384: Final = "Dedicated_Sram_384KB"
_DEDICATED_512: Final = "Dedicated_Sram_512KB"
_EMBEDDED: Final = {"ethos-u55": "Ethos_U55_High_End_Embedded", "ethos-u65": "Ethos_U65_Embedded"}
"""System configuration of each family without memory of its own: SRAM and flash."""

ACCELERATORS: Final = {
    **dict.fromkeys(
        ("ethos-u55-32", "ethos-u55-64", "ethos-u55-128", "ethos-u55-256"), (_EMBEDDED["ethos-u55"], _SHARED)
    ),
    "ethos-u65-256": ("Ethos_U65_High_End", _DEDICATED_512),
    "ethos-u65-512": ("Ethos_U65_Client_Server", _DEDICATED_512),
    **dict.fromkeys(("ethos-u85-128", "ethos-u85-256"), ("Ethos_U85_SYS_DRAM_Low", _DEDICATED_384)),
    **dict.fromkeys(("ethos-u85-512", "ethos-u85-1024"), ("Ethos_U85_SYS_DRAM_Mid", _DEDICATED_512)),
    "ethos-u85-2048": ("Ethos_U85_SYS_DRAM_High", _DEDICATED_512),
}
"""Accelerators with the system configuration and memory mode that are taken where none is named."""

VELAS_OWN: Final = "internal-default"
"""Vela's name for what its command line takes where it is told nothing."""

_VELAS_OWN: Final = {
    "ethos-u55": (_EMBEDDED["ethos-u55"], _SHARED),
    "ethos-u65": ("Ethos_U65_Client_Server", _DEDICATED_384),
    "ethos-u85": ("Ethos_U85_SYS_DRAM_Mid", _DEDICATED_384),
}
_STRATEGIES: Final = ("Performance", "Size")
_BUNDLED: Final = "Arm/vela.ini"
_SYSTEMS: Final = (
    "Ethos_U55_Deep_Embedded",
    "Ethos_U55_High_End_Embedded",
    "Ethos_U65_Embedded",
    "Ethos_U65_Mid_End",
    "Ethos_U65_High_End",
    "Ethos_U65_Client_Server",
    "Ethos_U85_SYS_Flash_Low",
    "Ethos_U85_SYS_Flash_High",
    "Ethos_U85_SYS_DRAM_Low",
    "Ethos_U85_SYS_DRAM_Mid",
    "Ethos_U85_SYS_DRAM_High",
)
_MODES: Final = ("Sram_Only", _SHARED, "Dedicated_Sram", "Dedicated_Sram_256KB", _DEDICATED_384, _DEDICATED_512)
_ON_FLASH: Final = {**_EMBEDDED, "ethos-u85": "Ethos_U85_SYS_Flash_High"}


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
    config: str = _BUNDLED

    @classmethod
    def choose(
        cls,
        accelerator: str,
        system_config: str = "",
        memory_mode: str = "",
        *,
        optimise: str = "Performance",
        arena_cache_size: int = 0,
        config: str = _BUNDLED,
    ) -> Self:
        """Fills in what is left open: what a memory mode needs decides the system, and the accelerator the rest.

        What is called `VELAS_OWN` becomes what Vela's command line takes without these options.

        Raises:
            OptionError: A name is not known, or a size is negative.
        """
        _known("accelerator", accelerator, ACCELERATORS)
        _known("optimise", optimise, _STRATEGIES)
        if arena_cache_size < 0:
            raise OptionError(f"arena_cache_size {arena_cache_size} is negative")
        velas_system, velas_mode = _VELAS_OWN[accelerator.rpartition("-")[0]]
        system_config = velas_system if system_config == VELAS_OWN else system_config
        memory_mode = velas_mode if memory_mode == VELAS_OWN else memory_mode
        if config == _BUNDLED:
            _known("system_config", system_config or _SYSTEMS[0], _SYSTEMS)
            _known("memory_mode", memory_mode or _MODES[0], _MODES)
        default_system, default_mode = ACCELERATORS[accelerator]
        if not memory_mode:
            memory_mode = _SHARED if _has_flash(system_config or default_system) else default_mode
        if not system_config:
            shared = not memory_mode.startswith("Dedicated")
            system_config = _ON_FLASH[accelerator.rpartition("-")[0]] if shared else default_system
        return cls(accelerator, system_config, memory_mode, optimise, arena_cache_size, config)

    def arguments(self) -> list[str]:
        """The target as arguments of Vela's command line."""
        arguments = [
            "--accelerator-config",
            self.accelerator,
            "--config",
            self.config,
            "--system-config",
            self.system_config,
            "--memory-mode",
            self.memory_mode,
            "--optimise",
            self.optimise,
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
        if self.config != _BUNDLED:
            described["config"] = self.config
        return described


def _has_flash(system_config: str) -> bool:
    """Whether a system has flash behind its SRAM instead of DRAM, so that nothing can be written there."""
    return "Embedded" in system_config or "Flash" in system_config


def _known(option: str, value: str, known: Iterable[str]) -> None:
    names = list(known)
    if value not in names:
        raise OptionError(f"Vela has no {option} {value!r}{nearest(value, names)}; known: {', '.join(names)}")
