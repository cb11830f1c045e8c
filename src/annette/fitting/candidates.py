"""What the model of a kind could be on a similar device, and which of these candidates becomes it.

Each family of the starting platform follows factors on time (`annette.fitting.shrinkage`), and with enough rows small
trees on what these leave over; a family without a forest gets one over it. With enough rows the kind is also fitted
anew, as if there were no starting platform. Which of them is best is for rows left out to say.

How much better than the starting platform's own model a candidate is, is told by the kind's rows and, like that of ten
more rows, by those of other kinds whose own model is of the same family: with two rows of a kind the others decide,
with fifty the kind does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from annette.fitting.families import PREFERRED, feature_names, fit_all
from annette.fitting.forest import Growth, grow, joined
from annette.fitting.formula_fit import predict_s
from annette.fitting.samples import LEAST_ROWS, configurations, folds
from annette.fitting.shrinkage import Differences, choose_strength, rescaled, solve_differences, time_shares
from annette.models.features import FeatureSet
from annette.models.statistical import Mixed, Statistical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from annette.fitting.samples import Rows, Samples
    from annette.mapping.kernel import FloatArray, KernelTable
    from annette.models.base import LayerModel
    from annette.platforms import Platform

__all__ = [
    "LEAST_KERNELS",
    "Candidate",
    "Candidates",
    "Evidence",
    "LeftOut",
    "fit_candidates",
    "judge",
    "leave_out",
    "positive_s",
    "predicted_s",
    "preferred_models",
    "select",
]

LEAST_KERNELS: Final = 8
"""With fewer different kernels nothing could be left out to see whether it helps."""

_LEAST_FOR_TREES: Final = 12
_SHORTEST_S: Final = 1e-12
_GROWTH: Final = Growth(trees=40, leaves=4, learning_rate=0.1, least_in_leaf=5, ridge=5.0)

_ROWS_OF_OTHERS: Final = 10.0
_LEAST_GAIN: Final = 0.02
"""Share of the reference's error by which another candidate must be better, as for families of layer models
(`annette.fitting.families`)."""
_WAYS: Final = ("factors", "trees", "anew")


class Candidate(NamedTuple):
    """One way to come to a model.

    Attributes:
        way: ``factors``, ``trees`` (factors and trees), or ``anew``.
        family: Family that it starts from, or that is fitted.
    """

    way: str
    family: str

    @property
    def text(self) -> str:
        """The way in words, for people."""
        return {"factors": "{}", "trees": "{} and trees", "anew": "{} fitted anew"}[self.way].format(self.family)


@dataclass(frozen=True, eq=False)
class Candidates:
    """All candidates that were fitted on some rows.

    Attributes:
        models: By kind and candidate.
        differences: Factors that were found for the models that the starting platform prefers.
    """

    models: Mapping[str, Mapping[Candidate, LayerModel]]
    differences: Differences


def fit_candidates(start: Platform, samples: Samples, *, kinds: Iterable[str], seed: int = 0) -> Candidates:
    """Fits all candidates.

    Args:
        start: The platform to start from.
        samples: Cleaned rows of kinds that it has models for, at least one.
        kinds: Those that candidates are wanted of, with rows or without.
        seed: For everything random.
    """
    preferred = preferred_models(start)
    main = _differences(preferred, samples)
    by_family = {"": main}
    for family in sorted({family for families in start.models.values() for family in families}):
        own = {kind: families[family] for kind, families in start.models.items() if family in families}
        rows = samples.select(np.isin(samples.table.kinds, sorted(own)))
        if len(rows) and len(np.unique(configurations(rows.table))) >= LEAST_KERNELS:
            by_family[family] = _differences(own, rows)
    models: dict[str, dict[Candidate, LayerModel]] = {}
    for kind in kinds:
        rows = samples.of_kind(kind)
        of_kind: dict[Candidate, LayerModel] = {}
        for family, model in start.models[kind].items():
            differences = main if model is preferred[kind] else by_family.get(family, main)
            of_kind[Candidate("factors", family)] = changed = rescaled(model, differences.of(kind), differences.sides)
            if len(rows) >= _LEAST_FOR_TREES:
                corrected = _with_trees(changed, start.models[kind], rows, seed)
                if corrected is not None:
                    of_kind[Candidate("trees", family)] = corrected
        if len(rows) >= LEAST_ROWS:
            for family, model in fit_all(rows, seed=seed, checked=False).items():
                of_kind[Candidate("anew", family)] = model
        models[kind] = of_kind
    return Candidates(models, main)


def preferred_models(platform: Platform) -> dict[str, LayerModel]:
    """The model of each kind that a platform prefers, or the first where it lacks that family."""
    return {kind: platform.models[kind][reference.family] for kind, reference in _references(platform).items()}


def predicted_s(models: Mapping[str, LayerModel], samples: Samples) -> FloatArray:
    """Estimate of each row by one model a kind, seconds."""
    estimated_s: FloatArray = np.maximum(predict_s(models, samples.table), _SHORTEST_S)
    return estimated_s


def positive_s(model: LayerModel, table: KernelTable) -> FloatArray:
    """Estimate of each row by one model, seconds; so much above 0 that it has a logarithm."""
    estimated_s: FloatArray = np.maximum(model.predict_s(table), _SHORTEST_S)
    return estimated_s


def _differences(models: Mapping[str, LayerModel], samples: Samples) -> Differences:
    table = samples.table
    off = np.log(samples.latency_s / predicted_s(models, samples))
    follows = np.zeros((len(samples), 3))
    for kind, rows in table.rows_by_kind.items():
        follows[rows] = time_shares(models[kind], table.select(rows))
    strength = choose_strength(off, follows, table.kinds, folds(samples))
    return solve_differences(off, follows, table.kinds, strength)


def _with_trees(
    model: LayerModel, families: Mapping[str, LayerModel], samples: Samples, seed: int
) -> LayerModel | None:
    """The model with a few small trees more; None if it is of a family that trees cannot correct."""
    off = np.log(samples.latency_s / positive_s(model, samples.table))
    if isinstance(model, (Mixed, Statistical)):
        grown = grow(model.features.matrix(samples.table), off, _GROWTH, seed=seed)
        return replace(model, forest=joined(model.forest, grown))
    if not model.correctable:
        return None
    seen = (other.features for other in families.values() if isinstance(other, (Mixed, Statistical)))
    features = next(seen, None) or FeatureSet(feature_names(samples))
    return Mixed(model, features, grow(features.matrix(samples.table), off, _GROWTH, seed=seed))


@dataclass(frozen=True, eq=False)
class Evidence:
    """Errors of candidates on rows that they did not see.

    Attributes:
        kinds: Kind of each row, shape ``(rows,)``.
        errors: By candidate, the absolute logarithm of measured over estimated, shape ``(rows,)``; NaN where the
            candidate does not exist for the row's kind.
        references: What each kind is compared with: its preferred model of the starting platform, under factors.
    """

    kinds: npt.NDArray[np.str_]
    errors: Mapping[Candidate, FloatArray]
    references: Mapping[str, Candidate]

    def best(self, kind: str, candidates: Iterable[Candidate], reference: Candidate) -> Candidate:
        """The candidate with the smallest error; the reference, unless another is better by 2 %.

        Args:
            kind: Any kind of the starting platform, with rows or without.
            candidates: Those that there are models of.
            reference: One of them.
        """
        own = self.kinds == kind
        alike = sorted(other for other, known in self.references.items() if known == self.references[kind])
        others = ~own & np.isin(self.kinds, alike)
        told = self._of_references[own if own.any() else others]
        least = float(told.mean()) if len(told) else 0.0
        best, most = reference, self._gain(reference, own, others) + _LEAST_GAIN * least
        for candidate in sorted(candidates, key=lambda c: (_WAYS.index(c.way), c.family)):
            gain = self._gain(candidate, own, others)
            if gain > most:
                best, most = candidate, gain
        return best

    @cached_property
    def _of_references(self) -> FloatArray:
        errors = np.full(len(self.kinds), np.nan)
        for kind in np.unique(self.kinds).tolist():
            rows = self.kinds == kind
            errors[rows] = self.errors[self.references[kind]][rows]
        return errors

    def _gain(self, candidate: Candidate, own: npt.NDArray[np.bool_], others: npt.NDArray[np.bool_]) -> float:
        """By how much the error is smaller than the references', a kind's own rows and others' taken together."""
        errors = self.errors.get(candidate)
        if errors is None:
            return -np.inf if own.any() else 0.0
        gains = self._of_references - errors
        mine, theirs = gains[own], gains[others & np.isfinite(gains)]
        if np.isnan(mine).any():
            return -np.inf
        usual = float(theirs.sum()) / (len(theirs) + _ROWS_OF_OTHERS)
        return (float(mine.sum()) + _ROWS_OF_OTHERS * usual) / (len(mine) + _ROWS_OF_OTHERS)


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Candidates that were fitted without a part of the rows, once for each part.

    Attributes:
        splits: Rows that were fitted on, and rows that were left out.
        candidates: What the former gave.
        evidence: How it does on the latter.
    """

    splits: Sequence[tuple[Rows, Rows]]
    candidates: Sequence[Candidates]
    evidence: Evidence


def select(
    models: Mapping[str, Mapping[Candidate, LayerModel]], start: Platform, evidence: Evidence
) -> dict[str, dict[str, Candidate]]:
    """Chooses for each kind the best candidate of each family of the starting platform, and of all families.

    A candidate is of the family that its model is of: trees over a saturating rate are a mixed model.

    Args:
        models: All candidates, by kind.
        start: The starting platform.
        evidence: Errors on rows left out.

    Returns:
        For each kind, the candidate of each family, and the best of all under `PREFERRED`.
    """
    chosen: dict[str, dict[str, Candidate]] = {}
    for kind, candidates in models.items():
        chosen[kind] = {
            family: evidence.best(
                kind, [c for c, model in candidates.items() if model.family == family], Candidate("factors", family)
            )
            for family in start.models[kind]
        }
        best = evidence.best(kind, candidates, evidence.references[kind])
        chosen[kind] |= {candidates[best].family: best, PREFERRED: best}
    return chosen


def leave_out(start: Platform, samples: Samples, *, seed: int = 0) -> LeftOut:
    """Fits all candidates without each part of the rows, to choose among them.

    Args:
        start: The platform to start from.
        samples: Cleaned rows of kinds that it has models for.
        seed: For everything random.
    """
    splits = folds(samples)
    kinds = list(samples.kinds)
    fitted = [fit_candidates(start, samples.select(training), kinds=kinds, seed=seed) for training, _ in splits]
    tested = [(candidates, test) for candidates, (_, test) in zip(fitted, splits, strict=True)]
    return LeftOut(splits, fitted, _evidence(samples, _references(start), tested))


def judge(start: Platform, samples: Samples, left_out: LeftOut, *, seed: int = 0) -> dict[str, FloatArray]:
    """How good the whole procedure is, choices included, on rows that no part of it saw.

    What is judged on one part of the rows was chosen on the others, by candidates that saw neither: all candidates are
    fitted without each two parts.

    Args:
        start: The platform to start from.
        samples: The rows.
        left_out: What `leave_out` gave for them.
        seed: For everything random.

    Returns:
        For each family, and for `PREFERRED`, the estimate of each row by models that were fitted and chosen without
        its network and configuration, seconds; NaN where the row's kind has no such family.
    """
    splits, kinds, references = left_out.splits, list(samples.kinds), left_out.evidence.references
    pairs: dict[frozenset[int], Candidates] = {}
    for first, second in combinations(range(len(splits)), 2):
        both = np.intersect1d(splits[first][0], splits[second][0])
        if len(both):
            pairs[frozenset((first, second))] = fit_candidates(start, samples.select(both), kinds=kinds, seed=seed)
    estimated_s: dict[str, FloatArray] = {}
    for number, (training, test) in enumerate(splits):
        seen = [
            (pairs[frozenset((number, other))], np.intersect1d(tested, training))
            for other, (_, tested) in enumerate(splits)
            if frozenset((number, other)) in pairs
        ]
        models = left_out.candidates[number].models
        chosen = select(models, start, _evidence(samples, references, seen))
        for kind, rows in samples.table.rows_by_kind.items():
            own = np.intersect1d(rows, test)
            table = samples.table.select(own)
            for family, candidate in chosen[kind].items():
                column = estimated_s.setdefault(family, np.full(len(samples), np.nan))
                column[own] = positive_s(models[kind][candidate], table)
    return estimated_s


def _references(start: Platform) -> dict[str, Candidate]:
    """What candidates of each kind are compared with: the model that the starting platform prefers, under factors."""
    default = {kind: start.default_family(kind) for kind in start.models}
    return {
        kind: Candidate("factors", default[kind] if default[kind] in families else next(iter(families)))
        for kind, families in start.models.items()
    }


def _evidence(
    samples: Samples, references: Mapping[str, Candidate], tested: Sequence[tuple[Candidates, Rows]]
) -> Evidence:
    """The errors of candidates, each on rows that it was not fitted on."""
    log_s = np.log(samples.latency_s)
    errors: dict[Candidate, FloatArray] = {}
    seen = np.zeros(len(samples), dtype=bool)
    for candidates, test in tested:
        seen[test] = True
        for kind, rows in samples.table.rows_by_kind.items():
            own = np.intersect1d(rows, test)
            table = samples.table.select(own)
            for candidate, model in candidates.models[kind].items() if len(own) else ():
                column = errors.setdefault(candidate, np.full(len(samples), np.nan))
                column[own] = np.abs(log_s[own] - np.log(positive_s(model, table)))
    return Evidence(
        samples.table.kinds[seen], {candidate: column[seen] for candidate, column in errors.items()}, references
    )
