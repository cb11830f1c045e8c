"""Fits the four families of layer models for one kind of kernel, and finds by cross-validation how good they are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.bench.host import allowed_cpus
from annette.evaluation.metrics import mape
from annette.fitting.conformal import log_residuals, spread_by_time
from annette.fitting.forest import Growth, grow
from annette.fitting.reach import reach_of
from annette.fitting.roofline import fit_refined_roofline, fit_roofline, log_error
from annette.fitting.samples import LEAST_ROWS, folds, parts_by
from annette.fitting.work_sum import fit_work_sum
from annette.models.features import FeatureSet
from annette.models.roofline import RefinedRoofline
from annette.models.statistical import Mixed, Statistical
from annette.network.kinds import Category, kinds_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.fitting.samples import Rows, Samples
    from annette.mapping.kernel import FloatArray
    from annette.models.base import LayerModel
    from annette.models.roofline import Roofline
    from annette.platforms.intervals import LogResiduals

__all__ = ["FAMILY_ORDER", "PREFERRED", "KindFit", "feature_names", "fit_all", "fit_kind", "fit_kinds"]

FAMILY_ORDER: Final = ("roofline", "refined-roofline", "statistical", "mixed")
"""From the simplest to the richest, as tables show them."""

PREFERRED: Final = "preferred"
"""Stands for the family that is best for a kind, beside the names of families."""

_PREFERENCE: Final = ("roofline", "refined-roofline", "mixed", "statistical")
"""From the safest beyond what was measured; a later family must earn its place."""

_RICHER_BELOW: Final = 0.98
"""Share of a simpler model's left-out error that a richer one must stay below to be preferred. That differences of 2 %
may be chance is an assumption: it was neither measured nor tuned."""

_KNOWN_BELOW: Final = 1.12
"""Multiple of the refined roofline's error below which a sum of works is the better base. On one processor the sums of
six kinds were 1.01 to 1.11 times as much off as the refined roofline on what both were fitted to, and 0.33 to 0.97
times on larger tensors (mean absolute logarithm: products of two maps 0.14 and 0.26, rectifiers 0.22 and 0.66)."""

_EXACT: Final = 1e-6
"""Log error below which a model reproduces the rows: a richer one has nothing left to improve."""

_SHARES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_NEXT_TO_LEAST: Final = 1.01
"""Multiple of the least error up to which a smaller share of a correction is as good."""
_LEAST_RECIPES: Final = 3

_ROWS_WITHOUT_CHECK: Final = 300
"""From so many rows on the information criterion alone decides about unrolls: trying them on rows left out, too, means
five more searches, which take longer the more rows there are."""

_MANY_ROWS: Final = 1000
"""From so many rows on trees have larger leaves, and rows count by how well their times are known."""

_GENERAL: Final = (
    "log2:ops", "log2:bytes", "log2:intensity", "log2:input_bytes", "log2:weight_bytes", "log2:output_bytes",
    "log2:in_channels_per_group", "log2:out_channels_per_group", "log2:in_positions", "log2:out_positions",
    "out_width", "out_height", "batch", "groups", "kernel_height", "kernel_width", "stride_height", "stride_width",
    "dilation_height", "log2:axis_size", "log2:inner_size", "log2:outer_size", "input_count", "output_count",
    "activation", "residual", "blocked", "log2:held_bytes", "log2:held_busy_ops", "reads_network_input",
    "writes_network_output", "masked", "valid_taps",
)  # fmt: skip
_INSIDE: Final = (
    "log2:rows", "log2:reduction_depth", "log2:kernel_size", "kernel_depth", "dilation_width", "log2:run_length",
    "walk", "log2:lines_a_set", "log2:cold_input_bytes",
)  # fmt: skip
"""What says how a kernel multiplies and walks through memory."""
_RECURRENT: Final = kinds_in(Category.RECURRENT)
_OF_RECURRENCE: Final = ("log2:repeated_weight_bytes", "log2:out_width", "log2:ops_a_step", "log2:out_channels")
_CONVOLUTIONS: Final = kinds_in(Category.CONVOLUTION)
_OF_CONVOLUTIONS: Final = (
    "log2:ops_a_group", "log2:batched_weight_bytes", "log2:unfolded_size", "log2:folded_size", "edge_columns",
    "log2:unfolded_elements", "log2:unfolded_rows",
)  # fmt: skip
_TRANSPOSES: Final = frozenset({"transpose"})
_OF_TRANSPOSES: Final = ("log2:neighbours", "log2:distance", "log2:crowded_neighbours")
_SUMS: Final = frozenset({"einsum"})
_OF_SUMS: Final = ("log2:neighbours", "log2:distance")
_OF_KINDS: Final = (
    (_SUMS, _OF_SUMS), (_RECURRENT, _OF_RECURRENCE), (_CONVOLUTIONS, _OF_CONVOLUTIONS), (_TRANSPOSES, _OF_TRANSPOSES)
)  # fmt: skip
_REMAINDERS: Final = (4, 8, 16, 32)
_REMAINDERS_OF: Final = ("in_channels_per_group", "out_channels_per_group", "groups", "out_width")


@dataclass(frozen=True, eq=False)
class KindFit:
    """The models of one kind, with what cross-validation says of them.

    Attributes:
        kind: Kind of kernel.
        models: Fitted on all rows, by family.
        held_out_s: For each family, the prediction of each row by models that did not see its group.
        samples: What was fitted on.
        best: Family with the smallest cross-validated error; a simpler one unless the richer is clearly better.
    """

    kind: str
    models: Mapping[str, LayerModel]
    held_out_s: Mapping[str, FloatArray]
    samples: Samples
    best: str

    def error(self, family: str) -> float:
        """Mean absolute relative error of a family on rows left out."""
        return mape(self.held_out_s[family], self.samples.latency_s)

    def residuals(self, family: str) -> FloatArray:
        """``log(measured / predicted)`` of each row, predicted without its group."""
        residuals: FloatArray = np.log(self.samples.latency_s / self.held_out_s[family])
        return residuals

    def intervals(self) -> dict[str, LogResiduals]:
        """For each family, the quantiles of its residuals, from which intervals of kernels are made."""
        errors = self.samples.errors
        return {
            family: log_residuals(self.residuals(family), self.held_out_s[family], errors) for family in self.models
        }


def fit_kind(kind: str, samples: Samples, *, seed: int = 0) -> KindFit:
    """Fits all families for one kind.

    Args:
        kind: Kind of kernel.
        samples: Its cleaned rows.
        seed: For everything random.

    Raises:
        FitError: There are too few rows.
    """
    growth = _growth(len(samples))
    share = _share_carried(samples, seed=seed)
    models = fit_all(samples, growth, seed=seed, share=share)
    held_out = {family: np.empty(len(samples)) for family in models}
    for training, test in folds(samples):
        part = fit_all(samples.select(training), growth, seed=seed, share=share)
        table = samples.table.select(test)
        for family, model in part.items():
            held_out[family][test] = model.predict_s(table)
    errors = {family: log_error(held_out[family], samples.latency_s) for family in models}
    best = _best(errors)
    if best == "statistical" and not _carries(samples, seed=seed, share=share):
        best = _best({family: error for family, error in errors.items() if family != best})
    return KindFit(kind, models, held_out, samples, best)


def fit_kinds(
    samples: Samples, *, seed: int = 0, progress: Callable[[str, int], None] | None = None
) -> dict[str, KindFit]:
    """Fits all families for each kind with enough rows: several kinds at once, on the processors that are allowed.

    Growing trees and solving leave Python's lock, and no kind's fit depends on another's.

    Args:
        samples: Cleaned rows of any kinds.
        seed: For everything random.
        progress: Told about each kind and its number of rows before it is fitted, those with most rows first.
    """

    def fit(kind: str) -> KindFit:
        if progress is not None:
            progress(kind, kinds[kind])
        return fit_kind(kind, samples.of_kind(kind), seed=seed)

    kinds = {kind: count for kind, count in samples.kinds.items() if count >= LEAST_ROWS}
    heaviest_first = sorted(kinds, key=lambda kind: -kinds[kind])
    with ThreadPoolExecutor(len(allowed_cpus())) as pool:
        fits = dict(zip(heaviest_first, pool.map(fit, heaviest_first), strict=True))
    return {kind: fits[kind] for kind in kinds}


def feature_names(samples: Samples, base: RefinedRoofline | None = None, *, inside: bool = True) -> tuple[str, ...]:
    """Features worth showing to a forest: those that vary in the data, and remainders of the unrolls that were found.

    Args:
        samples: Rows of one kind.
        base: The refined roofline whose unroll sizes the remainders are taken against, if there is one.
        inside: Whether those are offered that say how a kernel multiplies and walks through memory; tables that others
            published have too few rows to choose among so many.
    """
    names = [*_GENERAL, *(_INSIDE if inside else ())]
    names += [name for kinds, own in _OF_KINDS if kinds.issuperset(samples.kinds) for name in own]
    for name, unroll in ({} if base is None else base.unroll).items():
        quantity = "in_channels_per_group" if name == "in_channels" else name
        names.append(f"fill:{quantity}:{unroll.size}")
    names += [f"fill:{quantity}:{size}" for quantity in _REMAINDERS_OF for size in _REMAINDERS]
    names = list(dict.fromkeys(names))
    values = FeatureSet(tuple(names)).matrix(samples.table)
    varying = tuple(name for name, spread in zip(names, np.ptp(values, axis=0), strict=True) if spread > 0)
    return varying or ("log2:ops",)


def fit_all(
    samples: Samples, growth: Growth | None = None, *, seed: int = 0, checked: bool = True, share: float = 1.0
) -> dict[str, LayerModel]:
    """One model of each family, fitted on all rows, with no word on how good they are.

    Args:
        samples: Cleaned rows of one kind.
        growth: How forests are grown; the default suits their number.
        seed: For everything random.
        checked: Whether unrolls must help on rows left out, where there are few; callers that leave rows out
            themselves save that.
        share: How much of the correction of the mixed model counts, from 0 to 1.

    Raises:
        FitError: There are too few rows.
    """
    growth = growth or _growth(len(samples))
    roofline = fit_roofline(samples)
    refined = _refined(samples, roofline) if checked else fit_refined_roofline(samples)
    features = FeatureSet(feature_names(samples, refined))
    per = "ops" if float(np.median(samples.table["ops"])) > 0 else "bytes"
    work = np.maximum(samples.table["ops"] if per == "ops" else samples.table.bytes, 1.0)
    statistical = grow(
        features.matrix(samples.table),
        np.log(samples.latency_s) - np.log(work),
        growth,
        seed=seed,
        weights=_weights(samples, refined),
    )
    return {
        "roofline": roofline,
        "refined-roofline": refined,
        "statistical": Statistical(per, features, statistical, roofline),
        "mixed": _corrected(samples, refined, features, growth, seed=seed).shrunk(share),
    }


def _corrected(samples: Samples, refined: RefinedRoofline, features: FeatureSet, growth: Growth, *, seed: int) -> Mixed:
    """The base that fits best, and a forest that corrects it."""
    matrix = features.matrix(samples.table)
    base = _base(samples, refined)
    off = np.log(samples.latency_s) - np.log(base.predict_s(samples.table))
    correction = grow(matrix, off, growth, seed=seed, weights=_weights(samples, refined))
    return Mixed(base, features, correction, reach_of(samples.table, correction.predict(matrix)))


def _share_carried(samples: Samples, *, seed: int = 0) -> float:
    """How much of a correction holds for kernels that are unlike all that were measured, from 0 to 1.

    Networks of users hold kernels that no recipe of the benchmark drew. What the corrections of all recipes but one say
    of its kernels tells how far to believe them there: the smallest share is taken whose error is next to the least.
    On 422 networks that nothing was fitted on, the sums of kernels were 7.2 % off instead of 7.5 % where all of each
    correction counted, and 9.1 % where a quarter did.
    """
    parts = _parts_by_recipe(samples)
    if not parts:
        return 1.0
    refined = fit_refined_roofline(samples)
    features = FeatureSet(feature_names(samples, refined))
    base_s, corrected_s = np.empty(len(samples)), np.empty(len(samples))
    for training, test in parts:
        part, table = samples.select(training), samples.table.select(test)
        model = _corrected(part, refined, features, _growth(len(part)), seed=seed)
        base_s[test], corrected_s[test] = model.shrunk(0.0).predict_s(table), model.predict_s(table)
    errors = {share: log_error(base_s ** (1.0 - share) * corrected_s**share, samples.latency_s) for share in _SHARES}
    enough = _NEXT_TO_LEAST * min(errors.values())
    return min(share for share, error in errors.items() if error <= enough)


def _carries(samples: Samples, *, seed: int, share: float) -> bool:
    """Whether a statistical model is clearly better than a mixed one for kernels that no recipe drew, too.

    It has no formula to fall back on. Transposes whose elements each have a position of their own took 6.4 ns an
    element in networks; recipes had drawn few of them, and a statistical model, the better one on rows left out at
    random, said 1.2 ns, where the mixed one said 3.7 ns.
    """
    parts = _parts_by_recipe(samples)
    if not parts:
        return True
    predicted_s = {family: np.empty(len(samples)) for family in ("statistical", "mixed")}
    for training, test in parts:
        models = fit_all(samples.select(training), seed=seed, checked=False, share=share)
        for family, column in predicted_s.items():
            column[test] = models[family].predict_s(samples.table.select(test))
    statistical, mixed = (log_error(column, samples.latency_s) for column in predicted_s.values())
    return statistical < _RICHER_BELOW * mixed


def _parts_by_recipe(samples: Samples) -> list[tuple[Rows, Rows]]:
    """Training and test rows that share no recipe; empty where that leaves too few recipes or rows to tell anything.

    What a row's case was drawn by is the name of the case without its number.
    """
    recipes = np.array([str(group).rpartition("/")[0] for group in samples.groups])
    parts = parts_by(recipes) if len(np.unique(recipes)) >= _LEAST_RECIPES else []
    return parts if all(len(training) >= LEAST_ROWS for training, _ in parts) else []


def _weights(samples: Samples, refined: RefinedRoofline) -> FloatArray | None:
    """What each row says: the inverse of its variance, which falls with time; None where rows are few.

    Short kernels vary more, and there are many of them. How much follows from the residuals of the refined roofline by
    *its* time: by the measured one, rows would count the more the shorter they happened to be. The error of each time
    adds to that: as visits of simulated kernels were disturbed more and more, 1200 rows made a mixed model that was 2,
    8 and 20 % less off than without; of 150 and 400 rows each is needed, and weights made no difference.
    """
    if len(samples) < _MANY_ROWS:
        return None
    estimated_s = refined.predict_s(samples.table)
    spread = spread_by_time(np.log(samples.latency_s / estimated_s), estimated_s).at(estimated_s)
    weights: FloatArray = 1.0 / (spread**2 + samples.errors**2)
    return weights


def _refined(samples: Samples, roofline: Roofline) -> RefinedRoofline:
    """A refined roofline, or one without unrolls where these do not help on rows that were left out.

    With many rows the criterion of `fit_refined_roofline` is enough; with few, unrolls are also tried on held-out rows.
    """
    refined = fit_refined_roofline(samples)
    if not refined.unroll or len(samples) >= _ROWS_WITHOUT_CHECK:
        return refined
    without_s, with_s = np.empty(len(samples)), np.empty(len(samples))
    for training, test in folds(samples):
        part, table = samples.select(training), samples.table.select(test)
        without_s[test] = fit_roofline(part).predict_s(table)
        with_s[test] = fit_refined_roofline(part).predict_s(table)
    if log_error(with_s, samples.latency_s) < _RICHER_BELOW * log_error(without_s, samples.latency_s):
        return refined
    return RefinedRoofline(roofline.ops_per_s, roofline.bytes_per_s, roofline.offset_s)


def _base(samples: Samples, refined: RefinedRoofline) -> LayerModel:
    """The formula that a forest corrects: a sum of works, unless the refined roofline fits clearly better.

    Both have few parameters for their rows, so that how well they fit says how good they are. The sum knows which loops
    run and what no cache holds, and is nearer where kernels are larger than any that was measured.
    """
    summed = fit_work_sum(samples)
    if summed is None:
        return refined
    errors = [log_error(model.predict_s(samples.table), samples.latency_s) for model in (refined, summed)]
    return summed if errors[1] < _KNOWN_BELOW * errors[0] else refined


def _best(errors: Mapping[str, float]) -> str:
    """The family to prefer: each must be clearly better than the ones before it.

    The mixed model comes before the statistical one: where they are about as good on what was measured, the one that
    corrects a formula is safer beyond it.
    """
    best = _PREFERENCE[0]
    for family in [each for each in _PREFERENCE[1:] if each in errors]:
        if errors[family] < _RICHER_BELOW * errors[best] - _EXACT:
            best = family
    return best


def _growth(rows: int) -> Growth:
    """Smaller trees for fewer rows."""
    if rows < 40:
        return Growth(trees=60, leaves=4, least_in_leaf=4, learning_rate=0.1)
    if rows < 150:
        return Growth(trees=120, leaves=8, least_in_leaf=3)
    if rows < _MANY_ROWS:
        return Growth()
    return Growth(leaves=20, least_in_leaf=8)
