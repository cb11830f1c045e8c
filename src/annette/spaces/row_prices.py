"""What each kernel of a space costs in a network of given weights and operations: tables over these.

Models see three numbers of the whole network (`annette.mapping.kernel.NETWORK_COLUMNS`). Forests ask for them, or for
quantities made of them, in steps (`annette.spaces.forest_grid`). The few kernels of which something else depends on
them, such as a formula that knows what a cache still holds, are priced anew wherever they occur.
"""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from annette.errors import ModelError
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.models.features import FeatureSet
from annette.models.statistical import LOG_LIMIT_ALONE, LOG_LIMIT_MIXED, Mixed, Statistical
from annette.spaces.forest_grid import Axis, grid_sums
from annette.spaces.row_store import AROUND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.mapping.kernel import FloatArray
    from annette.models.base import LayerModel
    from annette.platforms import Platform

    _Numbers: TypeAlias = npt.NDArray[np.intp]

__all__ = ["Around", "RowPrices"]

_MOST_POINTS: Final = 2**25
"""Numbers in the tables of all kernels at all points, 256 MB: a grid that would need more is not made."""

_ALIKE: Final = 1e-13


class Around(NamedTuple):
    """The network around kernels, of each candidate; all of shape ``(candidates,)``.

    Attributes:
        weight_bytes: Bytes of all constants.
        ops: Operations of all layers.
        busy_ops: What passes in operations from one run of a kernel to the next.
    """

    weight_bytes: FloatArray
    ops: FloatArray
    busy_ops: FloatArray


class RowPrices:
    """Prices of kernels as functions of the network around them.

    Args:
        platform: What prices them.
        rows: The kernels; what follows from the whole network is ignored.
        models: What prices each kind.
        least: Smallest of each of the fields of `Around`.
        most: Largest of each.

    Raises:
        ModelError: A model gives a time that is negative or not finite.
    """

    def __init__(
        self,
        platform: Platform,
        rows: KernelTable,
        models: Mapping[str, LayerModel],
        least: Sequence[float],
        most: Sequence[float],
    ) -> None:
        self._platform, self._rows = platform, rows
        self._corners = list(product(*zip(least, most, strict=True)))
        self._models = {kind: models[kind] for kind in rows.rows_by_kind}
        self.varying = np.zeros(len(rows), dtype=np.bool_)
        """Which rows are no steps over the axes, and are priced by `of_varying`; shape ``(rows,)``."""
        self._factors_of: dict[int, FloatArray] = {}  # of rows of which the formula alone varies, at each point
        self._axes: dict[str, dict[str, Axis]] = {}
        self.points_s: dict[str, FloatArray] = {}
        """Seconds of the rows of each kind at each point of its grid, 0 for varying ones; shape ``(points, rows)``."""
        left = _MOST_POINTS
        for kind, numbers in rows.rows_by_kind.items():
            axes = self._find_axes(self._models[kind], numbers)
            size = len(numbers) * _product(axes)
            self._axes[kind] = axes if size <= left else {}
            left -= size if size <= left else len(numbers)
            self.points_s[kind] = self._price(self._models[kind], numbers, self._axes[kind])
        self._steps = _SharedSteps(self._axes)

    def covers(self, around: Around) -> bool:
        """Whether networks lie within what the tables were made for."""
        limits = zip(around, self._corners[0], self._corners[-1], strict=True)
        return all(bool(((each >= least) & (each <= most)).all()) for each, least, most in limits)

    def points(self, around: Around) -> dict[str, _Numbers]:
        """At which point of the grid of each kind each network lies, each of shape ``(candidates,)``."""
        return self._steps.points(around)

    def of_varying(self, row: int, around: Around, points: _Numbers) -> FloatArray:
        """Seconds of a varying row in each network, shape ``(candidates,)``.

        Args:
            row: Its number.
            around: The networks.
            points: Where they lie in the grid of the row's kind.
        """
        model = self._models[str(self._rows.kinds[row])]
        if row in self._factors_of:
            assert isinstance(model, Mixed | Statistical)  # noqa: S101 - narrows the type
            part = self._rows.select(np.full(len(around.ops), row, dtype=np.intp))
            part.values[:, AROUND] = np.column_stack(around)
            latency_s = _formula_s(model, part) * self._factors_of[row][points]
            self._refuse_impossible(latency_s, str(self._rows.kinds[row]))
            return np.maximum(latency_s, self._least_s(part))
        pairs, same = np.unique(np.column_stack(around), axis=0, return_inverse=True)
        part = self._rows.select(np.full(len(pairs), row, dtype=np.intp))
        part.values[:, AROUND] = pairs
        return self._checked(model, part)[same.ravel()]

    def _find_axes(self, model: LayerModel, numbers: _Numbers) -> dict[str, Axis]:
        """The features that the forest of a kind sees of the network, as they are for all its rows alike."""
        if type(model) not in (Mixed, Statistical):
            return {}
        assert isinstance(model, Mixed | Statistical)  # noqa: S101 - narrows the type
        seen = self._at_corners(numbers, model.features)
        asked = {
            model.features.names[column]: model.forest.threshold[model.forest.feature == column].astype(np.float64)
            for column in np.flatnonzero((seen != seen[0]).any(axis=(0, 1))).tolist()
        }
        if not asked:
            return {}
        values = _axis_values(tuple(asked), Around(*np.array(self._corners).T))
        # Features that kinds of one size have alone, such as bytes that come in cold, are no sizes of the network.
        return {
            name: Axis(thresholds, float(column.min()), float(column.max()))
            for (name, thresholds), column in zip(asked.items(), values, strict=True)
            if column.min() < column.max()
        }

    def _at_corners(self, numbers: _Numbers, features: FeatureSet) -> FloatArray:
        """Features of rows in the smallest and largest networks, shape ``(corners, rows, features)``."""
        return np.array([features.matrix(self._in_network(numbers, corner)) for corner in self._corners])

    def _in_network(self, numbers: _Numbers, corner: tuple[float, ...]) -> KernelTable:
        part = self._rows.select(numbers)
        part.values[:, AROUND] = corner
        return part

    def _price(self, model: LayerModel, numbers: _Numbers, axes: Mapping[str, Axis]) -> FloatArray:
        """Prices of the rows of one kind, shape ``(points, rows)``."""
        points_s = np.zeros((len(numbers), _product(axes)))
        with np.errstate(all="ignore"):  # what comes out is checked
            if type(model) in (Mixed, Statistical):
                assert isinstance(model, Mixed | Statistical)  # noqa: S101 - narrows the type
                formula = [_formula_s(model, self._in_network(numbers, corner)) for corner in self._corners]
                more = self._sees_more(model, numbers, axes)
                varying = _differ(formula) | more
                steady, followed = numbers[~varying], numbers[varying & ~more]
                if len(steady):
                    points_s[~varying] = formula[0][~varying, None] * self._factors(model, steady, axes)
                if len(followed):
                    factors = self._factors(model, followed, axes)
                    self._factors_of.update(zip(followed.tolist(), factors, strict=True))
            else:
                formula = [model.predict_s(self._in_network(numbers, corner)) for corner in self._corners]
                varying = _differ(formula)
                points_s[~varying] = formula[0][~varying, None]
        self.varying[numbers[varying]] = True
        found = points_s[~varying]
        self._refuse_impossible(found.ravel(), str(self._rows.kinds[numbers[0]]))
        points_s[~varying] = np.maximum(found, self._least_s(self._rows.select(numbers[~varying]))[:, None])
        return np.ascontiguousarray(points_s.T)

    def _least_s(self, table: KernelTable) -> FloatArray:
        on_host = np.isin(table.kinds, sorted(self._platform.host_kinds))
        return np.where(on_host, 0.0, self._platform.least_s(table))

    def _sees_more(
        self, model: Mixed | Statistical, numbers: _Numbers, axes: Mapping[str, Axis]
    ) -> npt.NDArray[np.bool_]:
        """Whether the forest, or its reach, sees something of the network that is not on an axis."""
        seen = self._at_corners(numbers, model.features)
        names = tuple(axes)
        known = dict(zip(names, _axis_values(names, Around(*np.array(self._corners).T)), strict=True)) if names else {}
        more = np.zeros(len(numbers), dtype=np.bool_)
        used = set(model.forest.feature.tolist())
        for column, name in enumerate(model.features.names):
            values = seen[:, :, column]
            expected = known[name][:, None] if name in known else values[:1]
            if column in used:
                more |= (values != expected).any(axis=0)
        if isinstance(model, Mixed) and model.reach is not None:
            more |= _differ([model.reach.distance(self._in_network(numbers, corner)) for corner in self._corners])
        return more

    def _factors(self, model: Mixed | Statistical, numbers: _Numbers, axes: Mapping[str, Axis]) -> FloatArray:
        """What the forest multiplies the formula with at each point, shape ``(rows, points)``."""
        table = self._in_network(numbers, self._corners[0])
        place = {name: number for number, name in enumerate(axes)}
        axis_of = [place.get(name, -1) for name in model.features.names]
        logarithm = grid_sums(model.forest, model.features.matrix(table), list(axes.values()), axis_of)
        logarithm += model.forest.base
        limit = LOG_LIMIT_ALONE
        if isinstance(model, Mixed):
            limit = LOG_LIMIT_MIXED
            if model.reach is not None:
                # Fading is linear in the correction: what becomes of 0 and of 1 says what becomes of all.
                none, one = (model.reach.faded(np.full(len(table), each), table)[:, None] for each in (0.0, 1.0))
                logarithm = none + (one - none) * logarithm
        return np.exp(np.clip(logarithm, -limit, limit))

    def _checked(self, model: LayerModel, table: KernelTable) -> FloatArray:
        with np.errstate(all="ignore"):  # what comes out is checked
            latency_s = model.predict_s(table)
        self._refuse_impossible(latency_s, str(table.kinds[0]))
        return np.maximum(latency_s, self._least_s(table))

    def _refuse_impossible(self, latency_s: FloatArray, kind: str) -> None:
        if not (np.isfinite(latency_s).all() and (latency_s >= 0).all()):
            raise ModelError(
                f"a model of platform {self._platform.name!r} gives a kernel of kind {kind!r} a time that is negative "
                "or not finite: a dimension is far outside what was fitted, or the platform file is damaged"
            )


class _SharedSteps:
    """Where networks lie in the grids of all kinds: each size is looked up once, among the cuts of all of them.

    Args:
        grids: Axes of each kind, by the names of features.
    """

    def __init__(self, grids: Mapping[str, Mapping[str, Axis]]) -> None:
        named: dict[str, list[Axis]] = {}
        for axes in grids.values():
            for name, axis in axes.items():
                named.setdefault(name, []).append(axis)
        self._joined = {name: Axis.joined(axes) for name, axes in named.items()}
        # For each kind its axes: the name, the number of its steps, and which of them a step between all cuts is in.
        self._own = {
            kind: [
                (name, len(axis), np.concatenate([[0], np.cumsum(np.isin(self._joined[name].cuts, axis.cuts))]))
                for name, axis in axes.items()
            ]
            for kind, axes in grids.items()
        }

    def points(self, around: Around) -> dict[str, _Numbers]:
        """As `RowPrices.points`."""
        values = _axis_values(tuple(self._joined), around) if self._joined else ()
        steps = {name: axis.steps(each) for (name, axis), each in zip(self._joined.items(), values, strict=True)}
        places: dict[str, _Numbers] = {}
        for kind, axes in self._own.items():
            place = np.zeros(len(around.ops), dtype=np.intp)
            for name, size, own in axes:
                place = place * size + own[steps[name]]
            places[kind] = place
        return places


def _product(axes: Mapping[str, Axis]) -> int:
    """Points of a grid."""
    return math.prod(len(axis) for axis in axes.values())


def _formula_s(model: Mixed | Statistical, table: KernelTable) -> FloatArray:
    """What the forest's factor is applied to."""
    if isinstance(model, Mixed):
        return model.base.predict_s(table)
    work: FloatArray = np.maximum(table["ops"] if model.per == "ops" else table.bytes, 1.0)
    return work


def _differ(values: list[FloatArray]) -> npt.NDArray[np.bool_]:
    """Where arrays are not all alike but for rounding."""
    stacked = np.array(values)
    spread = stacked.max(axis=0) - stacked.min(axis=0)
    differ: npt.NDArray[np.bool_] = ~(spread <= _ALIKE * np.abs(stacked).max(axis=0))
    return differ


def _axis_values(names: tuple[str, ...], around: Around) -> FloatArray:
    """Features of networks, by themselves: those of a kernel without any size, shape ``(names, candidates)``."""
    count = len(around.ops)
    # Column by column, so that columns nobody looks at cost no memory.
    values = np.zeros((len(COLUMNS), count)).T
    for column, each in zip(AROUND, around, strict=True):
        values[:, column] = each
    with np.errstate(all="ignore"):
        matrix: FloatArray = FeatureSet(names).matrix(KernelTable(np.zeros(count, dtype=np.str_), values)).T
    return matrix
