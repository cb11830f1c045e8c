"""One network at many sizes as plain data, as a table, and as a page with one plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from annette.number_text import confidence_text, interval_text, seconds_text, words_text
from annette.report.curves import Curve, curves_page
from annette.report.page import Page, name_text
from annette.report.runs import RUN_COLUMNS, is_about_range, range_notes, run_cells, run_part, trust_texts
from annette.report.schemas.sweeps import SweepDocument, SweepPointPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.estimation.sweep import Sweep, SweptEstimate

__all__ = ["print_sweep", "sweep_columns", "sweep_document", "sweep_page"]

_MOST_CURVES: Final = 12
"""Combinations of the other sizes that are drawn."""


def sweep_document(sweep: Sweep) -> dict[str, Any]:
    """A sweep as plain data, schema ``annette/sweep/1``."""
    first = sweep.estimates[0]
    return SweepDocument(
        network=sweep.network,
        platform=sweep.platform,
        model=first.model,
        latency_is=first.latency_is,  # type: ignore[arg-type]
        confidence=first.confidence,
        variables={name: list(values) for name, values in sweep.variables.items()},
        points=[_point(point) for point in sweep.points],
    ).plain()


def print_sweep(document: dict[str, Any], page: Page | None = None) -> None:
    """Prints a sweep: a line for each combination of sizes, then what is to be known of several of them."""
    page = page or Page()
    page.line(
        bold=f"{name_text(document['network'])} on {document['platform']}",
        plain=f": {len(document['points'])} sizes, {words_text(document['latency_is'])} time, {document['model']}; "
        f"intervals at {confidence_text(document['confidence'])} confidence",
    )
    page.table(_header(document), _rows(document))
    page.notes(_notes(document))


def sweep_columns(document: dict[str, Any]) -> dict[str, list[Any]]:
    """A sweep as columns of numbers by their names; None where something is not known."""
    header = [*document["variables"], "samples", "sample_latency_s", *RUN_COLUMNS, "error"]
    rows = [
        [
            *point["sizes"].values(), point["batch"], point["sample_latency_s"],
            *(run_cells(point["run"]) if point["run"] else [None] * len(RUN_COLUMNS)), point["error"],
        ]
        for point in document["points"]
    ]  # fmt: skip
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def sweep_page(document: dict[str, Any]) -> str:
    """The text of a page: the table, and latencies over the size that has most values."""
    return curves_page(
        f"{document['network']} on {document['platform']}",
        notes=_notes(document),
        across=_across(document),
        up=f"{words_text(document['latency_is'])} time",
        curves=list(_curves(document)),
        table="All sizes",
        header=_header(document),
        rows=_rows(document),
    )


def _point(point: SweptEstimate) -> SweepPointPart:
    estimate = point.estimate
    return SweepPointPart(
        sizes=dict(point.sizes.values),
        batch=None if estimate is None else estimate.batch,
        sample_latency_s=None if estimate is None else estimate.sample_latency_s,
        run=None if estimate is None else run_part(estimate),
        error=None if point.error is None else " ".join(str(point.error).split()),
    )


def _header(document: dict[str, Any]) -> tuple[str, ...]:
    return (*document["variables"], "latency", "interval", "per sample", "memory", "fitted", "out of range")


def _rows(document: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (*map(str, point["sizes"].values()), "no estimate", *[""] * 5)
        if point["run"] is None
        else (
            *map(str, point["sizes"].values()),
            seconds_text(point["run"]["latency_s"]),
            interval_text(point["run"]["interval_s"]),
            seconds_text(point["sample_latency_s"]),
            *trust_texts(point["run"]),
        )
        for point in document["points"]
    ]


def _sizes_text(point: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in point["sizes"].items())


def _notes(document: dict[str, Any]) -> list[str]:
    """Each sentence once, and of which sizes it is; why some have no estimate."""
    points = document["points"]
    found: dict[str, list[str]] = {}
    for point in points:
        for note in point["run"]["notes"] if point["run"] else ():
            if not is_about_range(note):
                found.setdefault(note, []).append(_sizes_text(point))
    said = [note if len(where) == len(points) else f"{_where(where)}: {note}" for note, where in found.items()]
    said += range_notes([(_sizes_text(point), point["run"]) for point in points if point["run"]])
    refused: dict[str, list[str]] = {}
    for point in points:
        if point["error"]:
            refused.setdefault(point["error"], []).append(_sizes_text(point))
    return [*said, *(f"no estimate at {_where(where)}: {error}" for error, where in refused.items())]


def _where(sizes: Sequence[str]) -> str:
    return sizes[0] if len(sizes) == 1 else f"{sizes[0]} and {len(sizes) - 1} more"


def _across(document: dict[str, Any]) -> str:
    """The variable that has most values: the axis of the plot."""
    variables = document["variables"]
    return max(variables, key=lambda name: len(variables[name])) if variables else ""


def _curves(document: dict[str, Any]) -> Iterable[Curve]:
    across = _across(document)
    others: dict[str, list[dict[str, Any]]] = {}
    for point in document["points"]:
        name = ", ".join(f"{key} {value}" for key, value in point["sizes"].items() if key != across)
        if point["run"] is not None:
            others.setdefault(name, []).append(point)
    for name, points in list(others.items())[:_MOST_CURVES]:
        yield Curve.of_runs(name, [(point["sizes"][across], point["run"]) for point in points])
