"""Datasets as plain data, as tables and as one HTML page: what one holds, and how two of them differ."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annette.bench.contents import compare_datasets, describe_dataset
from annette.bench.dataset import Dataset
from annette.bench.records import BOARD
from annette.number_text import change_text, percent_text, seconds_text, size_of, words_text
from annette.report.html import Plot, html_page, html_table, ticks
from annette.report.page import Page, name_text, texts
from annette.report.schemas import measurements as schemas
from annette.report.schemas.base import part

if TYPE_CHECKING:
    from annette.bench.board_states import BoardState
    from annette.bench.session import MeasuredNetwork

__all__ = [
    "dataset_comparison_document",
    "dataset_document",
    "dataset_page",
    "print_dataset",
    "print_dataset_comparison",
    "run_columns",
]

_SIZES: Final = {"out_width": "output width", "in_channels": "input channels", "out_channels": "output channels"}
_BOARDS: Final = ("board", "cases", "runs", "reference workload", "calm index")
_RUN_COLUMNS: Final = (
    "case", "round", "purpose", "board", "batch", "status", "reason", "latency_s", "samples", "kernels", "kernels_s",
    "matched_share",
)  # fmt: skip
_NETWORKS: Final = ("network", "latency", "rounds", "they differ by", "matched")


def dataset_document(dataset: Dataset | Path | str) -> dict[str, Any]:
    """What a dataset holds; schema ``annette/dataset-content/1``.

    Args:
        dataset: Its file, or the dataset opened.
    """
    contents = describe_dataset(dataset)
    return part(
        schemas.DatasetDocument,
        contents,
        dataset=str(contents.path),
        environment=dict(contents.environment),
        calm=None if contents.calm is None else part(schemas.CalmPart, contents.calm),
        boards=[_board(state) for state in contents.boards],
        sweeps=[part(schemas.SweepPart, sweep) for sweep in contents.sweeps],
        networks=[
            part(
                schemas.MeasuredNetworkPart,
                measured,
                network=measured.case,
                rounds_s=[run.latency_s for run in measured.usable],
                matched_share=_matched_share(measured),
            )
            for measured in contents.networks
        ],
    ).plain()


def dataset_comparison_document(first: Dataset | Path | str, second: Dataset | Path | str) -> dict[str, Any]:
    """How the whole networks that two datasets have in common differ; schema ``annette/dataset-comparison/1``.

    Args:
        first: File of the first, or the dataset opened.
        second: File of the second, likewise.

    Raises:
        DatasetError: They have no network in common.
    """
    difference = compare_datasets(first, second)
    return part(
        schemas.DatasetComparisonDocument,
        difference,
        first=str(difference.first),
        second=str(difference.second),
        environment={name: list(pair) for name, pair in difference.environment.items()},
        networks=[part(schemas.ComparedNetwork, entry) for entry in difference.networks],
    ).plain()


def run_columns(path: Path | str) -> dict[str, list[Any]]:
    """All runs of a dataset as columns, one row each, in the order in which it gives them.

    ``kernels_s`` is the sum of the kernels' times; what a run does not have is None.
    """
    columns: dict[str, list[Any]] = {name: [] for name in _RUN_COLUMNS}
    with Dataset.open(Path(path)) as dataset:
        for run in dataset.runs():
            known = (
                run.case, run.round, run.purpose.value, run.details.get(BOARD), run.network.batch, run.status.value,
                run.reason, run.latency_s, len(run.samples_s), len(run.kernels),
                sum(kernel.latency_s for kernel in run.kernels) if run.kernels else None, run.matched_share,
            )  # fmt: skip
            for values, value in zip(columns.values(), known, strict=True):
                values.append(None if isinstance(value, float) and math.isnan(value) else value)
    return columns


def print_dataset(document: dict[str, Any], *, page: Page | None = None) -> None:
    """Prints what a dataset holds."""
    page = page or Page()
    statuses = ", ".join(f"{count} {name}" for name, count in document["statuses"].items() if count)
    page.line(bold=document["dataset"], plain=f": {document['rows']} rows ({statuses or 'empty'})")
    page.table(("", ""), [(key, value) for key, value in document["environment"].items() if value], left=(0, 1))
    page.line(plain=", ".join(f"{count} {name}" for name, count in document["purposes"].items()))
    if document["calm"]:
        page.line(plain=_calm_text(document["calm"]))
    if document["boards"]:
        page.table(_BOARDS, _board_rows(document))
    if document["sweeps"]:
        rows = [
            (
                sweep["name"],
                _size_name(sweep["dimension"]),
                str(len(sweep["sizes"])),
                f"{sweep['sizes'][0]} to {sweep['sizes'][-1]}",
                f"{seconds_text(min(sweep['latency_s']))} to {seconds_text(max(sweep['latency_s']))}",
            )
            for sweep in document["sweeps"]
        ]
        page.table(("sweep", "of", "points", "sizes", "latency"), rows, left=(0, 1))
    if document["networks"]:
        page.table(_NETWORKS, _network_rows(document))
    page.line(plain=f"digest {document['digest']}")


def print_dataset_comparison(document: dict[str, Any], *, page: Page | None = None) -> None:
    """Prints how two datasets differ."""
    page = page or Page()
    networks = document["networks"]
    rows = texts(networks, network=name_text, first_s=seconds_text, second_s=seconds_text, difference=change_text)
    page.table(("network", document["first"], document["second"], "difference"), rows)
    page.line(
        plain=f"{len(rows)} networks differ by {percent_text(document['mean_difference'])} on average, "
        f"{percent_text(document['largest_difference'])} at most"
    )
    page.notes(
        f"{key} is {ours!r} in the first and {theirs!r} in the second"
        for key, (ours, theirs) in document["environment"].items()
    )


def dataset_page(document: dict[str, Any]) -> str:
    """What a dataset holds as the text of a page: its sweeps as plots, and its networks.

    Args:
        document: What `dataset_document` gives.
    """
    environment = document["environment"]
    title = " ".join(filter(None, (environment.get("runtime", ""), environment.get("device", "")))) or "Dataset"
    times = "estimated by the compiler" if "estimated" in environment.get("times", "") else "measured"
    statuses = ", ".join(f"{count} {name}" for name, count in document["statuses"].items() if count)
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(document['dataset'])}: {document['rows']} rows ({escape(statuses)}); digest "
        f"{escape(document['digest'])}</p>",
    ]
    if document["calm"]:
        parts.append(f"<p>{escape(_calm_text(document['calm']))}</p>")
    if document["boards"]:
        parts.append(html_table("Boards", _BOARDS, _board_rows(document)))
    if document["sweeps"]:
        plots = "\n".join(_sweep(sweep, times) for sweep in document["sweeps"])
        parts.append(f'<h2>Sweeps: one size of a layer, everything else fixed</h2>\n<div class="plots">{plots}</div>')
    if document["networks"]:
        parts.append(html_table("Networks", _NETWORKS, _network_rows(document)))
    rows = [(key, value) for key, value in environment.items() if value]
    parts.append(html_table("Environment", ("", ""), rows))
    return html_page(title, parts)


def _board(state: BoardState) -> schemas.BoardPart:
    calm = state.calm
    return part(schemas.BoardPart, state, calm=None if calm is None else part(schemas.CalmPart, calm))


def _board_rows(document: dict[str, Any]) -> list[tuple[str, ...]]:
    """The boards as texts below `_BOARDS`."""
    return [
        (
            entry["board"] or "(no cluster)",
            str(entry["cases"]),
            str(entry["runs"]),
            "—" if entry["reference_s"] is None else seconds_text(entry["reference_s"]),
            "—" if entry["calm"] is None else f"{entry['calm']['index']:.2f}",
        )
        for entry in document["boards"]
    ]


def _calm_text(calm: dict[str, Any]) -> str:
    return (
        f"calm index {calm['index']:.2f}: share of visits that took at most 3 % longer than the shortest of their "
        f"case; times are known to {percent_text(calm['error'])}, rounds differ by {percent_text(calm['rounds_apart'])}"
    )


def _matched_share(measured: MeasuredNetwork) -> float | None:
    """The smallest of the rounds' shares; None without profiles."""
    shares = [run.matched_share for run in measured.usable if run.kernels]
    return min(shares) if shares else None


def _size_name(dimension: str) -> str:
    """A swept dimension in words."""
    return _SIZES.get(dimension, words_text(dimension))


def _network_rows(document: dict[str, Any]) -> list[tuple[str, ...]]:
    """The measured networks as texts below `_NETWORKS`."""
    shares = dict.fromkeys(("remeasurement_spread", "matched_share"), percent_text)
    return texts(document["networks"], network=name_text, latency_s=seconds_text, rounds_s=size_of, **shares)


def _sweep(sweep: dict[str, Any], times: str) -> str:
    sizes, latencies = sweep["sizes"], sweep["latency_s"]
    top = max(latencies) * 1.05 or 1.0
    plot = Plot((0, sizes[-1] * 1.02), (0, top))
    marks = []
    for tick in ticks(sizes[-1], base=2):
        marks += [plot.upright(tick), plot.below(tick, f"{tick:g}")]
    for tick in ticks(top):
        marks += [plot.level(tick), plot.beside(tick, seconds_text(tick))]
    places = list(zip(sizes, latencies, strict=True))
    points = " ".join(f"{plot.x(size):.1f},{plot.y(latency_s):.1f}" for size, latency_s in places)
    marks.append(f'<polyline class="curve" points="{points}"/>')
    marks += [plot.dot(size, latency_s, f"{size}: {seconds_text(latency_s)}", radius=2.2) for size, latency_s in places]
    what = "kernel" if sweep["of_kernels"] else "whole network"
    drawn = plot.svg(marks, f"{_size_name(sweep['dimension'])} of {sweep['kind']}", f"{what}, {times}")
    return f"<figure>{drawn}<figcaption>{escape(_caption(sweep))}</figcaption></figure>"


def _caption(sweep: dict[str, Any]) -> str:
    fixed = ", ".join(f"{_size_name(name)} {size}" for name, size in sweep["fixed"].items())
    left_out = f"; {sweep['left_out']} points left out" if sweep["left_out"] else ""
    return f"{sweep['name']}: {fixed}{left_out}"
