"""What Vela can compile for, and what follows from it for a schedule: mappings, context stages, clocks.

The names are those of Vela's bundled configuration file ``Arm/vela.ini``. The facts are in ``configurations.json``,
with their source: what each accelerator's blocks are limited by, the memories of each system configuration, and what
lies in which memory in each memory mode. Nothing here is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from annette.devices.arm_ethos_u.scheduler.accelerator import Accelerator, AcceleratorConfig, Memory
from annette.devices.device import json_file
from annette.errors import OptionError, nearest
from annette.mapping.rules import preset, read_preset

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from annette.mapping.model import MappingModel

__all__ = [
    "FACTS", "VELAS_OWN", "Target", "clock_hz", "known_mapping", "mapping_document", "peak_ops_per_s", "preset_targets",
    "presets", "target_of",
]  # fmt: skip

FACTS: Final = json_file(__package__, "configurations.json")
"""Accelerators with the system configuration and memory mode taken where none is named, system configurations and
memory modes of Vela's own configuration file."""

VELAS_OWN: Final = "internal-default"
"""Vela's name for what its command line takes where it is told nothing."""

_BUNDLED: Final = "Arm/vela.ini"
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
        if config == _BUNDLED:
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
        names = ["system_config", "memory_mode", "optimise"]
        names += ["arena_cache_size"] * bool(self.arena_cache_size) + ["config"] * (self.config != _BUNDLED)
        return {"device": self.accelerator} | {name: str(getattr(self, name)) for name in names}


def _has_flash(system_config: str) -> bool:
    """Whether a system has flash behind its SRAM instead of DRAM, so that nothing can be written there."""
    return "Embedded" in system_config or "Flash" in system_config


def _known(option: str, value: str, known: Iterable[str]) -> None:
    names = list(known)
    if value not in names:
        raise OptionError(f"Vela has no {option} {value!r}{nearest(value, names)}; known: {', '.join(names)}")


_ON_FLASH: Final = {"ethos-u65-512-sram": Target("ethos-u65-512", "Ethos_U65_Embedded", "Shared_Sram")}
"""Presets besides those of each accelerator's usual system."""

_FIRST: Final = (
    "gelu-erf", "gelu-tanh", "pad-into-convolution", "pad-into-pooling", "ethos-u-border",
    "batch-norm-into-convolution", "batch-norm-into-fully-connected", "bias-into-fully-connected",
)  # fmt: skip
_CHAINING: Final = ("ethos-u-sum", "ethos-u-sum-of-vectors")
_LAST: Final = ("ethos-u-clamp", "ethos-u-table", "ethos-u-gelu", "ethos-u-cut", "@views")


def presets() -> dict[str, dict[str, Any]]:
    """A mapping for each accelerator, named like it, with its usual system configuration and memory mode."""
    return {name: document for name, target in preset_targets().items() if (document := mapping_document(target))}


def preset_targets() -> dict[str, Target]:
    """What each preset is for."""
    return {name: Target.choose(name) for name in FACTS()["accelerators"]} | _ON_FLASH


def target_of(environment: Mapping[str, str]) -> Target | None:
    """What a dataset was compiled for; None where its environment does not say."""
    try:
        device, system, mode, optimise = (
            environment[key] for key in ("device", "system_config", "memory_mode", "optimise")
        )
        size = int(environment.get("arena_cache_size", "0"))
        return Target(device, system, mode, optimise, size, environment.get("config", _BUNDLED))
    except (KeyError, ValueError):
        return None


def clock_hz(target: Target) -> float | None:
    """Clock of the accelerator; None in a system configuration that is not one of Vela's own."""
    system = FACTS()["system_configs"].get(target.system_config) if target.config == _BUNDLED else None
    return None if system is None else float(system["clock_hz"])


def peak_ops_per_s(target: Target) -> float | None:
    """Two operations for each multiply-accumulate unit and cycle; None where the clock is not known."""
    clock = clock_hz(target)
    macs = target.accelerator.rpartition("-")[2]
    return None if clock is None or not macs.isdecimal() else 2.0 * int(macs) * clock


def mapping_document(target: Target) -> dict[str, Any] | None:
    """Rules and context stage for a target, as `annette.mapping.rules` reads them.

    Returns:
        None where the facts are not known: another accelerator or configuration file than Vela's own, the strategy
        ``Size``, or a limited arena in a memory mode without a cache, for both of which Vela schedules otherwise.
    """
    facts = FACTS()
    accelerator = facts["accelerators"].get(target.accelerator)
    system = facts["system_configs"].get(target.system_config)
    mode = facts["memory_modes"].get(target.memory_mode)
    if target.config != _BUNDLED or target.optimise != "Performance" or not (accelerator and system and mode):
        return None
    cached = "cache_bytes" in mode
    if (cached and "Dram" not in system) or (target.arena_cache_size and not cached):
        return None
    family = facts["families"][target.family]
    staging_bytes = min(target.arena_cache_size or mode["cache_bytes"], 1 << 30) if cached else 0
    outer = next(value for key, value in system.items() if key not in ("clock_hz", "Sram"))
    sram = _memory(accelerator, family, system["Sram"])
    where = (
        f"feature maps in DRAM and {staging_bytes // 1024} KB on chip for staging" if cached else "feature maps on chip"
    )
    _, name, macs = target.accelerator.split("-")
    schedules_for = Accelerator(
        config=AcceleratorConfig(**family["config"], **accelerator["config"]),
        on_chip=msgspec.structs.replace(sram, scales=sram.read),  # Never used: scales lie where weights lie.
        off_chip=_memory(accelerator, family, system["Sram"] if mode["weights"] == "on chip" else outer),
        staging_bytes=staging_bytes,
        **{f"cycles_per_{what}": cycles for what, cycles in accelerator["cycles"].items()},
    )
    return {
        "description": f"Arm Ethos-{name.upper()} with {macs} multiply-accumulates per cycle, {where}, as Vela 5.2 "
        "reports its kernels.",
        "context": {"name": "ethos-u-placement", "parameters": msgspec.to_builtins(schedules_for)},
        "rules": [*_FIRST, *(_CHAINING if family["rules"] == "chaining" else ()), *_LAST],
    }


def _memory(accelerator: Mapping[str, Any], family: Mapping[str, Any], memory: Mapping[str, Any]) -> Memory:
    """A memory as one accelerator sees it: on the Ethos-U85 every channel has a limit of its own.

    Vela's ``ChannelBW``: as many bursts are under way as the channel's read buffer holds (in words of 16 bytes), and no
    more than four fifths of the outstanding transfers that the ports take; four fifths of that pass in a latency.
    """
    bandwidth = float(family["axi_bytes_per_cycle"] * memory["ports"] * memory["clock_scale"])
    burst, (read_latency, write_latency) = memory["burst_bytes"], memory["latency"]

    def channel(read_buffer: int | None, outstanding: int, latency: int) -> float:
        bursts = outstanding * memory["ports"] * 0.8
        if read_buffer is not None:
            bursts = min(bursts, read_buffer / max(burst // 16, 1))
        return round(min(bandwidth, burst * bursts / latency * 0.8), 6) if bursts else bandwidth

    buffers = accelerator.get("read_buffers")
    reads, writes = memory["outstanding"]
    rates = dict.fromkeys(("read", "write", "weights", "scales", "copy"), bandwidth)
    if buffers:
        rates = {name: channel(buffers[name], reads, read_latency) for name in rates if name != "write"}
        rates["write"] = channel(None, writes, write_latency)
        if (stream := channel(buffers["stream"], reads, read_latency)) != rates["read"]:
            rates["stream"] = stream
    latencies = {"read_latency": read_latency, "write_latency": write_latency}
    return Memory(bytes_per_cycle=bandwidth, **rates, burst_bytes=burst, **latencies)


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
