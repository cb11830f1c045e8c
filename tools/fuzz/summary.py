"""What a campaign's folder holds as a page of Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tools.fuzz.record import FINDING_KINDS, Figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tools.fuzz.record import Record

__all__ = ["summary"]

_MIB: Final = 2**20
_REFUSED: Final = "refused: "


def summary(record: Record) -> str:
    """Cases, outcomes and findings for each format; kills; load."""
    found, wall_s = record.figures()
    parts = [
        "# Figures of the robustness campaign",
        "",
        "Written by `python -m tools.fuzz figures`; see [robustness](../robustness.md).",
    ]
    if found:
        parts += ["", "## Damaged files", "", *_cases(found, wall_s), *_classes(record)]
    if record.kills():
        parts += ["", "## Kills", "", *_kills(record)]
    if record.stress():
        parts += ["", "## Load", "", *_stress(record)]
    return "\n".join(parts) + "\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A table whose first column is text and whose others are numbers."""
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return ["| " + " | ".join(map(str, line)) + " |" for line in lines]


def _cases(found: dict[str, Figures], wall_s: float) -> list[str]:
    total = Figures()
    for figures in found.values():
        total.merge(vars(figures))
    header = ["format", "cases", "accepted", "refused", *FINDING_KINDS.values(), "slowest s", "peak MiB", "ms a case"]
    rows = [[name, *_row(figures)] for name, figures in [*found.items(), ("all", total)]]
    refusals = [
        (outcome.removeprefix(_REFUSED), count)
        for outcome, count in total.outcomes.most_common()
        if outcome.startswith(_REFUSED)
    ]
    said = f"{total.cases} cases in {wall_s / 60:.0f} minutes."
    return [said, "", *_table(header, rows), "", "Refused with:", "", *_table(["error", "cases"], refusals)]


def _row(figures: Figures) -> list[object]:
    refused = sum(count for outcome, count in figures.outcomes.items() if outcome.startswith(_REFUSED))
    accepted = figures.outcomes["estimated"] + figures.outcomes["accepted"]
    counts = [figures.cases, accepted, refused, *(figures.findings[kind] for kind in FINDING_KINDS)]
    mean_ms = 1e3 * figures.seconds / max(1, figures.cases)
    return [*counts, f"{figures.slowest_s:.2f}", figures.peak_bytes // _MIB, f"{mean_ms:.1f}"]


def _classes(record: Record) -> list[str]:
    classes = [(f"{form}: `{key}`", count) for form, key, count in record.classes()]
    return ["", "Findings by class:", "", *_table(["finding", "cases"], classes)] if classes else []


def _kills(record: Record) -> list[str]:
    rows = [
        (
            line["name"],
            line["kills"],
            line["finished"],
            f"{line['whole_s']:.1f}",
            "; ".join(f"{text} ({count})" for text, count in line["faults"].items()) or "none",
        )
        for line in record.kills()
    ]
    return _table(["command", "kills", "runs compared", "s unkilled", "faults"], rows)


def _stress(record: Record) -> list[str]:
    lines = record.stress()
    rows = [
        (
            number,
            line["threads"],
            line["minutes"],
            line["estimates"],
            line["wrong"],
            f"{line['before_mib']:.0f}",
            f"{line['after_mib']:.0f}",
            f"{line['slope_mib_per_h']:+.1f}",
        )
        for number, line in enumerate(lines, start=1)
    ]
    header = ["process", "threads", "minutes", "estimates", "differing", "MiB after warm-up", "MiB at the end", "MiB/h"]
    equal = "equal" if len({(line["platform"], line["digest"]) for line in lines}) == 1 else "NOT equal"
    platforms = ", ".join(sorted({line["platform"] for line in lines}))
    return [f"On {platforms}; results of the processes are {equal}.", "", *_table(header, rows)]
