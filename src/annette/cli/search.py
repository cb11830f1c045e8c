"""``annette search``."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from annette.cli.options import (
    FILE,
    chosen_cluster,
    cluster_options,
    csv_option,
    json_option,
    model_options,
    parse_duration,
)
from annette.cli.output import show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["command"]

_SHOWN: Final = 40
_KEPT: Final = 100
"""Candidates of a front in a table, and in a document or a page, without ``--all``."""


@click.command("search", short_help="Networks of a search space that are fast and score high.")
@click.option(
    "--space", required=True, metavar="S", help="nasbench101, nasbench201, once-for-all, a .json file, or module:name."
)
@click.option("--platform", "platforms", required=True, multiple=True, metavar="P", help="A platform; repeat it.")
@click.option(
    "--objective",
    default="operations",
    show_default=True,
    metavar="O",
    help="What counts beside latency: operations or weights (proxies), a .csv or .npz of scores, or module:function.",
)
@click.option(
    "--strategy",
    type=click.Choice(["random", "evolutionary"]),
    default="random",
    show_default=True,
    help="How candidates are chosen.",
)
@click.option("--exhaustive", is_flag=True, help="Look at all candidates of the space.")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Candidates to look at.  [default: 10000]")
@click.option(
    "--max-latency",
    "max_latency_s",
    callback=parse_duration,
    metavar="TIME",
    help="Slower candidates are left out: 5ms, 300us.",
)
@click.option(
    "--jointly",
    type=click.Choice(["slowest", "each"]),
    default="slowest",
    show_default=True,
    help="On several platforms: the front of the slowest, or one for each.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed finds the same.")
@click.option(
    "--batch", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Samples processed together."
)
@click.option(
    "--lookup-table",
    "table",
    type=FILE,
    help="Only write what each option costs, as .json, .csv or .npz, for the first platform.",
)
@click.option("--html", "page", type=FILE, help="Write the front as a page with a plot.")
@click.option(
    "--all", "everything", is_flag=True, help=f"The whole front, not {_SHOWN} of it, and {_KEPT} in JSON, HTML and CSV."
)
@model_options
@cluster_options
@csv_option("candidate of the front")
@json_option
def command(
    space: str,
    platforms: tuple[str, ...],
    strategy: str,
    exhaustive: bool,
    count: int | None,
    table: Path | None,
    page: Path | None,
    everything: bool,
    csv: Path | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Searches a space of networks for those that nothing beats: none is as fast and scores as high.

    The space is compiled first, so that candidates are look-ups; where a compiler decides from the whole network, each
    is estimated by itself, and the output says so. With --scheduler, workers of a cluster look at them.

    \b
    Examples:
      annette search --space nasbench201 --platform epyc-onnxruntime --max-latency 3ms
      annette search --space once-for-all --platform epyc-onnxruntime --strategy evolutionary --count 100000
      annette search --space space.json --platform ncs2-openvino --exhaustive --objective scores.csv --json
    """
    from annette.report.search import print_search, search_document, write_search_html
    from annette.spaces.load import load_space
    from annette.spaces.search import search

    how |= chosen_cluster(how)
    loaded = load_space(space, batch=how["batch"])
    if table is not None:
        _write_table(loaded, platforms[0], table, how)
        return
    most = None if everything else _KEPT if as_json or page is not None or csv is not None else _SHOWN
    total = loaded.size if exhaustive else count or 10_000
    with _bar(total) as progress:
        how |= {"strategy": "exhaustive" if exhaustive else strategy, "count": count, "most": most}
        result = search(space, platforms, progress=progress, **how)
    document = search_document(result)
    if page is not None:
        write_search_html(document, page)
    show(document, as_json=as_json, csv=csv, text=print_search)


def _write_table(space: Any, platform: str, path: Path, how: dict[str, Any]) -> None:
    from annette.platforms import load_platform
    from annette.spaces.compiled import compile_space
    from annette.spaces.lookup_tables import lookup_table

    prices = compile_space(space, load_platform(platform), model=how["model"], fallback=how["fallback"])
    table = lookup_table(prices)
    table.write(path)
    click.echo(f"{path}: the table is off by {table.error:.2%} (root mean square), at most {table.worst:.2%}")


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """How far a search is, and its rate; only to a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    rate = TextColumn("{task.fields[rate]}", markup=False)
    columns = (TextColumn("searching"), BarColumn(), TaskProgressColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("searching", total=total, rate="compiling")

        def tell(count: int) -> None:
            progress.advance(task, count)
            speed = progress.tasks[0].speed
            progress.update(task, rate="" if speed is None else f"{speed:,.0f}/s")

        yield tell
