"""Many layer models evaluated at once: one pass through all trees, one array for each coefficient of all formulas.

A network has few kernels of many kinds. Asked one after the other, the models of a platform spend their time on calling
numpy for a handful of rows each. What each of them says is defined by itself (`annette.models.base.LayerModel`), and a
stack says the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from annette.kept import kept
from annette.models.features import FeatureSet
from annette.models.forest import Forest, Trees
from annette.models.roofline import UNROLLED, RefinedRoofline, Roofline, extent_of
from annette.models.stacked_works import StackedWorks
from annette.models.statistical import LOG_LIMIT_ALONE, LOG_LIMIT_MIXED, Mixed, Statistical
from annette.models.work_sum import WorkSum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.mapping.kernel import FloatArray, KernelTable
    from annette.models.base import LayerModel
    from annette.models.reach import Reach

    _Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.intp]]

__all__ = ["ModelStack", "Predictions"]


class Predictions(NamedTuple):
    """What the models say of each row, each of shape ``(rows,)``.

    Attributes:
        latency_s: `LayerModel.predict_s`.
        compute_s: Computing alone (`LayerModel.terms`).
        memory_s: Moving alone.
        efficiency: `LayerModel.efficiency`.
    """

    latency_s: FloatArray
    compute_s: FloatArray
    memory_s: FloatArray
    efficiency: FloatArray


class ModelStack:
    """Layer models that are asked together.

    Rooflines, sums of works, and what forests add to any formula, are computed for all rows at once. Other formulas are
    asked one by one, each for its own rows.

    Args:
        models: Any layer models; rows name theirs by its place in this sequence.
    """

    def __init__(self, models: Sequence[LayerModel]) -> None:
        self._formulas = [_formula(model) for model in models]
        self._rooflines = _Rooflines(self._formulas)
        self._works = StackedWorks(self._formulas)
        stacked = (*_ROOFLINES, WorkSum)
        self._one_by_one = [n for n, formula in enumerate(self._formulas) if type(formula) not in stacked]
        self._corrections = _Corrections(models)
        # A statistical model knows its roofline's terms but predicts from the amount of work, at the peak rate of 1.
        self._per_op = np.array([type(model) is Statistical and model.per == "ops" for model in models])
        self._per_byte = np.array([type(model) is Statistical and model.per != "ops" for model in models])
        self._alone = self._per_op | self._per_byte

    def predict(self, table: KernelTable, of: _Numbers) -> Predictions:
        """Everything that the models say of a table.

        Args:
            table: Any kernels.
            of: Number of the model of each row, shape ``(rows,)``.

        Raises:
            UnsupportedKernelError: A formula cannot price one of its rows.
        """
        latency_s, compute_s, memory_s, efficiency = self._rooflines.predict(table, of)
        summed = self._works.rows(of)
        if len(summed):
            latency_s[summed], compute_s[summed], memory_s[summed] = self._works.seconds(table, of, summed)
            efficiency[summed] = 1.0
        for number in self._one_by_one:
            rows = np.flatnonzero(of == number)
            if len(rows):
                part, formula = table.select(rows), self._formulas[number]
                latency_s[rows] = formula.predict_s(part)
                compute_s[rows], memory_s[rows] = formula.terms(part)
                efficiency[rows] = formula.efficiency(part)
        alone = self._alone[of]
        if alone.any():
            work = np.where(self._per_op[of], table["ops"], table.bytes)
            latency_s = np.where(alone, np.maximum(work, 1.0), latency_s)
            efficiency[alone] = 1.0
        return Predictions(latency_s * self._corrections.factors(table, of), compute_s, memory_s, efficiency)


_ROOFLINES = (Roofline, RefinedRoofline)


def _formula(model: LayerModel) -> LayerModel:
    """What a model is without its forest; subclasses may do anything and are formulas themselves."""
    if type(model) is Mixed:
        return model.base
    return model.roofline if type(model) is Statistical else model


class _Rooflines:
    """Coefficients of rooflines, one entry a formula; of other formulas they are not a number."""

    def __init__(self, formulas: Sequence[LayerModel]) -> None:
        count = len(formulas)
        self._ops_per_s, self._bytes_per_s, self._offset_s = (np.full(count, np.nan) for _ in range(3))
        self._size, self._alpha = np.ones((len(UNROLLED), count)), np.zeros((len(UNROLLED), count))
        for number, formula in enumerate(formulas):
            if not isinstance(formula, Roofline) or type(formula) not in _ROOFLINES:
                continue
            self._ops_per_s[number], self._bytes_per_s[number] = formula.ops_per_s, formula.bytes_per_s
            self._offset_s[number] = formula.offset_s
            for row, name in enumerate(UNROLLED):
                unroll = formula.unroll.get(name) if isinstance(formula, RefinedRoofline) else None
                if unroll is not None:
                    self._size[row, number], self._alpha[row, number] = unroll.size, unroll.alpha

    def predict(self, table: KernelTable, of: _Numbers) -> Predictions:
        """As `ModelStack.predict`, for rows of rooflines; rows of others are placeholders."""
        size, alpha = self._size[:, of], self._alpha[:, of]
        extents = np.array([extent_of(table, name) for name in UNROLLED])
        used = extents / (np.ceil(extents / size) * size)
        each = np.where(alpha > 0, 1.0 / ((1.0 - alpha) + alpha / used), 1.0)
        efficiency: FloatArray = each.prod(axis=0)
        compute_s = table["ops"] / self._ops_per_s[of] / efficiency
        memory_s = table.bytes / self._bytes_per_s[of]
        return Predictions(np.maximum(compute_s, memory_s) + self._offset_s[of], compute_s, memory_s, efficiency)


class _Corrections:
    """What forests multiply formulas with."""

    def __init__(self, models: Sequence[LayerModel]) -> None:
        grown: dict[int, Mixed | Statistical] = {
            number: model
            for number, model in enumerate(models)
            if isinstance(model, Mixed | Statistical) and type(model) in (Mixed, Statistical)
        }
        self._reaches: dict[int, tuple[Reach, _Numbers]] = {}
        count = len(models)
        self._base, self._limit, self._grown = np.zeros(count), np.zeros(count), np.zeros(count, dtype=bool)
        # Where there is no reach every distance is 0, and the correction remains as it is.
        self._full, self._fading, self._usual = np.zeros(count), np.ones(count), np.zeros(count)
        reaches = {n: model.reach for n, model in grown.items() if isinstance(model, Mixed) and model.reach is not None}
        sets = [model.features for model in grown.values()] + [reach.features for reach in reaches.values()]
        names = tuple(dict.fromkeys(name for each in sets for name in each.names))
        self._features = FeatureSet(names) if names else None
        place = {name: index for index, name in enumerate(names)}
        columns = {n: np.array([place[name] for name in model.features.names]) for n, model in grown.items()}
        self._trees, self._roots = _joined({n: (m.forest, columns[n]) for n, m in grown.items()}, count)
        for number, model in grown.items():
            self._grown[number], self._base[number] = True, model.forest.base
            self._limit[number] = LOG_LIMIT_MIXED if isinstance(model, Mixed) else LOG_LIMIT_ALONE
        for number, reach in reaches.items():
            self._reaches[number] = reach, np.array([place[name] for name in reach.features.names])
            self._full[number], self._fading[number], self._usual[number] = reach.full, reach.fading, reach.usual

    def factors(self, table: KernelTable, of: _Numbers) -> FloatArray:
        """What the formula of each row is multiplied with, 1 where there is no forest."""
        grown = np.flatnonzero(self._grown[of])
        factors = np.ones(len(of))
        if self._features is None or not len(grown):
            return factors
        features, own = _features_of(self, table), of[grown]
        logarithm = self._trees.sums(features[grown], self._roots[own]) + self._base[own]
        distance = np.zeros(len(of))
        for number, (reach, columns) in self._reaches.items():
            rows = np.flatnonzero(of == number)
            if len(rows):
                distance[rows] = reach.distance_of(features[rows[:, None], columns])
        weight = np.exp(-np.maximum(distance[grown] - self._full[own], 0.0) / self._fading[own])
        logarithm = self._usual[own] + weight * (logarithm - self._usual[own])
        factors[grown] = np.exp(np.clip(logarithm, -self._limit[own], self._limit[own]))
        return factors

    @property
    def features(self) -> FeatureSet:
        """All that any of the forests and reaches looks at."""
        if self._features is None:
            raise ValueError("a stack without forests looks at no features")
        return self._features


@kept
def _features_of(corrections: _Corrections, table: KernelTable) -> FloatArray:
    """The features of a table, which every estimate of its network looks at again."""
    return corrections.features.matrix(table)


def _joined(grown: dict[int, tuple[Forest, _Numbers]], count: int) -> tuple[Trees, _Numbers]:
    """All forests as one.

    Args:
        grown: By number of the model, its forest and for each of its features the column in the common matrix.
        count: Number of models.

    Returns:
        The nodes, and the roots of each model's trees, shape ``(models, most trees)``; models with fewer trees have
        ones that add nothing.
    """
    nothing = Trees(np.zeros(1, np.intp), np.full(1, np.inf, np.float32), np.zeros(1, np.intp), np.zeros(1, np.float32))
    parts, first = [nothing], 1
    roots = np.zeros((count, max((len(forest.roots) for forest, _ in grown.values()), default=1)), dtype=np.intp)
    for number, (forest, columns) in grown.items():
        trees = forest.trees
        parts.append(Trees(columns[trees.feature], trees.threshold, trees.left + first, trees.value))
        roots[number, : len(forest.roots)] = forest.roots + first
        first += len(trees.feature)
    arrays = (np.concatenate([getattr(part, name) for part in parts]) for name in Trees.__dataclass_fields__)
    return Trees(*arrays), roots
