"""Finds the engines of a DPU from profiled kernels: sizes by integer search, rates by robust regression.

What makes the sizes identifiable is that the array cannot beat its own size: its rate is
``2 rows in_channels out_channels efficiency`` with an efficiency of at most 1. Without that, an integer and the rate
trade places. Input and output channels share one size in this family of accelerators (AMD's product guide PG338), so
that two integers of the array are searched for, and the rows of the ALU where depthwise kernels were profiled;
``tied=False`` searches for three.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.optimize import least_squares

from annette.devices.xilinx_dpu.models import Alu, Array, Dpu, Pooling
from annette.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray
    from annette.models.base import LayerModel

__all__ = ["ARRAY_KINDS", "DpuConstants", "dpu_models", "fit_dpu"]

ARRAY_KINDS: Final = ("conv", "grouped_conv")
_FRONTS: Final = {"conv1_depthwise": 1, "conv3_depthwise": 3}
_POOLED: Final = ("max_pool", "average_pool", "global_average_pool", "global_max_pool", "add")
_MOVED: Final = ("resize_nearest", "space_to_depth", "depth_to_space", "pad")
_PORTS: Final = ("conv", "fully_connected", "conv_transpose")

_CANDIDATES: Final = tuple(range(1, 33))
_STARTS: Final = (4, 8, 16)
_ROUNDS: Final = 6
_LEAST_ROWS: Final = 10
_PER_DOUBLING: Final = 0.0005
_SOFTNESS: Final = 0.05
_FEW_STEPS: Final = 12
_ALL_STEPS: Final = 200
_RESOLUTION_S: Final = 0.5e-6
_WITHOUT_ALU_OVERHEAD: Final = 8.0


@dataclass(frozen=True, slots=True)
class DpuConstants:
    """What the search finds; sizes are whole numbers.

    Attributes:
        rows: Pixel parallelism of the array: output rows side by side.
        in_channels: Input-channel parallelism of the array; also the channel parallelism of ALU and pooling unit.
        out_channels: Output-channel parallelism of the array.
        alu_rows: Pixel parallelism of the ALU.
        efficiency: Share of the array's peak that full blocks reach, at most 1.
        width_overhead: Columns that starting a row costs the ALU.
        conv_bytes_per_cycle: What the memory port reaches for convolutions.
        fully_connected_bytes_per_cycle: The same for fully connected layers, which only stream weights.
        conv_transpose_bytes_per_cycle: The same for transposed convolutions.
        offset_s: What every kernel costs in a profile.
    """

    rows: int
    in_channels: int
    out_channels: int
    alu_rows: int = 4
    efficiency: float = 0.9
    width_overhead: float = 4.0
    conv_bytes_per_cycle: float = 13.0
    fully_connected_bytes_per_cycle: float = 19.0
    conv_transpose_bytes_per_cycle: float = 7.0
    offset_s: float = 11e-6


_BOUNDS: Final = {
    "efficiency": (0.3, 1.0),
    "conv_bytes_per_cycle": (2.0, 64.0),
    "offset_s": (1e-6, 1e-4),
    "fully_connected_bytes_per_cycle": (2.0, 64.0),
    "conv_transpose_bytes_per_cycle": (1.0, 64.0),
    "width_overhead": (0.1, 32.0),
}
_NEEDS: Final = {
    "fully_connected_bytes_per_cycle": ("fully_connected",),
    "conv_transpose_bytes_per_cycle": ("conv_transpose",),
    "width_overhead": ("depthwise_conv", *_FRONTS),
}


def dpu_models(
    constants: DpuConstants,
    clock_hz: float,
    *,
    offset: bool = True,
    streaming: bool = False,
    augmented_channels: int = 0,
) -> dict[str, LayerModel]:
    """Layer models of every kind that the accelerator runs, from its constants.

    Args:
        constants: As fitted on a profile.
        clock_hz: Clock to run at.
        offset: Whether every kernel costs what it does in a profile, or follows the one before without a gap.
        streaming: Whether the memory port reaches the rate of streaming for every kind, since loads and stores of
            neighbouring kernels overlap.
        augmented_channels: Up to this many input channels share the array's axis with the kernel's width.
    """
    stream = constants.fully_connected_bytes_per_cycle
    port = stream if streaming else constants.conv_bytes_per_cycle
    array = Array(
        constants.rows, constants.in_channels, constants.out_channels, constants.efficiency, augmented_channels
    )
    alu = Alu(constants.alu_rows, constants.in_channels, constants.width_overhead)
    pooling = Pooling(constants.rows, constants.in_channels)
    base = Dpu(clock_hz, port, constants.offset_s if offset else 0.0)
    models: dict[str, LayerModel] = {kind: replace(base, array=array) for kind in ARRAY_KINDS}
    models["fully_connected"] = replace(base, array=array, bytes_per_cycle=stream)
    models["conv_transpose"] = replace(base, array=array, bytes_per_cycle=constants.conv_transpose_bytes_per_cycle)
    models["depthwise_conv"] = replace(base, alu=alu)
    for kind, kernel in _FRONTS.items():
        models[kind] = replace(base, array=replace(array, front_kernel=kernel), alu=alu)
    models |= {kind: replace(base, pooling=pooling) for kind in _POOLED}
    models |= dict.fromkeys(_MOVED, base)
    return models


def fit_dpu(samples: Samples, *, clock_hz: float, tied: bool = True) -> DpuConstants:
    """Finds sizes and rates.

    Descent from several starts: every size of one dimension is tried, with all rates fitted again, until nothing
    improves. The score is the mean absolute log error plus a small price per doubling, so that a size without evidence
    stays small.

    Args:
        samples: Profiled kernels of any kinds that `dpu_models` knows.
        clock_hz: Clock that they ran at.
        tied: Whether the array's input and output channels have one size.

    Raises:
        FitError: There are too few convolutions, or kernels of a kind that the accelerator does not run.
    """
    problem = _Problem(samples, clock_hz)
    _, constants = min((_descend(problem, start, tied=tied) for start in _STARTS), key=itemgetter(0))
    if problem.has_alu:
        return constants
    return replace(constants, alu_rows=max(constants.rows // 2, 1), width_overhead=_WITHOUT_ALU_OVERHEAD)


def _descend(problem: _Problem, start: int, *, tied: bool) -> tuple[float, DpuConstants]:
    """The best candidate that one start leads to, with its score."""
    current = problem.scored(DpuConstants(start, start, start))
    for _ in range(_ROUNDS):
        before = current[0]
        for group in range(len(_groups(current[1], tied=tied, alu=problem.has_alu))):
            candidates = _groups(current[1], tied=tied, alu=problem.has_alu)[group]
            current = min([current, *map(problem.scored, candidates)], key=itemgetter(0))
        current = min(current, problem.scored(current[1], steps=_ALL_STEPS), key=itemgetter(0))
        if current[0] > before - 1e-6:
            break
    return current


def _groups(current: DpuConstants, *, tied: bool, alu: bool) -> list[list[DpuConstants]]:
    """Neighbours of a candidate: any other size of one dimension; a factor of two moved from one to another."""
    channels = [("in_channels", "out_channels")] if tied else [("in_channels",), ("out_channels",)]
    names = [("rows",), *channels, *([("alu_rows",)] if alu else [])]
    groups = [[_with(current, *together, size=size) for size in _CANDIDATES] for together in names]
    if not tied:
        groups.append(list(_exchanges(current)))
    return groups


def _with(current: DpuConstants, *names: str, size: int) -> DpuConstants:
    changes: dict[str, Any] = dict.fromkeys(names, size)
    return replace(current, **changes)


def _exchanges(current: DpuConstants) -> Iterable[DpuConstants]:
    for up, down in permutations(("rows", "in_channels", "out_channels"), 2):
        larger, smaller = getattr(current, up), getattr(current, down)
        if smaller % 2 == 0 and 2 * larger <= _CANDIDATES[-1]:
            yield _with(_with(current, up, size=2 * larger), down, size=smaller // 2)


class _Problem:
    """The profiled kernels, prepared so that a candidate costs little."""

    def __init__(self, samples: Samples, clock_hz: float) -> None:
        known = dpu_models(DpuConstants(8, 8, 8), clock_hz)
        unknown = sorted(samples.kinds.keys() - known.keys())
        if unknown:
            raise FitError(f"{unknown[0]!r} is no kind that a DPU runs; known: {', '.join(sorted(known))}")
        convolutions = sum(samples.kinds.get(kind, 0) for kind in ARRAY_KINDS)
        if convolutions < _LEAST_ROWS:
            raise FitError(f"the sizes of a DPU need {_LEAST_ROWS} profiled convolutions, and there are {convolutions}")
        self._table = samples.table
        self._clock_hz = clock_hz
        self._log_s = np.log(samples.latency_s + _RESOLUTION_S)
        self._kinds = samples.table.kinds
        present = samples.kinds.keys()
        self._names = [name for name in _BOUNDS if name not in _NEEDS or present & set(_NEEDS[name])]
        self.has_alu = bool(present & set(_NEEDS["width_overhead"]))
        self._alu_columns = 1.0 / samples.table["out_width"]
        self._ports = np.select([self._kinds == "fully_connected", self._kinds == "conv_transpose"], [1, 2], default=0)

    def scored(self, candidate: DpuConstants, steps: int = _FEW_STEPS) -> tuple[float, DpuConstants]:
        """Mean absolute log error of a candidate with its rates fitted, and the price of its sizes; the candidate."""
        bare = replace(candidate, efficiency=1.0, width_overhead=0.0)
        cycles = {name: self._cycles(bare, name) for name in ("array", "alu", "pooling")}

        def residuals(logarithms: FloatArray) -> FloatArray:
            rates = {name: getattr(candidate, name) for name in _BOUNDS} | self._rates(logarithms)
            engines = np.maximum(cycles["array"] / rates["efficiency"], cycles["pooling"])
            engines = np.maximum(engines, cycles["alu"] * (1.0 + rates["width_overhead"] * self._alu_columns))
            port = np.array([rates[f"{kind}_bytes_per_cycle"] for kind in _PORTS])[self._ports]
            time_s = rates["offset_s"] + np.maximum(engines, self._table.bytes / port) / self._clock_hz
            error: FloatArray = np.log(time_s + _RESOLUTION_S) - self._log_s
            return error

        lower, upper = (np.log([_BOUNDS[name][side] for name in self._names]) for side in (0, 1))
        start = np.clip(np.log([getattr(candidate, name) for name in self._names]), lower + 1e-6, upper - 1e-6)
        result = least_squares(
            residuals, start, bounds=(lower, upper), loss="soft_l1", f_scale=_SOFTNESS, max_nfev=steps
        )
        fitted = replace(candidate, **self._rates(result.x))
        sizes = [fitted.rows, fitted.in_channels, fitted.out_channels, *([fitted.alu_rows] if self.has_alu else [])]
        return float(np.abs(result.fun).mean() + _PER_DOUBLING * np.log2(sizes).sum()), fitted

    def _rates(self, logarithms: FloatArray) -> dict[str, Any]:
        return dict(zip(self._names, np.exp(logarithms).tolist(), strict=True))

    def _cycles(self, constants: DpuConstants, engine: str) -> FloatArray:
        """Cycles that one engine needs for each row, 0 for rows that do not use it."""
        cycles = np.zeros(len(self._table))
        models = dpu_models(constants, self._clock_hz)
        for kind, rows in self._table.rows_by_kind.items():
            part = getattr(models[kind], engine)
            if part is not None:
                cycles[rows] = part.cycles(self._table.select(rows))
        return cycles
