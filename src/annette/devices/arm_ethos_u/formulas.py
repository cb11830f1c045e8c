"""The formula for the Ethos-U: how long the accelerator and its memories are busy.

The context stage estimates the cycles of each unit as the compiler does (`annette.devices.arm_ethos_u.stage`, columns
``context:engine_cycles``, ``context:on_chip_cycles`` and ``context:off_chip_cycles``); a kernel takes as long as the
busiest of the three (an identity in the compiler's own report), and longer by ``context:waiting_cycles`` where it runs
as several operations with different busiest units. What is left to fit is what a start costs.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.models.base import Terms
from annette.models.tiled_roofline import Formula, Range

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["BUSIEST"]

_LEAST_CYCLES: Final = 1.0


def _unit(column: str) -> Callable[[KernelTable, Mapping[str, float]], FloatArray]:
    def seconds(table: KernelTable, p: Mapping[str, float]) -> FloatArray:
        cycles: FloatArray = np.maximum(table[column], _LEAST_CYCLES) + p["start_cycles"]
        return cycles / (p["clock_mhz"] * 1e6)

    return seconds


_engine_s = _unit("context:engine_cycles")
_on_chip_s = _unit("context:on_chip_cycles")
_off_chip_s = _unit("context:off_chip_cycles")


def _busiest_s(table: KernelTable, p: Mapping[str, float]) -> FloatArray:
    busiest: FloatArray = np.max([unit(table, p) for unit in (_engine_s, _on_chip_s, _off_chip_s)], axis=0)
    return busiest + table["context:waiting_cycles"] / (p["clock_mhz"] * 1e6)


def _busy(table: KernelTable, p: Mapping[str, float]) -> Terms:
    moving: FloatArray = np.maximum(_on_chip_s(table, p), _off_chip_s(table, p))
    return Terms(np.where(table["ops"] > 0, _engine_s(table, p), 0.0), moving)


_CONSTANTS: Final = MappingProxyType({"clock_mhz": Range(1000.0, 1.0, 1e5), "start_cycles": Range(0.0, 0.0, 1e4)})

BUSIEST: Final = Formula("ethos-u-busiest", _CONSTANTS, _busiest_s, _busy)
