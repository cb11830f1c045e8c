"""Kernel times from totals: rooflines of all kinds, refined where totals show more, and what scatters around them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.fitting.formula_fit import predict_s
from annette.fitting.roofline import fit_refined_roofline
from annette.fitting.samples import FOLDS, LEAST_ROWS, Samples
from annette.fitting.totals.attribution import Prior, attribute
from annette.fitting.totals.rooflines import fit_rooflines

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from annette.fitting.totals.attribution import Attribution
    from annette.fitting.totals.observations import Observations
    from annette.mapping.kernel import FloatArray, KernelTable
    from annette.models.roofline import Roofline

__all__ = ["Decomposition", "best_prior", "decompose", "evidence_of", "samples_of"]

_TOGETHER: Final = 2
"""Cases in a row that are left out together: they differ in how often a block is repeated."""

_STEPS: Final = (("spread", (0.3, 0.8)), ("reach", (8.0, 32.0)), ("noise", (0.01, 0.05)))
"""Properties of the prior that are tried beside the usual ones, one after the other."""


@dataclass(frozen=True, eq=False)
class Decomposition:
    """What totals say of kernels.

    Attributes:
        bases: A formula for each kind that occurs.
        joint: The plain rooflines by kind.
        per_run_s: What every run costs beside its kernels, seconds.
        attribution: How far kernels are from the formula.
    """

    bases: Mapping[str, Roofline]
    joint: Mapping[str, Roofline]
    per_run_s: float
    attribution: Attribution

    def predict_s(self, table: KernelTable) -> FloatArray:
        """The most likely time of any kernels whose kinds occurred, seconds, shape ``(rows,)``."""
        latency_s: FloatArray = predict_s(self.bases, table) * self.attribution.factors(table)
        return latency_s

    def totals_s(self, seen: Observations) -> FloatArray:
        """The most likely totals, shape ``(runs,)``."""
        totals: FloatArray = seen.counts @ self.predict_s(seen.table) + self.per_run_s
        return totals


def decompose(seen: Observations, prior: Prior | None = None) -> Decomposition:
    """Finds the kernel times that explain totals best.

    Rooflines of all kinds are fitted to the totals; the times that follow are refined by unrolling channels, kind by
    kind; what scatters around these is found once more. Heights and widths are not unrolled: what was found of them
    made large maps of an accelerator up to a tenth too slow, and small ones too fast.

    Args:
        seen: The totals.
        prior: How kernels scatter around formulas; the usual where absent.
    """
    prior = prior or Prior()
    joint = fit_rooflines(seen)
    first = attribute(seen, predict_s(joint.models, seen.table), joint.per_run_s, prior)
    bases: dict[str, Roofline] = dict(joint.models)
    for kind, rows in seen.table.rows_by_kind.items():
        if len(rows) >= LEAST_ROWS:
            samples = samples_of(seen.table, first.latency_s, rows)
            bases[kind] = fit_refined_roofline(samples, channels_only=True)
    folds = np.arange(len(seen)) // _TOGETHER % FOLDS
    last = attribute(seen, predict_s(bases, seen.table), joint.per_run_s, prior, folds)
    return Decomposition(bases, joint.models, joint.per_run_s, last)


def samples_of(table: KernelTable, latency_s: FloatArray, rows: npt.NDArray[np.intp]) -> Samples:
    """Kernels with times that were worked out, as samples that families of layer models are fitted on.

    Args:
        table: Kernels.
        latency_s: Their times, seconds.
        rows: Which of them.
    """
    nobody = np.full(len(rows), "", dtype=np.str_)
    return Samples(table.select(rows), latency_s[rows], nobody, nobody)


def evidence_of(seen: Observations) -> float:
    """How well rooflines and the usual scatter around them explain totals: the logarithm of their likelihood."""
    joint = fit_rooflines(seen)
    return attribute(seen, predict_s(joint.models, seen.table), joint.per_run_s, Prior()).evidence


def best_prior(seen: Observations) -> Prior:
    """The prior under which the totals are most likely, of a few.

    Args:
        seen: The totals, or a part of them.
    """
    joint = fit_rooflines(seen)
    base_s = predict_s(joint.models, seen.table)
    best = Prior()
    highest = attribute(seen, base_s, joint.per_run_s, best).evidence
    for name, values in _STEPS:
        for tried in (replace(best, **{name: value}) for value in values):
            evidence = attribute(seen, base_s, joint.per_run_s, tried).evidence
            if evidence > highest:
                best, highest = tried, evidence
    return best
