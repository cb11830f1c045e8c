"""The figures of a campaign as a page of Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tools.fuzz.record import FINDING_KINDS, Figures

if TYPE_CHECKING:
    from tools.fuzz.record import Record

__all__ = ["summary"]

_MIB: Final = 2**20


def summary(record: Record) -> str:
    """Cases, outcomes and findings for each format, as tables."""
    found, wall_s = record.figures()
    total = Figures()
    for figures in found.values():
        total.merge(vars(figures))
    header = ["format", "cases", "accepted", "refused", *FINDING_KINDS.values(), "slowest s", "peak MiB", "ms a case"]
    lines = [" | ".join(["", *header, ""]).strip(), "|---" + "|--:" * (len(header) - 1) + "|"]
    for name, figures in [*found.items(), ("**all**", total)]:
        lines.append("| " + " | ".join([name, *_row(figures)]) + " |")
    refusals = total.outcomes.most_common()
    rows = [
        f"| {outcome.removeprefix('refused: ')} | {count} |"
        for outcome, count in refusals
        if outcome.startswith("refused")
    ]
    text = [
        f"{total.cases} cases in {wall_s / 60:.0f} minutes.",
        "",
        *lines,
        "",
        "Refused with:",
        "",
        "| error | cases |",
        "|---|--:|",
        *rows,
    ]
    classes = [f"| {form} | `{key}` | {count} |" for form, key, count in record.classes()]
    if classes:
        text += ["", "Findings by class:", "", "| format | finding | cases |", "|---|---|--:|", *classes]
    return "\n".join(text) + "\n"


def _row(figures: Figures) -> list[str]:
    refused = sum(count for outcome, count in figures.outcomes.items() if outcome.startswith("refused"))
    accepted = figures.outcomes["estimated"] + figures.outcomes["accepted"]
    counts = [figures.cases, accepted, refused, *(figures.findings[kind] for kind in FINDING_KINDS)]
    mean_ms = 1e3 * figures.seconds / max(1, figures.cases)
    return [*map(str, counts), f"{figures.slowest_s:.2f}", str(figures.peak_bytes // _MIB), f"{mean_ms:.1f}"]
