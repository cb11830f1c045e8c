"""Estimates as one HTML page that needs nothing else: totals and warnings, plots that answer, a table of kernels.

The figures and the warnings are HTML; what sorts, filters and draws are the scripts in ``assets``, over the same data.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

from annette.number_text import (
    bytes_text,
    change_text,
    confidence_text,
    count_text,
    counted_text,
    feature_text,
    interval_text,
    percent_text,
    seconds_text,
    times_text,
    words_text,
)
from annette.plain_text import escaped, shortened
from annette.report.html import asset, html_data, html_notes, html_page, html_table, ticks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["estimate_page"]

_SCRIPTS: Final = (
    "base.js", "plots.js", "timeline.js", "memory.js", "roofline.js", "breakdown.js", "table.js", "main.js"
)  # fmt: skip
"""Parts of the page's own program, in the order in which they build on each other."""

_FIELDS: Final = (
    "name", "kind", "layers", "layer_count", "rules", "latency", "lower", "upper", "ops", "bytes", "bound",
    "utilisation", "method", "in_range", "outside", "compute", "memory", "efficiency", "shape", "module",
)  # fmt: skip
"""Columns of the kernels as the program reads them; times in seconds."""

_DIGITS: Final = 6
"""Significant digits of the numbers in the page: it shows three."""

_SPATIAL: Final = ("depth", "height", "width")


def estimate_page(documents: Sequence[dict[str, Any]], skipped: Iterable[Mapping[str, str]] = ()) -> str:
    """The text of a page about one estimate, or about several side by side.

    Args:
        documents: Estimates as `annette.report.estimates.estimate_document` gives them, at least one, in the order in
            which they are to be shown.
        skipped: Platforms that have no estimate, as ``annette compare --json`` names them.
    """
    names = _names(documents)
    parts = [f"<h1>{_shown(_title(documents))}</h1>"]
    parts.append(html_notes(f"skipped {entry['platform']}: {entry['reason']}" for entry in skipped))
    if len(documents) > 1:
        parts += [*_side_by_side(documents, names), _choice(names)]
    parts += [_headline(document, hidden=number > 0) for number, document in enumerate(documents)]
    parts.append(asset("explorer.html"))
    parts.append("<noscript><p>The plots and the table of kernels need JavaScript.</p></noscript>")
    parts.append("<footer><p>Estimated by annette, not measured. Plots drawn with uPlot (MIT licence).</p></footer>")
    parts.append(html_data("data", _data(documents)))
    licence = "\n".join(f" * {line}".rstrip() for line in asset("uPlot.LICENSE").strip().splitlines())
    own = "\n".join(map(asset, _SCRIPTS))
    return html_page(
        _title(documents),
        parts,
        style=asset("uPlot.min.css") + asset("estimate.css"),
        scripts=[f"/*! uPlot\n{licence}\n */\n{asset('uPlot.iife.min.js')}", f'(() => {{\n"use strict";\n{own}}})();'],
    )


def _shown(text: str) -> str:
    """A text that may come from a stranger, as HTML."""
    return escape(escaped(text))


def _title(documents: Sequence[dict[str, Any]]) -> str:
    networks = list(dict.fromkeys(document["network"] for document in documents))
    platforms = list(dict.fromkeys(document["platform"] for document in documents))
    network = networks[0] if len(networks) == 1 else f"{len(networks)} networks"
    return f"{network} on {platforms[0] if len(platforms) == 1 else f'{len(platforms)} platforms'}"


def _names(documents: Sequence[dict[str, Any]]) -> list[str]:
    """What tells the estimates apart: the network, the platform, or both."""
    keys = [key for key in ("network", "platform") if len({document[key] for document in documents}) > 1]
    return [" on ".join(document[key] for key in keys or ["platform"]) for document in documents]


def _choice(names: Sequence[str]) -> str:
    """Radio buttons: whose kernels are looked at."""
    options = "".join(
        f'<label><input type="radio" name="estimate" value="{number}"{" checked" * (number == 0)}> '
        f"{_shown(name)}</label>"
        for number, name in enumerate(names)
    )
    return f"<fieldset><legend>Look at</legend>{options}</fieldset>"


def _headline(document: dict[str, Any], *, hidden: bool) -> str:
    """The total of an estimate, how far it is to be trusted, and everything that its reader must not overlook."""
    interval = document["interval_s"]
    stated = "no interval is known"
    if interval:
        low, high = (change_text(end / document["latency_s"] - 1) for end in interval)
        stated = f"{interval_text(interval)} ({low} to {high}) at {confidence_text(document['confidence'])} confidence"
    facts = "".join(f"<div><dt>{_shown(name)}</dt><dd>{_shown(text)}</dd></div>" for name, text in _facts(document))
    notes = document["notes"]
    calm = (
        "<p class='fine'>Nothing to warn of: fitted models price all of it, inside the ranges they were fitted on.</p>"
    )
    ways = [
        (", ".join(f"{node}: {way}" for node, way in branch["taken"].items()), seconds_text(branch["latency_s"]))
        for branch in document["branches"]
    ]
    return (
        f'<section class="estimate"{" hidden" * hidden}>'
        f'<p class="total">{seconds_text(document["latency_s"])} <small>{_shown(stated)}, '
        f"{_shown(words_text(document['latency_is']))} time on {_shown(document['platform'])}</small></p>"
        f'<dl class="facts">{facts}</dl>{html_notes(notes) or calm}'
        f"{html_table('Ways through the network that data choose', ('taken', 'time'), ways) if ways else ''}</section>"
    )


def _facts(document: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Figures below the total, by their titles."""
    kernels = document["kernels"]
    kernels_s = sum(kernel["latency_s"] for kernel in kernels)
    if document["batch"] > 1:
        yield "per sample", f"{seconds_text(document['sample_latency_s'])}, batch {document['batch']}"
    if document["end_to_end_latency_s"] is not None:
        other = "device" if document["latency_is"] == "end_to_end" else "end_to_end"
        yield f"{words_text(other)} time", seconds_text(document[f"{other}_latency_s"])
    free = sum(kernel["bound"] == "free" for kernel in kernels)
    yield "kernels", f"{len(kernels) - free:,}" + (f", {free:,} more cost nothing" if free else "")
    yield "operations", count_text(sum(kernel["ops"] for kernel in kernels))
    yield "model", document["model"]
    shares = ("ops", "operations"), ("kernels", "kernels"), ("latency", "time")
    priced = ", ".join(f"{percent_text(document[f'coverage_{key}'])} of {name}" for key, name in shares)
    yield "priced by fitted models", "everything" if document["coverage"] == 1 else f"⚠ {priced}"
    strange = [kernel for kernel in kernels if kernel["outside"]]
    share = sum(kernel["latency_s"] for kernel in strange) / (kernels_s or 1.0)
    outside = f"⚠ {counted_text(len(strange), 'kernel')}, {percent_text(share)} of time" if strange else "nothing"
    yield "out of fitted ranges", outside
    memory = document["memory"]
    yield "memory at the peak", f"{_peak_text(memory)}, weights {bytes_text(memory['weights_bytes'])}"
    lost_s = sum(map(_lost_s, kernels))
    if lost_s > 0:
        yield "lost to unrolling", f"{seconds_text(lost_s)}, {percent_text(lost_s / kernels_s)}"


def _peak_text(memory: dict[str, Any]) -> str:
    peak = memory["peak_activation_bytes"]
    return "not known" if peak is None else bytes_text(peak)


def _lost_s(kernel: dict[str, Any]) -> float:
    """Time that a kernel takes longer because its dimensions do not fill what the device unrolls."""
    filled_s = kernel["compute_s"] * kernel["efficiency"]
    return max(0.0, float(kernel["compute_s"] - max(filled_s, kernel["memory_s"])))


def _side_by_side(documents: Sequence[dict[str, Any]], names: Sequence[str]) -> list[str]:
    """All estimates in a table and with their intervals on one axis, then their time by kind."""
    fastest_s: dict[str, float] = {}
    for document in sorted(documents, key=lambda each: each["latency_s"]):
        fastest_s.setdefault(document["latency_is"], document["latency_s"])
    rows = [
        _compared(name, document, fastest_s[document["latency_is"]])
        for name, document in zip(names, documents, strict=True)
    ]
    header = (
        "",
        "time",
        "interval",
        "to fastest",
        "measures",
        "memory",
        "coverage",
        "kernels out of range",
        "warnings",
    )
    kinds = [_time_by_kind(document) for document in documents]
    all_kinds = sorted(
        {kind for times in kinds for kind in times},
        key=lambda kind: -max(times.get(kind, 0.0) / (sum(times.values()) or 1.0) for times in kinds),
    )
    by_kind = [
        (words_text(kind), *(seconds_text(times[kind]) if kind in times else "-" for times in kinds))
        for kind in all_kinds
    ]
    return [
        f'<div class="beside"><div>{html_table("Side by side", header, rows)}</div>',
        f"{_intervals(documents, names)}</div>",
        html_table("Time by kind of kernel, side by side", ("", *names), by_kind),
    ]


def _compared(name: str, document: dict[str, Any], fastest_s: float) -> tuple[str, ...]:
    strange = sum(bool(kernel["outside"]) for kernel in document["kernels"])
    return (
        escaped(name),
        seconds_text(document["latency_s"]),
        interval_text(document["interval_s"]),
        times_text(document["latency_s"] / fastest_s),
        words_text(document["latency_is"]),
        _peak_text(document["memory"]),
        "⚠ " * (document["coverage"] < 1) + percent_text(document["coverage"]),
        "⚠ " * (strange > 0) + str(strange),
        str(len(document["notes"])),
    )


def _time_by_kind(document: dict[str, Any]) -> dict[str, float]:
    times: dict[str, float] = {}
    for kernel in document["kernels"]:
        if kernel["latency_s"] > 0:
            times[kernel["kind"]] = times.get(kernel["kind"], 0.0) + kernel["latency_s"]
    return times


def _intervals(documents: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    """Totals as dots and their intervals as lines, from zero on; the table beside them has the numbers."""
    left, right, line = 8.0, 400.0, 36.0
    height = line * len(documents)
    most_s = max(
        time_s for document in documents for time_s in (document["latency_s"], *(document["interval_s"] or ()))
    )
    marks = []
    for tick_s in ticks(most_s, most=4):
        x = left + (right - left) * tick_s / most_s
        marks.append(f'<line class="grid" x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{height}"/>')
        anchor = "start" if tick_s == 0 else "middle"
        marks.append(f'<text x="{x:.1f}" y="{height + 16}" text-anchor="{anchor}">{seconds_text(tick_s)}</text>')
    for number, (document, name) in enumerate(zip(documents, names, strict=True)):
        y = line * (number + 0.72)
        place = [
            left + (right - left) * time_s / most_s
            for time_s in (document["latency_s"], *(document["interval_s"] or ()))
        ]
        marks.append(f'<text x="{left}" y="{y - 10}">{_shown(shortened(name, 50))}</text>')
        if document["interval_s"]:
            marks.append(f'<line class="span" x1="{place[1]:.1f}" y1="{y}" x2="{place[2]:.1f}" y2="{y}"/>')
        marks.append(f'<circle cx="{place[0]:.1f}" cy="{y}" r="5"/>')
    return (
        f'<svg class="ends" viewBox="0 0 {right + 40} {height + 22}" role="img" '
        f'aria-label="Totals with their intervals; the table has the numbers">{"".join(marks)}</svg>'
    )


def _data(documents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the program of the page reads; texts that recur stand once, kernels refer to them by number."""
    strings: dict[str, int] = {}
    estimates = [
        {
            "network": escaped(document["network"]),
            "platform": escaped(document["platform"]),
            "latency": _rounded(document["latency_s"]),
            "confidence": document["confidence"],
            "memory": _memory(document["memory"]),
            "kernels_s": _rounded(sum(kernel["latency_s"] for kernel in document["kernels"])),
            "kernels": [_row(kernel, strings) for kernel in document["kernels"]],
        }
        for document in documents
    ]
    return {"fields": _FIELDS, "strings": list(strings), "estimates": estimates}


def _memory(memory: dict[str, Any]) -> dict[str, Any]:
    """What the program reads of the memory of a run; ``alive`` is empty where it is not known."""
    return {
        "alive": memory["alive_bytes"],
        "peak": memory["peak_activation_bytes"],
        "peak_kernel": escaped(memory["peak_kernel"] or ""),
        "weights": memory["weights_bytes"],
        "allocated": memory["allocated_bytes"],
        "by_memory": {escaped(name): size_bytes for name, size_bytes in memory["by_memory"].items()},
        "inputs": memory["inputs"],
        "method": memory["method"],
        "reason": escaped(memory["reason"]),
    }


def _row(kernel: dict[str, Any], strings: dict[str, int]) -> list[Any]:
    """A kernel in the order of `_FIELDS`."""

    def number(text: str) -> int:
        return strings.setdefault(escaped(text), len(strings))

    layers = [] if kernel["layers"] == [kernel["name"]] else [escaped(layer) for layer in kernel["layers"]]
    ends_s = [None, None] if kernel["interval_s"] is None else [_rounded(end_s) for end_s in kernel["interval_s"]]
    return [
        escaped(kernel["name"]), number(kernel["kind"]), layers, len(kernel["layers"]), [*map(number, kernel["rules"])],
        _rounded(kernel["latency_s"]), *ends_s, kernel["ops"], _rounded(kernel["bytes"]), number(kernel["bound"]),
        _rounded(kernel["utilisation"]), number(kernel["method"]), kernel["in_range"],
        [_outside_text(feature) for feature in kernel["outside"]], _rounded(kernel["compute_s"]),
        _rounded(kernel["memory_s"]), _rounded(kernel["efficiency"]), _shape_text(kernel["dimensions"]),
        [*map(number, kernel["module"])],
    ]  # fmt: skip


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _outside_text(feature: dict[str, Any]) -> str:
    name = feature["feature"]
    value, least, most = (feature_text(name, value) for value in (feature["value"], *feature["fitted"]))
    return f"{words_text(name)} {value}, fitted on {least} to {most}"


def _shape_text(dimensions: Mapping[str, int]) -> str:
    """Sizes of a kernel's main layer as people write them; those that are 1 are left out.

    Example:
        >>> _shape_text({"in_channels": 64, "in_width": 28, "out_channels": 9, "kernel_width": 3, "stride_width": 2})
        '64x28 → 9, window 1x3, stride 1x2'
    """
    sides = [_sizes(dimensions, side, ("channels", *_SPATIAL)) for side in ("in", "out")]
    words = [" → ".join(side for side in sides if side)]
    for name, title in (("kernel", "window"), ("stride", "stride"), ("dilation", "dilation")):
        sizes = _window(dimensions, name)
        words += [f"{title} {sizes}"] if sizes else []
    words += [f"{name} {dimensions[name]}" for name in ("groups", "batch") if name in dimensions]
    return ", ".join(word for word in words if word)


def _sizes(dimensions: Mapping[str, int], prefix: str, names: Sequence[str]) -> str:
    return "x".join(str(dimensions[key]) for name in names if (key := f"{prefix}_{name}") in dimensions)


def _window(dimensions: Mapping[str, int], prefix: str) -> str:
    """A size along the dimensions of a feature map: one number where height and width are alike."""
    sizes = [dimensions.get(f"{prefix}_{name}", 1) for name in _SPATIAL]
    sizes = sizes[1:] if sizes[0] == 1 else sizes
    if max(sizes) == 1:
        return ""
    return str(sizes[0]) if len(set(sizes)) == 1 else "x".join(map(str, sizes))
