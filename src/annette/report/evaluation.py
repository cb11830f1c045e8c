"""An evaluation as plain data and as tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from annette.report.evaluation_tables import evaluation_tables, remarks, summary
from annette.report.page import Page

if TYPE_CHECKING:
    from annette.evaluation.evaluation import Evaluation, KindResult, ModelResult, NetworkResult
    from annette.evaluation.metrics import Errors, Ranking
    from annette.models.roofline import Roofline

__all__ = ["evaluation_document", "print_evaluation"]


def evaluation_document(evaluation: Evaluation) -> dict[str, Any]:
    """Estimates against measurements, schema ``annette/evaluation/1``; errors are shares (0.05 is 5 %)."""
    return {
        "schema": "annette/evaluation/1",
        "platform": evaluation.platform,
        "suite": evaluation.suite,
        "model": evaluation.model,
        "floor": evaluation.floor,
        "plain_roofline": _plain(evaluation.plain_roofline),
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
        "mapping": None if evaluation.mapping is None else evaluation.mapping.to_json(),
        "kinds": [_kind(entry) for entry in evaluation.kinds],
        "networks": [_network(entry) for entry in evaluation.networks],
        "notes": list(evaluation.notes),
    }


def print_evaluation(document: dict[str, Any], *, page: Page | None = None, brief: bool = False) -> None:
    """Prints an evaluation.

    Args:
        document: What `evaluation_document` gives.
        page: Where to; standard output by default.
        brief: Networks and models only.
    """
    page = page or Page()
    page.line(bold=f"{document['platform']} on {document['suite']}", plain=f", model: {document['model']}")
    tables = [table for table in evaluation_tables(document) if table.brief or not brief]
    for table in tables:
        page.line()
        page.line(bold=table.title)
        page.table(table.header, table.rows)
        for note in table.notes:
            page.line(plain=note)
    if not document["models"]:
        for line in summary(document):
            page.line(plain=line)
    page.notes(remarks(document))


def _plain(model: Roofline | None) -> dict[str, float] | None:
    return None if model is None else {"ops_per_s": model.ops_per_s, "bytes_per_s": model.bytes_per_s}


def _model(entry: ModelResult) -> dict[str, Any]:
    return {"model": entry.model, **_errors(entry.errors), "ratio": entry.ratio, **_ranking(entry.ranking)}


def _kind(entry: KindResult) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "share": entry.share,
        **_errors(entry.errors),
        "spearman": entry.spearman,
        "kendall": entry.kendall,
        "floor": entry.floor,
        "covered": entry.covered,
        "by_model": dict(entry.by_model),
    }


def _network(entry: NetworkResult) -> dict[str, Any]:
    parts = entry.error_parts
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
        "remaining": None if parts is None or entry.measured_s is None else parts.remaining(entry.measured_s),
        "mapping": None if entry.mapping is None else entry.mapping.to_json(),
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
