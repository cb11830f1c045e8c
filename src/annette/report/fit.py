"""What a fit came to, as plain data and as tables; what a calibration came to, as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from annette.number_text import change_text, counted_text, percent_text, seconds_text
from annette.report.evaluation import MAPPING_HEADER, agreements, mapping_rows, rescaled_note
from annette.report.page import Page, name_text, texts
from annette.report.schemas import platforms as schemas
from annette.report.schemas.base import part

if TYPE_CHECKING:
    from pathlib import Path

    from annette.fitting.calibration import CalibrationReport
    from annette.fitting.request import FitReport

__all__ = ["calibration_document", "fit_document", "print_calibration", "print_fit"]

_FAMILIES: Final = ("roofline", "refined-roofline", "statistical", "mixed")
_NAMED: Final = 3


def fit_document(report: FitReport, out: Path) -> dict[str, Any]:
    """A fitted platform and what happened on the way, schema ``annette/fit/1``.

    Args:
        report: What the fit returned.
        out: Where the platform was written to.
    """
    platform, overheads = report.platform, report.overheads
    choice = report.mapping
    return part(
        schemas.FitDocument,
        report,
        platform=platform.name,
        file=str(out),
        device=platform.device,
        device_family=report.device or None,
        runtime=platform.runtime,
        mapping=platform.mapping.name,
        mapping_choice=part(
            schemas.MappingChoice,
            choice,
            name=choice.mapping.name,
            candidates=[
                schemas.MappingCandidate(entry.name, **agreements(entry.quality)) for entry in choice.candidates
            ],
        ),
        overheads=None if overheads is None else part(schemas.OverheadsPart, overheads),
        kinds=[
            schemas.FittedKind(
                kind=row["kind"],
                rows=row["rows"],
                best=row.get("best", platform.default_family(row["kind"])),
                mape={key.removesuffix(" MAPE"): row[key] for key in row if key.endswith(" MAPE")},
            )
            for row in platform.accuracy
            if row["kind"] in platform.models
        ],
        unfitted=dict(report.unfitted),
        dropped=[schemas.DroppedRows(dropped.reason, list(dropped.sources)) for dropped in report.dropped],
    ).plain()


def calibration_document(report: CalibrationReport, out: Path) -> dict[str, Any]:
    """A calibrated platform and its errors, schema ``annette/calibration/1``.

    Args:
        report: What the calibration returned.
        out: Where the platform was written to.
    """
    scales = report.scales or (1.0,) * len(report.names)
    columns = zip(
        report.names, report.measured_s, report.before_s, report.fitted_s, report.left_out_s, scales, strict=True
    )
    return part(
        schemas.CalibrationDocument,
        report,
        platform=str(out),
        errors=schemas.CalibrationErrors(report.error("before"), report.error("fitted"), report.error("left_out")),
        coefficients=dict(report.coefficients),
        networks=[schemas.CalibratedNetwork(*row) for row in columns],
    ).plain()


def print_fit(document: dict[str, Any], *, page: Page | None = None) -> None:
    """Prints the kinds with their cross-validated errors, what was left out, and where the platform is."""
    page = page or Page()
    page.line(bold=document["platform"], plain=f"  {document['device']}, {document['runtime']}: {document['file']}")
    rows = [
        (
            kind["kind"],
            str(kind["rows"]),
            *(percent_text(kind["mape"].get(family)) for family in _FAMILIES),
            _best(kind),
        )
        for kind in document["kinds"]
    ]
    page.table(("kind", "rows", *_FAMILIES, "best"), rows, left=(0, 6))
    if any(kind["mape"] for kind in document["kinds"]):
        page.line(plain="errors: mean absolute percentage errors, cross-validated by configuration and network")
    page.line(plain=document["road"])
    overheads = document["overheads"]
    if overheads is not None:
        page.line(
            plain=f"overheads from {overheads['runs']} runs: {seconds_text(overheads['per_run_s'])} a run, "
            f"{seconds_text(overheads['per_input_s'])} an input, {seconds_text(overheads['per_output_s'])} an output, "
            f"{seconds_text(overheads['per_kernel_s'])} a kernel; the profiler adds "
            f"{seconds_text(overheads['profiler_s'])} to each kernel, which is taken off"
        )
    if document["paired_share"] is not None:
        page.line(
            plain=f"mapping {document['mapping']!r} predicts {percent_text(document['paired_share'])} of the time"
        )
    _print_mapping(document["mapping_choice"], page)
    page.notes(_notes(document))


def print_calibration(document: dict[str, Any], *, page: Page | None = None) -> None:
    """Prints the networks with their errors, what was fitted, and where the platform is."""
    page = page or Page()
    times = dict.fromkeys(("measured_s", "before_s", "fitted_s", "left_out_s"), seconds_text)
    shown = texts(document["networks"], network=name_text, **times)
    rows = [
        (*row, change_text(entry["left_out_s"] / entry["measured_s"] - 1))
        for row, entry in zip(shown, document["networks"], strict=True)
    ]
    page.table(("network", "measured", "before", "calibrated", "left out", "error left out"), rows)
    coefficients = ", ".join(f"{key} {value:.4g}" for key, value in document["coefficients"].items())
    page.line(plain=f"coefficients: {coefficients}")
    errors = document["errors"]
    page.line(
        plain=f"mean error: {percent_text(errors['before'])} before, {percent_text(errors['fitted'])} calibrated, "
        f"{percent_text(errors['left_out'])} on networks left out"
    )
    page.notes(rescaled_note(row["scale"] for row in document["networks"]))
    page.line(plain=f"platform written to {document['platform']}")


def _best(kind: dict[str, Any]) -> str:
    """The family that is preferred for a kind; with its error where no column has it."""
    family = str(kind["best"])
    known = family in _FAMILIES or family not in kind["mape"]
    return family if known else f"{family} ({percent_text(kind['mape'][family])})"


def _print_mapping(choice: dict[str, Any], page: Page) -> None:
    """Prints why a mapping was taken, and how well it and what it was compared with tell what was measured."""
    page.line(plain=f"mapping {choice['name']!r}: {choice['reason']}")
    if not choice["candidates"]:
        return
    rows = [(entry["name"], *row) for entry in choice["candidates"] for row in mapping_rows(entry)]
    page.table(("mapping", *MAPPING_HEADER), rows, left=(0, 1))
    page.line(
        plain=f"on {choice['networks']} benchmark networks; learned rules on networks that they were not learned from"
    )


def _notes(document: dict[str, Any]) -> list[str]:
    notes = [
        f"{counted_text(len(part['rows']), 'measured kernel')} left out: {part['reason']} ({_some(part['rows'])})"
        for part in document["dropped"]
    ]
    if document["unfitted"]:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in sorted(document["unfitted"].items()))
        notes.append(f"too few measured kernels, so no model: {kinds}")
    return notes


def _some(rows: list[str]) -> str:
    more = len(rows) - _NAMED
    return "; ".join(rows[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
