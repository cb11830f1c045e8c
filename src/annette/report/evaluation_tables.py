"""The tables of an evaluation as texts: the terminal and the HTML page show the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from annette.report.mapping import MAPPING_HEADER, MAPPING_QUESTIONS, mapping_row
from annette.report.units import bytes_text, count_text, percent_text, seconds_text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Table", "evaluation_tables", "remarks", "summary"]

_UNKNOWN: Final = "-"
_ERRORS: Final = ("mape", "rmspe", "median", "worst", "bias", "within_5", "within_10")
_ERROR_TITLES: Final = ("MAPE", "RMSPE", "median", "worst", "bias", "≤ 5 %", "≤ 10 %")
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
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    brief: bool = False


def evaluation_tables(document: dict[str, Any]) -> list[Table]:
    """All tables that have rows, in the order of reading.

    Args:
        document: What `annette.report.evaluation.evaluation_document` gives.
    """
    tables = [
        _networks(document),
        _models(document),
        _ranking(document),
        _intervals(document),
        _remaining(document),
        _mapping(document),
        _kinds(document),
        _kinds_by_model(document),
        _networks_by_model(document),
        _sources(document),
    ]
    return [table for table in tables if table.rows]


def summary(document: dict[str, Any]) -> tuple[str, ...]:
    """What belongs to the whole evaluation, one sentence each: the floor, and what the baselines are."""
    if not document["models"]:
        return ("no latency is known: nothing to compare with",)
    floor = document["floor"]
    known = "not known (fewer than two rounds)" if floor is None else percent_text(floor)
    lines = [f"re-measurement floor: {known}; the standard deviation of a round, mean over the networks"]
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


def remarks(document: dict[str, Any]) -> list[str]:
    """What the reader must not overlook: about the measurements, and which networks are left out."""
    left_out = (entry for entry in document["networks"] if entry["problem"])
    return [*document["notes"], *(f"{entry['network']} is left out: {entry['problem']}" for entry in left_out)]


def _networks(document: dict[str, Any]) -> Table:
    return Table(
        "Networks",
        ("network", "measured", "estimated", "error", "floor", "90 % interval", "inside"),
        tuple(
            (
                entry["network"],
                _time(entry["measured_s"]),
                _time(entry["estimated_s"]),
                _signed(entry["error"]),
                _share(entry["floor"]),
                _interval(entry["interval_s"]),
                _inside(entry),
            )
            for entry in document["networks"]
        ),
        brief=True,
    )


def _models(document: dict[str, Any]) -> Table:
    return Table(
        "Models",
        ("model", "networks", *_ERROR_TITLES, "to first"),
        tuple(
            (
                entry["model"],
                str(entry["count"]),
                *(percent_text(entry[key]) for key in _ERRORS),
                _UNKNOWN if entry["ratio"] is None else f"{entry['ratio']:.2f}x",
            )
            for entry in document["models"]
        ),
        summary(document),
        brief=True,
    )


def _ranking(document: dict[str, Any]) -> Table:
    return Table(
        "Ranking, with 95 % bootstrap intervals",
        ("model", "Spearman's rho", "Kendall's tau"),
        tuple(
            (entry["model"], *(_correlation(entry[key], entry[f"{key}_interval"]) for key in ("spearman", "kendall")))
            for entry in document["models"]
            if entry["spearman"] is not None
        ),
    )


def _intervals(document: dict[str, Any]) -> Table:
    keys = ("confidence", "covered", "width", "global_width")
    return Table(
        "Intervals of whole networks",
        ("stated", "reached", "mean width", "one width for all"),
        tuple(tuple(percent_text(entry[key]) for key in keys) for entry in document["intervals"]),
    )


def _remaining(document: dict[str, Any]) -> Table:
    parts = document["remaining"]
    return Table(
        "Where the error comes from: mean absolute error left with one part replaced by its truth",
        ("replaced", "MAPE"),
        tuple((part, percent_text(share)) for part, share in parts.items()),
    )


def _mapping(document: dict[str, Any]) -> Table:
    quality = document["mapping"]
    return Table(
        "Mapping: what the platform says the runtime does, against what it did",
        MAPPING_HEADER,
        tuple(mapping_row(question, quality[part]) for part, question in MAPPING_QUESTIONS) if quality else (),
    )


def _kinds(document: dict[str, Any]) -> Table:
    return Table(
        "Kinds of kernel",
        ("kind", "kernels", "time", *_ERROR_TITLES, "rho", "tau", "floor", "in 90 %"),
        tuple(
            (
                entry["kind"],
                str(entry["count"]),
                percent_text(entry["share"]),
                *(percent_text(entry[key]) for key in _ERRORS),
                *(_UNKNOWN if entry[key] is None else f"{entry[key]:.3f}" for key in ("spearman", "kendall")),
                _share(entry["floor"]),
                _share(entry["covered"]),
            )
            for entry in document["kinds"]
        ),
    )


def _kinds_by_model(document: dict[str, Any]) -> Table:
    models = tuple(document["kinds"][0]["by_model"]) if document["kinds"] else ()
    return Table(
        "Kinds of kernel: MAPE by model",
        ("kind", *models),
        tuple(
            (entry["kind"], *(percent_text(entry["by_model"][model]) for model in models))
            for entry in document["kinds"]
        ),
    )


def _networks_by_model(document: dict[str, Any]) -> Table:
    models = tuple(entry["model"] for entry in document["models"][1:])
    return Table(
        "Networks: error by model",
        ("network", *models),
        tuple(
            (entry["network"], *(_off(entry["by_model"].get(model), entry["measured_s"]) for model in models))
            for entry in _compared(document)
        ),
    )


def _sources(document: dict[str, Any]) -> Table:
    return Table(
        "Networks: error left with one part replaced by its truth",
        ("network", "none", *_PARTS),
        tuple(
            (entry["network"], *(_signed(entry["remaining"][part]) for part in ("nothing", *_PARTS)))
            for entry in _compared(document)
            if entry["remaining"]
        ),
    )


def _compared(document: dict[str, Any]) -> Sequence[dict[str, Any]]:
    return [entry for entry in document["networks"] if entry["error"] is not None]


def _correlation(value: float, interval: Sequence[float]) -> str:
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _interval(ends_s: Sequence[float] | None) -> str:
    return _UNKNOWN if ends_s is None else f"{seconds_text(ends_s[0])} to {seconds_text(ends_s[1])}"


def _share(value: float | None) -> str:
    return _UNKNOWN if value is None else percent_text(value)


def _signed(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{100 * value:+.1f} %"


def _off(estimated_s: float | None, measured_s: float) -> str:
    return _UNKNOWN if estimated_s is None else _signed(estimated_s / measured_s - 1)


def _time(value: float | None) -> str:
    return _UNKNOWN if value is None else seconds_text(value)


def _inside(entry: dict[str, Any]) -> str:
    if entry["interval_s"] is None or entry["measured_s"] is None:
        return _UNKNOWN
    return "yes" if entry["interval_s"][0] <= entry["measured_s"] <= entry["interval_s"][1] else "no"
