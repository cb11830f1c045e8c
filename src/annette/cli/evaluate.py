"""``annette evaluate``."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from annette.cli.options import (
    FALLBACKS,
    FILE,
    MODELS,
    OPEN_ENDED,
    USAGE_ERROR,
    chosen_options,
    csv_option,
    json_option,
    parse_share,
    running_options,
)
from annette.cli.output import complain, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annette.bench.session import MeasuredNetwork
    from annette.errors import AnnetteError
    from annette.evaluation.truth import Truth
    from annette.platforms import Platform

__all__ = ["command"]

_HELD_OUT = ("held-out", "classic")


@click.command("evaluate", context_settings=OPEN_ENDED, short_help="Estimates against measurements.")
@click.option("--platform", "platform_name", required=True, metavar="P", help="A platform, or its file.")
@click.option(
    "--suite", required=True, metavar="SUITE", help="classic, development, held-out, nasbench, nasbench101, "
    "nasbench201; paper-zcu102, paper-ncs2, paper-nasbench with published latencies; a FILE (.csv, .json) that lists "
    "networks, with or without latencies, or a DATASET that has some.",
)  # fmt: skip
@click.option(
    "--model", type=MODELS,
    help="Family to evaluate; by default what the platform prefers for each kind. All are shown beside it.",
)  # fmt: skip
@click.option(
    "--fallback", type=FALLBACKS, default="error", show_default=True,
    help="For kinds without a model: leave the network out and say so, or price it roughly.",
)  # fmt: skip
@click.option("--truth", type=FILE, metavar="DATASET", help="Latencies measured before.")
@click.option("--measure", is_flag=True, help="Measure now; with --truth, record it there and go on with it later.")
@click.option(
    "--backend", metavar="B", help="Backend to measure on.  [default: that of the platform's runtime, with its options]"
)
@click.option(
    "--rounds", type=click.IntRange(min=1),
    help="Rounds of --measure for each network, counting what --truth has; by default as annette measure.",
)  # fmt: skip
@click.option(
    "--precision", callback=parse_share, metavar="SHARE",
    help="Further rounds of --measure until a network is known to 2%, say: its standard error; up to 12.",
)  # fmt: skip
@running_options
@click.option("--uncalibrated", is_flag=True, help="Leave measured times at the speed that the machine had then.")
@click.option("--brief", is_flag=True, help="Print networks and models only.")
@click.option("--html", type=FILE, metavar="FILE", help="Also write a page with plots.")
@csv_option("network")
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    platform_name: str,
    suite: str,
    model: str | None,
    fallback: str,
    truth: Path | None,
    measure: bool,
    backend: str | None,
    rounds: int | None,
    precision: float | None,
    options: dict[str, str],
    uncalibrated: bool,
    brief: bool,
    html: Path | None,
    **how: Any,
) -> None:
    """Compares a platform's estimates with measured latencies, per network and per kind of kernel.

    Latencies come from a dataset of annette measure (--truth), from measuring now (--measure), or from the FILE.
    They are brought to the speed of the platform's campaign by the reference workload around each. With --measure,
    threads and precision are the platform's unless given, and further --NAME VALUE go to the backend.

    A FILE has the columns network (a file beside it, or a network built in) and, if known, batch, input (ids=1x128
    rate=16000) and latency_s, latency_ms, latency_us, latency_ns or latency (with its unit: 12.5 ms). Where one of
    several networks cannot be read, the others are evaluated: a note and a line say why, and the exit code is 2.

    Shown beside: all families; the plain roofline, one peak rate P and one bandwidth B for the whole device,
    max(ops / P, bytes / B) for each kernel and nothing else (the family roofline has P, B and an offset for each
    kind); and the operation count at its best scale. Suites paper-… show the ANNETTE paper's figures, too.

    \b
    Examples:
      annette evaluate --platform my-cpu.json --suite development --truth truth.sqlite --html report.html
      annette evaluate --platform my-cpu.json --suite mine.csv --measure --truth mine.sqlite
      annette evaluate --platform zcu102-dnndk --suite paper-zcu102
    """
    from annette.api import evaluate, load_platform
    from annette.evaluation.suites import is_dataset, listed_networks, remarks_on
    from annette.report.evaluation import evaluation_document, evaluation_page, print_evaluation
    from annette.report.html import write_page

    shown = {name: how.pop(name) for name in ("csv", "as_json")}
    if not measure:
        _refuse_unused(context.args, backend, options, how["cpus"], precision)
    platform = load_platform(platform_name)
    unread: dict[str, AnnetteError] = {}
    listed = listed_networks(suite, unread)
    truth = Path(suite) if truth is None and not measure and is_dataset(Path(suite)) else truth
    if measure:
        how |= _chosen(platform, backend, options, context.args, rounds) | {"precision": precision}
    listed, notes = _with_latencies(platform, listed, truth, how if measure else None, calibrated=not uncalibrated)
    notes += remarks_on(unread)
    document = evaluation_document(evaluate(platform, listed, model=model, fallback=fallback, name=suite, notes=notes))
    if html is not None:
        write_page(html, evaluation_page(document))
    show(document, **shown, text=partial(print_evaluation, brief=brief))
    _remind(suite, document)
    _complain_of(unread, context)


def _refuse_unused(
    extra: list[str],
    backend: str | None,
    options: dict[str, str],
    cpus: tuple[int, ...] | None,
    precision: float | None,
) -> None:
    """Options that only measuring takes are a mistake without it."""
    if extra:
        raise click.UsageError(f"unexpected argument {extra[0]!r} (options of a backend go with --measure)")
    for name, value in (("--backend", backend), ("--option", options), ("--cpus", cpus), ("--precision", precision)):
        if value:
            raise click.UsageError(f"{name} says how to measure: it goes with --measure")


def _with_latencies(
    platform: Platform, listed: tuple[Truth, ...], truth: Path | None, how: dict[str, Any] | None, *, calibrated: bool
) -> tuple[tuple[Truth, ...], tuple[str, ...]]:
    """The networks with latencies measured now, where ``how`` says how, or else from a dataset, and remarks on them."""
    from annette.evaluation.suites import recorded_truths

    if how is not None:
        return _measured(platform, listed, truth, how, calibrated=calibrated)
    return (listed, ()) if truth is None else recorded_truths(platform, listed, truth, calibrated=calibrated)


def _measured(
    platform: Platform, listed: tuple[Truth, ...], truth: Path | None, how: dict[str, Any], *, calibrated: bool
) -> tuple[tuple[Truth, ...], tuple[str, ...]]:
    """Measures, and returns latencies with remarks on them; what a file says of latencies does not count."""
    from annette.evaluation.suites import recorded_truths

    listed = tuple(replace(entry, rounds_s=()) for entry in listed)
    with tempfile.TemporaryDirectory(prefix="annette-evaluate-") as folder:
        path = truth if truth is not None else Path(folder) / "truth.sqlite"
        try:
            measured = _run(platform, listed, path, how)
        except KeyboardInterrupt:
            again = "the same command goes on from here" if truth else "--truth DATASET keeps what was measured"
            click.echo(f"interrupted: {again}", err=True)
            raise
        truths, notes = recorded_truths(platform, listed, path, calibrated=calibrated)
    failed = (network for network in measured if network.rounds and not network.usable)
    notes += tuple(f"{one.case} could not be measured: {one.rounds[-1].reason}" for one in failed)
    return truths, (*notes, *_imprecise(truths, how["precision"]))


def _imprecise(truths: tuple[Truth, ...], precision: float | None) -> Iterator[str]:
    """Says which networks are not known as well as was asked for."""
    from annette.report.bench import imprecise_text

    for truth in truths:
        known = truth.standard_error
        if precision is not None and known is not None and known > precision:
            yield f"{truth.name}: {imprecise_text(len(truth.rounds_s), known, precision)}"


def _run(platform: Platform, listed: tuple[Truth, ...], path: Path, how: dict[str, Any]) -> list[MeasuredNetwork]:
    """Measures what the dataset lacks."""
    from annette.api import measure
    from annette.bench.dataset import Dataset
    from annette.bench.places import ThisMachine
    from annette.bench.session import network_case, rounds_left, settings_for
    from annette.cli.progress import progress_bar
    from annette.evaluation.suites import compare_environments

    backend, options, rounds = how["backend"], how["options"], how["rounds"]
    compare_environments(platform, ThisMachine(backend, options, settings_for(options, how["cpus"])).probe())
    cases = [network_case(entry.name, entry.network, backend=backend, path=entry.path) for entry in listed]
    left = [tuple(cases)] * rounds
    if path.exists():
        with Dataset.open(path) as dataset:
            left = rounds_left(cases, dataset, rounds)
    waiting = [case for todo in left for case in todo]
    with progress_bar(waiting) as listen:
        return measure(cases, out=path, resume=True, progress=listen, **how)


def _runtime_of(platform: Platform) -> str:
    """The backend that runs what the platform was fitted on: of that name, or the only one of the device's family."""
    from annette.bench.named_backends import backend_names
    from annette.devices.registry import recognise

    stated = dict(platform.provenance.versions)
    runtime = stated.get("runtime", "")
    if runtime in backend_names():
        return runtime
    family = recognise(stated)
    if family is not None and len(family.backends) == 1:
        return next(iter(family.backends))
    raise click.UsageError(
        f"no backend here measures platform {platform.name!r} ({platform.runtime}): a program of yours that runs "
        "networks on the device can (--backend command --option command='./measure {model}'); "
        "annette backends lists the others"
    )


def _chosen(
    platform: Platform, backend: str | None, options: dict[str, str], extra: list[str], rounds: int | None
) -> dict[str, Any]:
    """Backend, its options and rounds; what was not asked for is as the platform's campaign had it."""
    from annette.bench.named_backends import option_names
    from annette.bench.session import default_rounds
    from annette.evaluation.suites import measuring_options

    backend = backend or _runtime_of(platform)
    texts = measuring_options(platform, option_names(backend), options)
    options = chosen_options(backend, texts, extra)
    return {"backend": backend, "options": options, "rounds": rounds or default_rounds(backend)}


def _remind(suite: str, document: dict[str, Any]) -> None:
    if suite in _HELD_OUT and document["models"]:
        best = document["models"][0]
        click.echo(
            f"This scored the held-out list: add a line to docs/held-out-log.md (MAPE {100 * best['mape']:.2f} %, "
            f"worst {100 * best['worst']:.1f} %), with the commit and this command.",
            err=True,
        )


def _complain_of(unread: dict[str, AnnetteError], context: click.Context) -> None:
    """A line for each network that cannot be read, and the exit code that says so."""
    for name, error in unread.items():
        complain(str(error) if name in str(error) else f"{name!r}: {error}")
    if unread:
        context.exit(USAGE_ERROR)
