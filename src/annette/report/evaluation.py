"""An evaluation as plain data, as tables, and as one HTML page with the same tables and plots."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from html import escape
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from annette.evaluation.published import PAPER
from annette.number_text import (
    bytes_text,
    change_text,
    count_text,
    counted_text,
    interval_text,
    percent_text,
    seconds_text,
    times_text,
)
from annette.report.html import Plot, decades, html_page, html_table
from annette.report.page import Page, name_text, texts
from annette.report.schemas import evaluations as schemas
from annette.report.schemas.base import part

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.evaluation.evaluation import Evaluation, ModelResult, NetworkResult
    from annette.evaluation.mapping_quality import MappingQuality
    from annette.evaluation.published import PaperFigure

__all__ = [
    "MAPPING_HEADER",
    "Table",
    "agreements",
    "evaluation_document",
    "evaluation_page",
    "evaluation_tables",
    "mapping_rows",
    "print_evaluation",
    "rescaled_note",
]

MAPPING_HEADER: Final = ("question", "cases", "true", "precision", "recall", "Matthews")
_QUESTIONS: Final = {"pairs": "adjacent layers in one kernel", "removed": "layers left out", "copies": "copies put in"}
"""Parts of a mapping's quality (`annette.evaluation.mapping_quality`), and what each asks."""
_UNKNOWN: Final = "-"
_WORST_SHOWN: Final = 0.1
_RANKS: Final = ("spearman", "kendall")
_ERRORS: Final = ("mape", "rmspe", "median", "worst", "bias", "within_5", "within_10")
_ERROR_TITLES: Final = ("MAPE", "RMSPE", "median", "worst", "bias", "≤ 5 %", "≤ 10 %")
_FIGURES: Final = {"mape": "mean absolute error", "spearman": "Spearman's rho"}
_PARTS: Final = ("mapping", "kernel model", "overhead")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts.

    Attributes:
        title: What it shows.
        header: Titles of the columns; the first column names the row.
        rows: As many texts each as the header has.
        notes: Sentences below it.
        brief: Whether a short report has it.
    """

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: tuple[str, ...] = ()
    brief: bool = False


def evaluation_document(evaluation: Evaluation) -> dict[str, Any]:
    """Estimates against measurements, schema ``annette/evaluation/1``; errors are shares (0.05 is 5 %)."""
    plain = evaluation.plain_roofline
    return part(
        schemas.EvaluationDocument,
        evaluation,
        plain_roofline=None if plain is None else part(schemas.PlainRoofline, plain),
        models=[_model(entry) for entry in evaluation.models],
        paper=[_beside(figure, evaluation.models) for figure in evaluation.paper],
        intervals=[part(schemas.IntervalPart, entry) for entry in evaluation.intervals],
        mapping=_quality(evaluation.mapping),
        kinds=[part(schemas.KindPart, entry, **asdict(entry.errors)) for entry in evaluation.kinds],
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
        for line in _summary(document):
            page.line(plain=line)
    page.notes(_remarks(document))


def evaluation_page(document: dict[str, Any]) -> str:
    """The text of a page: tables, and plots of the networks.

    Args:
        document: What `evaluation_document` gives.
    """
    title = f"{document['platform']} on {document['suite']}"
    compared = [entry for entry in document["networks"] if entry["error"] is not None]
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Model: {escape(document['model'])}. {len(compared)} of {len(document['networks'])} networks compared.</p>",
    ]
    if compared:
        parts.append(f'<div class="plots">{_scatter(compared)}{_residuals(compared)}</div>')
        parts.append("<p>Each dot is a network; bars are 90 % intervals, the band is ±10 %.</p>")
    else:
        parts += [f"<p>{escape(line)}</p>" for line in _summary(document)]
    for table in evaluation_tables(document):
        notes = "".join(f"<p>{escape(note)}</p>" for note in table.notes)
        parts.append(html_table(table.title, table.header, table.rows) + notes)
    parts += [f"<p>{escape(remark)}</p>" for remark in _remarks(document)]
    return html_page(title, parts)


def agreements(quality: MappingQuality) -> dict[str, schemas.AgreementPart]:
    """The parts of a mapping's quality by name."""
    return {name: schemas.AgreementPart(**figures) for name, figures in quality.to_json().items()}


def mapping_rows(quality: dict[str, Any]) -> list[tuple[str, ...]]:
    """A mapping's quality, as a document has it, in rows below `MAPPING_HEADER`."""
    answers = [{"question": question, **quality[name]} for name, question in _QUESTIONS.items()]
    return texts(answers, question=str, cases=str, true=str, precision=_figure, recall=_figure, matthews=_figure)


def evaluation_tables(document: dict[str, Any]) -> list[Table]:
    """All tables that have rows, in the order of reading.

    Args:
        document: What `evaluation_document` gives.
    """
    tables = (*_overall(document), *_of_kinds(document["kinds"]), *_of_networks(document))
    return [table for table in tables if table.rows]


def _summary(document: dict[str, Any]) -> tuple[str, ...]:
    """What belongs to the whole evaluation, one sentence each: the floor, and what the baselines are."""
    if not document["models"]:
        return (
            "no latency is known: nothing to compare with (--measure measures, suites paper-… have published ones)",
        )
    floor = document["floor"]
    known = "not known (fewer than two rounds)" if floor is None else percent_text(floor)
    lines = [f"re-measurement floor: {known}; the standard deviation of a round, mean over the networks"]
    errors = [entry["standard_error"] for entry in document["networks"] if entry["standard_error"] is not None]
    if errors:
        lines.append(f"measured latencies are known to {percent_text(fmean(errors))}: their standard error, mean")
    names = [entry["model"] for entry in document["models"]]
    plain = document["plain_roofline"]
    if plain is not None and "plain roofline" in names:
        lines.append(
            "plain roofline: max(operations / P, bytes / B) for each kernel, with "
            f"P = {count_text(plain['ops_per_s'])}ops/s and B = {bytes_text(plain['bytes_per_s'])}/s of the device"
        )
    if "roofline" in names:
        lines.append("roofline: P, B and an offset for each kind of kernel")
    if "operation count" in names:
        lines.append("operation count: operations times the best single scale, found on these networks")
    return tuple(lines)


def rescaled_note(scales: Iterable[float]) -> list[str]:
    """What to say of measured times that were multiplied by these factors; nothing where all are 1."""
    changed = sorted(scale for scale in scales if scale != 1)
    if not changed:
        return []
    ends = " to ".join(dict.fromkeys(f"{end:.3f}" for end in (changed[0], changed[-1])))
    return [
        f"measured times of {counted_text(len(changed), 'network')} are not as they were taken but multiplied by "
        f"{ends}: by the reference workload around each, they are brought to the speed that the machine had in the "
        "platform's campaign"
    ]


def _remarks(document: dict[str, Any]) -> list[str]:
    """What the reader must not overlook: about the measurements, and which networks are left out."""
    left_out = (entry for entry in document["networks"] if entry["problem"])
    rescaled = rescaled_note(entry["scale"] for entry in document["networks"])
    return [
        *rescaled,
        *document["notes"],
        *(f"{entry['network']} is left out: {entry['problem']}" for entry in left_out),
    ]


def _overall(document: dict[str, Any]) -> Iterable[Table]:
    """Tables of the whole evaluation."""
    entries, times = document["networks"], dict.fromkeys(("measured_s", "estimated_s"), seconds_text)
    rows = texts(entries, network=name_text, **times, error=change_text, floor=percent_text, interval_s=interval_text)
    networks = [(*row, _inside(entry)) for row, entry in zip(rows, entries, strict=True)]
    header = ("network", "measured", "estimated", "error", "floor", "90 % interval", "inside")
    yield Table("Networks", header, networks, brief=True)
    errors = dict.fromkeys(_ERRORS, percent_text)
    models = texts(document["models"], model=str, count=str, **errors, mae_s=seconds_text, ratio=times_text)
    columns = ("model", "networks", *_ERROR_TITLES, "MAE", "to first")
    yield Table("Models", columns, models, _summary(document), brief=True)
    yield _paper(document["paper"], document["model"])
    ranks = [
        (entry["model"], *("{:.3f} [{:.3f}, {:.3f}]".format(entry[key], *entry[f"{key}_interval"]) for key in _RANKS))
        for entry in document["models"]
        if entry["spearman"] is not None
    ]
    yield Table("Ranking, with 95 % bootstrap intervals", ("model", "Spearman's rho", "Kendall's tau"), ranks)
    keys = ("confidence", "covered", "width", "global_width")
    intervals = texts(document["intervals"], **dict.fromkeys(keys, percent_text))
    yield Table("Intervals of whole networks", ("stated", "reached", "mean width", "one width for all"), intervals)
    remaining = [(part, percent_text(share)) for part, share in document["remaining"].items()]
    title = "Where the error comes from: mean absolute error left with one part replaced by its truth"
    yield Table(title, ("replaced", "MAPE"), remaining)
    mapping = mapping_rows(document["mapping"]) if document["mapping"] else []
    yield Table("Mapping: what the platform says the runtime does, against what it did", MAPPING_HEADER, mapping)


def _paper(entries: Sequence[dict[str, Any]], model: str) -> Table:
    """What the paper states of such networks, beside what was found here."""
    rows = []
    for entry in entries:
        text = _exact_percent if entry["figure"] == "mape" else _figure
        of = f"{_FIGURES[entry['figure']]}, {entry['model']}"
        figures = (text(entry[key]) for key in ("paper", "here", "evaluated"))
        rows.append((of, *figures, str(entry["paper_networks"]), str(entry["networks"])))
    header = ("figure", "paper", "here", f"here, {model}", "networks of the paper", "networks here")
    return Table(
        "Beside the paper", header, rows, tuple({f"paper: {entry['source']}" for entry in entries}), brief=True
    )


def _of_kinds(kinds: Sequence[dict[str, Any]]) -> Iterable[Table]:
    shares, ranks = dict.fromkeys(_ERRORS, percent_text), dict.fromkeys(_RANKS, _figure)
    last = dict.fromkeys(("floor", "covered"), percent_text)
    errors = texts(kinds, kind=str, count=str, share=percent_text, **shares, **ranks, **last)
    header = ("kind", "kernels", "time", *_ERROR_TITLES, "rho", "tau", "floor", "in 90 %")
    yield Table("Kinds of kernel", header, errors)
    models = tuple(kinds[0]["by_model"]) if kinds else ()
    rows = [(entry["kind"], *(percent_text(entry["by_model"][model]) for model in models)) for entry in kinds]
    yield Table("Kinds of kernel: MAPE by model", ("kind", *models), rows)


def _of_networks(document: dict[str, Any]) -> Iterable[Table]:
    compared = [entry for entry in document["networks"] if entry["error"] is not None]
    models = tuple(entry["model"] for entry in document["models"][1:])
    by_model = [
        (entry["network"], *(_off(entry["by_model"].get(model), entry["measured_s"]) for model in models))
        for entry in compared
    ]
    yield Table("Networks: error by model", ("network", *models), by_model)
    remaining = [
        (entry["network"], *(change_text(entry["remaining"][part]) for part in ("nothing", *_PARTS)))
        for entry in compared
        if entry["remaining"]
    ]
    title = "Networks: error left with one part replaced by its truth"
    yield Table(title, ("network", "none", *_PARTS), remaining)


def _exact_percent(value: float | None) -> str:
    """With two places, as the paper states its errors."""
    return _UNKNOWN if value is None else f"{100 * value:.2f} %"


def _figure(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.3f}"


def _off(estimated_s: float | None, measured_s: float) -> str:
    return change_text(None if estimated_s is None else estimated_s / measured_s - 1)


def _inside(entry: dict[str, Any]) -> str:
    if entry["interval_s"] is None or entry["measured_s"] is None:
        return _UNKNOWN
    return "yes" if entry["interval_s"][0] <= entry["measured_s"] <= entry["interval_s"][1] else "no"


def _model(entry: ModelResult) -> schemas.ModelPart:
    names = ("spearman", "spearman_interval", "kendall", "kendall_interval")
    ranking = entry.ranking
    unknown = ranking is None or math.isnan(ranking.spearman)
    ranks = {name: None if unknown else getattr(ranking, name) for name in names}
    return part(schemas.ModelPart, entry, **asdict(entry.errors), **ranks)


def _beside(figure: PaperFigure, models: Sequence[ModelResult]) -> schemas.PaperPart:
    """A figure of the paper with those of here."""
    alike = next((entry for entry in models if entry.model == figure.model), None)
    return schemas.PaperPart(
        model=figure.model,
        figure=figure.figure,
        paper=figure.value,
        paper_networks=figure.networks,
        here=_stated(figure, alike),
        evaluated=_stated(figure, models[0] if models else None),
        networks=models[0].errors.count if models else 0,
        source=PAPER,
    )


def _stated(figure: PaperFigure, entry: ModelResult | None) -> float | None:
    if entry is None or (figure.figure == "spearman" and entry.ranking is None):
        return None
    return entry.errors.mape if entry.ranking is None or figure.figure == "mape" else entry.ranking.spearman


def _network(entry: NetworkResult) -> schemas.NetworkPart:
    parts = entry.error_parts
    return part(
        schemas.NetworkPart,
        entry,
        network=entry.name,
        by_model=dict(entry.by_model or {}),
        remaining=None if parts is None or entry.measured_s is None else parts.remaining(entry.measured_s),
        mapping=_quality(entry.mapping),
    )


def _quality(quality: MappingQuality | None) -> schemas.MappingQualityPart | None:
    return None if quality is None else schemas.MappingQualityPart(**agreements(quality))


def _scatter(entries: Sequence[dict[str, Any]]) -> str:
    """Estimated over measured, both on logarithmic axes, with ±10 % around the diagonal."""
    times = [entry[key] for entry in entries for key in ("measured_s", "estimated_s")]
    low, high = math.log10(min(times)) - 0.1, math.log10(max(times)) + 0.1
    plot = Plot((low, high), (low, high))
    ten = math.log10(1.1)
    marks = [plot.band((low, low + ten), (high, high + ten), (high, high - ten), (low, low - ten))]
    marks.append(plot.line("ideal", (low, low), (high, high)))
    for tick in decades(low, high):
        label = seconds_text(10**tick)
        marks += [plot.upright(tick), plot.level(tick), plot.below(tick, label), plot.beside(tick, label)]
    for entry in entries:
        across = math.log10(entry["measured_s"])
        if entry["interval_s"]:
            least, most = (math.log10(end) for end in entry["interval_s"])
            marks.append(plot.line("bar", (across, least), (across, most)))
        marks.append(_dot(plot, across, math.log10(entry["estimated_s"]), entry))
    return plot.svg(marks, "measured", "estimated")


def _residuals(entries: Sequence[dict[str, Any]]) -> str:
    """Relative error over the measured latency."""
    logs = [math.log10(entry["measured_s"]) for entry in entries]
    most = max(_WORST_SHOWN, *(abs(entry["error"]) for entry in entries)) * 1.1
    low, high = min(logs) - 0.1, max(logs) + 0.1
    plot = Plot((low, high), (-most, most))
    marks = [plot.stripe(0.1), plot.level(0, "ideal")]
    step = 0.05 if most < 0.25 else (0.2 if most < 1 else 10 ** math.ceil(math.log10(most)) / 5)
    for index in range(-int(most / step), int(most / step) + 1):
        share = index * step
        marks += [plot.level(share), plot.beside(share, f"{100 * share:+.0f} %")]
    marks += [plot.below(tick, seconds_text(10**tick)) for tick in decades(low, high)]
    marks += [_dot(plot, position, entry["error"], entry) for position, entry in zip(logs, entries, strict=True)]
    return plot.svg(marks, "measured", "error of the estimate")


def _dot(plot: Plot, across: float, up: float, entry: dict[str, Any]) -> str:
    kind = "out" if abs(entry["error"]) > _WORST_SHOWN else ""
    label = f"{entry['network']}: {seconds_text(entry['estimated_s'])} estimated, {change_text(entry['error'])}"
    return plot.dot(across, up, label, radius=4, kind=kind)
