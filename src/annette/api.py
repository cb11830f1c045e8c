"""What ``import annette`` offers, and what the commands call.

``annette`` itself imports this module when one of the functions that measure, fit or evaluate is first used:
estimating stays quick. No vendor runtime is loaded here, and no learner before a fit.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annette.bench import check, session
from annette.bench.backend import backend_class, require_usable
from annette.bench.boards import place_of
from annette.bench.dataset import Dataset
from annette.bench.generate import generate_plan
from annette.bench.generate.own_networks import known_mapping, with_own_networks
from annette.bench.generate.totals import generate_totals_plan
from annette.bench.totals import TOTALS
from annette.errors import OptionError
from annette.estimation.estimator import estimate
from annette.evaluation import evaluation
from annette.evaluation.suites import is_dataset, listed_networks, recorded_truths, remarks_on
from annette.fitting import fit_extra
from annette.fitting.request import FitRequest
from annette.network.load import load_network
from annette.platforms import Platform, list_platforms, load_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from annette.bench.campaign import Outcome, Progress
    from annette.bench.check import MachineCheck
    from annette.bench.plan import Case, Plan
    from annette.bench.session import MeasuredNetwork
    from annette.bench.totals import Switch
    from annette.cluster import Tls
    from annette.errors import AnnetteError
    from annette.evaluation.evaluation import Evaluation
    from annette.evaluation.truth import Truth
    from annette.fitting.request import FitReport
    from annette.network import Network
    from annette.network.inputs import Given

__all__ = [
    "benchmark",
    "check_machine",
    "estimate",
    "evaluate",
    "fit",
    "list_platforms",
    "load_network",
    "load_platform",
    "measure",
    "observe_sizes",
    "open_datasets",
    "plan_benchmark",
]

_OBSERVER, _OBSERVED = "onnxruntime", ".onnx"  # the backend that looks up sizes, and the suffix of its files
_NETWORK_S = 0.5  # time for the recorded runs of a whole network in one round
_NETWORK_TIMEOUT_S = 600.0  # a whole network that gives no result for so long has failed


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
        OptionError: There is no such backend or preset, a batch size is less than 1, the share is not between 0 and 1,
            nothing can be cut out of the networks, or the device tells totals only.

    Example:
        >>> import annette
        >>> annette.plan_benchmark("vela", budget_s=60.0).expected_s <= 60.0
        True
    """
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
    how: dict[str, Any] = {"settings": session.settings_for(chosen, cpus), "duration_s": duration_s}
    return check.check_machine(backend or check.timing_backend(), options=chosen, **how)


def measure(
    networks: Sequence[Network | Case | str | Path],
    *,
    backend: str,
    options: Mapping[str, Any] | None = None,
    rounds: int | None = None,
    precision: float | None = None,
    out: Path | str | None = None,
    batch: int | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
    cpus: tuple[int, ...] | None = None,
    timeout_s: float | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    scheduler: str | None = None,
    boards: Sequence[str] = (),
    tls: Tls | None = None,
    tell: Callable[[str], None] | None = None,
) -> list[MeasuredNetwork]:
    """Measures whole networks: latency, how well it repeats, and a profile per kernel; rounds take turns.

    Args:
        networks: Loaded networks, files (measured as they are where the backend takes them), or names of the zoo.
        backend: Name of the backend (``annette backends``).
        options: The backend's options.
        rounds: How many rounds; None makes 3, which a truth value takes, and 1 of what is only estimated.
        precision: Standard error (0.02) down to which a network has further rounds, up to twelve; None makes none.
        out: Dataset to record in, made or added to; None keeps nothing but what is returned.
        batch: Samples processed together; only for networks that are not loaded yet.
        inputs: Shapes and values of inputs (`annette.load_network`); only for networks that are not loaded yet.
        lenient: Whether invalid ONNX files are read nevertheless; only for networks that are not loaded yet.
        cpus: Processors to measure on; None takes the last ones, one per thread, and none leaves it to the scheduler.
        timeout_s: A round of a network that gives no result for so long has failed; None waits ten minutes.
        resume: Whether rounds that the dataset has already count; otherwise ``rounds`` further ones are measured.
        progress: Told about every run.
        scheduler: Address of a Dask cluster, whose boards share the networks, files by path; None measures here.
        boards: As `benchmark` takes them.
        tls: Certificates for it.
        tell: As in `benchmark`.

    Returns:
        The networks in the order given; ``latency_s`` is what the rounds' medians tell of an undisturbed moment.

    Raises:
        NetworkError: A network cannot be read.
        BackendError: The backend cannot be used here.
        ClusterError: The cluster has no such boards, or none any more.
        DatasetError: The dataset belongs to another environment or cannot be written.
        OptionError: An argument is out of its range, or a network is named twice.
    """
    chosen = dict(options or {})
    cases = [session.case_of(network, backend, batch=batch, inputs=inputs, lenient=lenient) for network in networks]
    how: dict[str, Any] = {"target_s": _NETWORK_S, "timeout_s": timeout_s or _NETWORK_TIMEOUT_S}
    settings = session.settings_for(chosen, () if scheduler else cpus, **how)
    how = {"backend": backend, "options": chosen, "settings": settings}
    rounds = session.default_rounds(backend) if rounds is None else rounds
    with place_of(scheduler, cpus, names=boards, tls=tls, tell=tell, **how) as place, session.recording(out) as dataset:
        how |= {"rounds": rounds, "precision": precision, "resume": resume, "progress": progress, "place": place}
        return session.measure_networks(cases, dataset, **how)


def observe_sizes(
    network: str | Path,
    *,
    batch: int | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
) -> dict[str, Given]:
    """Looks up the sizes that the data of an ONNX file decide, in a run of the part that decides them.

    The run is one of ONNX Runtime on this machine, fed as `measure` feeds it, in a process of its own that may take two
    minutes and some memory. It runs what the file says: ask for it where you trust the file.

    Args:
        network: The file; of other formats and of networks of the zoo, data decide no sizes that could be looked up.
        batch: As for `load_network`.
        inputs: As for ``load_network``.
        lenient: As for ``load_network``.

    Returns:
        ``inputs`` for `load_network` or `estimate`, with a size for every tensor whose size data decide.

    Raises:
        BackendError: ONNX Runtime is not installed, or cannot run the file.
        NetworkError: The file cannot be read, whatever a run says.
        OptionError: ``inputs`` does not fit the file.
    """
    path = Path(network)
    if path.suffix.lower() != _OBSERVED or not path.exists():
        return dict(inputs or {})
    return require_usable(_OBSERVER).observed_inputs(path, batch=batch, inputs=inputs, lenient=lenient)


@contextmanager
def open_datasets(paths: Sequence[Path | str]) -> Iterator[list[Dataset]]:
    """Opens the datasets of benchmarks for reading, and closes them together.

    Raises:
        DatasetError: One cannot be read.
    """
    with ExitStack() as stack:
        yield [stack.enter_context(Dataset.open(Path(path))) for path in paths]


def fit(
    datasets: Sequence[Path | str],
    *,
    name: str,
    description: str = "",
    precision: str | None = None,
    mapping: str = "auto",
    seed: int = 0,
    progress: Callable[[str, int], None] | None = None,
) -> FitReport:
    """Fits a platform to the datasets of benchmarks.

    Args:
        datasets: Files that `benchmark` has filled, all in the same environment.
        name: The platform's name.
        description: One sentence for people.
        precision: Numbers computed with (fp32, fp16, bf16, int8), where the datasets do not say.
        mapping: Which layers run as one kernel: ``auto``, ``learned`` or the name of a preset.
        seed: For everything random; the same datasets and seed give the same platform.
        progress: Told about each kind of kernel and its number of rows before it is fitted.

    Returns:
        The platform and how good each kind's models are; `annette.platforms.dump_platform` writes it to a file.

    Raises:
        DatasetError: A dataset cannot be read.
        FitError: What fitting needs is not installed, or the datasets are empty or differ in environment.
        OptionError: There is no such mapping.
    """
    with fit_extra():
        from annette.fitting.platform import fit_platform
    request = FitRequest(
        name=name, description=description, mapping=mapping, precision=precision, seed=seed, progress=progress
    )
    with open_datasets(datasets) as opened:
        return fit_platform(opened, request)


def evaluate(
    platform: Platform | str | Path,
    suite: str | Path | Sequence[Truth],
    *,
    truth: Path | str | None = None,
    calibrated: bool = True,
    model: str | None = None,
    fallback: str = "error",
    name: str = "",
    notes: Sequence[str] = (),
) -> Evaluation:
    """Compares a platform's estimates with measured latencies.

    Args:
        platform: A loaded platform, a platform file, or the name of a known platform.
        suite: Name of a suite, a table of networks, perhaps with latencies (``.csv``, ``.json``), a dataset of whole
            networks, or the networks themselves.
        truth: Dataset that `measure` has filled, with the latencies of networks that come without.
        calibrated: Whether measured times are brought to the speed that the machine had when it was benchmarked.
        model: Model family; None takes the platform's preference per kind.
        fallback: ``error`` leaves out networks with kinds that the platform has no model for, and says so; ``roofline``
            prices them roughly.
        name: What to call a suite that is given as networks.
        notes: What to know about the measurements; kept with the results.

    Returns:
        Errors per network and per kind of kernel, for every model family.

    Raises:
        OptionError: There is no such suite, it has no networks, or they were measured in a way that does not compare.
        NetworkError: No network of the table can be read; where some can, notes name the others.
        DatasetError: The dataset cannot be read.
        PlatformError: The platform cannot be found or used.
    """
    target = platform if isinstance(platform, Platform) else load_platform(platform)
    if isinstance(suite, (str, Path)):
        if truth is None and is_dataset(Path(suite)):
            truth = suite
        unread: dict[str, AnnetteError] = {}
        suite, name = listed_networks(str(suite), unread), name or str(suite)
        notes = (*notes, *remarks_on(unread))
    if truth is not None:
        suite, remarks = recorded_truths(target, suite, Path(truth), calibrated=calibrated)
        notes = (*notes, *remarks)
    return evaluation.evaluate(target, suite, suite=name, model=model, fallback=fallback, notes=notes)
