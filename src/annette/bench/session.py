"""What the commands `bench` and `measure` do, for callers in Python: dataset, plan and campaign put together."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from annette.bench.campaign import run_campaign
from annette.bench.dataset import Dataset
from annette.bench.host import default_cpus
from annette.bench.measurement import Settings
from annette.bench.named_backends import backend_class, require_usable
from annette.bench.plan import Case, Plan
from annette.bench.records import Purpose, Status
from annette.bench.totals import Measuring, carry_out
from annette.bench.visits import joined_error, undisturbed
from annette.errors import BackendError, NetworkError, OptionError, UndecidedSizeError
from annette.files import exists, is_file
from annette.network import Network
from annette.network.inputs import InputValue, name_with_inputs
from annette.network.load import load_network
from annette.network.sizes import open_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from annette.bench.backend import Backend
    from annette.bench.campaign import Outcome, Progress
    from annette.bench.places import Place
    from annette.bench.records import Run
    from annette.bench.totals import Switch
    from annette.network.inputs import Given

__all__ = [
    "MOST_ROUNDS",
    "MeasuredNetwork",
    "benchmark",
    "case_of",
    "default_rounds",
    "measure_networks",
    "measured_networks",
    "network_case",
    "recorded_plan",
    "recording",
    "rounds_left",
    "settings_for",
    "visits_of",
]

_LEAST_ROUNDS: Final = 3
"""Rounds that tell a standard error: of two, one may be disturbed, and of one nothing is known."""

MOST_ROUNDS: Final = 12
"""Rounds after which a network is not known better: of 53 networks in a busy hour, 94 % were known to 1 % after six
rounds, 96 % after eight, and 99 % to 2 % after six."""


@dataclass(frozen=True, slots=True)
class MeasuredNetwork:
    """A whole network, measured in several rounds.

    Attributes:
        case: Identity under which it is stored.
        rounds: One run a round, failed ones included.
    """

    case: str
    rounds: tuple[Run, ...]

    @property
    def usable(self) -> tuple[Run, ...]:
        """The rounds that gave a time, marked ones included; a marked round is still better than none.

        Where a board was lost and another one went on, those of the board with most of them.
        """
        timed = [run for run in self.rounds if run.status is not Status.FAILED and run.samples_s]
        board = Counter(run.board for run in timed).most_common(1)
        return tuple(run for run in timed if run.board == board[0][0])

    @property
    def latency_s(self) -> float:
        """The truth: what the rounds' medians say of a moment without disturbance; NaN where all failed."""
        return undisturbed([run.latency_s for run in self.usable]) if self.usable else float("nan")

    @property
    def remeasurement_spread(self) -> float:
        """Mean distance of the rounds from their median, relative to it; NaN with fewer than two rounds."""
        if len(self.usable) < 2:
            return float("nan")
        middle_s = median(run.latency_s for run in self.usable)
        return sum(abs(run.latency_s / middle_s - 1) for run in self.usable) / len(self.usable)

    @property
    def standard_error(self) -> float:
        """Relative standard error of ``latency_s``, from the next longer round; NaN with fewer than two rounds."""
        return joined_error([run.latency_s for run in self.usable]) if len(self.usable) > 1 else float("nan")


def benchmark(
    plan: Plan,
    out: Path,
    *,
    backend: str,
    options: Mapping[str, Any],
    settings: Settings,
    resume: bool = False,
    progress: Progress | None = None,
    otherwise: Callable[[], Plan] | None = None,
    budget_s: float | None = None,
    switch: Switch | None = None,
    place: Place | None = None,
) -> Outcome:
    """Carries out a plan and records it in a dataset.

    Args:
        plan: What to measure.
        out: The dataset's file; made, or continued where ``resume`` is set.
        backend: Name of the backend.
        options: Its options.
        settings: How to measure.
        resume: Whether an existing dataset is continued: what it has already is not measured again.
        progress: Told about every case.
        otherwise: Makes a plan for totals, which takes over where the first answers tell nothing of kernels; None
            carries out ``plan`` whatever they tell.
        budget_s: Time that a plan for totals may take, seconds (`annette.bench.totals`).
        switch: Told where such a plan takes over.
        place: Where cases are measured; None is this machine.

    Raises:
        BackendError: The backend cannot be used here, or nothing works on it.
        ClusterError: No board is left to measure on.
        DatasetError: The file exists and ``resume`` is not set, belongs to another environment, or cannot be written.
        OptionError: An option of the backend is unknown.
    """
    if place is None:
        require_usable(backend)
    continued = resume and exists(out)
    with Dataset.open(out, write=True) if continued else Dataset.create(out) as dataset:
        try:
            how = Measuring(dataset, backend, options, settings, visits_of(backend, settings), progress, place)
            if otherwise is not None:
                return carry_out(plan, how, otherwise=otherwise, budget_s=budget_s, switch=switch)
            dataset.add_plan(plan.digest(), plan.to_text())
            return how.run(plan.name, plan.cases)
        finally:
            if not continued and not dataset.count():  # Nothing came of it: the name stays free.
                dataset.close()
                out.unlink()


def measure_networks(
    cases: Sequence[Case],
    dataset: Dataset,
    *,
    backend: str,
    options: Mapping[str, Any],
    settings: Settings,
    rounds: int = 3,
    precision: float | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    place: Place | None = None,
) -> list[MeasuredNetwork]:
    """Measures whole networks: every round in a process of its own, the networks in turns.

    What the dataset has of these networks already is kept; rounds are counted on from there. A network that fails in a
    round is not tried in those that follow.

    Args:
        cases: The networks (`network_case`).
        dataset: Where to; open for writing.
        backend: Name of the backend.
        options: Its options.
        settings: How to measure.
        rounds: How many rounds, at least 1; a truth value takes 3 or more.
        precision: Relative standard error down to which networks have further rounds, up to `MOST_ROUNDS`; None makes
            none. What is worked out instead of measured has none either.
        resume: Whether rounds that the dataset has already count (`rounds_left`).
        progress: Told about every run.
        place: Where they are measured; None is this machine. All rounds of a network are on one board.

    Returns:
        The networks in the order given, each with the rounds measured now.

    Raises:
        BackendError: The backend cannot be used here.
        ClusterError: No board is left to measure on.
        DatasetError: The dataset belongs to another environment or cannot be written.
        OptionError: ``rounds`` is less than 1, ``precision`` is not more than 0, or two cases have the same identity.
    """
    if rounds < 1:
        raise OptionError(f"{rounds} rounds are less than 1")
    if precision is not None and not precision > 0:
        raise OptionError(f"a precision of {precision:g} is not more than 0")
    estimates = (require_usable if place is None else backend_class)(backend).estimates
    how = {"backend": backend, "options": options, "settings": settings, "place": place}
    rounds_of = _Rounds(Plan("networks", tuple(cases)), dataset, how, progress)
    earlier = {network.case: network.rounds for network in measured_networks(dataset)} if resume else {}
    for todo in rounds_left(cases, dataset, rounds) if resume else [tuple(cases)] * rounds:
        rounds_of.go_on(todo)
    for _ in range(MOST_ROUNDS if precision is not None and not estimates else 0):
        known = [MeasuredNetwork(case.id, (*earlier.get(case.id, ()), *rounds_of.runs[case.id])) for case in cases]
        rounds_of.go_on([case for case, one in zip(cases, known, strict=True) if _wants_more(one, precision)])
    return [MeasuredNetwork(case.id, tuple(rounds_of.runs[case.id])) for case in cases]


class _Rounds:
    """Measures some networks, round after round, and keeps what came of it; what fails is not tried again."""

    def __init__(self, plan: Plan, dataset: Dataset, how: Mapping[str, Any], progress: Progress | None) -> None:
        self.runs: dict[str, list[Run]] = {case.id: [] for case in plan.cases}
        self._name, self._dataset, self._how, self._progress = plan.name, dataset, how, progress

    def go_on(self, todo: Sequence[Case]) -> None:
        """Measures these networks once more."""
        failed = {case for case, runs in self.runs.items() if runs and runs[-1].status is Status.FAILED}
        part = tuple(case for case in todo if case.id not in failed)
        if part:
            number = self._dataset.next_round(case.id for case in part)
            run_campaign(Plan(self._name, part), self._dataset, round_=number, progress=self._keep, **self._how)

    def _keep(self, case: Case, run: Run) -> None:
        self.runs[case.id].append(run)
        if self._progress is not None:
            self._progress(case, run)


def _wants_more(network: MeasuredNetwork, precision: float | None) -> bool:
    """Whether a further round may bring a network below a relative standard error."""
    count = len(network.usable)
    failed = bool(network.rounds) and network.rounds[-1].status is Status.FAILED
    if precision is None or failed or count >= MOST_ROUNDS:
        return False
    return count < _LEAST_ROUNDS or network.standard_error > precision


def rounds_left(cases: Sequence[Case], dataset: Dataset, rounds: int) -> list[tuple[Case, ...]]:
    """What is still to be measured until every network has so many rounds that did not fail, round by round.

    Args:
        cases: The networks.
        dataset: What has been measured of them, perhaps until it was interrupted.
        rounds: How many rounds each is to have.

    Raises:
        DatasetError: The dataset holds another network under the same name.
    """
    have = {case.id: dataset.rounds(case.id, case.network) for case in cases}
    passes = (tuple(case for case in cases if have[case.id] <= done) for done in range(rounds))
    return [todo for todo in passes if todo]


def measured_networks(dataset: Dataset) -> list[MeasuredNetwork]:
    """The whole networks that a dataset has, each with all of its rounds, in the order of their names."""
    runs_of: dict[str, list[Run]] = {}
    for run in dataset.runs():
        if run.purpose is Purpose.NETWORK:
            runs_of.setdefault(run.case, []).append(run)
    return [MeasuredNetwork(case, tuple(rounds)) for case, rounds in runs_of.items()]


def network_case(name: str, network: Network, *, backend: str, path: Path | None = None) -> Case:
    """A whole network as a case.

    Args:
        name: Its identity in the dataset: what the user calls it.
        network: The network.
        backend: Name of the backend that will measure it.
        path: The user's file; measured as it is where the backend takes files of its kind. Sizes that its data decide
            are then those of a run.

    Raises:
        OptionError: There is no such backend.
    """
    as_it_is = path is not None and path.suffix.lower() in backend_class(backend).file_formats
    if path and as_it_is and open_sizes(network.data_sizes):
        network = _as_run(network, path, backend_class(backend))
    seconds = 0.1 + 60 * network.ops / 40e9
    return Case(name, Purpose.NETWORK, "network", network, seconds, str(path.absolute()) if path and as_it_is else "")


def _as_run(network: Network, path: Path, backend: type[Backend]) -> Network:
    """A file's network with the sizes that its data decide as a run has them; as it is where that cannot be told."""
    inputs: dict[str, Given] = {}
    for name in network.inputs:
        if name in network.values:
            inputs[name] = InputValue(tuple(network.values[name]))
        elif network.tensors[name].shape:
            inputs[name] = network.tensors[name].shape
    try:
        return load_network(path, inputs=backend.observed_inputs(path, inputs=inputs, lenient=True), lenient=True)
    except (BackendError, NetworkError, OptionError):
        return network  # Its notes say that it counts at other sizes; why it does not run, measuring will tell.


def case_of(
    network: Network | Case | str | Path,
    backend: str,
    *,
    batch: int | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
) -> Case:
    """A network as a case, however it is given.

    Args:
        network: A case (returned as it is), a loaded network, a file, or a name of the zoo.
        backend: Name of the backend that will measure it.
        batch: Samples processed together; only for a network that is not loaded yet.
        inputs: Shapes and values of inputs (`annette.load_network`); only for a network that is not loaded yet.
        lenient: Whether an invalid ONNX file is read nevertheless; only for a network that is not loaded yet.

    Raises:
        NetworkError: The network cannot be read.
        OptionError: There is no such backend.
    """
    if isinstance(network, Case):
        return network
    if isinstance(network, Network):
        return network_case(network.name, network, backend=backend)
    path = Path(network)
    try:
        loaded = load_network(network, batch=batch, inputs=inputs, lenient=lenient)
    except UndecidedSizeError:
        taken = backend_class(backend)
        if path.suffix.lower() not in taken.file_formats:
            raise
        known = taken.observed_inputs(path, batch=batch, inputs=inputs, lenient=lenient)
        loaded = load_network(network, batch=batch, inputs=known, lenient=lenient)
    name = name_with_inputs(str(network), inputs or {})
    return network_case(name, loaded, backend=backend, path=path if is_file(path) else None)


@contextmanager
def recording(out: Path | str | None) -> Iterator[Dataset]:
    """A dataset to record in.

    Args:
        out: Its file, made or added to; None is one that is forgotten.

    Raises:
        DatasetError: It cannot be written.
    """
    with TemporaryDirectory(prefix="annette-measure-") as folder:
        path = Path(folder, "measured.sqlite") if out is None else Path(out)
        with Dataset.open(path, write=True) if exists(path) else Dataset.create(path) as dataset:
            yield dataset


def recorded_plan(out: Path) -> Plan | None:
    """The plan that a dataset was made with; None where there is no dataset or it was killed before it had one."""
    if not exists(out):
        return None
    with Dataset.open(out) as dataset:
        plans = dataset.plans()
    return Plan.from_text(plans[-1]) if plans else None


def settings_for(options: Mapping[str, Any], cpus: tuple[int, ...] | None = None, **changes: Any) -> Settings:
    """How to measure: pinned to the given processors, or to as many as the backend has threads.

    Args:
        options: The backend's options; ``threads`` counts.
        cpus: Processors to measure on; None chooses.
        **changes: Further fields of `annette.bench.measurement.Settings`.
    """
    threads = options.get("threads", 1)
    return Settings(cpus=default_cpus(threads if isinstance(threads, int) else 1) if cpus is None else cpus, **changes)


def visits_of(backend: str, settings: Settings) -> int:
    """How often a benchmark on a backend visits each case: once where nothing but the case decides what it answers.

    Raises:
        OptionError: There is no such backend.
    """
    return 1 if backend_class(backend).deterministic else settings.visits


def default_rounds(backend: str) -> int:
    """How many rounds a truth value takes: several where times are taken, one where they are worked out.

    Raises:
        OptionError: There is no such backend.
    """
    return 1 if backend_class(backend).estimates else 3
