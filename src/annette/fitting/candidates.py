"""What the model of a kind could be on a similar device: the starting platform's, changed little or more, or a new one.

Each family of the starting platform follows factors on time (`annette.fitting.shrinkage`), and with enough rows small
trees on what these leave over; a family without a forest gets one over it. With enough rows the kind is also fitted
anew, as if there were no starting platform. Which of them is best is for rows left out to say
(`annette.fitting.selection`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from annette.fitting.families import feature_names, fit_all
from annette.fitting.folds import configurations, folds
from annette.fitting.forest import Growth, grow, joined
from annette.fitting.model_scaling import rescaled, time_shares
from annette.fitting.samples import LEAST_ROWS
from annette.fitting.shrinkage import Differences, choose_strength, solve_differences
from annette.models.features import FeatureSet
from annette.models.statistical import Mixed, Statistical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray, KernelTable
    from annette.models.base import LayerModel
    from annette.platforms import Platform

__all__ = [
    "LEAST_KERNELS",
    "Candidate",
    "Candidates",
    "fit_candidates",
    "positive_s",
    "predicted_s",
    "preferred_models",
]

LEAST_KERNELS: Final = 8
"""With fewer different kernels nothing could be left out to see whether it helps."""

_LEAST_FOR_TREES: Final = 12
_SHORTEST_S: Final = 1e-12
_GROWTH: Final = Growth(trees=40, leaves=4, learning_rate=0.1, least_in_leaf=5, ridge=5.0)


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
            of_kind[Candidate("factors", family)] = changed = rescaled(model, differences.of(kind))
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
    return {
        kind: families.get(platform.default_family(kind)) or next(iter(families.values()))
        for kind, families in platform.models.items()
    }


def predicted_s(models: Mapping[str, LayerModel], samples: Samples) -> FloatArray:
    """Estimate of each row by one model a kind, seconds."""
    estimated_s = np.empty(len(samples))
    for kind, rows in samples.table.rows_by_kind.items():
        estimated_s[rows] = positive_s(models[kind], samples.table.select(rows))
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
