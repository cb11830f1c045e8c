"""The formula of the array: the cycles of its passes, or the bytes that it moves, whichever takes longer."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.models.base import Terms
from annette.models.tiled_roofline import Formula, Range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.mapping.kernel import FloatArray, KernelTable

_SIDE: Final = 16
_DRAM_PENALTY: Final = 4.0


def cycles(table: KernelTable) -> FloatArray:
    """One cycle for each output position, tap, and pass of 16 input by 16 output channels; shape ``(rows,)``."""
    groups = table["groups"]
    passes = groups * np.ceil(table["in_channels"] / groups / _SIDE) * np.ceil(table["out_channels"] / groups / _SIDE)
    positions = table["batch"] * table["out_depth"] * table["out_height"] * table["out_width"]
    taps = table["kernel_depth"] * table["kernel_height"] * table["kernel_width"]
    return positions * taps * passes


def moved_bytes(table: KernelTable) -> FloatArray:
    """Bytes across the array's border; operands that lie in DRAM count four times; shape ``(rows,)``."""
    return table.bytes + (_DRAM_PENALTY - 1) * table["input_bytes"] * table["context:input_in_dram"]


def _terms(table: KernelTable, constants: Mapping[str, float]) -> Terms:
    computing_s = np.where(table["ops"] > 0, cycles(table) / (constants["clock_mhz"] * 1e6), 0.0)
    return Terms(computing_s, moved_bytes(table) / (constants["bus_gb_per_s"] * 1e9))


def _seconds(table: KernelTable, constants: Mapping[str, float]) -> FloatArray:
    return _terms(table, constants).slower_s(constants["start_us"] * 1e-6)


ARRAY: Final = Formula(
    "toy-array",
    MappingProxyType(
        {
            "clock_mhz": Range(500.0, 1.0, 1e5),
            "bus_gb_per_s": Range(5.0, 1e-3, 1e3),
            "start_us": Range(1.0, 0.0, 1e3),
        }
    ),
    _seconds,
    _terms,
)
