"""Prices a table of kernels with a platform's layer models, one vectorised call per kind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.errors import ModelError, UnsupportedKernelError, nearest
from annette.estimation.estimate import Prices
from annette.estimation.precision import moves_data, refuse_precision
from annette.estimation.uncertainty import kernel_bounds
from annette.mapping.precision import kind_of, precision_in, with_precision
from annette.models.roofline import Roofline
from annette.network import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.estimation.mapped import MappedNetwork
    from annette.mapping.kernel import FloatArray, Kernel
    from annette.models.base import LayerModel
    from annette.platforms.platform import Platform

__all__ = ["FALLBACK_METHOD", "FREE_METHOD", "fallback_model", "price"]

FREE_METHOD: Final = "free"
"""Method of a kernel for which the platform does nothing."""

FALLBACK_METHOD: Final = "fallback-roofline"
"""Method of a kernel of a kind that the platform has no model for, where a rough price was asked for."""

_SIMPLER: Final = {
    "mixed": ("mixed", "tiled-roofline", "refined-roofline", "roofline"),
    "statistical": ("statistical", "refined-roofline", "roofline"),
    "tiled-roofline": ("tiled-roofline", "refined-roofline", "roofline"),
    "refined-roofline": ("refined-roofline", "roofline"),
    "roofline": ("roofline", "refined-roofline"),
}
"""Families tried for a kind, in order; the one used is the kernel's ``method``."""


@dataclass(frozen=True, slots=True)
class _Choice:
    model: LayerModel
    method: str
    fitted: bool


def price(
    mapped: MappedNetwork,
    platform: Platform,
    *,
    family: str | None,
    fallback: str,
    confidence: float,
) -> Prices:
    """Prices every row of a table; none below what the device's peak rate allows.

    Args:
        mapped: The kernels.
        platform: Models, intervals and fitted ranges.
        family: Model family wanted; a kind that lacks it uses the next simpler one, which `Prices.methods` shows.
            None takes what the platform prefers for each kind.
        fallback: ``error`` or ``roofline``: what to do with a kind that the platform has no model for.
        confidence: Probability for the intervals.

    Raises:
        UnsupportedKernelError: A kind has no model and ``fallback`` is ``error``.
        ModelError: A model gives a time that is negative or not finite.
    """
    table, kernels, free = mapped.table, mapped.kernels, mapped.free
    rows = len(table)
    latency_s, compute_s, memory_s = np.zeros(rows), np.zeros(rows), np.zeros(rows)
    lower_s, upper_s, efficiency = np.full(rows, np.nan), np.full(rows, np.nan), np.ones(rows)
    in_range, fitted, usual = (np.ones(rows, dtype=bool) for _ in range(3))
    at_peak = np.zeros(rows, dtype=bool)
    methods = [FREE_METHOD] * rows
    lower_s[free] = upper_s[free] = 0.0
    for kind, all_rows in table.rows_by_kind.items():
        where = all_rows[~free[all_rows]]
        if not len(where):
            continue
        choice = _choose(kind, platform, family, fallback, kernels[int(where[0])])
        part = table.select(where)
        with np.errstate(all="ignore"):  # what comes out is checked
            latency_s[where] = seconds = choice.model.predict_s(part)
            compute_s[where], memory_s[where] = choice.model.terms(part)
            efficiency[where] = choice.model.efficiency(part)
        _refuse_impossible(seconds, [kernels[row] for row in where.tolist()], choice, platform)
        least_s = np.zeros(len(where)) if kind in platform.host_kinds else platform.least_s(part)
        at_peak[where] = seconds < least_s
        latency_s[where] = seconds = np.maximum(seconds, least_s)
        fitted[where] = choice.fitted
        usual[where] = family is None or _choose(kind, platform, None, fallback, kernels[int(where[0])]) == choice
        in_range[where] = inside = platform.in_range(kind, part) & choice.fitted & ~at_peak[where]
        if platform.intervals is not None:
            lower, upper = kernel_bounds(
                kind, choice.method, seconds, inside, platform, fitted=choice.fitted, confidence=confidence
            )
            lower_s[where], upper_s[where] = seconds * np.exp(lower), seconds * np.exp(upper)
        for row in where.tolist():
            methods[row] = choice.method
    return Prices(
        latency_s, lower_s, upper_s, compute_s, memory_s, efficiency, in_range, fitted, usual, at_peak,
        tuple(methods), platform.ranges,
    )  # fmt: skip


def _refuse_impossible(seconds: FloatArray, kernels: Sequence[Kernel], choice: _Choice, platform: Platform) -> None:
    impossible = ~(np.isfinite(seconds) & (seconds >= 0))
    if impossible.any():
        row = int(np.argmax(impossible))
        raise ModelError(
            f"the {choice.method!r} model of platform {platform.name!r} for {kernels[row].kind!r} gives kernel "
            f"{kernels[row].name!r} a time of {seconds[row]} s: a dimension is far outside what was fitted, or the "
            "platform file is damaged"
        )


def _priced_as(kind: str, platform: Platform, example: Kernel) -> str:
    """The kind whose models price a kind; empty where none do.

    Its own, where the platform has them; else those of copies at the platform's precision; else those of the kind that
    it was part of when the platform was fitted: by its definition, or as the kind of a rule, that of its layer.
    """
    plain, precision = kind_of(kind), precision_in(kind)
    candidates = [kind, *([plain] if moves_data(kind, example) else [])]
    former = KINDS[plain].part_of if plain in KINDS else example.anchor.kind
    if former:
        candidates += [with_precision(former, precision), *([former] if moves_data(kind, example) else [])]
    return next((name for name in candidates if name in platform.models), "")


def _choose(kind: str, platform: Platform, family: str | None, fallback: str, example: Kernel) -> _Choice:
    priced = _priced_as(kind, platform, example)
    if priced:
        families = platform.models[priced]
        known = priced not in platform.assumed and kind_of(priced) == kind_of(kind)
        wanted = family or platform.default_family(priced)
        last_resort = (platform.default_family(priced),) if wanted in _SIMPLER else ()
        for name in (wanted, *_SIMPLER.get(wanted, ()), *last_resort):
            if name in families:
                return _Choice(families[name], name, fitted=known)
        raise UnsupportedKernelError(
            f"platform {platform.name!r} has no {wanted!r} model for {kind!r}, only {', '.join(sorted(families))}"
        )
    if fallback == "roofline":
        return _Choice(fallback_model(platform), FALLBACK_METHOD, fitted=False)
    refuse_precision(kind, platform, example)
    operator = example.anchor.attributes.get("operator")
    what = f"operator {operator!r}" if operator else f"kind {kind!r}"
    measured = ", ".join(sorted(platform.models.keys() - platform.assumed.keys()))
    raise UnsupportedKernelError(
        f"platform {platform.name!r} has no model for {what} of layer {example.name!r}"
        f"{nearest(kind, platform.models)}; fitted kinds: {measured}; "
        "use --fallback roofline to price it roughly"
    )


@lru_cache(maxsize=64)
def fallback_model(platform: Platform) -> Roofline:
    """A roofline with the median peak rate, bandwidth and offset of the kinds that were measured.

    Args:
        platform: Where the fitted rooflines are taken from; those that rest on assumptions do not count.

    Raises:
        UnsupportedKernelError: The platform has no measured roofline to derive one from.
    """
    known = [
        model
        for kind, families in platform.models.items()
        if kind not in platform.assumed
        for model in (families.get("roofline"), families.get("refined-roofline"))
        if isinstance(model, Roofline)
    ]
    if not known:
        raise UnsupportedKernelError(
            f"platform {platform.name!r} has no roofline of a measured kind to derive a fallback from; "
            "use --fallback error"
        )
    return Roofline(
        ops_per_s=float(np.median([model.ops_per_s for model in known])),
        bytes_per_s=float(np.median([model.bytes_per_s for model in known])),
        offset_s=float(np.median([model.offset_s for model in known])),
    )
