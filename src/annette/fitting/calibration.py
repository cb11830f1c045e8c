"""Calibration: a platform adjusted to a handful of whole networks whose total time is known.

For a device that reports no layers, or a table somebody published. What may move is little: a scale for each group of
kinds, the time between kernels, and what the host adds per run and per byte. Coefficients are not negative and are
pulled towards the platform that is there; how strongly, and how finely kinds are grouped, is chosen by leaving networks
out, inside of which nothing of the network in question is seen.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annette.errors import FitError
from annette.estimation import estimate_network
from annette.evaluation.metrics import mape
from annette.fitting.conformal import log_residuals
from annette.fitting.families import FAMILY_ORDER
from annette.fitting.regularised import LinearModel, choose, folds, solve
from annette.network.kinds import KINDS, Category
from annette.platforms import Intervals
from annette.platforms.overhead import host_traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from annette.estimation import Estimate
    from annette.mapping.kernel import FloatArray
    from annette.models.base import LayerModel
    from annette.network import Network
    from annette.platforms import Platform

__all__ = ["GROUPINGS", "LEAST_PAIRS", "OVERHEADS", "CalibrationReport", "calibrate"]

LEAST_PAIRS: Final = 5
"""Fewer networks would be a guess that looks like a fit."""

OVERHEADS: Final = ("per_kernel_s", "per_run_s", "per_input_byte_s", "per_output_byte_s")
"""Overheads that may be fitted."""

_HOST: Final = OVERHEADS[1:]
_KEPT: Final = ("per_input_s", "per_output_s", "several_s")
"""Overheads that stay as they are: too little beside a whole network's time to be found in it."""
_HOST_GROUPS: Final = ("host kinds", "assumed host kinds")
"""Groups of kinds that the host runs: measured ones apart from assumed ones."""

_COMPUTING: Final = (Category.CONVOLUTION, Category.MATRIX_PRODUCT, Category.ATTENTION, Category.RECURRENT)
_SPREAD_OF_ZERO: Final = 0.05
_SPREAD_OF_SCALE: Final = 1.0
_FAMILY_PULL: Final = 0.1
_NEGLIGIBLE: Final = 1e-6


def _by_work(kind: str) -> str:
    known = KINDS.get(kind)
    computes = "conv" in kind or (known is not None and known.category in _COMPUTING)
    return "computing kinds" if computes else "moving kinds"


GROUPINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "device": lambda _: "device kinds",
    "work": _by_work,
    "kind": lambda kind: kind,
}
"""How kinds that run on the device may be grouped, from the coarsest: all in one, computing against moving, each."""


@dataclass(frozen=True)
class CalibrationReport:
    """A calibrated platform, and how well it predicts networks that it was not calibrated on.

    Attributes:
        platform: The calibrated platform.
        names: The networks.
        measured_s: Their measured times.
        before_s: Estimates of the platform as it was, its own overheads included.
        fitted_s: Estimates of the calibrated platform.
        left_out_s: Estimates by calibrations that did not see the network; their choices were made without it, too.
        coefficients: What was fitted: scales by group, overheads in seconds (per byte).
        grouping: How kinds were grouped.
        strength: How strongly coefficients were pulled towards the start.
        scales: Factors by which the measured times had been brought to the speed of the platform's campaign; none where
            they are as measured.
    """

    platform: Platform
    names: tuple[str, ...]
    measured_s: tuple[float, ...]
    before_s: tuple[float, ...]
    fitted_s: tuple[float, ...]
    left_out_s: tuple[float, ...]
    coefficients: Mapping[str, float]
    grouping: str
    strength: float
    scales: tuple[float, ...] = ()

    def error(self, column: str) -> float:
        """Mean absolute relative error of ``before``, ``fitted`` or ``left_out``."""
        estimated = np.array(getattr(self, f"{column}_s"))
        return mape(estimated, np.array(self.measured_s))


def calibrate(
    platform: Platform,
    pairs: Sequence[tuple[Network, float]],
    *,
    measured: str | None = None,
    overheads: Sequence[str] | None = None,
    groupings: Sequence[str] = tuple(GROUPINGS),
    names: Sequence[str] = (),
) -> CalibrationReport:
    """Adjusts a platform to measured networks.

    Args:
        platform: Where to start from.
        pairs: Networks and their measured times in seconds; at least 5.
        measured: What was measured: ``device`` or ``end_to_end``; None takes the platform's own meaning.
        overheads: Which of `OVERHEADS` may be fitted; None takes all that belong to what was measured.
        groupings: Which of `GROUPINGS` may be chosen.
        names: What the networks are called in the report; their own names where absent.

    Returns:
        The calibrated platform with its errors; the models of every family are scaled, so that they stay comparable.

    Raises:
        FitError: There are fewer than 5 pairs, a time is not positive, or an option is unknown.
        UnsupportedKernelError: A network needs a kind that the platform has no model for.
    """
    meaning = measured or platform.latency_is
    fitted = tuple(overheads if overheads is not None else (OVERHEADS if meaning == "end_to_end" else OVERHEADS[:1]))
    _check(pairs, meaning, fitted, groupings)
    latency_s = np.array([time_s for _, time_s in pairs])
    work = [_Work.of(network, platform) for network, _ in pairs]
    designs = [_Design.of(platform, work, latency_s, grouping, fitted, meaning) for grouping in groupings]
    left_out = _nested(designs, latency_s)
    choice = choose([design.model for design in designs], latency_s)
    design = designs[choice.model]
    coefficients = solve(design.model, latency_s, choice.strength)
    by_label = dict(zip(design.labels, coefficients.tolist(), strict=True))
    result = _apply(platform, design.scales(by_label), {name: by_label[name] for name in fitted}, meaning)
    result = _scale_other_families(platform, result, pairs, meaning)
    report = CalibrationReport(
        platform=result,
        names=tuple(names) or tuple(network.name for network, _ in pairs),
        measured_s=tuple(latency_s.tolist()),
        before_s=tuple(design.model.predict_s(design.model.prior).tolist()),
        fitted_s=tuple(design.model.predict_s(coefficients).tolist()),
        left_out_s=tuple(left_out.tolist()),
        coefficients=by_label,
        grouping=groupings[choice.model],
        strength=choice.strength,
    )
    return replace(report, platform=_documented(report, meaning))


def _check(
    pairs: Sequence[tuple[Network, float]], meaning: str, overheads: Sequence[str], groupings: Sequence[str]
) -> None:
    if len(pairs) < LEAST_PAIRS:
        raise FitError(
            f"calibration needs {LEAST_PAIRS} networks or more, and there are {len(pairs)}: with fewer, nothing could "
            "be left out to see whether it helps; measure more"
        )
    for network, time_s in pairs:
        if not (math.isfinite(time_s) and time_s > 0):
            raise FitError(f"network {network.name!r} has a measured time of {time_s} s: it must be positive")
    known = OVERHEADS if meaning == "end_to_end" else OVERHEADS[:1]
    for name in overheads:
        if name not in known:
            raise FitError(f"{name!r} cannot be fitted to {meaning} times; known: {', '.join(known)}")
    for name in groupings or ("",):
        if name not in GROUPINGS:
            raise FitError(f"kinds cannot be grouped by {name!r}; known: {', '.join(GROUPINGS)}")


@dataclass(frozen=True)
class _Work:
    """What one network asks of a platform."""

    by_kind_s: Mapping[str, float]
    amounts: Mapping[str, float]
    """What each overhead is multiplied with."""

    @classmethod
    def of(cls, network: Network, platform: Platform) -> _Work:
        estimate = estimate_network(network, platform)
        run = sum(not kernel.free and kernel.kind not in platform.host_kinds for kernel in estimate.mapped)
        amounts = (run, 1.0, *host_traffic(network, platform.precision), float(run > 1))
        return cls(_by_kind_s(estimate), dict(zip((*OVERHEADS, *_KEPT), amounts, strict=True)))


@dataclass(frozen=True, eq=False)
class _Design:
    """The networks in the terms of one grouping."""

    labels: tuple[str, ...]
    groups: Mapping[str, str]
    model: LinearModel
    totals_s: Mapping[str, float]

    @classmethod
    def of(
        cls,
        platform: Platform,
        work: Sequence[_Work],
        latency_s: FloatArray,
        grouping: str,
        overheads: tuple[str, ...],
        meaning: str,
    ) -> _Design:
        on_device = GROUPINGS[grouping]
        seen = sorted({kind for item in work for kind, time_s in item.by_kind_s.items() if time_s > 0})
        if meaning == "device":
            seen = [kind for kind in seen if kind not in platform.host_kinds]
        host = {kind: _HOST_GROUPS[kind in platform.assumed] for kind in platform.host_kinds}
        groups = {kind: host.get(kind) or on_device(kind) for kind in seen}
        names = tuple(sorted(set(groups.values())))
        times = np.array([[sum(w.by_kind_s.get(k, 0.0) for k in seen if groups[k] == n) for n in names] for w in work])
        known = {name: getattr(platform.overhead, name) or 0.0 for name in (*OVERHEADS, *_KEPT)}
        amounts = np.array([[item.amounts[name] for name in overheads] for item in work]).reshape(len(work), -1)
        counted = (*OVERHEADS, *_KEPT) if meaning == "end_to_end" else (OVERHEADS[0], _KEPT[-1])
        kept = [name for name in counted if name not in overheads]
        fixed_s = np.array([sum(known[name] * item.amounts[name] for name in kept) for item in work])
        prior = np.array([*(1.0 for _ in names), *(known[name] for name in overheads)])
        typical = _SPREAD_OF_ZERO * np.median(latency_s[:, None] / np.maximum(amounts, 1e-300), axis=0)
        spread = [_SPREAD_OF_SCALE for _ in names]
        spread += [known[name] or float(limit) for name, limit in zip(overheads, typical, strict=True)]
        features = np.hstack([times, amounts])
        return cls(
            labels=(*names, *overheads),
            groups=groups,
            model=LinearModel(features, prior, np.array(spread), fixed_s),
            totals_s={kind: sum(item.by_kind_s.get(kind, 0.0) for item in work) for kind in seen},
        )

    def scales(self, by_label: Mapping[str, float]) -> dict[str, float]:
        """Factor of each kind that occurred, and of all others under ``""``: the mean, weighted by time."""
        scales = {kind: max(by_label[group], _NEGLIGIBLE) for kind, group in self.groups.items()}
        on_device = [kind for kind, group in self.groups.items() if group not in _HOST_GROUPS]
        before = sum(self.totals_s[kind] for kind in on_device)
        after = sum(self.totals_s[kind] * scales[kind] for kind in on_device)
        return {**scales, "": after / before if before > 0 else 1.0}


def _by_kind_s(estimate: Estimate) -> Counter[str]:
    """Time of all kernels of each kind."""
    by_kind: Counter[str] = Counter()
    for kernel, time_s in zip(estimate.mapped, estimate.prices.latency_s.tolist(), strict=True):
        by_kind[kernel.kind] += time_s
    return by_kind


def _nested(designs: Sequence[_Design], latency_s: FloatArray) -> FloatArray:
    """Each network's estimate by a calibration, choices included, that never saw it."""
    predicted = np.empty(len(latency_s))
    for training, test in folds(len(latency_s)):
        inner = [design.model.select(training) for design in designs]
        choice = choose(inner, latency_s[training])
        coefficients = solve(inner[choice.model], latency_s[training], choice.strength)
        predicted[test] = designs[choice.model].model.select(test).predict_s(coefficients)
    return predicted


def _apply(platform: Platform, scales: Mapping[str, float], overhead: Mapping[str, float], meaning: str) -> Platform:
    """The platform with scaled models and new overheads."""
    models: dict[str, Mapping[str, LayerModel]] = {}
    for kind, families in platform.models.items():
        factor = scales.get(kind, 1.0 if kind in platform.host_kinds else scales[""])
        models[kind] = {name: model.scaled(factor) for name, model in families.items()}
    changes: dict[str, Any] = dict(overhead)
    if meaning == "end_to_end":
        changes = {name: getattr(platform.overhead, name) or 0.0 for name in _HOST} | changes
    return replace(platform, models=models, overhead=replace(platform.overhead, **changes), latency_is=meaning)


def _scale_other_families(
    before: Platform, after: Platform, pairs: Sequence[tuple[Network, float]], meaning: str
) -> Platform:
    """Brings the families that are not preferred to the level of the measurements, by one factor for each kind."""
    models = {kind: dict(families) for kind, families in after.models.items()}
    for family in FAMILY_ORDER:
        kinds = [
            k for k, families in before.models.items() if family in families and before.default_family(k) != family
        ]
        if kinds:
            for kind, factor in _family_factors(after, pairs, family, kinds, meaning).items():
                models[kind][family] = models[kind][family].scaled(factor)
    return replace(after, models=models)


def _family_factors(
    platform: Platform, pairs: Sequence[tuple[Network, float]], family: str, kinds: Sequence[str], meaning: str
) -> dict[str, float]:
    """Factors on some kinds that fit best while everything else stays, pulled towards their common median."""
    latency_s = np.array([time_s for _, time_s in pairs])
    parts = np.zeros((len(pairs), len(kinds)))
    fixed_s = np.zeros(len(pairs))
    for row, (network, _) in enumerate(pairs):
        estimate = estimate_network(network, platform, model=family)
        by_kind = _by_kind_s(estimate)
        parts[row] = [by_kind[kind] for kind in kinds]
        total_s = estimate.end_to_end_latency_s if meaning == "end_to_end" else estimate.device_latency_s
        fixed_s[row] = (total_s or 0.0) - parts[row].sum()
    seen = parts.sum(axis=1) > 0
    if not seen.any():
        return {}
    common = max(float(np.median(((latency_s - fixed_s) / np.maximum(parts.sum(axis=1), 1e-300))[seen])), _NEGLIGIBLE)
    prior = np.full(len(kinds), common)
    factors = solve(LinearModel(parts, prior, prior, fixed_s), latency_s, _FAMILY_PULL)
    return dict(zip(kinds, np.maximum(factors, _NEGLIGIBLE * common).tolist(), strict=True))


def _documented(report: CalibrationReport, meaning: str) -> Platform:
    """The platform with its intervals, an accuracy row and a note about the calibration."""
    platform = report.platform
    residuals = log_residuals(np.log(np.array(report.measured_s) / np.maximum(report.left_out_s, 1e-300)))
    row = {
        "kind": f"networks, {meaning.replace('_', ' ')}",
        "rows": len(report.names),
        "left-out MAPE": round(report.error("left_out"), 4),
        "fitted MAPE": round(report.error("fitted"), 4),
    }
    coefficients = ", ".join(f"{name} {value:.4g}" for name, value in report.coefficients.items())
    note = (
        f"calibrated on {len(report.names)} whole networks ({meaning.replace('_', ' ')} times): {coefficients}; "
        f"kinds grouped by {report.grouping}, pull {report.strength:g}; left out, networks are off by "
        f"{report.error('left_out'):.1%}"
    )
    known = platform.intervals or Intervals()
    provenance = replace(platform.provenance, notes=(*platform.provenance.notes, note))
    return replace(
        platform,
        intervals=replace(known, networks=residuals),
        accuracy=(*platform.accuracy, row),
        provenance=provenance,
    )
