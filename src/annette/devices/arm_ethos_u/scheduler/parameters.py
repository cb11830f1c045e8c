"""An Ethos-U's sizes and speeds as plain JSON values, and back."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from annette.devices.arm_ethos_u.scheduler.device import Device, Memory
from annette.devices.arm_ethos_u.scheduler.tiling import Engine
from annette.errors import MappingError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["device_from_json", "device_to_json"]

_SIZES: Final = {
    "banks": (0, 4096),
    "input_grain": (0, 4096),
    "accumulator_grain": (0, 4096),
    "input_bytes": (0, 1 << 24),
    "accumulator_bytes": (0, 1 << 24),
    "max_height": (1, 4096),
    "max_width": (1, 4096),
    "max_channels": (1, 4096),
    "deep_channels": (8, 1024),
    "cores": (1, 64),
}
_CYCLES: Final = (
    "cycles_per_output",
    "cycles_per_table",
    "cycles_per_maximum",
    "cycles_per_sum",
    "cycles_per_product",
)
_MOST_UNITS: Final = 8
_LARGEST_UNIT: Final = 64
_MOST: Final = 1e9


def device_to_json(device: Device) -> dict[str, Any]:
    """Everything that `device_from_json` needs."""
    return {
        "engine": {**asdict(device.engine), "units": [list(unit) for unit in device.engine.units]},
        "inside": device.inside._asdict(),
        "outside": device.outside._asdict(),
        "staging_bytes": device.staging_bytes,
        **{name: getattr(device, name) for name in _CYCLES},
    }


def device_from_json(stage: str, data: Mapping[str, Any]) -> Device:
    """Builds an accelerator.

    Args:
        stage: Name of the context stage, for messages.
        data: What a mapping file holds.

    Raises:
        MappingError: A value is missing, unknown, of the wrong type, or out of its range.
    """
    _only(stage, data, ("engine", "inside", "outside", "staging_bytes", *_CYCLES))
    engine = _object(stage, data, "engine")
    _only(stage, engine, ("units", *_SIZES))
    sizes = {name: _whole(stage, engine, name, *limits) for name, limits in _SIZES.items()}
    if not sizes["banks"] and not (sizes["input_bytes"] and sizes["accumulator_bytes"]):
        raise MappingError(
            f"context stage {stage!r}: without 'banks' the engine needs input_bytes and accumulator_bytes"
        )
    if sizes["banks"] and not (sizes["input_grain"] and sizes["accumulator_grain"]):
        raise MappingError(f"context stage {stage!r}: with 'banks' the engine needs input_grain and accumulator_grain")
    return Device(
        engine=Engine(units=_units(stage, engine.get("units")), **sizes),
        inside=_memory(stage, data, "inside"),
        outside=_memory(stage, data, "outside"),
        staging_bytes=_whole(stage, data, "staging_bytes", 0, 1 << 30),
        **{name: _number(stage, data, name) for name in _CYCLES},
    )


def _memory(stage: str, data: Mapping[str, Any], key: str) -> Memory:
    memory = _object(stage, data, key)
    _only(stage, memory, Memory._fields)
    latencies = ("read_latency", "write_latency")
    return Memory(**{name: _number(stage, memory, name, zero=name in latencies) for name in Memory._fields})


def _only(stage: str, data: Mapping[str, Any], known: Iterable[str]) -> None:
    names = list(known)
    unknown = sorted(data.keys() - set(names))
    if unknown:
        raise MappingError(
            f"context stage {stage!r} has no parameter {unknown[0][:80]!r}{nearest(unknown[0], names)}; "
            f"known: {', '.join(names)}"
        )


def _object(stage: str, data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    if not isinstance(value, dict):
        raise MappingError(f"context stage {stage!r}: {key!r} must be an object, not {value!r:.80}")
    return value


def _whole(stage: str, data: Mapping[str, Any], key: str, least: int, most: int) -> int:
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise MappingError(
            f"context stage {stage!r}: {key!r} is {_shown(data, key)}: it must be a whole number from {least} to {most}"
        )
    return value


def _number(stage: str, data: Mapping[str, Any], key: str, *, zero: bool = False) -> float:
    value = data.get(key)
    sound = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    if not sound or not (0 if zero else 1e-9) <= float(value) <= _MOST:  # type: ignore[arg-type]  # it is a number
        raise MappingError(
            f"context stage {stage!r}: {key!r} is {_shown(data, key)}: it must be a number "
            f"{'of 0 or more' if zero else 'above 0'}"
        )
    return float(value)  # type: ignore[arg-type]  # as above


def _shown(data: Mapping[str, Any], key: str) -> str:
    return "missing" if key not in data else repr(data[key])[:80]


def _units(stage: str, data: Any) -> tuple[tuple[int, int, int], ...]:
    sound = (
        isinstance(data, list)
        and 0 < len(data) <= _MOST_UNITS
        and all(
            isinstance(unit, list)
            and len(unit) == 3
            and all(isinstance(size, int) and not isinstance(size, bool) and 0 < size <= _LARGEST_UNIT for size in unit)
            for unit in data
        )
    )
    if not sound:
        raise MappingError(
            f"context stage {stage!r}: 'units' is {data!r:.80}: it must be a list of micro-tiles, each "
            f"three whole numbers from 1 to {_LARGEST_UNIT}"
        )
    return tuple((unit[0], unit[1], unit[2]) for unit in data)
