"""Micro-kernels: what is to be measured of them, measuring it, and how calm a machine is for that."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annette.bench import check, session
from annette.bench.boards import place_of
from annette.bench.generate import generate_plan
from annette.bench.generate.own_networks import known_mapping, with_own_networks
from annette.bench.generate.totals import generate_totals_plan
from annette.bench.named_backends import backend_class, check_options
from annette.bench.totals import TOTALS
from annette.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from annette.bench.campaign import Outcome, Progress
    from annette.bench.check import MachineCheck
    from annette.bench.plan import Plan
    from annette.bench.totals import Switch
    from annette.cluster import Tls
    from annette.network import Network

__all__ = ["benchmark", "check_machine", "plan_benchmark"]


def plan_benchmark(
    backend: str,
    *,
    preset: str = "quick",
    budget_s: float | None = None,
    seed: int = 0,
    batch: Sequence[int] | None = None,
    options: Mapping[str, Any] | None = None,
    networks: Mapping[str, Network] | None = None,
    share: float = 0.3,
) -> Plan:
    """Makes a plan of what to measure on a backend; nothing is measured.

    Args:
        backend: Name of the backend (``annette backends``).
        preset: ``quick``, ``full``, or ``totals``, for devices that tell only the total of each run.
        budget_s: Device time that the plan is cut to, in seconds; None leaves it whole.
        seed: Equal seeds give equal plans.
        batch: Batch sizes to sweep; None takes one sample in most cases and, on processors, 2 to 64 in a quarter.
        options: The backend's options.
        networks: Networks of yours, by names for them: a part of the plan is about their kernels, alone, in company and
            at sizes around theirs; about none of them as a whole.
        share: Share of the time that is for them: of ``budget_s``, where there is none on top of the preset's.

    Raises:
        OptionError: There is no such backend or preset, an option is not one that it takes, a batch size is less than
            1, the share is not between 0 and 1, nothing can be cut out of the networks, or the device tells totals
            only.

    Example:
        >>> import annette
        >>> annette.plan_benchmark("vela", budget_s=60.0).expected_s <= 60.0
        True
    """
    check_options(backend, options or {})
    target = backend_class(backend).planned_for(options or {})
    if preset == TOTALS:
        if networks:
            raise OptionError(
                "a device that tells totals only says nothing of single kernels: a benchmark for networks takes another"
                " preset, full or quick"
            )
        plan = generate_totals_plan(target, seed=seed, batch=batch or (1,))
        return plan if budget_s is None else plan.within(budget_s)
    settings = session.settings_for(options or {})
    plan = generate_plan(preset, target=target, seed=seed, batch=batch, settings=settings)
    if networks:
        return with_own_networks(
            plan,
            networks,
            mapping=known_mapping(backend, options or {}),
            target=target,
            share=share,
            budget_s=budget_s,
            settings=settings,
        )
    return plan if budget_s is None else plan.within(budget_s)


def benchmark(
    out: Path | str,
    *,
    backend: str,
    plan: Plan | None = None,
    options: Mapping[str, Any] | None = None,
    cpus: tuple[int, ...] | None = None,
    timeout_s: float | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    adapts: bool | None = None,
    budget_s: float | None = None,
    seed: int = 0,
    batch: Sequence[int] = (1,),
    switch: Switch | None = None,
    scheduler: str | None = None,
    boards: Sequence[str] = (),
    tls: Tls | None = None,
    tell: Callable[[str], None] | None = None,
) -> Outcome:
    """Measures a plan on a backend and records it in a dataset.

    Args:
        out: The dataset's file; made, or continued where ``resume`` is set.
        backend: Name of the backend (``annette backends``).
        plan: What to measure (`plan_benchmark`); None takes the plan of the dataset that is continued, else ``quick``.
        options: The backend's options.
        cpus: Processors to measure on; None takes the last ones, one per thread, and none leaves it to the scheduler.
        timeout_s: A case that gives no result for so long has failed; None waits two minutes.
        resume: Whether an existing dataset is continued: what it has already is not measured again.
        progress: Told about every case.
        adapts: Whether a plan for totals takes over where first answers tell of no kernels; None: if no plan is given.
        budget_s: Time that a plan for totals may take, seconds; None takes all of it.
        seed: Of the plan for totals.
        batch: Batch sizes of the plan for totals.
        switch: Told where a plan for totals takes over.
        scheduler: Address of a Dask cluster, over whose boards the plan is split (docs/cluster.md); None measures here.
        boards: Names of the boards to use; none are all that the cluster has.
        tls: Certificates for the cluster; None takes what Dask is configured with.
        tell: Told in one line what happens to boards meanwhile.

    Raises:
        BackendError: The backend cannot be used here, or nothing works on it.
        ClusterError: There is no such cluster, it does not have the boards, or has lost the last one.
        DatasetError: The file exists and ``resume`` is not set, belongs to another environment, or cannot be written.
        OptionError: There is no such backend, it has no such option, or processors are named for a cluster.
    """
    out, chosen, adapts = Path(out), dict(options or {}), plan is None if adapts is None else adapts
    plan = plan or (session.recorded_plan(out) if resume else None) or plan_benchmark(backend, options=chosen)
    totals = partial(plan_benchmark, backend, preset=TOTALS, seed=seed, batch=batch, options=chosen)
    limits = {} if timeout_s is None else {"timeout_s": timeout_s}
    settings = session.settings_for(chosen, () if scheduler else cpus, **limits)
    how: dict[str, Any] = {"backend": backend, "options": chosen, "settings": settings}
    with place_of(scheduler, cpus, names=boards, tls=tls, tell=tell, **how) as place:
        how |= {"place": place, "resume": resume, "progress": progress, "switch": switch, "budget_s": budget_s}
        return session.benchmark(plan, out, otherwise=totals if adapts else None, **how)


def check_machine(
    backend: str | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    cpus: tuple[int, ...] | None = None,
    duration_s: float = 30.0,
) -> MachineCheck:
    """Says how calm this machine is, what disturbs it, and how well a benchmark would know its times.

    Args:
        backend: Name of the backend (``annette backends``), which runs some reference workloads; None takes the
            first that takes times itself and is usable here.
        options: The backend's options.
        cpus: Processors to measure on; None takes the last ones, one per thread, and none leaves it to the scheduler.
        duration_s: For how long, seconds.

    Raises:
        BackendError: The backend cannot be used here, none can, or it runs none of the workloads.
        OptionError: There is no such backend, or it does not take times itself.
    """
    chosen = dict(options or {})
    settings = session.settings_for(chosen, cpus)
    return check.check_machine(
        backend or check.timing_backend(), options=chosen, settings=settings, duration_s=duration_s
    )
