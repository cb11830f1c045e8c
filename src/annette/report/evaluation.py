"""An evaluation as plain data and as tables."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from annette.report.evaluation_tables import evaluation_tables, remarks, summary
from annette.report.mapping import mapping_quality_part
from annette.report.page import Page
from annette.report.schemas.base import part
from annette.report.schemas.evaluations import (
    EvaluationDocument,
    IntervalPart,
    KindPart,
    ModelPart,
    NetworkPart,
    PlainRoofline,
)

if TYPE_CHECKING:
    from annette.evaluation.evaluation import Evaluation, ModelResult, NetworkResult
    from annette.evaluation.metrics import Errors

__all__ = ["evaluation_document", "print_evaluation"]


def evaluation_document(evaluation: Evaluation) -> dict[str, Any]:
    """Estimates against measurements, schema ``annette/evaluation/1``; errors are shares (0.05 is 5 %)."""
    plain = evaluation.plain_roofline
    return part(
        EvaluationDocument,
        evaluation,
        plain_roofline=None if plain is None else part(PlainRoofline, plain),
        models=[_model(entry) for entry in evaluation.models],
        intervals=[part(IntervalPart, entry) for entry in evaluation.intervals],
        mapping=mapping_quality_part(evaluation.mapping),
        kinds=[part(KindPart, entry, **_errors(entry.errors)) for entry in evaluation.kinds],
        networks=[_network(entry) for entry in evaluation.networks],
    ).plain()


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


def _model(entry: ModelResult) -> ModelPart:
    names = ("spearman", "spearman_interval", "kendall", "kendall_interval")
    ranking = entry.ranking
    known = None if ranking is None or math.isnan(ranking.spearman) else ranking
    ranks = {name: None if known is None else _listed(getattr(known, name)) for name in names}
    return part(ModelPart, entry, **_errors(entry.errors), **ranks)


def _network(entry: NetworkResult) -> NetworkPart:
    parts = entry.error_parts
    return part(
        NetworkPart,
        entry,
        network=entry.name,
        by_model=dict(entry.by_model or {}),
        remaining=None if parts is None or entry.measured_s is None else parts.remaining(entry.measured_s),
        mapping=mapping_quality_part(entry.mapping),
    )


def _errors(errors: Errors) -> dict[str, Any]:
    return {field.name: getattr(errors, field.name) for field in fields(errors)}


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
