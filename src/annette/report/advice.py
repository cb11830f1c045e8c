"""Advice as plain data, as a table and as a page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from annette.number_text import change_text, confidence_text, interval_text, seconds_text, words_text
from annette.plain_text import escaped, shortened
from annette.report.html import html_notes, html_page, html_table, write_page
from annette.report.page import Page
from annette.report.schemas import advice as schemas
from annette.report.schemas.base import part

if TYPE_CHECKING:
    from pathlib import Path

    from annette.advice.advice import Advice, Hint
    from annette.estimation.difference import Difference

__all__ = ["advice_document", "print_advice", "write_advice_html"]

_SHOWN: Final = 10
_LONGEST: Final = 120
"""Characters of a change in the table; JSON has all of them."""
_RETRAINING: Final = {"none": "none", "weights": "go on", "whole": "anew"}
_HEADER: Final = ("", "kind", "change", "gain", "share", "interval", "training")


def advice_document(
    advice: Advice, *, applied: tuple[list[int], Difference] | None = None, file: Path | None = None
) -> dict[str, Any]:
    """Advice as plain data, schema ``annette/advice/1``.

    Args:
        advice: The advice.
        applied: Numbers of hints that were applied, and what the network with all of them takes more or less.
        file: Where that network was written to.
    """
    return part(
        schemas.AdviceDocument,
        advice.estimate,
        ops=advice.network.ops,
        tried=advice.tried,
        uncertain=advice.uncertain,
        hints=[_hint(number, hint) for number, hint in enumerate(advice.hints, start=1)],
        refused=[part(schemas.RefusalPart, each) for each in advice.refused],
        applied=UNSET if applied is None else _applied(*applied, file),
    ).plain()


def print_advice(document: dict[str, Any], *, everything: bool = False, page: Page | None = None) -> None:
    """Prints advice: what could be gained, change by change.

    Args:
        document: What `advice_document` gives.
        everything: All hints, and what the network does not allow.
        page: Where to; standard output by default.
    """
    page = page or Page()
    hints, refused = document["hints"], document["refused"]
    faster = "1 makes" if len(hints) == 1 else f"{len(hints)} make"
    page.line(
        bold=f"{document['network']} on {document['platform']}: {seconds_text(document['latency_s'])}",
        plain=f", {words_text(document['latency_is'])} time; {document['tried']} changes tried, {faster} it faster for "
        f"certain at {confidence_text(document['confidence'])} confidence, {document['uncertain']} perhaps",
    )
    shown = hints if everything else hints[:_SHOWN]
    if shown:
        page.table(_HEADER, _rows(shown), left=(1, 2, 6))
    if len(shown) < len(hints):
        page.line(plain=f"… and {len(hints) - len(shown)} smaller gains (--all shows them)")
    for what, reason in _reasons(shown):
        page.line(plain=f"{what}: {reason}")
    if refused and everything:
        page.line(bold="not possible:")
        page.table(("change", "why"), [(each["what"], each["reason"]) for each in refused], left=(0, 1))
    elif refused:
        page.line(plain=f"not possible in this network: {len(refused)} more (--all names them)")
    if "applied" in document:
        page.line(**_applied_line(document["applied"]))
    page.notes(document["notes"])


def write_advice_html(document: dict[str, Any], path: Path) -> None:
    """Writes advice as a page.

    Args:
        document: What `advice_document` gives.
        path: The file.

    Raises:
        OptionError: The file cannot be written.
    """
    title = f"Advice on {document['network']} for {document['platform']}"
    said = f"{seconds_text(document['latency_s'])} as it is, {document['tried']} changes tried"
    parts = [f"<h1>{escape(escaped(title))}</h1>", f"<p>{said}</p>", html_notes(document["notes"])]
    hints = _rows(document["hints"], longest=1000)
    if hints:
        parts.append(html_table("Changes that make it faster", _HEADER, hints, words=(1, 2, 6)))
        parts.append(html_table("Why", ("kind", "reason"), _reasons(document["hints"]), words=(1,)))
    else:
        parts.append("<h2>Changes that make it faster</h2><p>None for certain.</p>")
    refused = [(each["what"], each["reason"]) for each in document["refused"]]
    parts.append(html_table("Changes that the network does not allow", ("change", "why"), refused, words=(1,)))
    parts.append("<footer><p>Estimated by annette, not measured.</p></footer>")
    write_page(path, html_page(title, parts))


def _hint(number: int, hint: Hint) -> schemas.HintPart:
    after = hint.difference.after
    return part(
        schemas.HintPart,
        hint.change,
        number=number,
        gain_s=hint.gain_s,
        gain=hint.gain,
        interval_s=hint.interval_s,
        latency_s=after.latency_s,
        ops=hint.network.ops,
        kernels=len(after.mapped),
    )


def _applied(numbers: list[int], difference: Difference, file: Path | None) -> schemas.AppliedPart:
    ends = difference.interval_s
    return schemas.AppliedPart(
        numbers=numbers,
        latency_s=difference.after.latency_s,
        gain_s=-difference.change_s,
        interval_s=None if ends is None else [-ends[1], -ends[0]],
        certain=difference.certain,
        file=None if file is None else str(file),
    )


def _rows(hints: list[dict[str, Any]], *, longest: int = _LONGEST) -> list[tuple[str, ...]]:
    return [
        (
            str(hint["number"]),
            hint["what"],
            shortened(hint["title"], longest),
            seconds_text(hint["gain_s"]),
            change_text(-hint["gain"]),
            interval_text(hint["interval_s"]),
            _RETRAINING[hint["retraining"]],
        )
        for hint in hints
    ]


def _reasons(hints: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Why each kind of change helps, where its first hint is."""
    first: dict[str, str] = {}
    for hint in sorted(hints, key=lambda each: each["title"].startswith("all ")):
        first.setdefault(hint["what"], hint["reason"])
    return list(first.items())


def _applied_line(applied: dict[str, Any]) -> dict[str, str]:
    """What `Page.line` prints of hints that were applied."""
    numbers = ", ".join(map(str, applied["numbers"]))
    written = f"; written to {applied['file']} with random weights" if applied["file"] else ""
    faster = "faster" if applied["gain_s"] >= 0 else "slower"
    between = "" if applied["interval_s"] is None else f" ({interval_text(applied['interval_s'])})"
    return {
        "bold": f"with {numbers}: {seconds_text(applied['latency_s'])}",
        "plain": f", {seconds_text(abs(applied['gain_s']))} {faster}{between}{written}",
    }
