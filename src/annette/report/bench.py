"""Documents and tables of benchmarks and measurements."""

from __future__ import annotations

import math
from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from annette.bench.backend_list import list_backends
from annette.bench.dataset import Dataset
from annette.bench.records import Status
from annette.bench.subnormals import slowed_by
from annette.number_text import counted_text, percent_text, seconds_text
from annette.report.page import Page, name_text, texts
from annette.report.schemas import measurements as schemas
from annette.report.schemas.base import part
from annette.report.schemas.platforms import BackendOption, BackendsDocument, ListedBackend

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annette.bench.campaign import Outcome
    from annette.bench.check import MachineCheck
    from annette.bench.plan import Plan
    from annette.bench.records import Run
    from annette.bench.session import MeasuredNetwork

__all__ = [
    "backends_document",
    "bench_document",
    "check_document",
    "imprecise_text",
    "measurement_document",
    "plan_document",
    "print_backends",
    "print_bench",
    "print_check",
    "print_measurement",
    "print_plan",
]

_SHOWN_BY_DEFAULT: Final = 15
_GROUPS_SHOWN: Final = 4


def bench_document(path: Path, backend: str, plan: Plan, outcome: Outcome) -> dict[str, Any]:
    """What a campaign came to; schema ``annette/bench/1``.

    Args:
        path: The dataset.
        backend: Name of the backend.
        plan: What was carried out.
        outcome: How it went.
    """
    with Dataset.open(path) as dataset:
        return part(
            schemas.BenchDocument,
            outcome,
            dataset=str(path),
            backend=backend,
            plan=plan.name,
            plan_digest=plan.digest(),
            rows=dataset.count(),
            statuses={status.value: dataset.count(status) for status in Status},
            digest=dataset.digest(),
        ).plain()


def plan_document(plan: Plan) -> dict[str, Any]:
    """What a plan holds; schema ``annette/bench-plan/1``."""
    return part(
        schemas.BenchPlanDocument,
        plan,
        plan=plan.name,
        plan_digest=plan.digest(),
        cases=len(plan.cases),
        counts=plan.counts(),
    ).plain()


def check_document(check: MachineCheck) -> dict[str, Any]:
    """How calm a machine is; schema ``annette/bench-check/1``."""
    return part(
        schemas.CheckDocument,
        check,
        causes=list(check.causes),
        workloads=[part(schemas.CheckedWorkloadPart, workload) for workload in check.workloads],
    ).plain()


def print_check(document: dict[str, Any], *, page: Page | None = None) -> None:
    """Prints how calm a machine is, what disturbs it, and what to do."""
    page = page or Page()
    advice = {
        "calm": "go on",
        "disturbed": "go on; intervals will be wider, and annette measure --precision tells what can be known",
        "too disturbed": "stop what disturbs, or wait for another hour",
    }
    page.line(bold=f"This machine is {document['verdict']}", plain=f": {advice[document['verdict']]}.")
    page.line(
        plain=f"Times from three visits will be off by {percent_text(document['expected_error'])}; "
        f"calm index {document['index']:.2f}, in {document['rounds']} rounds over {document['duration_s']:.0f} s"
    )
    keys = ("spread", "calm", "error")
    rows = texts(document["workloads"], name=str, calm_s=seconds_text, **dict.fromkeys(keys, percent_text))
    page.table(("workload", "undisturbed", "one in ten longer by", "calm visits", "error of three"), rows, left=(0,))
    page.notes(document["causes"])


def measurement_document(measured: MeasuredNetwork, backend: str, precision: float | None = None) -> dict[str, Any]:
    """One measured network; schema ``annette/measurement/1``.

    Kernel times are medians over the rounds; the kernels are those of the first round that has a profile, in order
    of execution.

    Args:
        measured: A network with at least one usable round.
        backend: Name of the backend.
        precision: Standard error that was asked for, if one was.
    """
    runs = measured.usable
    profiled = [run for run in runs if run.kernels]
    kernels = [
        part(
            schemas.MeasuredKernelPart,
            kernel,
            latency_s=median(
                run.kernels[position].latency_s for run in profiled if len(run.kernels) == len(profiled[0].kernels)
            ),
        )
        for position, kernel in enumerate(profiled[0].kernels if profiled else ())
    ]
    return part(
        schemas.MeasurementDocument,
        measured,
        network=measured.case,
        backend=backend,
        batch=runs[0].network.batch,
        environment=dict(runs[0].environment),
        rounds_s=[run.latency_s for run in runs],
        statuses=[run.status.value for run in measured.rounds],
        precision=precision,
        matched_share=profiled[0].matched_share if profiled else None,
        host_operators=runs[0].details.get("host_operators", ""),
        notes=[*runs[0].network.notes, *_subnormal_notes(runs)],
        kernels=kernels,
    ).plain()


def _subnormal_notes(runs: Sequence[Run]) -> list[str]:
    slowed = slowed_by(runs)
    if slowed is None:
        return []
    return [
        f"subnormal numbers, which these weights and inputs make, cost {slowed:.2g} times as long here: "
        "the time given is that with them taken as zero"
    ]


def backends_document() -> dict[str, Any]:
    """All backends; schema ``annette/backends/1``."""
    return BackendsDocument(
        [
            part(
                ListedBackend,
                entry.availability,
                name=entry.name,
                options=[part(BackendOption, option) for option in entry.options],
                file_formats=list(entry.file_formats),
            )
            for entry in list_backends()
        ]
    ).plain()


def print_bench(document: dict[str, Any], *, page: Page | None = None) -> None:
    """Prints what a campaign came to."""
    page = page or Page()
    page.line(
        bold=document["dataset"],
        plain=f": {document['rows']} rows; {document['measured']} measured now, {document['skipped']} there already, "
        f"{document['failed']} failed, {seconds_text(document['device_s'])} of device time",
    )
    marked = {name: count for name, count in document["statuses"].items() if count and name != "ok"}
    if marked:
        page.line(plain="marked: " + ", ".join(f"{count} {name}" for name, count in marked.items()))
    if document["matched_share"] is not None:
        page.line(plain=f"{percent_text(document['matched_share'])} of the profiled time was matched to layers")
    page.line(plain=f"digest {document['digest']}")


def print_plan(document: dict[str, Any], *, page: Page | None = None) -> None:
    """Prints what a plan holds: of each purpose, how many cases, in how many groups, and the largest of these."""
    page = page or Page()
    purposes: dict[str, Counter[str]] = {}
    for name, count in document["counts"].items():
        purpose, _, group = name.partition("/")
        purposes.setdefault(purpose, Counter())[group] += count
    rows = [
        (
            purpose,
            str(groups.total()),
            str(len(groups)),
            ", ".join(name for name, _ in groups.most_common(_GROUPS_SHOWN)),
        )
        for purpose, groups in purposes.items()
    ]
    page.table(("purpose", "cases", "groups", "the largest groups"), rows, left=(0, 3))
    page.line(
        plain=f"{document['plan']}: {document['cases']} cases, about {seconds_text(document['expected_s'])} of device "
        "time (--json counts every group)"
    )


def print_measurement(document: dict[str, Any], *, everything: bool = False, page: Page | None = None) -> None:
    """Prints one measured network, its heaviest kernels first (or all, in order of execution)."""
    page = page or Page()
    rest = f", {counted_text(len(document['rounds_s']), 'round')}"
    if document["remeasurement_spread"] is not None:
        rest += f" that differ by {percent_text(document['remeasurement_spread'])} on average"
        rest += f", known to {percent_text(document['standard_error'])}"
    if document["matched_share"] is not None:
        rest += f"; {percent_text(document['matched_share'])} of the profiled time is matched to layers"
    page.line(bold=f"{document['network']} on {document['backend']}: {seconds_text(document['latency_s'])}", plain=rest)
    marked = sorted(set(document["statuses"]) - {"ok"})
    if marked:
        page.notes([f"some rounds are marked {', '.join(marked)}"])
    wanted, known = document["precision"], document["standard_error"]
    if wanted is not None and known is not None and known > wanted:
        page.notes([imprecise_text(len(document["rounds_s"]), known, wanted)])
    if document["host_operators"]:
        page.notes([f"not counted, as the device leaves it to its host: {document['host_operators']}"])
    page.notes(document["notes"])
    kernels = document["kernels"]
    total_s = math.fsum(kernel["latency_s"] for kernel in kernels) or 1.0
    shown = kernels if everything else sorted(kernels, key=lambda k: -k["latency_s"])[:_SHOWN_BY_DEFAULT]
    rows = [
        (
            name_text(kernel["name"]),
            kernel["operator"],
            seconds_text(kernel["latency_s"]),
            percent_text(kernel["latency_s"] / total_s),
            ", ".join(map(name_text, kernel["layers"]))
            or ("(added by the runtime)" if kernel["added"] else "(not matched)"),
        )
        for kernel in shown
    ]
    if rows:
        page.table(("kernel", "operator", "latency", "share", "layers"), rows, left=(0, 1, 4))
    if len(shown) < len(kernels):
        page.line(plain=f"… and {len(kernels) - len(shown)} lighter kernels (--all shows them)")


def imprecise_text(rounds: int, known: float, wanted: float) -> str:
    """What to say of a network that is not known as well as was asked for."""
    return (
        f"after {counted_text(rounds, 'round')} it is known to {percent_text(known)}, not to {percent_text(wanted)}: "
        "the machine does not allow more now (annette bench --check says what disturbs)"
    )


def print_backends(document: dict[str, Any], *, page: Page | None = None) -> None:
    """Prints which backends are usable, and their options."""
    page = page or Page()
    rows = [
        (
            entry["name"],
            "usable" if entry["usable"] else "not usable",
            entry["reason"] + (f"; {entry['install']}" if entry["install"] else ""),
            ", ".join(f"{option['name']}={option['default']}" for option in entry["options"]),
        )
        for entry in document["backends"]
    ]
    page.table(("backend", "here", "why", "options"), rows, left=(0, 1, 2, 3))
