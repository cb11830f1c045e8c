"""An evaluation as plain data and as tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from annette.report.page import Page
from annette.report.units import percent_text, seconds_text

if TYPE_CHECKING:
    from annette.evaluate.evaluation import Evaluation, KindResult, ModelResult, NetworkResult
    from annette.evaluate.metrics import Errors, Ranking

__all__ = ["evaluation_document", "print_evaluation"]

_UNKNOWN: Final = "-"


def evaluation_document(evaluation: Evaluation) -> dict[str, Any]:
    """Estimates against measurements, schema ``annette/evaluation/1``; errors are shares (0.05 is 5 %)."""
    return {
        "schema": "annette/evaluation/1",
        "platform": evaluation.platform,
        "suite": evaluation.suite,
        "model": evaluation.model,
        "floor": evaluation.floor,
        "models": [_model(entry) for entry in evaluation.models],
        "intervals": [
            {
                "confidence": entry.confidence,
                "covered": entry.covered,
                "width": entry.width,
                "global_width": entry.global_width,
            }
            for entry in evaluation.intervals
        ],
        "remaining": dict(evaluation.remaining),
        "kinds": [_kind(entry) for entry in evaluation.kinds],
        "networks": [_network(entry) for entry in evaluation.networks],
    }


def print_evaluation(document: dict[str, Any], *, page: Page | None = None) -> None:
    """Prints an evaluation: models side by side, intervals, sources of error, kinds, networks."""
    page = page or Page()
    page.line(bold=f"{document['platform']} on {document['suite']}", plain=f", model: {document['model']}")
    _print_models(document, page)
    _print_intervals(document, page)
    if document["remaining"]:
        page.line(bold="mean absolute error that remains with one part replaced by its truth")
        page.line(plain=", ".join(f"{part} {percent_text(share)}" for part, share in document["remaining"].items()))
    _print_kinds(document, page)
    _print_networks(document, page)
    page.notes(
        f"{entry['network']} is left out: {entry['problem']}" for entry in document["networks"] if entry["problem"]
    )


def _print_models(document: dict[str, Any], page: Page) -> None:
    if not document["models"]:
        page.line(plain="no latency is known: nothing to compare with")
        return
    floor = document["floor"]
    rows = [
        (
            entry["model"],
            str(entry["count"]),
            *(
                percent_text(entry[key])
                for key in ("mape", "rmspe", "median", "worst", "bias", "within_5", "within_10")
            ),
            _correlation(entry["spearman"], entry["spearman_interval"]),
            _correlation(entry["kendall"], entry["kendall_interval"]),
        )
        for entry in document["models"]
    ]
    header = ("model", "networks", "MAPE", "RMSPE", "median", "worst", "bias", "≤ 5 %", "≤ 10 %", "Spearman", "Kendall")
    page.table(header, rows)
    known = "not known (fewer than two rounds)" if floor is None else percent_text(floor)
    page.line(plain=f"re-measurement floor: {known}; brackets are 95 % bootstrap intervals")


def _print_intervals(document: dict[str, Any], page: Page) -> None:
    rows = [
        (
            percent_text(entry["confidence"]),
            percent_text(entry["covered"]),
            percent_text(entry["width"]),
            percent_text(entry["global_width"]),
        )
        for entry in document["intervals"]
    ]
    if rows:
        page.table(("intervals: stated", "reached", "width", "one width for all"), rows, left=())


def _print_kinds(document: dict[str, Any], page: Page) -> None:
    if not document["kinds"]:
        return
    families = list(document["kinds"][0]["by_model"])
    rows = [
        (
            entry["kind"],
            str(entry["count"]),
            percent_text(entry["share"]),
            *(percent_text(entry[key]) for key in ("mape", "median", "bias", "within_10")),
            _share(entry["floor"]),
            _share(entry["covered"]),
            *(percent_text(entry["by_model"][family]) for family in families),
        )
        for entry in document["kinds"]
    ]
    header = ("kind", "kernels", "time", "MAPE", "median", "bias", "≤ 10 %", "floor", "in 90 %", *families)
    page.table(header, rows)


def _print_networks(document: dict[str, Any], page: Page) -> None:
    models = [entry["model"] for entry in document["models"][1:]]
    rows = []
    for entry in document["networks"]:
        swaps = entry["remaining"]
        off = [_off(entry["by_model"].get(model), entry["measured_s"]) for model in models]
        rows.append(
            (
                entry["network"],
                _time(entry["measured_s"]),
                _time(entry["estimated_s"]),
                _signed(entry["error"]),
                _share(entry["floor"]),
                _inside(entry),
                *off,
                *(_signed(swaps[part]) if swaps else _UNKNOWN for part in ("mapping", "kernel model", "overhead")),
            )
        )
    header = (
        "network", "measured", "estimated", "error", "floor", "in 90 %", *models,
        "true mapping", "true kernels", "true overhead",
    )  # fmt: skip
    page.table(header, rows)


def _model(entry: ModelResult) -> dict[str, Any]:
    return {"model": entry.model, **_errors(entry.errors), **_ranking(entry.ranking)}


def _kind(entry: KindResult) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "share": entry.share,
        **_errors(entry.errors),
        "floor": entry.floor,
        "covered": entry.covered,
        "by_model": dict(entry.by_model),
    }


def _network(entry: NetworkResult) -> dict[str, Any]:
    swaps = entry.swaps
    return {
        "network": entry.name,
        "batch": entry.batch,
        "ops": entry.ops,
        "measured_s": entry.measured_s,
        "rounds_s": list(entry.rounds_s),
        "floor": entry.floor,
        "estimated_s": entry.estimated_s,
        "interval_s": None if entry.interval_s is None else list(entry.interval_s),
        "error": entry.error,
        "by_model": dict(entry.by_model or {}),
        "remaining": None if swaps is None or entry.measured_s is None else swaps.remaining(entry.measured_s),
        "problem": entry.problem,
        "notes": list(entry.notes),
    }


def _errors(errors: Errors) -> dict[str, Any]:
    return {
        "count": errors.count,
        "mape": errors.mape,
        "rmspe": errors.rmspe,
        "median": errors.median,
        "worst": errors.worst,
        "bias": errors.bias,
        "within_5": errors.within_5,
        "within_10": errors.within_10,
    }


def _ranking(ranking: Ranking | None) -> dict[str, Any]:
    names = ("spearman", "spearman_interval", "kendall", "kendall_interval")
    if ranking is None or math.isnan(ranking.spearman):
        return dict.fromkeys(names)
    return {
        "spearman": ranking.spearman,
        "spearman_interval": list(ranking.spearman_interval),
        "kendall": ranking.kendall,
        "kendall_interval": list(ranking.kendall_interval),
    }


def _correlation(value: float | None, interval: list[float] | None) -> str:
    return _UNKNOWN if value is None or interval is None else f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _share(value: float | None) -> str:
    return _UNKNOWN if value is None else percent_text(value)


def _signed(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{100 * value:+.1f} %"


def _off(estimated_s: float | None, measured_s: float | None) -> str:
    return _UNKNOWN if estimated_s is None or measured_s is None else _signed(estimated_s / measured_s - 1)


def _time(value: float | None) -> str:
    return _UNKNOWN if value is None else seconds_text(value)


def _inside(entry: dict[str, Any]) -> str:
    if entry["interval_s"] is None or entry["measured_s"] is None:
        return _UNKNOWN
    return "yes" if entry["interval_s"][0] <= entry["measured_s"] <= entry["interval_s"][1] else "no"
