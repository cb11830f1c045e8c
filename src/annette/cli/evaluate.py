"""``annette evaluate``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from annette.cli.backend_options import OPEN_ENDED, chosen_options
from annette.cli.options import json_option, print_json

if TYPE_CHECKING:
    from annette.evaluate.truth import Truth
    from annette.platforms import Platform

__all__ = ["command"]

_HELD_OUT = ("held-out", "classic")


@click.command("evaluate", context_settings=OPEN_ENDED, short_help="Estimates against measurements.")
@click.option("--platform", "platform_name", required=True, metavar="P", help="A platform, or its file.")
@click.option(
    "--suite", required=True, metavar="SUITE", help="classic, development, held-out, nasbench, nasbench101, "
    "nasbench201, or a FILE (.csv, .json) with columns network, latency_s, batch.",
)  # fmt: skip
@click.option(
    "--model",
    type=click.Choice(["mixed", "statistical", "refined-roofline", "roofline"]),
    help="Family to evaluate; by default what the platform prefers for each kind. All are shown beside it.",
)
@click.option(
    "--fallback", type=click.Choice(["error", "roofline"]), default="error", show_default=True,
    help="For kinds without a model: leave the network out and say so, or price it roughly.",
)  # fmt: skip
@click.option("--truth", type=click.Path(path_type=Path), metavar="DATASET", help="Latencies measured before.")
@click.option("--measure", is_flag=True, help="Measure now; with --truth, also record it there.")
@click.option("--backend", metavar="B", help="Backend to measure on.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Rounds of --measure.")
@click.option("--uncalibrated", is_flag=True, help="Leave measured times at the speed that the machine had then.")
@click.option("--brief", is_flag=True, help="Print networks and models only.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Also write a page with plots.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    platform_name: str,
    suite: str,
    model: str | None,
    fallback: str,
    truth: Path | None,
    measure: bool,
    backend: str | None,
    rounds: int,
    uncalibrated: bool,
    brief: bool,
    html: Path | None,
    as_json: bool,
) -> None:
    """Compares a platform's estimates with measured latencies, per network and per kind of kernel.

    Latencies come from a dataset of annette measure (--truth), from measuring now (--measure), or from the FILE.
    Measured times are brought to the speed of the platform's campaign by the calibration workload that runs in
    between. With --measure, further --NAME VALUE go to the backend.

    Shown beside: all families; the plain roofline, one peak rate P and one bandwidth B for the whole device,
    max(ops / P, bytes / B) for each kernel and nothing else (the family roofline has P, B and an offset for each
    kind); and the operation count at its best scale.

    \b
    Examples:
      annette evaluate --platform my-cpu.json --suite development --truth truth.sqlite --html report.html
      annette evaluate --platform my-cpu.json --suite nasbench101 --measure --backend onnxruntime --truth nas.sqlite
      annette evaluate --platform ncs2-openvino --suite published.csv --json
    """
    from annette.api import evaluate, load_platform
    from annette.report.evaluation import evaluation_document, print_evaluation

    platform = load_platform(platform_name)
    if context.args and not measure:
        raise click.UsageError(f"unexpected argument {context.args[0]!r}")
    evaluation = evaluate(
        platform,
        _measured(platform, suite, truth, backend, context.args, rounds, uncalibrated) if measure else suite,
        truth=None if measure else truth,
        calibrated=not uncalibrated,
        model=model,
        fallback=fallback,
        name=suite,
    )
    document = evaluation_document(evaluation)
    if html is not None:
        from annette.report.evaluation_page import evaluation_page
        from annette.report.html import write_page

        write_page(html, evaluation_page(document))
    print_json(document) if as_json else print_evaluation(document, brief=brief)
    if suite in _HELD_OUT:
        _remind(document)


def _measured(
    platform: Platform,
    suite: str,
    truth: Path | None,
    backend: str | None,
    extra: list[str],
    rounds: int,
    uncalibrated: bool,
) -> tuple[Truth, ...]:
    from annette.api import measure
    from annette.bench.dataset import Dataset
    from annette.bench.session import network_case
    from annette.cli.progress import progress_bar
    from annette.evaluate.truth import reference_s, truths_of

    if backend is None:
        raise click.UsageError("--measure needs --backend: what to measure on (annette backends)")
    options = chosen_options(backend, {}, extra)
    cases = [network_case(name, network, backend=backend, path=path) for name, network, path in _networks(suite)]
    with tempfile.TemporaryDirectory(prefix="annette-evaluate-") as folder:
        path = truth if truth is not None else Path(folder) / "truth.sqlite"
        with progress_bar(rounds * sum(case.expected_s for case in cases), rounds * len(cases)) as listen:
            measure(cases, backend=backend, options=options, rounds=rounds, out=path, progress=listen)
        with Dataset.open(path) as dataset:
            return truths_of(
                dataset, [case.id for case in cases], reference_s=None if uncalibrated else reference_s(platform)
            )


def _networks(suite: str) -> list[tuple[str, Any, Path | None]]:
    from annette.evaluate.suites import suite as suite_networks
    from annette.evaluate.truth import is_table, load_truths
    from annette.network.load import load_network

    if not is_table(suite):
        return [(name, load_network(name), None) for name in suite_networks(suite)]
    folder = Path(suite).parent
    return [
        (truth.name, truth.network, folder / truth.name if (folder / truth.name).is_file() else None)
        for truth in load_truths(Path(suite))
    ]


def _remind(document: dict[str, Any]) -> None:
    if document["models"]:
        best = document["models"][0]
        click.echo(
            f"This scored the held-out list: add a line to docs/held-out-log.md (MAPE {100 * best['mape']:.2f} %, "
            f"worst {100 * best['worst']:.1f} %), with the commit and this command.",
            err=True,
        )
