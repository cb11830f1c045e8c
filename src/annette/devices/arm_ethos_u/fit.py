"""Fits the Ethos-U platforms on benchmark networks that Vela compiled.

The context stage reckons as the compiler does (`annette.devices.arm_ethos_u.scheduler`), so that of most kinds of
kernel nothing is left to fit. Forests correct the kinds that the compiler takes apart or that the stage does not know,
and tell what is left over. Whole networks have no part in the fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.devices.arm_ethos_u.formulas import BUSIEST
from annette.fitting.composition import composed_errors
from annette.fitting.conformal import log_residuals
from annette.fitting.families import KindFit
from annette.fitting.forest import Growth, grow
from annette.fitting.formula_fit import ranges_of
from annette.fitting.roofline import fit_roofline
from annette.fitting.samples import LEAST_ROWS, clean, paired_kernels
from annette.mapping.kernel import Precision
from annette.mapping.rules import preset
from annette.models.features import FeatureSet
from annette.models.mixed import Mixed
from annette.models.statistical import Statistical
from annette.models.tiled_roofline import TiledRoofline
from annette.platforms import Intervals, Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from annette.bench.records import Run
    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray, KernelTable
    from annette.models.base import LayerModel
    from annette.platforms import Provenance

__all__ = ["TARGETS", "EthosU", "fit_ethos_u"]

PRECISION: Final = Precision(activation_bits=8, weight_bits=8)

_CONTEXT: Final = (
    "log2:context:engine_cycles", "log2:context:on_chip_cycles", "log2:context:off_chip_cycles",
    "context:tile_height", "context:tile_width", "context:tile_channels", "context:part_kernel",
    "log2:context:refetches",
    "context:input_rows", "context:output_rows", "log2:context:copied_bytes", "context:input_outside",
    "context:side_outside", "context:output_outside", "context:staged", "log2:context:slices",
    "log2:context:slack_cycles", "context:cascaded", "context:stripe_height",
)  # fmt: skip
_SHAPES: Final = (
    "in_channels", "out_channels", "in_height", "in_width", "out_height", "out_width", "kernel_height", "kernel_width",
    "stride_height", "stride_width", "dilation_height", "groups", "input_count", "layer_count", "activation",
    "residual",
    *(f"fill:{side}_channels:{size}" for side in ("in", "out") for size in (8, 16, 32)),
    *(f"fill:out_{side}:{size}" for side in ("height", "width") for size in (2, 4, 8, 16)),
    "log2:ops", "log2:input_bytes", "log2:weight_bytes", "log2:output_bytes", "log2:intensity", "batch",
    "axis_size", "inner_size", "kernel_size", "log2:out_positions",
)  # fmt: skip

_GROWTH: Final = Growth(trees=60, leaves=15, learning_rate=0.1, least_in_leaf=10, features=0.7)
_SMALL_GROWTH: Final = Growth(trees=60, leaves=7, learning_rate=0.12, least_in_leaf=4)
_ENOUGH: Final = 200
_EXACT: Final = 0.03
_MOST_ROWS: Final = 1500
_WIDENING: Final = 2.0
_FORMULA: Final = "tiled-roofline"
_COMPOSED: Final = ("roofline", "statistical", "mixed")


@dataclass(frozen=True, slots=True)
class EthosU:
    """What one platform is made for.

    Attributes:
        name: Of the platform and of the mapping's preset.
        options: Of the Vela backend.
        clock_mhz: Clock, from Vela's configuration file.
    """

    name: str
    options: Mapping[str, str]
    clock_mhz: float


TARGETS: Final = (
    EthosU("ethos-u55-128", {"accelerator": "ethos-u55-128"}, 500.0),
    EthosU(
        "ethos-u65-512-sram",
        {"accelerator": "ethos-u65-512", "system_config": "Ethos_U65_Embedded", "memory_mode": "Shared_Sram"},
        500.0,
    ),
    EthosU("ethos-u65-512", {"accelerator": "ethos-u65-512"}, 1000.0),
    EthosU("ethos-u85-512", {"accelerator": "ethos-u85-512"}, 1000.0),
)


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
    mapping = preset(target.name)
    samples = paired_kernels(runs, mapping, PRECISION).samples
    kept, _ = clean(samples)
    fits: dict[str, KindFit] = {}
    for kind, count in kept.kinds.items():
        if count < LEAST_ROWS:
            continue
        if progress is not None:
            progress(kind, count)
        fits[kind] = _fit_kind(kind, kept.of_kind(kind), target, seed)
    kernels = {
        kind: {family: log_residuals(fit.residuals(family), fit.held_out_s[family]) for family in fit.models}
        for kind, fit in fits.items()
    }
    families: dict[str, str | None] = {"preferred": None} | {family: family for family in _COMPOSED}
    composed = {key: composed_errors(samples, fits, family, 0.0) for key, family in families.items()}
    return Platform(
        name=target.name,
        description=f"{target.name}: what its compiler estimates, not a measured latency; fitted on generated networks",
        device=", ".join(target.options.values()),
        runtime=runtime,
        precision=PRECISION,
        threads=1,
        latency_is="device",
        mapping=mapping,
        models={kind: fit.models for kind, fit in fits.items()},
        preferred_family="mixed",
        preferred_by_kind={kind: fit.best for kind, fit in fits.items() if fit.best != "mixed"},
        ranges={kind: limits for kind, limits in ranges_of([kept.table]).items() if kind in fits},
        intervals=Intervals(
            kernels=kernels,
            networks=None,
            composed={key: errors for key, errors in composed.items() if errors is not None},
            extrapolation_widening=_WIDENING,
        ),
        accuracy=tuple(_accuracy(fit) for fit in fits.values()),
        provenance=provenance,
    )


def _fit_kind(kind: str, samples: Samples, target: EthosU, seed: int) -> KindFit:
    """All families, the fitted ones cross-validated by fitting on half of the networks, both ways."""
    if len(samples) > _MOST_ROWS:
        chosen = np.random.default_rng(seed).choice(len(samples), _MOST_ROWS, replace=False)
        samples = samples.select(np.sort(chosen))
    formula = TiledRoofline(BUSIEST.name, {"clock_mhz": target.clock_mhz, "start_cycles": 0.0})
    exact = bool(np.median(np.abs(_residual(samples, formula))) < _EXACT)
    models = _models(samples, formula, exact=exact, seed=seed)
    held_out = {family: np.empty(len(samples)) for family in models}
    names = np.unique(samples.groups)
    first = np.isin(samples.groups, names[::2])
    for training, test in ((first, ~first), (~first, first)):
        part = models
        if training.sum() >= LEAST_ROWS:
            part = _models(samples.select(training), formula, exact=exact, seed=seed)
        table = samples.table.select(test)
        for family, model in part.items():
            held_out[family][test] = model.predict_s(table)
    if exact:
        held_out["mixed"] = held_out[_FORMULA]
    return KindFit(kind, models, held_out, samples, _FORMULA if exact else "mixed")


def _models(samples: Samples, formula: TiledRoofline, *, exact: bool, seed: int) -> dict[str, LayerModel]:
    """Roofline, statistical, the formula, and a forest over it where it needs one."""
    roofline = fit_roofline(samples)
    per = "ops" if float(np.median(samples.table["ops"])) > 0 else "bytes"
    work = np.maximum(samples.table["ops"] if per == "ops" else samples.table.bytes, 1.0)
    shapes = _varying(samples.table, _SHAPES)
    growth = _GROWTH if len(samples) >= _ENOUGH else _SMALL_GROWTH
    statistical = grow(shapes.matrix(samples.table), np.log(samples.latency_s / work), growth, seed=seed)
    models: dict[str, LayerModel] = {
        "roofline": roofline,
        "statistical": Statistical(per, shapes, statistical, roofline),
        _FORMULA: formula,
    }
    if not exact:
        features = _varying(samples.table, (*_SHAPES, *_CONTEXT))
        residual = _residual(samples, formula)
        models["mixed"] = Mixed(formula, features, grow(features.matrix(samples.table), residual, growth, seed=seed))
    return models


def _residual(samples: Samples, model: LayerModel) -> FloatArray:
    residual: FloatArray = np.log(samples.latency_s / model.predict_s(samples.table))
    return residual


def _varying(table: KernelTable, names: Sequence[str]) -> FeatureSet:
    values = FeatureSet(tuple(names)).matrix(table)
    varying = tuple(name for name, spread in zip(names, np.ptp(values, axis=0), strict=True) if spread > 0)
    return FeatureSet(varying or ("log2:ops",))


def _accuracy(fit: KindFit) -> dict[str, object]:
    """One row of the accuracy table: cross-validated mean relative error by family."""
    row: dict[str, object] = {"kind": fit.kind, "rows": len(fit.samples), "best": fit.best}
    for family in fit.models:
        error = np.abs(fit.held_out_s[family] / fit.samples.latency_s - 1)
        row[f"{family} MAPE"] = round(float(error.mean()), 4)
    return row
