"""``annette bench``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from annette.cli.options import (
    FILE,
    OPEN_ENDED,
    board_options,
    chosen_cluster,
    chosen_options,
    input_option,
    json_option,
    parse_duration,
    parse_numbers,
    parse_share,
    running_options,
    split_words,
)
from annette.cli.output import complain, print_json
from annette.errors import OptionError

if TYPE_CHECKING:
    from pathlib import Path

    from annette.bench.plan import Plan
    from annette.network import Network
    from annette.network.inputs import Given

__all__ = ["command"]


def _parse_batches(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    batches = parse_numbers(value)
    if not batches or min(batches) < 1:
        raise click.BadParameter(f"{value!r} is not a list of batch sizes such as 1,4", ctx, param)
    return batches


@click.command("bench", context_settings=OPEN_ENDED, short_help="Benchmark a backend into a dataset.")
@click.option(
    "--backend",
    metavar="B",
    help="Name of a backend (annette backends).  [required; for --check by default the first that takes times here]",
)
@running_options
@click.option("--out", type=FILE, metavar="DATASET", help="The dataset's file (SQLite).")
@click.option(
    "--preset",
    type=click.Choice(["quick", "full", "totals"]),
    help="How much to measure, or what tells totals apart.  [default: quick]",
)
@click.option("--budget", callback=parse_duration, metavar="TIME", help="Cut the plan to a device time: 60s, 10m.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed, another plan.")
@click.option(
    "--batch",
    callback=_parse_batches,
    help="Batch sizes to sweep: 1,4.  [default: 1; on processors 2 to 64 in a quarter of the cases]",
)
@click.option(
    "--for",
    "networks",
    multiple=True,
    metavar="NETWORK…",
    help="Networks of yours (files, names): a part is about their kernels, alone and in company.",
)
@click.option(
    "--for-share",
    callback=parse_share,
    default="30%",
    show_default=True,
    metavar="SHARE",
    help="Share of the time that is for them: of --budget, else on top of the preset.",
)
@input_option
@click.option("--plan", "plan_file", type=FILE, metavar="FILE", help="Measure this plan instead.")
@click.option("--save-plan", type=FILE, metavar="FILE", help="Write the plan to a file.")
@click.option("--resume", is_flag=True, help="Continue an existing dataset; what it has is not measured again.")
@click.option("--check", is_flag=True, help="Only say how calm this machine is: half a minute of reference workloads.")
@click.option("--dry-run", is_flag=True, help="Only print what would be measured, and how long it would take.")
@click.option("--html", type=FILE, metavar="FILE", help="Also write a page with plots of sweeps.")
@board_options
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    backend: str | None,
    options: dict[str, str],
    out: Path | None,
    preset: str | None,
    budget: float | None,
    seed: int,
    batch: tuple[int, ...] | None,
    networks: tuple[str, ...],
    for_share: float,
    inputs: dict[str, Given],
    plan_file: Path | None,
    save_plan: Path | None,
    resume: bool,
    check: bool,
    dry_run: bool,
    html: Path | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Measures micro-kernels, chains, cold weights and fusion probes on a backend and records them in a dataset.

    Every case is recorded as soon as it is finished: a campaign may be killed at any time and continued with
    --resume, which takes the plan from the dataset unless another is asked for. Further --NAME VALUE go to the
    backend.

    \b
    Examples:
      annette bench --check
      annette bench --backend onnxruntime --out cpu.sqlite
      annette bench --backend onnxruntime --preset full --threads 2 --out cpu.sqlite --resume
      annette bench --backend onnxruntime --preset full --budget 3m --dry-run
      annette bench --backend onnxruntime --preset full --budget 5m --for mine.onnx other.onnx --out cpu.sqlite
      annette bench --backend vela --accelerator ethos-u55-128 --budget 60s --out npu.sqlite --html npu.html
      annette bench --backend command --option command='./bench {model}' --out board.sqlite --json
    """
    from annette.report.bench import plan_document, print_plan

    own, options, extra = _words(networks, options, context.args)
    if check:
        _check(backend, options, extra, how, as_json=as_json)
        return
    backend = _named(backend)
    chosen = chosen_options(backend, options, extra)
    plan = _recorded(out, resume=resume and preset is None and plan_file is None and not networks)
    wanted = {"preset": preset or "quick", "seed": seed, "batch": batch, "options": chosen}
    if networks:
        wanted |= {"networks": _networks(own, batch, inputs), "share": for_share, "budget_s": budget}
    plan = _within(plan or _plan(backend, plan_file, wanted), budget, dry_run=dry_run)
    _write(save_plan, plan.to_text())
    if dry_run:
        document = plan_document(plan)
        print_json(document) if as_json else print_plan(document)
        return
    if out is None:
        raise click.UsageError("--out DATASET is missing: where the measurements go (or --dry-run)")
    how |= {"adapts": plan_file is None, "budget_s": budget, "seed": seed, "batch": batch, "resume": resume}
    _print(_benchmark(plan, out, backend=backend, options=chosen, **how), out, html, as_json=as_json)


def _named(backend: str | None) -> str:
    """The backend that was asked for; only what runs no benchmark does without one."""
    if backend is None:
        raise click.UsageError("--backend B is missing: what runs the networks (annette backends lists them)")
    return backend


def _words(
    networks: tuple[str, ...], options: dict[str, str], extra: list[str]
) -> tuple[tuple[str, ...], dict[str, str], list[str]]:
    """Networks, options and what else was said: where networks are named, what stands behind the first one, too."""
    if not networks:
        return networks, options, extra
    further, pairs = split_words(extra)
    return (*networks, *further), {**options, **pairs}, []


def _recorded(out: Path | None, *, resume: bool) -> Plan | None:
    """The plan that a campaign goes on with; None where it does not go on, or with another."""
    from annette.bench.session import recorded_plan

    return recorded_plan(out) if resume and out is not None else None


def _within(plan: Plan, budget_s: float | None, *, dry_run: bool) -> Plan:
    """What of a plan fits a budget; one for totals learns on the way what it costs."""
    from annette.bench.totals import is_for_totals

    return plan.within(budget_s) if budget_s is not None and (dry_run or not is_for_totals(plan)) else plan


def _check(
    backend: str | None, options: dict[str, str], extra: list[str], how: dict[str, Any], *, as_json: bool
) -> None:
    """Says how calm the machine is."""
    from annette.api import check_machine
    from annette.bench.check import timing_backend
    from annette.report.bench import check_document, print_check

    if how["scheduler"]:
        raise click.UsageError("--check looks at this machine: run it where the boards hang")
    backend = backend or timing_backend()
    chosen = chosen_options(backend, options, extra)
    document = check_document(check_machine(backend, options=chosen, cpus=how["cpus"]))
    print_json(document) if as_json else print_check(document)


def _benchmark(plan: Plan, out: Path, *, backend: str, resume: bool, **how: Any) -> dict[str, Any]:
    """Carries the plan out behind a progress bar; returns what is printed of it."""
    from annette.api import benchmark
    from annette.bench.dataset import Dataset
    from annette.bench.session import settings_for, visits_of
    from annette.cli.progress import progress_bar
    from annette.report.bench import bench_document

    visits = range(visits_of(backend, settings_for({})))
    waiting = [case for _ in visits for case in plan.cases]
    if resume and out.exists():
        with Dataset.open(out) as dataset:
            waiting = [case for visit in visits for case in plan.cases if not dataset.has(case.id, visit)]
    carried_out = plan
    with progress_bar(waiting) as bar:

        def switch(plan: Plan, text: str) -> None:
            nonlocal carried_out
            carried_out = plan
            click.echo(text, err=True)
            bar.expect([case for _ in visits for case in plan.cases])

        how |= chosen_cluster(how)
        listeners: dict[str, Any] = {"progress": bar, "switch": switch, "tell": complain}
        outcome = benchmark(out, backend=backend, plan=plan, resume=resume, **listeners, **how)
    return bench_document(out, backend, carried_out, outcome)


def _plan(backend: str, file: Path | None, wanted: dict[str, Any]) -> Plan:
    """The plan of a file, or the one that is wanted."""
    from annette.api import plan_benchmark
    from annette.bench.plan import Plan
    from annette.files import open_regular

    if file is not None and "networks" in wanted:
        raise click.UsageError("--for makes a plan, and --plan has one: take one of the two")
    if file is None:
        return plan_benchmark(backend, **wanted)
    try:
        with open_regular(file, error=OptionError) as opened:
            text = opened.read().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"plan file {str(file)!r} cannot be read: {error}") from error
    return Plan.from_text(text)


def _networks(names: tuple[str, ...], batch: tuple[int, ...] | None, inputs: dict[str, Given]) -> dict[str, Network]:
    """The networks of ``--for``, at each batch size that is swept, by what they are called."""
    from annette.network.load import load_network

    sizes: tuple[int | None, ...] = batch or (None,)
    several = len(sizes) > 1
    return {
        f"{name}, batch {size}" if several else name: load_network(name, batch=size, inputs=inputs)
        for name in names
        for size in sizes
    }


def _print(document: dict[str, Any], out: Path, html: Path | None, *, as_json: bool) -> None:
    """Prints what a campaign came to, and writes its page where one is wanted."""
    from annette.cli.dataset import write_dataset_page
    from annette.report.bench import print_bench

    if html is not None:
        write_dataset_page(out, html)
    print_json(document) if as_json else print_bench(document)


def _write(path: Path | None, text: str) -> None:
    from annette.atomic import write_whole

    if path is None:
        return
    try:
        write_whole(path, text)
    except OSError as error:
        raise OptionError(f"plan file {str(path)!r} cannot be written: {error.strerror or error}") from error
