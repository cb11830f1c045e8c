"""Fits the Ethos-U platforms on benchmark networks that Vela compiled.

Every row is a kernel of a generated network, with the cycles of the compute engine and of each memory that Vela reports
for it. Whole networks have no part in the fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.errors import FitError
from annette.fit.conformal import log_residuals
from annette.fit.devices.common import ranges_of
from annette.fit.families import feature_names
from annette.fit.forest import Growth, grow
from annette.fit.pairs import pair
from annette.fit.roofline import fit_refined_roofline, fit_roofline
from annette.fit.samples import LEAST_ROWS, Samples
from annette.fit.tiled import fit_constants
from annette.mapping.kernel import KernelTable, Precision
from annette.mapping.rules import preset
from annette.models.ethos_u import COMPUTE, OFF_CHIP, ON_CHIP
from annette.models.features import FeatureSet
from annette.models.mixed import Mixed
from annette.models.several_roofs import SeveralRoofs
from annette.models.tiled_roofline import Range, TiledRoofline
from annette.platforms import Intervals, Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from annette.bench.records import KernelRecord, Run
    from annette.mapping.kernel import FloatArray
    from annette.mapping.model import MappingModel
    from annette.models.base import LayerModel
    from annette.models.tiled_roofline import Formula
    from annette.platforms import Provenance

__all__ = ["TARGETS", "EthosU", "Rows", "fit_ethos_u", "rows_of"]

PRECISION: Final = Precision(activation_bits=8, weight_bits=8)

_CONTEXT: Final = (
    "context:tile_height", "context:tile_width", "context:tile_channels", "context:part_kernel", "log2:context:tiles",
    "context:reread", "log2:context:steps", "log2:context:steps_before", "context:weights_per_step_before",
    "context:input_rows", "context:output_rows", "context:copied_bytes", "context:input_outside",
    "context:side_outside", "context:output_outside", "context:cascaded", "context:stripe_height",
)  # fmt: skip
_SHAPES: Final = (
    "in_channels", "out_channels", "in_height", "in_width", "out_height", "out_width", "kernel_height", "kernel_width",
    "stride_height", "stride_width", "dilation_height", "groups", "input_bytes", "output_bytes", "input_count",
    "layer_count", "activation", "residual",
    *(f"fill:{side}_channels:{size}" for side in ("in", "out") for size in (8, 16, 32)),
    *(f"fill:out_{side}:{size}" for side in ("height", "width") for size in (2, 4, 8, 16)),
    "log2:ops", "log2:input_bytes", "log2:weight_bytes", "log2:output_bytes", "log2:intensity", "batch",
    "axis_size", "inner_size", "kernel_size", "log2:out_positions",
)  # fmt: skip
_SIZES: Final = (
    "input_bytes", "output_bytes", "log2:ops", "log2:input_bytes", "log2:weight_bytes", "log2:output_bytes",
    "log2:context:steps", "log2:context:steps_before", "context:weights_per_step_before",
)  # fmt: skip
"""How large a kernel is says nothing about the engine beyond its steps: a forest that sees it errs on larger ones."""

_GROWTH: Final = Growth(trees=200, leaves=31, learning_rate=0.08, least_in_leaf=6, features=0.7)
_SMALL_GROWTH: Final = Growth(trees=120, leaves=7, learning_rate=0.08, least_in_leaf=4)
_ENOUGH: Final = 200
_BASE_ROWS: Final = 300
_COPIES: Final = ("log2:context:copied_bytes", "context:input_rows", "context:output_rows")
_LEAST_SHARE: Final = 0.25
_IDLE_SHARE: Final = 0.02
_STRENGTH: Final = 0.003
_WIDENING: Final = 2.0
_FAMILY: Final = "several-roofs"


@dataclass(frozen=True, slots=True)
class EthosU:
    """What one platform is made for.

    Attributes:
        name: Of the platform.
        preset: Of the mapping.
        options: Of the Vela backend.
        clock_mhz: Clock, from Vela's configuration file.
        on_chip: Bytes per cycle of the memory on chip: of all streams, reads, writes, weights.
        off_chip: The same outside.
    """

    name: str
    preset: str
    options: Mapping[str, str]
    clock_mhz: float
    on_chip: tuple[float, float, float, float]
    off_chip: tuple[float, float, float, float]


TARGETS: Final = (
    EthosU("ethos-u55-128", "ethos-u55-128", {"accelerator": "ethos-u55-128"}, 500.0, (8.0,) * 4, (1.0,) * 4),
    EthosU(
        "ethos-u65-512-sram",
        "ethos-u65-512",
        {"accelerator": "ethos-u65-512", "system_config": "Ethos_U65_Embedded", "memory_mode": "Shared_Sram"},
        500.0,
        (16.0,) * 4,
        (1.0,) * 4,
    ),
    EthosU("ethos-u65-512", "ethos-u65-512", {"accelerator": "ethos-u65-512"}, 1000.0, (16.0,) * 4, (12.0,) * 4),
    EthosU(
        "ethos-u85-512",
        "ethos-u85-512",
        {"accelerator": "ethos-u85-512"},
        1000.0,
        (32.0, 20.5, 20.5, 20.5),
        (12.0, 3.28, 10.5, 6.55),
    ),
)
"""Typical bandwidths: on u55 and u65 what the configuration file states; on u85 as reported for single streams."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Kernels with everything that is reported of them.

    Attributes:
        samples: Their numbers and times.
        units_s: How long each unit is busy, by formula; NaN where the kernel is several operations.
        predicted_share: Share of the measured time that these kernels hold.
    """

    samples: Samples
    units_s: Mapping[str, FloatArray]
    predicted_share: float


def rows_of(runs: Iterable[Run], mapping: MappingModel, clock_mhz: float) -> Rows:
    """Pairs predicted with reported kernels.

    Args:
        runs: Usable runs with kernels.
        mapping: The platform's.
        clock_mhz: To turn cycles into time.

    Raises:
        FitError: Nothing can be paired.
    """
    tables, times, groups, sources, units = [], [], [], [], []
    held = total = 0.0
    for run in runs:
        found = pair(run, mapping)
        total += math.fsum(record.latency_s for record in run.kernels)
        if not found.pairs:
            continue
        held += math.fsum(seconds for _, seconds in found.pairs)
        records = {name: record for record in run.kernels for name in record.layers}
        tables.append(KernelTable.from_kernels([kernel for kernel, _ in found.pairs], run.network, PRECISION))
        for kernel, seconds in found.pairs:
            record = records.get(kernel.layers[-1].name) if kernel.layers else None
            times.append(seconds)
            units.append(_units_s(record, clock_mhz))
            groups.append(run.network.name)
            sources.append(f"{run.case}: {kernel.name}")
    if not tables:
        raise FitError("no kernel that Vela reports is one that the mapping predicts: nothing can be fitted")
    samples = Samples(KernelTable.concatenate(tables), np.array(times), np.array(groups), np.array(sources))
    busy = np.array(units)
    names = (COMPUTE.name, ON_CHIP.name, OFF_CHIP.name)
    return Rows(samples, {name: busy[:, column] for column, name in enumerate(names)}, held / total)


def _units_s(record: KernelRecord | None, clock_mhz: float) -> tuple[float, float, float]:
    """Engine, memory on chip, memory outside; unknown for operators that run as several."""
    if record is None or "parts" in record.info:
        return (math.nan,) * 3
    outside = max(float(record.info.get(f"{memory}_ac", 0)) for memory in ("Dram", "OffChipFlash"))
    cycles = (float(record.info["npu_cycles"]), float(record.info.get("Sram_ac", 0)), outside)
    return tuple(count / (clock_mhz * 1e6) for count in cycles)  # type: ignore[return-value]  # three of three


def fit_ethos_u(
    target: EthosU,
    runs: Sequence[Run],
    *,
    provenance: Provenance,
    runtime: str,
    seed: int = 0,
    progress: Callable[[str, int], None] | None = None,
) -> Platform:
    """Fits one platform.

    Args:
        target: Which.
        runs: Usable runs of benchmark networks.
        provenance: Where they come from.
        runtime: Compiler and version.
        seed: For everything random.
        progress: Told about each kind and its rows.

    Raises:
        FitError: Nothing can be fitted.
    """
    mapping = preset(target.preset)
    rows = rows_of(runs, mapping, target.clock_mhz)
    models: dict[str, dict[str, LayerModel]] = {}
    preferred: dict[str, str] = {}
    kernels = {}
    accuracy = []
    for kind, count in rows.samples.kinds.items():
        if count < LEAST_ROWS:
            continue
        if progress is not None:
            progress(kind, count)
        part = _of_kind(rows, kind)
        models[kind] = _simple(part.samples)
        family = _FAMILY if _whole(part) else "mixed"
        left_out_s = _left_out(part, family, target, seed)
        models[kind][family] = _fit(part, family, target, seed)
        if family != _FAMILY:
            preferred[kind] = family
        residuals = np.log(part.samples.latency_s / left_out_s)
        kernels[kind] = {family: log_residuals(residuals)}
        error = float(np.abs(left_out_s / part.samples.latency_s - 1).mean())
        accuracy.append({"kind": kind, "rows": count, f"{family} MAPE": round(error, 4)})
    return Platform(
        name=target.name,
        description=f"{target.name}: what its compiler estimates, not a measured latency; fitted on generated networks",
        device=", ".join(target.options.values()),
        runtime=runtime,
        precision=PRECISION,
        threads=1,
        latency_is="device",
        mapping=mapping,
        models=models,
        preferred_family=_FAMILY,
        preferred_by_kind=preferred,
        ranges={kind: limits for kind, limits in ranges_of([rows.samples.table]).items() if kind in models},
        intervals=Intervals(kernels=kernels, networks=None, extrapolation_widening=_WIDENING),
        accuracy=tuple(accuracy),
        provenance=provenance,
    )


def _of_kind(rows: Rows, kind: str) -> Rows:
    return _select(rows, rows.samples.table.kinds == kind)


def _select(rows: Rows, where: np.ndarray) -> Rows:
    units = {name: values[where] for name, values in rows.units_s.items()}
    return Rows(rows.samples.select(where), units, rows.predicted_share)


def _whole(rows: Rows) -> bool:
    """Whether most kernels of a kind are one operation, so that Vela says which unit is the slowest."""
    return bool(np.isfinite(rows.units_s[COMPUTE.name]).mean() > 0.9) and len(rows.samples) >= 2 * LEAST_ROWS


def _simple(samples: Samples) -> dict[str, LayerModel]:
    return {"roofline": fit_roofline(samples)}


def _fit(rows: Rows, family: str, target: EthosU, seed: int) -> LayerModel:
    return _several_roofs(rows, target, seed) if family == _FAMILY else _mixed(rows.samples, target, seed)


def _mixed(samples: Samples, target: EthosU, seed: int) -> Mixed:
    """One forest on the time, where an operator runs as several; copies are reckoned by what they move."""
    some = np.random.default_rng(seed).permutation(len(samples))[:_BASE_ROWS]
    refined = fit_refined_roofline(samples.select(np.sort(some)))
    copies = bool((samples.table["context:copied_bytes"] > 0).all())
    base = _base(ON_CHIP, samples, samples.latency_s, target.clock_mhz, target.on_chip) if copies else refined
    features = FeatureSet((*feature_names(samples, refined), *_COPIES))
    residual = np.log(samples.latency_s / base.predict_s(samples.table))
    return Mixed(base, features, grow(features.matrix(samples.table), residual, _growth(len(samples)), seed=seed))


def _several_roofs(rows: Rows, target: EthosU, seed: int) -> SeveralRoofs:
    rows = _select(rows, np.isfinite(rows.units_s[COMPUTE.name]))
    formulas = ((COMPUTE, None), (ON_CHIP, target.on_chip), (OFF_CHIP, target.off_chip))
    names = _varying(rows.samples.table)
    roofs = {}
    for formula, bandwidths in formulas:
        busy_s = rows.units_s[formula.name]
        if (busy_s > _LEAST_SHARE * rows.samples.latency_s).sum() >= LEAST_ROWS:
            base = _base(formula, rows.samples, busy_s, target.clock_mhz, bandwidths)
            seen = [name for name in names if formula is not COMPUTE or name not in _SIZES] or names
            roofs[formula.name] = _roof(base, FeatureSet(tuple(seen)), rows.samples, busy_s, seed)
    return SeveralRoofs(roofs)


def _varying(table: KernelTable) -> tuple[str, ...]:
    names = (*_SHAPES, *_CONTEXT)
    values = FeatureSet(names).matrix(table)
    return tuple(name for name, spread in zip(names, np.ptp(values, axis=0), strict=True) if spread > 0) or (
        "log2:ops",
    )


def _roof(base: TiledRoofline, features: FeatureSet, samples: Samples, busy_s: FloatArray, seed: int) -> Mixed:
    """A forest over a formula; of a unit that is idle it is enough to know that it does not decide."""
    target_s = np.maximum(busy_s, _IDLE_SHARE * samples.latency_s)
    base_s = base.predict_s(samples.table)
    residual = np.log(target_s / base_s)
    return Mixed(base, features, grow(features.matrix(samples.table), residual, _growth(len(samples)), seed=seed))


def _base(
    formula: Formula,
    samples: Samples,
    busy_s: FloatArray,
    clock_mhz: float,
    bandwidths: tuple[float, float, float, float] | None,
) -> TiledRoofline:
    """The formula's constants: memories as stated, the engine's fitted where it decides."""
    if bandwidths is not None:
        names = [name for name in formula.constants if name != "clock_mhz"]
        return TiledRoofline(formula.name, {"clock_mhz": clock_mhz, **dict(zip(names, bandwidths, strict=True))})
    decides = busy_s > _LEAST_SHARE * samples.latency_s
    part = samples.select(decides)
    ranges = {**formula.constants, "clock_mhz": Range(clock_mhz, clock_mhz * (1 - 1e-9), clock_mhz * (1 + 1e-9))}
    found = fit_constants(lambda p: formula.seconds(part.table, p), ranges, busy_s[decides], _STRENGTH)
    return TiledRoofline(formula.name, {**found, "clock_mhz": clock_mhz})


def _growth(rows: int) -> Growth:
    return _GROWTH if rows >= _ENOUGH else _SMALL_GROWTH


def _left_out(rows: Rows, family: str, target: EthosU, seed: int) -> FloatArray:
    """Half of the networks predicted by a fit on the other half, both ways."""
    names = np.unique(rows.samples.groups)
    first = np.isin(rows.samples.groups, names[::2])
    predicted = np.empty(len(rows.samples))
    for training, test in ((first, ~first), (~first, first)):
        part = _select(rows, training)
        if training.sum() < LEAST_ROWS or (family == _FAMILY and not _whole(part)):
            part = rows
        predicted[test] = _fit(part, family, target, seed).predict_s(rows.samples.table.select(test))
    return predicted
