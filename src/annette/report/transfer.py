"""What an adaptation to a similar device came to, as plain data and as a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from annette.fitting.candidates import Candidate
from annette.number_text import counted_text, percent_text
from annette.report.page import Page, texts
from annette.report.schemas import platforms as schemas
from annette.report.schemas.base import part

if TYPE_CHECKING:
    from pathlib import Path

    from annette.fitting.transfer import TransferReport

__all__ = ["print_transfer", "transfer_document"]


def transfer_document(report: TransferReport, out: Path) -> dict[str, Any]:
    """An adapted platform and what happened on the way, schema ``annette/transfer/1``.

    Args:
        report: What the transfer returned.
        out: Where the platform was written to.
    """
    differences = report.differences
    return schemas.TransferDocument(
        platform=report.platform.name,
        file=str(out),
        from_=report.start,
        kernels=len(report.samples),
        errors=schemas.TransferErrors(report.error("before"), report.error("left_out")),
        factors=schemas.TransferFactors(
            math.exp(differences.overall), *(math.exp(value) for value in differences.sides)
        ),
        strength=part(schemas.TransferStrength, differences.strength),
        kinds=[
            part(
                schemas.AdaptedKind,
                report.chosen[row["kind"]],
                kind=row["kind"],
                kernels=row["rows"],
                factor=math.exp(differences.of(row["kind"])),
                before=row["before MAPE"],
                left_out=row["left-out MAPE"],
            )
            for row in report.platform.accuracy
            if row["kind"] in differences.kinds
        ],
        new_kinds=[
            schemas.NewKind(kind=kind, kernels=len(fit.samples), family=fit.best, left_out=fit.error(fit.best))
            for kind, fit in sorted(report.new_kinds.items())
        ],
        dropped=[schemas.DroppedRows(dropped.reason, list(dropped.sources)) for dropped in report.dropped],
    ).plain()


def print_transfer(document: dict[str, Any], *, page: Page | None = None) -> None:
    """Prints the kinds with their factors and errors, what was left out, and where the platform is."""
    page = page or Page()
    page.line(bold=document["platform"], plain=f"  from {document['from']}: {document['file']}")
    shares = dict.fromkeys(("before", "left_out"), percent_text)
    shown = texts(document["kinds"], kind=str, kernels=str, factor="{:.3g}".format, **shares)
    ways = [Candidate(kind["way"], kind["family"]).text for kind in document["kinds"]]
    rows = [(*row, way) for row, way in zip(shown, ways, strict=True)]
    rows += [
        (kind["kind"], str(kind["kernels"]), "", "", percent_text(kind["left_out"]), f"{kind['family']} fitted anew")
        for kind in document["new_kinds"]
    ]
    page.table(("kind", "kernels", "factor", "error before", "left out", "model"), rows)
    factors = ", ".join(f"{name} {value:.3g}" for name, value in document["factors"].items())
    page.line(plain=f"factors on time: {factors}")
    errors = document["errors"]
    page.line(
        plain=f"mean error of {document['kernels']} kernels: {percent_text(errors['before'])} before, "
        f"{percent_text(errors['left_out'])} on kernels left out"
    )
    page.notes(
        [
            f"{counted_text(len(part['rows']), 'measured kernel')} left out: {part['reason']}"
            for part in document["dropped"]
        ]
    )
