"""The estimate of one run as plain data and as cells of a table: where many are shown, without their kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from annette.estimation.out_of_range import out_of_range
from annette.number_text import bytes_text, feature_text, percent_text
from annette.report.schemas.base import OutsidePart, part
from annette.report.schemas.sweeps import RunPart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.estimation import Estimate

__all__ = ["RUN_COLUMNS", "is_about_range", "range_notes", "run_cells", "run_part", "trust_texts"]

RUN_COLUMNS: Final = (
    "latency_s", "lower_s", "upper_s", "peak_activation_bytes", "allocated_bytes", "weights_bytes", "coverage",
    "outside_kernels", "outside_share", "outside_longest",
)  # fmt: skip
"""Columns of a table of runs."""


def run_part(estimate: Estimate) -> RunPart:
    """The run of an estimate as a part of a document."""
    strange = out_of_range(estimate.mapped, estimate.table, estimate.prices)
    memory = estimate.memory
    return part(
        RunPart,
        estimate,
        coverage=estimate.coverage.lowest,
        peak_activation_bytes=memory.peak_activation_bytes,
        allocated_bytes=memory.allocated_bytes,
        weights_bytes=memory.weights_bytes,
        outside_kernels=strange.kernels,
        outside_share=strange.share,
        outside_longest=strange.longest,
        outside=[part(OutsidePart, feature) for feature in strange.features],
    )


def run_cells(run: Mapping[str, Any]) -> tuple[Any, ...]:
    """Values of a run, as its document has them, in the order of `RUN_COLUMNS`."""
    lower_s, upper_s = run["interval_s"] or (None, None)
    return tuple({**run, "lower_s": lower_s, "upper_s": upper_s}[name] for name in RUN_COLUMNS)


def is_about_range(note: str) -> bool:
    """Whether a note of an estimate says what `range_notes` sums up."""
    return "lie outside the ranges" in note


def range_notes(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """What of many runs lies out of range, in one sentence; none where nothing does.

    Args:
        runs: Where each is, and its document.
    """
    strange = [(where, run) for where, run in runs if run["outside_kernels"]]
    if not strange:
        return []
    where, worst = max(strange, key=lambda pair: float(pair[1]["outside_share"]))
    feature = worst["outside"][0]
    name = feature["feature"]
    value, least, most = (feature_text(name, value) for value in (feature["value"], *feature["fitted"]))
    return [
        "out of range is the share of the time of kernels outside the ranges that their models were fitted on; most at "
        f"{where}: {worst['outside_kernels']} kernels, the longest of them, {worst['outside_longest']!r}, by "
        f"{name} {value} (fitted {least} to {most})"
    ]


def trust_texts(run: Mapping[str, Any]) -> tuple[str, str, str]:
    """Memory, the share that fitted models priced, and the share of time out of range, for people."""
    size_bytes = run["peak_activation_bytes"] if run["allocated_bytes"] is None else run["allocated_bytes"]
    return (
        "-" if size_bytes is None else bytes_text(size_bytes),
        percent_text(run["coverage"]),
        percent_text(run["outside_share"]) if run["outside_kernels"] else "-",
    )
