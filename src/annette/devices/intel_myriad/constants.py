"""Finds the constants of the Myriad X's formulas, and the general families beside them, from measured kernels.

Kinds that share an engine share their constants: convolutions; maximum and average pooling; and what the processors do
in software (sums, rectifiers, copies of a concat, means of whole maps). Fully connected layers, softmax, and what the
runtime adds wait for memory: a start and a bandwidth describe them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.devices.intel_myriad.formulas import CONVOLUTION, POOLING, SOFTWARE
from annette.errors import FitError
from annette.fitting.families import feature_names
from annette.fitting.forest import Growth, grow
from annette.fitting.formula_fit import NEVER_COMPUTES, fit_per_byte, fit_tiled, networks_of
from annette.fitting.roofline import fit_refined_roofline, fit_roofline
from annette.fitting.samples import LEAST_ROWS
from annette.models.features import FeatureSet
from annette.models.statistical import Mixed, Statistical
from annette.models.tiled_roofline import Range

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.fitting.samples import Samples
    from annette.models.base import LayerModel
    from annette.models.tiled_roofline import Formula, TiledRoofline

__all__ = ["GROUPS", "UNSEEN", "Settings", "choose_settings", "fit_models"]

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "convolution": ("conv",),
    "pooling": ("max_pool", "average_pool"),
    "software": ("add", "relu", "concat", "reduce_mean", "global_average_pool", "global_max_pool"),
}
"""Kinds that share their constants."""

UNSEEN: Final = {
    "grouped_conv": "convolution",
    "depthwise_conv": "convolution",
    "global_average_pool": "software",
    "global_max_pool": "software",
}
"""Kinds that no report has, priced with the constants of a group."""

_FORMULAS: Final[Mapping[str, Formula]] = {"convolution": CONVOLUTION, "pooling": POOLING, "software": SOFTWARE}
_PER_BYTE: Final = {
    "fully_connected": Range(9.0, 1.0, 40.0),
    "softmax": Range(8.0, 0.1, 1000.0),
    "convert": Range(8.0, 0.1, 1000.0),
    "transpose": Range(8.0, 0.1, 1000.0),
}
"""Kinds that wait for memory, with their bandwidth in gigabytes per second."""

_START_US: Final = Range(20.0, 0.0, 200.0)
_FEATURES: Final = (
    "in_channels", "in_height", "in_width", "out_channels", "out_height", "out_width", "kernel_height", "kernel_width",
    "stride_height", "ops", "input_bytes", "output_bytes", "weight_bytes", "context:input_in_ddr",
    "context:output_in_ddr", "context:copied_bytes", "context:injected_bytes", "context:shaves",
)  # fmt: skip
_RESIDUAL_LIMIT: Final = 1.0
_GROWTH: Final = Growth(leaves=8, learning_rate=0.05, least_in_leaf=8, features=0.6, smoothing=0.0, ridge=1.0, rows=0.8)
_STRENGTHS: Final = (0.003, 0.01, 0.03)
_TREES: Final = (0, 25, 75)
_OTHER_STRENGTH: Final = 0.03
"""How strongly the constants of pooling and software are drawn to their typical values."""
_START_STRENGTH: Final = 0.01
"""The same for kinds that wait for memory."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is chosen by leaving networks out, inside the networks that are fitted on.

    Attributes:
        strength: How strongly the constants of convolutions are drawn to their typical values.
        trees: Trees of the mixed model's forests; 0 leaves the base as it is.
    """

    strength: float = 0.01
    trees: int = 25


def fit_models(samples: Samples, settings: Settings) -> dict[str, dict[str, LayerModel]]:
    """Fits every family for every kind that the data, or the formulas' typical constants, can carry.

    Args:
        samples: Measured kernels.
        settings: How.
    """
    models: dict[str, dict[str, LayerModel]] = {}
    for group, kinds in GROUPS.items():
        part = _of_kinds(samples, kinds)
        strength = settings.strength if group == "convolution" else _OTHER_STRENGTH
        base = fit_tiled(part, _FORMULAS[group], strength)
        families = {**_general(part), "tiled-roofline": base}
        if group != "software":
            families["mixed"] = _mixed(part, base, settings.trees)
        models |= {kind: dict(families) for kind in kinds}
        models |= {kind: {"tiled-roofline": base} for kind, like in UNSEEN.items() if like == group}
    for kind, bandwidth in _PER_BYTE.items():
        part = samples.of_kind(kind)
        fitted = fit_per_byte(part, start=_START_US, bandwidth=bandwidth, strength=_START_STRENGTH)
        models[kind] = {"roofline": fitted}
    return models


def _of_kinds(samples: Samples, kinds: Sequence[str]) -> Samples:
    return samples.select(np.isin(samples.table.kinds, kinds))


def _general(samples: Samples) -> dict[str, LayerModel]:
    """The families that know nothing of the engine."""
    if len(samples) < LEAST_ROWS:
        return {}
    roofline, refined = fit_roofline(samples), fit_refined_roofline(samples)
    if not samples.table["ops"].any():  # nothing was seen to compute: other kinds of the group must not be bound by it
        roofline = replace(roofline, ops_per_s=NEVER_COMPUTES)
        refined = replace(refined, ops_per_s=NEVER_COMPUTES)
    features = FeatureSet(feature_names(samples, refined, inside=False))
    per = "ops" if float(np.median(samples.table["ops"])) > 0 else "bytes"
    work = np.maximum(samples.table["ops"] if per == "ops" else samples.table.bytes, 1.0)
    forest = grow(features.matrix(samples.table), np.log(samples.latency_s) - np.log(work), Growth(least_in_leaf=4))
    return {
        "roofline": roofline,
        "refined-roofline": refined,
        "statistical": Statistical(per, features, forest, roofline),
    }


def _mixed(samples: Samples, base: TiledRoofline, trees: int) -> Mixed:
    """The base under a forest that sees what it leaves over."""
    features = FeatureSet(_FEATURES)
    target = np.log(samples.latency_s) - np.log(base.predict_s(samples.table))
    if trees == 0 or len(samples) < 2 * _GROWTH.least_in_leaf:
        trees, target = 1, np.zeros(len(samples))  # a forest that says nothing
    limited = np.clip(target, -_RESIDUAL_LIMIT, _RESIDUAL_LIMIT)
    return Mixed(base, features, grow(features.matrix(samples.table), limited, replace(_GROWTH, trees=trees)))


def choose_settings(samples: Samples) -> Settings:
    """Chooses by leaving out one group after the other: error of convolutions plus error of whole networks.

    The strength is chosen without a forest, then the number of trees with that strength.

    Args:
        samples: Networks of two groups at least.

    Raises:
        FitError: There are fewer.
    """
    if len(np.unique(samples.groups)) < 2:
        raise FitError("nothing can be chosen by leaving networks out: counters of three different networks are needed")
    tests = [samples.groups == group for group in np.unique(samples.groups)]
    splits = [_Split(samples.select(~test), samples.select(test)) for test in tests]
    strengths = {value: np.mean([split.error(value, 0) for split in splits]) for value in _STRENGTHS}
    strength = min(strengths, key=strengths.__getitem__)
    errors = {value: np.mean([split.error(strength, value) for split in splits]) for value in _TREES}
    return Settings(strength=strength, trees=min(errors, key=errors.__getitem__))


class _Split:
    """Some networks to fit convolutions on, and others to judge them by; all else is fitted once."""

    def __init__(self, training: Samples, held: Samples) -> None:
        self._training = _of_kinds(training, GROUPS["convolution"])
        self._held = held
        self._rows = held.table.kinds == "conv"
        self._predicted = held.latency_s.copy()
        self._bases: dict[float, TiledRoofline] = {}
        for group in ("pooling", "software"):
            rows = np.isin(held.table.kinds, GROUPS[group])
            base = fit_tiled(_of_kinds(training, GROUPS[group]), _FORMULAS[group], _OTHER_STRENGTH)
            self._predicted[rows] = base.predict_s(held.table.select(rows))

    def error(self, strength: float, trees: int) -> float:
        """Mean relative error of the convolutions that were left out, plus that of their networks."""
        if strength not in self._bases:
            self._bases[strength] = fit_tiled(self._training, CONVOLUTION, strength)
        model = _mixed(self._training, self._bases[strength], trees)
        predicted, held = self._predicted.copy(), self._held
        predicted[self._rows] = model.predict_s(held.table.select(self._rows))
        layers = float(np.abs(predicted / held.latency_s - 1)[self._rows].mean())
        names = networks_of(held)
        totals = [
            abs(predicted[names == name].sum() / held.latency_s[names == name].sum() - 1) for name in np.unique(names)
        ]
        return layers + float(np.mean(totals))
