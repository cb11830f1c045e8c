"""Documents as tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from annette.report.units import bytes_text, count_text, percent_text, seconds_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["print_comparison", "print_estimate", "print_network", "print_table", "terminal"]

_SHOWN_BY_DEFAULT: Final = 15
_WIDTH_OF_A_PIPE: Final = 200


def print_estimate(document: dict[str, Any], *, everything: bool = False, console: Console | None = None) -> None:
    """Prints an estimate: the headline, the heaviest kernels (or all), the notes.

    Args:
        document: What `annette.report.documents.estimate_document` gives.
        everything: All kernels in order of execution, instead of the heaviest.
        console: Where to; standard output by default.
    """
    console = console or terminal()
    console.print(_headline(document))
    kernels = document["kernels"]
    total_s = sum(kernel["latency_s"] for kernel in kernels) or 1.0
    shown = kernels if everything else sorted(kernels, key=lambda k: -k["latency_s"])[:_SHOWN_BY_DEFAULT]
    rows = [
        (
            kernel["name"],
            kernel["kind"],
            str(len(kernel["layers"])),
            seconds_text(kernel["latency_s"]),
            percent_text(kernel["latency_s"] / total_s),
            count_text(kernel["ops"]),
            bytes_text(kernel["bytes"]),
            kernel["bound"],
            percent_text(kernel["utilisation"]),
            kernel["method"] + ("" if kernel["in_range"] else " (out of range)"),
        )
        for kernel in shown
    ]
    header = ("kernel", "kind", "layers", "latency", "share", "ops", "bytes", "bound", "utilisation", "method")
    print_table(header, rows, left=(0, 1, 7, 9), console=console)
    rest = len(kernels) - len(shown)
    if rest:
        rest_s = total_s - sum(kernel["latency_s"] for kernel in shown)
        console.print(f"… and {rest} lighter kernels, {percent_text(rest_s / total_s)} of the time (--all shows them)")
    _print_notes(document["notes"], console)


def print_comparison(document: dict[str, Any], *, console: Console | None = None) -> None:
    """Prints one network on several platforms, fastest first."""
    console = console or terminal()
    console.print(Text(document["network"], style="bold"))
    rows = [
        (
            entry["platform"],
            seconds_text(entry["latency_s"]),
            _interval(entry["interval_s"]),
            "-" if entry["times_fastest"] is None else f"{entry['times_fastest']:.2f}x",
            entry["latency_is"].replace("_", " "),
            percent_text(entry["coverage"]),
            ", ".join(entry["heaviest_kernels"]),
        )
        for entry in document["platforms"]
    ]
    header = ("platform", "latency", "interval", "to fastest", "measures", "coverage", "heaviest kernels")
    print_table(header, rows, left=(0, 4, 6), console=console)
    for entry in document["platforms"]:
        _print_notes([f"{entry['platform']}: {note}" for note in entry["notes"]], console)


def print_network(document: dict[str, Any], *, everything: bool = False, console: Console | None = None) -> None:
    """Prints a network: totals, then its layers (or its kernels, where a mapping was applied)."""
    console = console or terminal()
    title = Text(document["network"], style="bold")
    title.append(
        f"  {count_text(document['macs'])}MACs, {count_text(document['ops'])}ops, {count_text(document['params'])} "
        f"parameters, {bytes_text(document['bytes'])} moved, {len(document['layers'])} layers, "
        f"batch {document['batch']}",
        style="not bold",
    )
    console.print(title)
    if "kernels" in document:
        kernel_rows = [
            (
                kernel["name"],
                kernel["kind"] + (" (free)" if kernel["free"] else ""),
                count_text(kernel["ops"]),
                ", ".join(kernel["layers"][1:]),
                ", ".join(kernel["rules"]),
            )
            for kernel in document["kernels"]
        ]
        print_table(
            ("kernel", "kind", "ops", "further layers", "rules"), kernel_rows, left=(0, 1, 3, 4), console=console
        )
    else:
        layers = document["layers"]
        shown = layers if everything else sorted(layers, key=lambda entry: -entry["ops"])[:_SHOWN_BY_DEFAULT]
        layer_rows = [
            (
                layer["name"],
                layer["kind"],
                " ".join(_size(tensor) for tensor in layer["inputs"]),
                " ".join(_size(tensor) for tensor in layer["outputs"]),
                count_text(layer["macs"]),
                count_text(layer["ops"]),
                count_text(layer["params"]),
                bytes_text(layer["bytes"]),
            )
            for layer in shown
        ]
        header = ("layer", "kind", "reads", "writes", "MACs", "ops", "params", "bytes")
        print_table(header, layer_rows, left=(0, 1, 2, 3), console=console)
        if len(shown) < len(layers):
            console.print(f"… and {len(layers) - len(shown)} layers with fewer operations (--all shows them)")
    if document["unsupported"]:
        console.print(Text("unsupported operators: " + ", ".join(document["unsupported"]), style="red"))
    _print_notes(document["notes"], console)


def terminal() -> Console:
    """Standard output: as wide as the terminal, and wide enough for whole rows where it goes to a file or a pipe."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=_WIDTH_OF_A_PIPE, highlight=False)


def print_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, left: Sequence[int] = (0,), console: Console | None = None
) -> None:
    """Prints a plain table; the columns in ``left`` are left-aligned, the others right-aligned."""
    console = console or terminal()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, title in enumerate(header):
        table.add_column(
            title, justify="left" if index in left else "right", overflow="fold", no_wrap=index not in left
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _headline(document: dict[str, Any]) -> Text:
    line = Text(f"{document['network']} on {document['platform']}: ")
    line.append(seconds_text(document["latency_s"]), style="bold")
    if document["interval_s"]:
        line.append(f" ({_interval(document['interval_s'])} at {percent_text(document['confidence'])})")
    line.append(f", {document['latency_is'].replace('_', ' ')} time, batch {document['batch']}, {document['model']}")
    other = "device_latency_s" if document["latency_is"] == "end_to_end" else "end_to_end_latency_s"
    if document[other] is not None:
        line.append(f"; {other.removesuffix('_latency_s').replace('_', ' ')} {seconds_text(document[other])}")
    if document["coverage"] < 1:
        line.append(f"; only {percent_text(document['coverage'])} priced by fitted models", style="red")
    return line


def _interval(interval_s: Sequence[float] | None) -> str:
    return "-" if interval_s is None else f"{seconds_text(interval_s[0])} to {seconds_text(interval_s[1])}"


def _size(tensor: dict[str, Any]) -> str:
    return "x".join(map(str, tensor["shape"])) or "scalar"


def _print_notes(notes: Sequence[str], console: Console) -> None:
    for note in notes:
        console.print(Text(f"note: {note}", style="yellow"))
