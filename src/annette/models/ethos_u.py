"""Formulas for the Ethos-U: its compute engine, and its memories on and off the chip.

The compiler's report gives a kernel the time of the busiest of the three (an identity in the report's own columns).
They build on how a kernel is cut and where its maps lie (`annette.mapping.ethos_u.stage`, columns ``context:…``).

Documented: clocks, and bytes per cycle of the memories, as the configuration file that Vela ships states them.
Fitted: cycles per step and per output, bandwidths of the single streams. Assumed: weights are read on chip once for
every tile of a plane, and fetched from outside once.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.models.base import Terms
from annette.models.tiled_roofline import Formula, Range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["COMPUTE", "FORMULAS", "OFF_CHIP", "ON_CHIP"]

_BRICK: Final = 16.0
_SCALE_BYTES: Final = 10.0


def _cycles_to_s(cycles: FloatArray, p: Mapping[str, float]) -> FloatArray:
    seconds: FloatArray = cycles / (p["clock_mhz"] * 1e6)
    return seconds


def _bricks(table: KernelTable, side: str) -> FloatArray:
    """How much larger a map is when it is stored in bricks of 16 channels."""
    channels = table[f"{side}_channels"]
    padded: FloatArray = np.where(
        table[f"context:{'input' if side == 'in' else 'output'}_rows"] > 0,
        1.0,
        np.ceil(channels / _BRICK) * _BRICK / channels,
    )
    return padded


def _compute_s(table: KernelTable, p: Mapping[str, float]) -> FloatArray:
    """Steps of the multiply-accumulate array against writing outputs, and a start."""
    outputs = table["output_bytes"] * _bricks(table, "out")
    cycles = np.maximum(table["context:steps"] * p["cycles_per_step"], outputs * p["cycles_per_output"])
    return _cycles_to_s(cycles + p["start_cycles"], p)


def _streams(table: KernelTable) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Bytes read for the anchor, read besides, written, and of weights."""
    copied = table["context:copied_bytes"]
    first = np.where(copied > 0, copied, table["input_bytes"])
    side = np.where(table["residual"] > 0, np.minimum(table["output_bytes"], first), 0.0)
    read = (first - side) * _bricks(table, "in") * np.maximum(table["context:reread"], 1e-3)
    written = np.where(copied > 0, copied, table["output_bytes"]) * _bricks(table, "out")
    return read, side, written, table["weight_bytes"]


def _busy_cycles(parts: Mapping[str, FloatArray], p: Mapping[str, float]) -> FloatArray:
    """All streams share the memory; each has a limit of its own besides."""
    total = np.sum(list(parts.values()), axis=0) / p["bytes_per_cycle"]
    limits = [part / p[f"{name}_bytes_per_cycle"] for name, part in parts.items() if name != "scales"]
    busy: FloatArray = np.max([total, *limits], axis=0)
    return busy


def _on_chip_s(table: KernelTable, p: Mapping[str, float]) -> FloatArray:
    """What the kernel reads and writes on chip; weights once for every tile of a plane."""
    read, side, written, weights = _streams(table)
    parts = {
        "read": read * (1.0 - table["context:input_outside"]) + side * (1.0 - table["context:side_outside"]),
        "write": written * (1.0 - table["context:output_outside"]),
        "weights": weights * table["context:tiles"],
    }
    return _cycles_to_s(_busy_cycles(parts, p) + 1.0, p)


def _off_chip_s(table: KernelTable, p: Mapping[str, float]) -> FloatArray:
    """Maps that lie outside, the weights once, and ten bytes for each output channel's scale."""
    read, side, written, weights = _streams(table)
    parts = {
        "read": read * table["context:input_outside"] + side * table["context:side_outside"],
        "write": written * table["context:output_outside"],
        "weights": weights,
        "scales": np.where(weights > 0, table["out_channels"] * _SCALE_BYTES, 0.0),
    }
    return _cycles_to_s(_busy_cycles(parts, p) + 1.0, p)


def _computing(table: KernelTable, p: Mapping[str, float]) -> Terms:
    seconds = _compute_s(table, p)
    return Terms(np.where(table["ops"] > 0, seconds, 0.0), np.zeros_like(seconds))


def _moving_on(table: KernelTable, p: Mapping[str, float]) -> Terms:
    seconds = _on_chip_s(table, p)
    return Terms(np.zeros_like(seconds), seconds)


def _moving_off(table: KernelTable, p: Mapping[str, float]) -> Terms:
    seconds = _off_chip_s(table, p)
    return Terms(np.zeros_like(seconds), seconds)


_CLOCK: Final = {"clock_mhz": Range(1000.0, 1.0, 1e5)}
_MEMORY: Final = {
    **_CLOCK,
    "bytes_per_cycle": Range(8.0, 0.01, 1024.0),
    "read_bytes_per_cycle": Range(8.0, 0.01, 1024.0),
    "write_bytes_per_cycle": Range(8.0, 0.01, 1024.0),
    "weights_bytes_per_cycle": Range(8.0, 0.01, 1024.0),
}

COMPUTE: Final = Formula(
    "ethos-u-compute",
    MappingProxyType(
        {
            **_CLOCK,
            "cycles_per_step": Range(2.0, 0.01, 100.0),
            "cycles_per_output": Range(0.25, 0.001, 100.0),
            "start_cycles": Range(150.0, 0.0, 1e4),
        }
    ),
    _compute_s,
    _computing,
)
ON_CHIP: Final = Formula("ethos-u-on-chip", MappingProxyType(_MEMORY), _on_chip_s, _moving_on)
OFF_CHIP: Final = Formula("ethos-u-off-chip", MappingProxyType(_MEMORY), _off_chip_s, _moving_off)

FORMULAS: Final[Mapping[str, Formula]] = MappingProxyType({f.name: f for f in (COMPUTE, ON_CHIP, OFF_CHIP)})
"""Every formula by name."""
