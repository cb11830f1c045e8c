"""Options that several commands share, and what they turn into."""

from __future__ import annotations

import math
import os
import re
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from annette.cli.sizes import parse_inputs, together

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annette.network.inputs import Given

__all__ = [
    "BUDGET_EXCEEDED",
    "FALLBACKS",
    "FILE",
    "MODELS",
    "OPEN_ENDED",
    "USAGE_ERROR",
    "backend_options",
    "board_options",
    "budget_options",
    "chosen_cluster",
    "chosen_options",
    "cluster_options",
    "csv_option",
    "export_options",
    "html_option",
    "input_option",
    "json_option",
    "lenient_option",
    "model_options",
    "network_options",
    "observe_option",
    "observed",
    "parse_duration",
    "parse_numbers",
    "parse_share",
    "running_options",
    "split_words",
    "table_options",
]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

FILE: Final = click.Path(path_type=Path)
MODELS: Final = click.Choice(["mixed", "statistical", "refined-roofline", "roofline"])
FALLBACKS: Final = click.Choice(["error", "roofline"])

USAGE_ERROR: Final = 2
"""Exit code for anything that the user can mend."""
BUDGET_EXCEEDED: Final = 3
"""Exit code where a latency is above ``--budget``."""

OPEN_ENDED: Final[dict[str, Any]] = {"ignore_unknown_options": True, "allow_extra_args": True}
"""Context settings of a command that passes unknown ``--name value`` on to the backend."""

_DURATION: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(?P<unit>us|µs|ms|s|m|min|h|)")
_SECONDS: Final = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def parse_duration(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Turns 90, 90s, 10m, 1.5h, 20ms, 300us or 5e-3 into seconds; a click callback."""
    if value is None:
        return None
    match = _DURATION.fullmatch(value.strip())
    seconds = float(match["number"]) * _SECONDS[match["unit"]] if match else 0.0
    if not 0 < seconds < math.inf:
        raise click.BadParameter(f"{value!r} is not a duration such as 5ms, 90s, 10m or 1h", ctx, param)
    return seconds


def parse_share(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Turns 2% or 0.02 into a number between 0 and 1; a click callback."""
    if value is None:
        return None
    text, percent, rest = value.strip().partition("%")
    try:
        share = float(text) / (100 if percent else 1)
    except ValueError:
        share = 0.0
    if rest or not 0 < share < 1:
        raise click.BadParameter(f"{value!r} is not a share such as 2% or 0.02", ctx, param)
    return share


def _parse_pairs(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in value:
        name, equals, content = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", ctx, param)
        pairs[name.replace("-", "_")] = content
    return pairs


def _parse_cpus(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    if value == "any":
        return ()
    cpus = tuple(sorted(set(parse_numbers(value))))
    if not cpus:
        raise click.BadParameter(f"{value!r} is not a list of processors such as 0,1", ctx, param)
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(cpus)
    missing = [str(cpu) for cpu in cpus if cpu not in allowed]
    if missing:
        raise click.BadParameter(
            f"processor {missing[0]} is not one that may be used here: {', '.join(map(str, sorted(allowed)))}",
            ctx,
            param,
        )
    return cpus


def _split_columns(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    """Our columns to the table's own names, from ``OURS=THEIRS``."""
    del ctx, param
    renamed = {}
    for text in value:
        ours, separator, theirs = text.partition("=")
        if not (separator and ours and theirs):
            raise click.BadParameter(f"{text!r} is not OURS=THEIRS, for example latency_ms=Time", param_hint="--column")
        renamed[ours] = theirs
    return renamed


input_option = together(
    "Adds ``--input``.",
    click.option(
        "--input", "inputs", multiple=True, metavar="NAME=SHAPE", callback=parse_inputs,
        help="Shape of an input, data=1x3x224x224; size of a symbolic dimension, seq=128; or value of an input that "
        "decides what runs, sr=16000 or sr=[16000]; size of a tensor that data decide, /NonZero_output_0=57. May be "
        "repeated.",
    ),
)  # fmt: skip

network_options = together(
    "Adds ``--batch`` and ``--input``.",
    click.option("--batch", type=click.IntRange(min=1), metavar="N", help="Samples processed together."),
    input_option,
)

observe_option = together(
    "Adds ``--observe``.",
    click.option(
        "--observe", is_flag=True,
        help="Look up sizes that data decide in one run of that part of an ONNX file, here, by ONNX Runtime. It runs "
        "what the file says: for files that you trust.",
    ),
)  # fmt: skip

lenient_option = together(
    "Adds ``--lenient``.",
    click.option(
        "--lenient", is_flag=True,
        help="Price an invalid ONNX file as well as can be, with a note, instead of refusing it.",
    ),
)  # fmt: skip

model_options = together(
    "Adds ``--model``, ``--fallback`` and ``--confidence``.",
    click.option(
        "--model", type=MODELS, help="Layer-model family; by default what the platform prefers for each kind."
    ),
    click.option(
        "--fallback", type=FALLBACKS, default="error", show_default=True,
        help="What to do with a kind of kernel that the platform has no model for: refuse, or price it roughly.",
    ),
    click.option(
        "--confidence", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.9, show_default=True,
        help="Probability that the intervals are meant to hold with.",
    ),
)  # fmt: skip

running_options = together(
    "Adds ``--option``, ``--cpus`` and ``--timeout``.",
    click.option(
        "--option", "options", multiple=True, metavar="NAME=VALUE", callback=_parse_pairs,
        help="Option of the backend (annette backends lists them); --NAME VALUE does the same. May be repeated.",
    ),
    click.option(
        "--cpus", metavar="LIST", callback=_parse_cpus,
        help="Processors to measure on, such as 1 or 0,1, or 'any'. By default the last ones, one per thread.",
    ),
    click.option(
        "--timeout", "timeout_s", callback=parse_duration, metavar="TIME",
        help="What gives no result for so long has failed: 90s, 1h.  [default: 2m, for whole networks 10m]",
    ),
)  # fmt: skip

backend_options = together(
    "Adds ``--backend``, ``--option``, ``--cpus`` and ``--timeout``.",
    click.option("--backend", required=True, metavar="B", help="Name of a backend (annette backends)."),
    running_options,
)

cluster_options = together(
    "Adds ``--scheduler`` and the certificates for it.",
    click.option(
        "--scheduler", metavar="ADDRESS",
        help="Have it done on a Dask cluster: tcp://HOST:8786, tls://HOST:8786. By default here.",
    ),
    *(
        click.option(f"--tls-{name}", metavar="FILE", default="", help=f"For tls://: {what}, a PEM file.  "
                     "[default: what Dask is configured with]")
        for name, what in (("ca-file", "certificates of the authority"), ("cert", "your certificate"),
                           ("key", "your private key"))
    ),
)  # fmt: skip

board_options = together(
    "Adds ``--scheduler``, the certificates for it and ``--board``.",
    cluster_options,
    click.option("--board", "boards", multiple=True, metavar="NAME", help="A board of it; repeatable.  [default: all]"),
)

table_options = together(
    "Adds ``--column`` and ``--ignore``.",
    click.option(
        "--column", "columns", multiple=True, metavar="OURS=THEIRS", callback=_split_columns,
        help="A column has another name. Repeatable.",
    ),
    click.option("--ignore", "ignored", multiple=True, metavar="COLUMN", help="A column to pass over. Repeatable."),
)  # fmt: skip

export_options = together(
    "Adds ``--kernels``, ``--trace``, ``--node-data`` and ``--annotate``.",
    click.option("--kernels", type=FILE, metavar="FILE", help="Write all kernels as .csv or .parquet."),
    click.option("--trace", type=FILE, metavar="FILE", help="Write a trace for Perfetto or Speedscope."),
    click.option(
        "--node-data", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
        help="Write node data for Model Explorer: latency_ms.json, share.json, bound.json.",
    ),
    click.option("--annotate", type=FILE, metavar="FILE", help="Write the ONNX file, nodes with kernel and time."),
)  # fmt: skip

html_option = together(
    "Adds ``--html``.",
    click.option("--html", type=FILE, metavar="FILE", help="Also write a page with plots and a table of all kernels."),
)

budget_options = together(
    "Adds ``--budget`` and ``--budget-by``.",
    click.option(
        "--budget", "budget_s", callback=parse_duration, metavar="TIME",
        help=f"Exit with code {BUDGET_EXCEEDED} where the latency is above, such as 10ms.",
    ),
    click.option(
        "--budget-by", "budget_by", type=click.Choice(["upper", "estimate"]), default="upper", show_default=True,
        help="What is held against --budget: the upper end of the interval, or the estimate.",
    ),
)  # fmt: skip


def csv_option(what: str) -> Callable[[_Command], _Command]:
    """Adds ``--csv``.

    Args:
        what: What there is a row of.
    """
    return click.option(
        "--csv", type=FILE, metavar="FILE",
        help=f"Also write a row for each {what}, as .csv or .parquet; - prints them in place of the text.",
    )  # fmt: skip


json_option = together(
    "Adds ``--json``.",
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document (see docs/json.md)."),
)


def chosen_options(backend: str, options: dict[str, str], extra: Sequence[str]) -> dict[str, Any]:
    """Values for a backend's options, from ``--option NAME=VALUE`` and from further ``--name value``.

    Args:
        backend: Name of the backend.
        options: What ``--option`` gave.
        extra: What click did not know.

    Raises:
        UsageError: An argument is neither an option nor the value of one.
        OptionError: The backend has no such option, or the value is not of its type.
    """
    from annette.bench.named_backends import parse_options

    unexpected, further = split_words(extra)
    if unexpected:
        raise click.UsageError(f"unexpected argument {unexpected[0]!r}")
    return parse_options(backend, {**options, **further})


def chosen_cluster(how: dict[str, Any]) -> dict[str, Any]:
    """Takes what the options of `cluster_options` gave out of the options of a command.

    Returns:
        ``scheduler`` and ``tls`` for functions that use a cluster; nothing where none was named.

    Raises:
        OptionError: Certificates were named, and no cluster.
    """
    from annette.cluster import Tls
    from annette.errors import OptionError

    scheduler, *files = (how.pop(name) for name in ("scheduler", "tls_ca_file", "tls_cert", "tls_key"))
    if any(files) and scheduler is None:
        raise OptionError("certificates are those of a cluster, whose address (--scheduler) is missing")
    return {"scheduler": scheduler, "tls": Tls(*files) if any(files) else None} if scheduler is not None else {}


def observed(
    network: str, observe: bool, *, batch: int | None, inputs: dict[str, Given], lenient: bool
) -> dict[str, Given]:
    """What was given of a network's inputs, and with ``--observe`` the sizes that its data decide in a run."""
    if not observe:
        return inputs
    from annette import observe_sizes

    return observe_sizes(network, batch=batch, inputs=inputs, lenient=lenient)


def split_words(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Arguments and options among words that click does not know.

    Returns:
        Arguments; values of ``--name value`` and ``--name=value`` by name, ``true`` for a ``--name`` without one.
    """
    arguments: list[str] = []
    options: dict[str, str] = {}
    waiting = deque(words)
    while waiting:
        word = waiting.popleft()
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name:
            arguments.append(word)
            continue
        if not equals:
            value = waiting.popleft() if waiting and not waiting[0].startswith("--") else "true"
        options[name.replace("-", "_")] = value
    return arguments, options


def parse_numbers(value: str) -> tuple[int, ...]:
    """Integers separated by commas; none where it is something else."""
    try:
        return tuple(int(number) for number in value.split(","))
    except ValueError:
        return ()
