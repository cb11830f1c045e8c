"""Layer models that a platform file can hold, taught by what totals say of kernels.

A Gaussian process tells the time of any kernel, but only with all totals at hand. Forests learn it from the kernels of
the totals and of many more networks, which nobody measured: they are drawn like those of the plan, larger ones among
them, so that a forest is not asked beyond what it was taught.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.bench.generate.generator import draw_network
from annette.bench.generate.totals import taught_recipes
from annette.errors import MappingError
from annette.fitting.families import feature_names
from annette.fitting.forest import Growth, grow
from annette.fitting.samples import LEAST_ROWS
from annette.fitting.totals.decomposition import samples_of
from annette.fitting.totals.observations import Observations, Total
from annette.models.features import FeatureSet
from annette.models.roofline import RefinedRoofline
from annette.models.statistical import Mixed, Statistical

if TYPE_CHECKING:
    from annette.fitting.totals.decomposition import Decomposition
    from annette.mapping.kernel import FloatArray, KernelTable, Precision
    from annette.mapping.model import MappingModel
    from annette.models.base import LayerModel

__all__ = ["Lesson", "taught_models", "unmeasured_kernels"]

_SEED: Final = 7919
"""Networks that are drawn to teach differ from those of plans with usual seeds."""

_FULL: Final = 1000
"""With fewer totals than these, fewer networks teach: they know less."""

_MANY_ROWS: Final = 1000
_LARGE: Final = Growth(trees=250, leaves=31)


@dataclass(frozen=True, eq=False)
class Lesson:
    """Kernels and what they are said to take.

    Attributes:
        table: The kernels.
        latency_s: Their times, seconds, shape ``(rows,)``.
    """

    table: KernelTable
    latency_s: FloatArray


def unmeasured_kernels(
    mapping: MappingModel, precision: Precision, *, target: str, totals: int, like: Observations
) -> KernelTable | None:
    """Kernels of networks that nobody measured; None where there are none of the kinds.

    Args:
        mapping: Says which layers run as one kernel.
        precision: Width of the platform's numbers.
        target: ``cpu`` or ``npu``, as for plans.
        totals: How many totals there are to teach from.
        like: What was measured: of other kinds of kernels nothing is known.
    """
    share = min(1.0, totals / _FULL)
    drawn: list[Total] = []
    for recipe in taught_recipes(target):
        seen: set[str] = set()
        for index in range(round(recipe.count * share)):
            network = draw_network(recipe, _SEED, index, 1, seen)
            if network is not None:
                drawn.append(Total(network.name, network, 1.0))
    if not drawn:
        return None
    try:
        table = Observations.of(drawn, mapping, precision, around=like.around).table
    except MappingError:  # A learned mapping may know less than the plan has; teaching is no condition of a fit.
        return None
    rows = np.isin(table.kinds, sorted(like.table.rows_by_kind))
    return table.select(rows) if rows.any() else None


def taught_models(lesson: Lesson, found: Decomposition, *, seed: int = 0) -> dict[str, dict[str, LayerModel]]:
    """The families of layer models of each kind.

    Args:
        lesson: Kernels with their times.
        found: Its formulas are the rooflines, and what forests correct.
        seed: For the choice of features.
    """
    models: dict[str, dict[str, LayerModel]] = {}
    for kind, rows in lesson.table.rows_by_kind.items():
        base, joint = found.bases[kind], found.joint[kind]
        models[kind] = {"roofline": joint}
        if isinstance(base, RefinedRoofline):
            models[kind]["refined-roofline"] = base
        if len(rows) < LEAST_ROWS or not isinstance(base, RefinedRoofline):
            continue
        samples = samples_of(lesson.table, lesson.latency_s, rows)
        features = FeatureSet(feature_names(samples, base))
        matrix, log_s = features.matrix(samples.table), np.log(samples.latency_s)
        growth = _LARGE if len(rows) >= _MANY_ROWS else Growth()
        per = "ops" if float(np.median(samples.table["ops"])) > 0 else "bytes"
        work = np.maximum(samples.table["ops"] if per == "ops" else samples.table.bytes, 1.0)
        forests = [
            grow(matrix, log_s - np.log(formula_s), growth, seed=seed)
            for formula_s in (work, base.predict_s(samples.table))
        ]
        models[kind]["statistical"] = Statistical(per, features, forests[0], joint)
        models[kind]["mixed"] = Mixed(base, features, forests[1])
    return models
