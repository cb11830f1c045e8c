"""The road from totals to a platform: for devices that tell nothing of their kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annette._version import __version__
from annette.bench.records import Purpose
from annette.errors import FitError
from annette.fitting.formula_fit import OWN_COLUMNS, predict_s, ranges_of
from annette.fitting.request import FitReport, MappingChoice
from annette.fitting.roofline import fit_plain_roofline
from annette.fitting.samples import LEAST_ROWS
from annette.fitting.totals.decomposition import best_prior, decompose, evidence_of, samples_of
from annette.fitting.totals.left_out import intervals_of, left_out_residuals, like_networks
from annette.fitting.totals.mapping_choice import choose_by_totals
from annette.fitting.totals.observations import Observations, totals_of
from annette.fitting.totals.teaching import Lesson, taught_models, unmeasured_kernels
from annette.fitting.training_data import benchmark_sources, common_environment, platform_fields, precision_of
from annette.mapping.kernel import KernelTable
from annette.platforms import Overhead, Platform, Provenance

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import TypeAlias

    from annette.bench.dataset import Dataset
    from annette.bench.records import Run
    from annette.fitting.request import FitRequest
    from annette.fitting.samples import Samples
    from annette.fitting.totals.decomposition import Decomposition
    from annette.fitting.totals.observations import Total
    from annette.mapping.kernel import FloatArray, Precision
    from annette.models.base import LayerModel
    from annette.platforms import Source

    _Models: TypeAlias = dict[str, dict[str, LayerModel]]
    _Related: TypeAlias = Callable[[Samples, Collection[str]], tuple[_Models, dict[str, str]]]

__all__ = ["LEAST_TOTALS", "fit_totals", "tells_totals_only"]

LEAST_TOTALS: Final = 60
"""Fewer totals do not tell kinds of kernels apart."""

_LEAST_SHARE: Final = 0.1
_LEAST_RUNS: Final = 3
"""A kind that takes a tenth of the time in fewer runs than these is not told apart."""

_INTEGER_BITS: Final = 8
_MOST_FOR_PRIOR: Final = 500
_NAMED: Final = 8
_ORDER: Final = ("mixed", "refined-roofline", "roofline")
_FORMATS: Final = {"tflite": "int8", "onnx": "fp32"}
"""Numbers that the networks were written in, by the format that an environment states."""


def tells_totals_only(runs: Sequence[Run]) -> bool:
    """Whether runs of benchmarks tell how long they took and nothing of kernels.

    Args:
        runs: All runs of some datasets.
    """
    measured = [run for run in runs if run.usable and run.purpose is not Purpose.NETWORK]
    return bool(measured) and not any(run.kernels for run in measured) and any(run.samples_s for run in measured)


def fit_totals(
    datasets: Sequence[Dataset], runs: Sequence[Run], request: FitRequest, priced_like_related: _Related
) -> FitReport:
    """Fits a platform to totals.

    Args:
        datasets: One or more, measured in the same environment.
        runs: All of their runs.
        request: What is asked for.
        priced_like_related: Gives models to kinds that were not measured, from samples and the kinds that were fitted;
            with each the reason why it is an assumption.

    Raises:
        FitError: There are too few totals, or too few that differ, or no kind can be told apart.
        OptionError: There is no such mapping.
    """
    stated = [environment for dataset in datasets for environment in dataset.environments()]
    assumed_precision = _precision(stated[0]) if request.precision is None else None
    environment = common_environment(datasets, request.precision or assumed_precision)
    precision = precision_of(environment)
    totals = totals_of(runs)
    if len(totals) < LEAST_TOTALS:
        raise FitError(
            f"the datasets tell totals only, and {len(totals)} of them do not tell kinds of kernels apart: "
            f"{LEAST_TOTALS} or more do; measure the plan for totals (annette bench --preset totals), or adjust a "
            "platform to them (annette calibrate)"
        )
    if isinstance(request.mapping, str):
        choice = choose_by_totals(totals, precision, request=request.mapping, progress=request.progress)
    else:
        choice = MappingChoice(request.mapping, "as given")
    part = np.arange(0, len(totals), max(1, len(totals) // _MOST_FOR_PRIOR))
    both = [Observations.of(totals, choice.mapping, precision, around=around) for around in (True, False)]
    seen = max(both, key=lambda each: evidence_of(each.select(part)))
    if request.progress is not None:
        request.progress("all kinds", len(seen.table))
    found = decompose(seen, best_prior(seen.select(part)))
    return _Fit(request, environment, precision, choice, totals, seen, found).report(
        priced_like_related,
        benchmark_sources(datasets),
        assumed_precision,
        sum(run.usable for run in runs) - _usable_parts(runs),
    )


def _usable_parts(runs: Sequence[Run]) -> int:
    return sum(run.usable and run.purpose is not Purpose.NETWORK for run in runs)


def _precision(environment: Mapping[str, str]) -> str | None:
    """What the networks were written in, for environments that do not say what they were computed in."""
    return None if "precision" in environment else _FORMATS.get(environment.get("model_format", ""))


@dataclass(frozen=True, eq=False)
class _Fit:
    """Everything that a platform is put together from."""

    request: FitRequest
    environment: Mapping[str, str]
    precision: Precision
    choice: MappingChoice
    totals: Sequence[Total]
    seen: Observations
    found: Decomposition

    def report(
        self, priced_like_related: _Related, sources: tuple[Source, ...], assumed_precision: str | None, networks: int
    ) -> FitReport:
        """The platform, and how it came about."""
        taught = self._taught()
        told, untold = self._told(taught)
        if not told:
            raise FitError(
                "no kind of kernel can be told apart by these totals: measure networks of which it takes a tenth of "
                "the time or more, repeated and in company (annette bench --preset totals)"
            )
        models = {kind: taught[kind] for kind in told}
        rows = samples_of(self.seen.table, self.found.attribution.latency_s, self._rows(told))
        shared, assumed = priced_like_related(rows, models)
        for kind, reason in untold.items():
            shared[kind], assumed[kind] = {"roofline": taught[kind]["roofline"]}, reason
        best = {kind: next(family for family in _ORDER if family in models[kind]) for kind in models}
        fitted_s = self.seen.counts @ predict_s(self._preferred(taught), self.seen.table) + self.found.per_run_s
        left_out = left_out_residuals(self.seen, self.found, fitted_s)
        alike = left_out[like_networks(self.totals, self.seen)]
        road = self._road(left_out, alike)
        known = platform_fields(self.environment)
        platform = Platform(
            name=self.request.name,
            description=self.request.description or f"{known['device']}, fitted from totals",
            **known,
            precision=self.precision,
            latency_is="end_to_end",
            mapping=self.choice.mapping,
            models=models | shared,
            preferred_family="mixed" if "mixed" in best.values() else next(iter(best.values())),
            preferred_by_kind={kind: family for kind, family in best.items() if family != "mixed"},
            overhead=Overhead(0.0, self.found.per_run_s, 0.0, 0.0),
            ranges=ranges_of([rows.table], OWN_COLUMNS),
            intervals=intervals_of(alike, self.seen, self.found, models, self.request.seed),
            accuracy=tuple(self._accuracy(kind, best[kind]) for kind in sorted(models)),
            provenance=Provenance(
                created_by=f"annette {__version__} fit",
                sources=sources,
                versions=tuple(sorted(self.environment.items())),
                notes=tuple(self._notes(untold, assumed_precision, networks)),
            ),
            assumed=assumed,
            plain_roofline=fit_plain_roofline(rows),
        )
        return FitReport(platform, {}, self.choice, unfitted={}, road=road)

    def _taught(self) -> dict[str, dict[str, LayerModel]]:
        """Models of all kinds that occur, taught on measured and unmeasured kernels."""
        target = "npu" if self.precision.activation_bits <= _INTEGER_BITS else "cpu"
        more = unmeasured_kernels(
            self.choice.mapping, self.precision, target=target, totals=len(self.totals), like=self.seen
        )
        table, latency_s = self.seen.table, self.found.attribution.latency_s
        if more is not None:
            table = KernelTable.concatenate([table, more])
            latency_s = np.concatenate([latency_s, self.found.predict_s(more)])
        return taught_models(Lesson(table, latency_s), self.found, seed=self.request.seed)

    def _told(self, taught: Mapping[str, Mapping[str, LayerModel]]) -> tuple[list[str], dict[str, str]]:
        """Kinds that totals tell apart, and why others are not."""
        one_s = self.found.attribution.latency_s
        told, untold = [], {}
        for kind, rows in self.seen.table.rows_by_kind.items():
            shares = (self.seen.counts[:, rows] @ one_s[rows]) / self.seen.latency_s
            if len(rows) >= LEAST_ROWS and int((shares >= _LEAST_SHARE).sum()) >= _LEAST_RUNS:
                told.append(kind)
            elif kind in taught:
                untold[kind] = (
                    f"not told apart by totals: {len(rows)} different kernels, at most {float(shares.max()):.0%} of a "
                    "run"
                )
        return sorted(told), untold

    def _rows(self, kinds: Sequence[str]) -> Any:
        return np.flatnonzero(np.isin(self.seen.table.kinds, list(kinds)))

    def _preferred(self, taught: Mapping[str, Mapping[str, LayerModel]]) -> dict[str, LayerModel]:
        """What estimates use for each kind."""
        told, _ = self._told(taught)
        return {
            kind: families[next(f for f in _ORDER if f in families and (kind in told or f == "roofline"))]
            for kind, families in taught.items()
        }

    def _accuracy(self, kind: str, best: str) -> dict[str, object]:
        """One row of the table: no error of a kind is known, but how much of its variance the totals explain."""
        rows = self.seen.table.rows_by_kind[kind]
        known = self.found.attribution.known[rows]
        return {"kind": kind, "rows": len(rows), "best": best, "told by totals": round(float(np.median(known)), 3)}

    def _road(self, left_out: FloatArray, alike: FloatArray) -> str:
        every, some = (float(np.abs(np.expm1(-residuals)).mean()) for residuals in (left_out, alike))
        return (
            f"no run tells of kernels: fitted to the totals of {len(self.totals)} networks, which are "
            f"{every:.1%} off where they were left out, {some:.1%} those {len(alike)} that resemble networks most"
        )

    def _notes(self, untold: Mapping[str, str], assumed_precision: str | None, networks: int) -> list[str]:
        prior = self.found.attribution.prior
        notes = [
            *self.choice.notes,
            "intervals of networks: split conformal prediction on totals left out in five folds, of networks of the "
            "plan that resemble real ones; intervals of kernels: what the totals leave open of a Gaussian process "
            f"(standard deviation {prior.spread:g} around refined rooflines), for no kernel was ever seen alone",
        ]
        if not self.seen.around:
            notes.append(
                "kernels cost the same in networks of any size: totals are more likely if what surrounds a kernel does "
                "not count"
            )
        if assumed_precision:
            notes.append(
                f"the datasets do not say which precision was computed in: bytes are counted as {assumed_precision}, "
                "which the networks were written in; --precision states another"
            )
        if untold:
            named = sorted(untold)
            more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
            notes.append(
                f"kinds that totals do not tell apart, priced but not fitted: {', '.join(named[:_NAMED])}{more}"
            )
        if networks:
            notes.append(f"{networks} runs of whole networks in the datasets were not fitted on")
        if not math.isfinite(self.found.attribution.evidence):
            raise FitError("the totals contradict each other: no kernel times explain them")
        return notes
