"""Fits a platform on networks that Vela compiled.

The context stage estimates cycles as the compiler does (`annette.devices.arm_ethos_u.scheduler`), so that of most kinds
of kernel nothing is left to fit. Forests correct the kinds that the compiler takes apart or that the stage does not
know. Whole networks have no part in the fit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from annette._version import __version__
from annette.bench.records import Purpose
from annette.devices.arm_ethos_u.operators import accelerated_kinds
from annette.devices.arm_ethos_u.scheduler.operations import ACTIVATIONS
from annette.devices.arm_ethos_u.stage import BUSIEST, MAP_MAXIMUM, SOFTMAX_VECTOR, EthosUPlacement
from annette.devices.arm_ethos_u.targets import Target, clock_hz, known_mapping, peak_ops_per_s, target_of
from annette.errors import FitError
from annette.fitting.composition import composed_errors
from annette.fitting.families import KindFit
from annette.fitting.forest import Growth, grow
from annette.fitting.formula_fit import ranges_of
from annette.fitting.mapping_choice import check_request
from annette.fitting.platform import fit_generic
from annette.fitting.request import AUTO, LEARNED, FitReport, MappingChoice
from annette.fitting.roofline import fit_roofline
from annette.fitting.samples import LEAST_ROWS, clean, paired_kernels
from annette.fitting.training_data import common_environment, precision_of
from annette.mapping.rules import preset
from annette.models.features import FeatureSet
from annette.models.statistical import Mixed, Statistical
from annette.models.tiled_roofline import TiledRoofline
from annette.platforms import Intervals, Platform, Provenance, Source

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from annette.bench.dataset import Dataset
    from annette.fitting.request import FitRequest
    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray, KernelTable
    from annette.models.base import LayerModel

__all__ = ["assumed_by_formula", "fit"]

_PURPOSES: Final = (Purpose.MICRO_KERNEL, Purpose.CHAIN, Purpose.FUSION_PROBE)
"""What is fitted on: neither whole networks, nor cold weights, of which a compiler's estimate knows nothing."""

_SOURCE: Final = Source(
    "Vela, the compiler of the Ethos-U: its performance estimate and debug database",
    "https://gitlab.arm.com/artificial-intelligence/ethos-u/ethos-u-vela",
    "Apache-2.0",
)
_NOTES: Final = (
    "All times are estimates of the compiler Vela for a generated network lowered to int8, never a measured latency.",
    "Fitted on generated layers between others, chains and fusion probes; no whole network had a part in it.",
)

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
"""Median relative error of the formula up to which it is taken as it is: a forest could only learn from kernels whose
placement was mistaken."""

_MOST_ROWS: Final = 1500
_LEAST_FOR_ROOFLINE: Final = 3
_WIDENING: Final = 2.0
_FORMULA: Final = "tiled-roofline"
_ALIKE: Final = ACTIVATIONS - {"gelu", "silu"}
"""Activations that are one operation of the same kind each, where they run by themselves."""

_BY_FORMULA: Final = frozenset({
    "arg_max", "cast", "compare", "copy", "div", "gather", "global_max_pool", "logical", "lstm", MAP_MAXIMUM, "max",
    "min", "neg", "not", "pow", "quantize", SOFTMAX_VECTOR, "tile", "where",
})  # fmt: skip
"""Kinds that files have and the benchmark's networks do not: what they cost is taken from the formula."""

_COMPOSED: Final = ("roofline", "statistical", "mixed")


def fit(datasets: Sequence[Dataset], request: FitRequest) -> FitReport:
    """Fits a platform, with the rules, the stage and the clock of what the datasets were compiled for.

    Where these are not known (`annette.devices.arm_ethos_u.targets.known_mapping`) and no mapping with this family's
    stage is asked for, or learned rules are, the platform is fitted by what any device's kernels have in common.

    Args:
        datasets: One or more, compiled for the same target.
        request: What is asked for.

    Raises:
        FitError: The datasets are empty, differ in environment, or no kind has enough rows.
        OptionError: There is no mapping of the name asked for.
    """
    environment = common_environment(datasets, request.precision)
    choice, target = _choose_mapping(environment, request), target_of(environment)
    clock = clock_hz(target) if target is not None else None
    if choice is None or target is None or clock is None:
        road = "compiled by Vela, but without the schedule and the clock of its target: fitted by the generic road"
        return replace(fit_generic(datasets, request), road=road)
    runs = [
        run
        for dataset in datasets
        for run in dataset.runs()
        if run.purpose in _PURPOSES and run.status.usable and run.kernels
    ]
    if not runs:
        raise FitError("the datasets hold no usable run of generated layers, chains or fusion probes with its kernels")
    formula = TiledRoofline(BUSIEST.name, {"clock_mhz": clock / 1e6, "start_cycles": 0.0})
    paired = paired_kernels(runs, choice.mapping, precision_of(environment))
    kept, dropped = clean(paired.samples)
    fits: dict[str, KindFit] = {}
    unfitted: dict[str, int] = {}
    for kind, count in kept.kinds.items():
        rows = kept.of_kind(kind)
        if count < LEAST_ROWS and not _is_exact(rows, formula):
            unfitted[kind] = count
            continue
        if request.progress is not None:
            request.progress(kind, count)
        fits[kind] = _fit_kind(kind, rows, formula, request.seed)
    if not fits:
        raise FitError(f"no kind of kernel agrees with the formula or has {LEAST_ROWS} or more measured configurations")
    platform = _platform(request, environment, target, choice, formula, fits, unfitted, paired.samples, kept, len(runs))
    return FitReport(platform, fits, choice, dropped, unfitted, paired.predicted_share)


def _choose_mapping(environment: Mapping[str, str], request: FitRequest) -> MappingChoice | None:
    """The mapping asked for, or that of the datasets' target; None where it does not schedule as Vela does."""
    if isinstance(request.mapping, str):
        check_request(request.mapping)
        if request.mapping == AUTO:
            known = known_mapping(environment)
            return MappingChoice(known, "known for what was compiled for") if known else None
        if request.mapping == LEARNED:
            return None
    mapping = preset(request.mapping) if isinstance(request.mapping, str) else request.mapping
    return MappingChoice(mapping, "as asked for") if isinstance(mapping.context, EthosUPlacement) else None


def _platform(
    request: FitRequest,
    environment: Mapping[str, str],
    target: Target,
    choice: MappingChoice,
    formula: TiledRoofline,
    fits: Mapping[str, KindFit],
    unfitted: Mapping[str, int],
    samples: Samples,
    kept: Samples,
    networks: int,
) -> Platform:
    judged = {kind: fit for kind, fit in fits.items() if len(fit.samples) >= LEAST_ROWS}
    families: dict[str, str | None] = {"preferred": None} | {family: family for family in _COMPOSED}
    composed = {key: composed_errors(samples, judged, family, 0.0) for key, family in families.items()}
    assumed, reasons = _assumed(fits, unfitted, kept, formula, shram=not target.accelerator.startswith("ethos-u85"))
    preferred = "mixed" if any("mixed" in fit.models for fit in fits.values()) else _FORMULA
    version = environment["runtime_version"]
    options = {"accelerator": target.accelerator}
    if target != Target.choose(target.accelerator):
        options |= {key: value for key, value in target.described().items() if key not in ("device", "optimise")}
    return Platform(
        name=request.name,
        description=request.description
        or f"{request.name}: what its compiler estimates, not a measured latency; fitted on generated networks",
        device=", ".join(options.values()),
        runtime=f"Vela {version} (the compiler's estimate)",
        precision=precision_of(environment),
        threads=1,
        latency_is="device",
        mapping=choice.mapping,
        models={kind: fit.models for kind, fit in fits.items()} | assumed,
        preferred_family=preferred,
        preferred_by_kind={kind: fit.best for kind, fit in fits.items() if fit.best != preferred}
        | {kind: family for kind, models in assumed.items() for family in models if family != preferred},
        ranges={kind: limits for kind, limits in ranges_of([kept.table]).items() if kind in fits},
        intervals=Intervals(
            kernels={kind: fit.intervals() for kind, fit in judged.items()},
            networks=None,
            composed={key: errors for key, errors in composed.items() if errors is not None},
            extrapolation_widening=_WIDENING,
        ),
        accuracy=tuple(
            {"kind": fit.kind, "rows": len(fit.samples), "best": fit.best}
            | {f"{family} MAPE": round(fit.error(family), 4) for family in fit.models}
            for fit in fits.values()
        ),
        provenance=_provenance(version, options, networks, fits, unfitted),
        assumed=reasons,
        peak_ops_per_s=peak_ops_per_s(target),
    )


def _assumed(
    fits: Mapping[str, KindFit], unfitted: Mapping[str, int], kept: Samples, formula: TiledRoofline, *, shram: bool
) -> tuple[dict[str, dict[str, LayerModel]], dict[str, str]]:
    """One model each for kinds that were measured too little, and for activations that run as measured ones do.

    Returns:
        Models by kind and family, and for each of these kinds why it is an assumption.
    """
    models: dict[str, dict[str, LayerModel]] = {}
    reasons: dict[str, str] = {}
    for kind, count in unfitted.items():
        if count >= _LEAST_FOR_ROOFLINE:
            models[kind] = {"roofline": fit_roofline(kept.of_kind(kind))}
            reasons[kind] = f"priced by a roofline through {count} measured kernels"
    exact = [kind for kind, fit in fits.items() if fit.best == _FORMULA]
    more, why = assumed_by_formula(exact, fits.keys() | models.keys(), formula, shram=shram)
    return models | more, reasons | why


def assumed_by_formula(
    exact: Collection[str], known: Collection[str], formula: TiledRoofline, *, shram: bool
) -> tuple[dict[str, dict[str, LayerModel]], dict[str, str]]:
    """The formula for kinds that no benchmark measured; none if it agrees with no measured activation.

    Args:
        exact: Kinds that the formula agrees with.
        known: Kinds that have a model.
        formula: With the clock of the accelerator.
        shram: Whether that is an Ethos-U55 or U65, which run fewer kinds.

    Returns:
        Models by kind and family, and for each of these kinds why it is an assumption.
    """
    alike = sorted(_ALIKE.intersection(exact))
    if not alike:
        return {}, {}
    reason = f"priced by the compiler's formula, with which {', '.join(alike)} agree{'s' * (len(alike) == 1)}"
    run = _BY_FORMULA.intersection((*accelerated_kinds(shram=shram), "copy", "pow", MAP_MAXIMUM, SOFTMAX_VECTOR))
    kinds = sorted((_ALIKE | run).difference(known))
    return {kind: {_FORMULA: formula} for kind in kinds}, dict.fromkeys(kinds, reason)


def _provenance(
    version: str, options: Mapping[str, str], networks: int, fits: Mapping[str, KindFit], unfitted: Mapping[str, int]
) -> Provenance:
    notes = [
        *_NOTES,
        f"{networks} generated networks, " + ", ".join(f"{key} {value}" for key, value in options.items()),
    ]
    few = {kind: len(fit.samples) for kind, fit in fits.items() if len(fit.samples) < LEAST_ROWS}
    for what, kinds in (
        ("too few measurements to fit, but as the compiler's formula says, which is taken", few),
        ("too few measurements to fit, and not as the compiler's formula says: a roofline or nothing", unfitted),
    ):
        if kinds:
            notes.append(f"{what}: " + ", ".join(f"{kind} ({count})" for kind, count in sorted(kinds.items())))
    return Provenance(f"annette {__version__} fit", (_SOURCE,), (("ethos-u-vela", version),), notes=tuple(notes))


def _fit_kind(kind: str, samples: Samples, formula: TiledRoofline, seed: int) -> KindFit:
    """All families, the fitted ones cross-validated by fitting on half of the networks, both ways.

    A kind with too few rows gets the formula, and a roofline if there are enough for its parameters.
    """
    if len(samples) > _MOST_ROWS:
        chosen = np.random.default_rng(seed).choice(len(samples), _MOST_ROWS, replace=False)
        samples = samples.select(np.sort(chosen))
    exact = _is_exact(samples, formula)
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
    """Roofline, the formula, and where there are rows enough statistical, and a forest over the formula if needed."""
    if len(samples) < LEAST_ROWS:
        enough = len(samples) >= _LEAST_FOR_ROOFLINE
        return ({"roofline": fit_roofline(samples)} if enough else {}) | {_FORMULA: formula}
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


def _is_exact(samples: Samples, formula: TiledRoofline) -> bool:
    return bool(np.median(np.abs(_residual(samples, formula))) < _EXACT)


def _residual(samples: Samples, model: LayerModel) -> FloatArray:
    residual: FloatArray = np.log(samples.latency_s / model.predict_s(samples.table))
    return residual


def _varying(table: KernelTable, names: Sequence[str]) -> FeatureSet:
    values = FeatureSet(tuple(names)).matrix(table)
    varying = tuple(name for name, spread in zip(names, np.ptp(values, axis=0), strict=True) if spread > 0)
    return FeatureSet(varying or ("log2:ops",))
