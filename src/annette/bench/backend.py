"""The contract of a backend.

A backend is one runtime on one device that compiles, runs and profiles networks.

Order of calls: ``Backend.available()`` → ``Backend(options)`` → ``environment()`` → for each network
``compile()`` → any number of ``run()`` and ``profile()`` → ``close()``. A backend owns what it compiles until
``close()``; compiled networks do not outlive the process. Times are in seconds.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping  # noqa: TC003 - msgspec reads annotations, of profile entries
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from annette.network import Network
    from annette.network.inputs import Given

__all__ = [
    "MOST_WARM",
    "WARM_S",
    "Availability",
    "Backend",
    "BackendOptions",
    "CompiledNetwork",
    "Profile",
    "ProfileEntry",
    "Subject",
    "time_runs",
    "warm_up",
]

_LEAST_WARM: Final = 2
WARM_S: Final = 5e-4
MOST_WARM: Final = 60
"""How long short networks warm up, and in how many runs at the most. Of networks of 5 to 13 µs, runs 4 to 8 took 14 %
longer than those from the fiftieth on, the next five 5 %: code, data and predictions of branches return one by one."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a backend can be used here.

    Attributes:
        usable: Whether it can.
        reason: Version found, or what is missing.
        install: The line that installs what is missing; empty where nothing is.
    """

    usable: bool
    reason: str
    install: str = ""

    @classmethod
    def of_package(cls, package: str) -> Availability:
        """That of a runtime that comes as a Python package: its version, or the line that installs it."""
        try:
            return cls(usable=True, reason=f"{package} {version(package)}")
        except PackageNotFoundError:
            return cls(usable=False, reason=f"{package} is not installed", install=f"pip install {package}")


@dataclass(frozen=True)
class BackendOptions:
    """Base of a backend's options: a frozen dataclass whose fields carry ``help`` in their metadata.

    Field types are ``int``, ``float``, ``str`` or ``bool``, each with a default, so that the command line can offer
    them as ``--option NAME=VALUE`` and a dataset can keep them.
    """


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compiled: a network, and the user's own file of it where there is one.

    Attributes:
        network: The network; a backend lowers it to its own format where there is no file.
        path: The file to be measured as it is.
        idles_between_runs: Whether its threads must sleep between its runs, since others are measured while it stays
            compiled. Of use to runtimes whose threads spin to be ready for the next run.
    """

    network: Network
    path: Path | None = None
    idles_between_runs: bool = False


@dataclass(frozen=True, slots=True)
class ProfileEntry:
    """One kernel as the runtime reports it.

    Attributes:
        name: The runtime's name for it.
        operator: The runtime's type for it.
        latency_s: One time per profiled run, in seconds; a deterministic backend gives one.
        layers: Names of layers of the network, where the runtime says which it ran.
        inputs: Names of tensors of the network that it reads, where the runtime says so.
        outputs: Names of tensors of the network that it writes, where the runtime says so.
        input_shapes: Shapes read, in the runtime's own layout, where reported.
        output_shapes: Shapes written, in the runtime's own layout, where reported.
        info: What else the runtime reports (layout, implementation, thread count, memory), as text.
    """

    name: str
    operator: str
    latency_s: tuple[float, ...]
    layers: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    input_shapes: tuple[tuple[int, ...], ...] = ()
    output_shapes: tuple[tuple[int, ...], ...] = ()
    info: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """A per-kernel report of one or more runs.

    Attributes:
        entries: Kernels in order of execution.
        latency_s: Whole-network time of each profiled run, in seconds; empty where the runtime does not say.
        details: What else the runtime says about the whole network (operators that its time leaves out), as text.
    """

    entries: tuple[ProfileEntry, ...]
    latency_s: tuple[float, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)


class CompiledNetwork(ABC):
    """A network made ready to run; a context manager that closes itself."""

    @abstractmethod
    def run(self, repeats: int, *, before: Callable[[], None] | None = None) -> tuple[float, ...]:
        """Runs the network and returns one whole-network time per run, in seconds.

        Args:
            repeats: How often, at least 1.
            before: Called before each run, outside the time that is taken (to empty caches).

        Raises:
            BackendRunError: The runtime failed.
        """

    @abstractmethod
    def profile(
        self, repeats: int, *, before: Callable[[], None] | None = None, within_s: float = math.inf
    ) -> Profile | None:
        """Runs the network with per-kernel reporting; None where the runtime has no such report.

        Args:
            repeats: How often at the most, at least 1; what the runtime needs to warm up comes on top.
            before: Called before each run that is reported, outside the time that is taken.
            within_s: After the run with which the reported ones have taken so long together, seconds, none follows. A
                backend whose runs cannot be ended between two may ignore it.

        Raises:
            BackendRunError: The runtime failed, or its report cannot be understood.
        """

    def flush_subnormals(self, flush: bool) -> bool:  # noqa: ARG002 - a runtime that can do it overrides this
        """From now on takes subnormal numbers as zero, or as they are.

        Args:
            flush: Whether they become zero.

        Returns:
            Whether that is so from now on.
        """
        return False

    def close(self) -> None:  # noqa: B027 - most runtimes free what they hold when the object goes
        """Frees what the runtime holds; may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def time_runs(
    run: Callable[[], object], repeats: int, before: Callable[[], None] | None, within_s: float = math.inf
) -> tuple[float, ...]:
    """Wall-clock times of several runs, in seconds.

    Args:
        run: Runs a network once and returns when it is done.
        repeats: How often, at the most.
        before: Called before each run, outside the time that is taken.
        within_s: After the run with which they have taken so long together, seconds, none follows.
    """
    samples_s: list[float] = []
    while len(samples_s) < repeats and math.fsum(samples_s) < within_s:
        if before is not None:
            before()
        started_s = time.perf_counter()
        run()
        samples_s.append(time.perf_counter() - started_s)
    return tuple(samples_s)


def warm_up(run: Callable[[], object]) -> int:
    """Runs a network until its next runs take as long as later ones.

    Args:
        run: Runs it once and returns when it is done.

    Returns:
        How often: twice, and for half a millisecond, but not more than sixty times.
    """
    return len(time_runs(run, _LEAST_WARM, None)) + len(time_runs(run, MOST_WARM - _LEAST_WARM, None, WARM_S))


class Backend(ABC):
    """One runtime on one device.

    Attributes:
        name: The name on the command line.
        options_type: The class of its options; a subclass says of its attribute ``options`` that it is one of these.
        deterministic: Whether one call gives all there is to know (compiler estimates, replays, programs that
            repeat and warm up by themselves): no warm-up, no repeats, no reference workload.
        estimates: Whether times are worked out or recorded instead of taken (a compiler, a replay): its worker is not
            pinned, keeps the ordinary scheduling class, and neither waits for other campaigns nor disturbs them.
        plan_target: What kind of plan suits it: ``cpu`` computes in floating point, ``npu`` compiles for integers.
        file_formats: Suffixes of the files that it measures as they are; other networks are lowered.
    """

    name: ClassVar[str]
    options_type: ClassVar[type[BackendOptions]] = BackendOptions
    deterministic: ClassVar[bool] = False
    estimates: ClassVar[bool] = False
    plan_target: ClassVar[str] = "cpu"
    file_formats: ClassVar[tuple[str, ...]] = ()

    def __init__(self, options: BackendOptions) -> None:
        self.options = options

    @classmethod
    @abstractmethod
    def available(cls) -> Availability:
        """Whether the runtime is installed and usable here; imports as little as it can."""

    @classmethod
    def planned_for(cls, options: Mapping[str, Any]) -> str:
        """What kind of plan suits it with these options, as ``plan_target`` says; by default whatever they are."""
        del options
        return cls.plan_target

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """What a measurement depends on, as text: ``runtime``, ``runtime_version``, ``device``, ``precision``, ….

        Two datasets merge only where all of these agree.
        """

    @classmethod
    def observed_inputs(
        cls,
        path: Path,
        *,
        batch: int | None = None,
        inputs: Mapping[str, Given] | None = None,
        lenient: bool = False,
    ) -> dict[str, Given]:
        """What is known of a file's inputs, with the sizes that its data decide in a run here (`Given` by tensor).

        A backend that measures files as they are looks at such a run; by default nothing is looked at.

        Args:
            path: The file.
            batch: As for `annette.load_network`.
            inputs: As for ``load_network``.
            lenient: As for ``load_network``.

        Raises:
            BackendRunError: The file cannot be run.
            NetworkError: It cannot be read, whatever a run says.
        """
        del path, batch, lenient
        return dict(inputs or {})

    @abstractmethod
    def compile(self, subject: Subject) -> CompiledNetwork:
        """Makes a network ready to run.

        Raises:
            BackendRunError: The runtime refuses the network; it may also do so at the first run.
        """
