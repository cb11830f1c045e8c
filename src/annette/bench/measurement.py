"""Measures one case on an open backend: reference workload, warm-up, samples, profile, reference again, judgement.

The clock is the backend's: this module only decides what runs how often, what happens before each run and what the
numbers are worth, so that a replayed backend goes through the same code as a real one.

The reference workload is one fixed network, timed around the runs of a case; it tells how fast the host is just then.
Datasets call its times ``calibration_s``, and the provenance of platforms does too: names of formats that users have.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping  # noqa: TC003 - msgspec reads annotations
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain
from statistics import median
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from annette.bench.backend import MOST_WARM, WARM_S, ProfileEntry, Subject
from annette.bench.pauses import CacheEviction, DutyCycle
from annette.bench.records import MOST_DRIFT, MOST_UNCERTAIN, Purpose, Status, drift, uncertainty
from annette.bench.subnormals import SUBNORMAL_LATENCY
from annette.documents import LEAST_LATENCY_S, MOST_LATENCY_S, is_duration, is_latency
from annette.errors import OptionError
from annette.mapping.masks import makes_subnormals
from annette.network.builder import NetworkBuilder

if TYPE_CHECKING:
    from annette.bench.backend import Backend, CompiledNetwork, Profile
    from annette.bench.plan import Case
    from annette.network import Network

__all__ = ["CaseMeasurer", "CaseResult", "Settings", "reference_network"]

_RUNS_WITHOUT_SUBNORMALS: Final = 3
_SLOWED: Final = 1.1
"""Time with subnormal numbers over that without, from which on they count; less may be the moment."""

_FEWEST: Final = 6
"""Runs of a whole network that takes long: fewer would not show whether a moment was calm."""

_LONGEST_S: Final = 5.0
"""What the runs of a whole network may take, once without and once with the profiler, before they become fewer: those
of a network of seconds scatter less than those of one of milliseconds."""

_TINY_KERNEL_S: Final = 4e-6
_TINY_S: Final = 5e-5
"""Runs up to so long, or of kernels that mostly are, are also recorded without the profiler, whatever for: it does not
resolve their kernels. (Of a row of 64 that take 0.3 µs each, the profiler says 2 µs each: 128 µs.)"""

_TOTALS_AS_DEAR: Final = 2
"""Half as much time as for profiled runs is spent on those whose total counts beside their profile: of all such runs
together it is asked what lies between kernels."""

_EVICTED: Final = 1
"""Runs of a visit where the caches are emptied: that takes longer than a run. Of 22 such cases, two campaigns of three
visits differed by 5.0 % with one run a visit, and by 4.7 % with eight."""

_REFERENCE_EVERY_S: Final = 0.1
"""Visits that follow each other sooner share one timing of the reference workload, which takes as long as some do."""

_SHORTEST_S: Final = 5e-6
"""Below this the clocks and reports of common runtimes (whole microseconds) say little."""

_REFERENCE_RUNS: Final = (5, 40)
"""Runs of the reference workload whenever it is timed: at the least and at the most."""

_REFERENCE_S: Final = 2e-3
"""How long they take together, at the least: five runs of a twentieth of a millisecond see only the moment."""

_REFERENCE_WARMUP: Final = 2
"""Runs before these: the first ones after another network find their code and data gone, and their threads asleep."""

_NO_TIME: Final = f"which is negative, not a number, or beyond {LEAST_LATENCY_S:g} to {MOST_LATENCY_S:g} s"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a case is measured; part of what a dataset keeps about its runs.

    Attributes:
        warmup: Runs before anything is recorded.
        repeats: Runs of a whole network that are recorded, at the least; as many again are profiled. Networks that
            take long have fewer, six at the least.
        target_s: Time for the recorded runs of a whole network: short ones are run more often.
        most_repeats: Runs of a whole network that are recorded, at the most.
        visits: How often a case of anything but whole networks is measured, spread over the campaign
            (`annette.bench.visits`).
        visit_s: Time for the profiled runs of one visit; one run is made at the least.
        visit_repeats: Profiled runs of one visit, at the most.
        attempts: How often a run that calls itself unstable is measured again before it is kept, marked; a case that
            is visited again is not.
        timeout_s: A case that gives no result for so long has failed.
        cpus: Processors to pin the worker to; empty leaves the choice to the scheduler.
        most_uncertain: Standard error of the samples' median, relative to it, above which a run calls itself unstable.
        drift: Relative change of the reference workload over a run above which it calls itself drifted.
    """

    warmup: int = 3
    repeats: int = 20
    target_s: float = 0.1
    most_repeats: int = 60
    visits: int = 3
    visit_s: float = 0.01
    visit_repeats: int = 20
    attempts: int = 3
    timeout_s: float = 120.0
    cpus: tuple[int, ...] = ()
    most_uncertain: float = MOST_UNCERTAIN
    drift: float = MOST_DRIFT

    def __post_init__(self) -> None:
        for name in ("repeats", "most_repeats", "visits", "visit_repeats", "attempts"):
            if getattr(self, name) < 1:
                raise OptionError(f"measurement setting {name} is {getattr(self, name)}, less than 1")
        for name in ("target_s", "visit_s", "timeout_s", "most_uncertain", "drift"):
            if not getattr(self, name) > 0:
                raise OptionError(f"measurement setting {name} is {getattr(self, name)}, not more than 0")

    def network_runs(self, one_s: float) -> int:
        """How often a whole network is run for the record, and as often again with the profiler.

        Args:
            one_s: Time of one run; anything that is not more than 0 stands for unknown.
        """
        if not one_s > 0:
            return self.repeats
        least = min(self.repeats, max(_FEWEST, int(_LONGEST_S / one_s)))
        return int(max(min(self.target_s / one_s, self.most_repeats), least))

    def visit_runs(self, one_s: float, *, evicted: bool) -> int:
        """How often anything else is run for the record, in one visit.

        Args:
            one_s: Time of one run; anything that is not more than 0 stands for unknown.
            evicted: Whether the caches are emptied before each run.
        """
        if evicted or not one_s > 0:
            return _EVICTED
        return math.ceil(min(self.visit_s / one_s, self.visit_repeats))


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What a worker measured for one case; goes to the campaign as a line of JSON.

    Attributes:
        case: Identity of the case.
        status: What the run says of itself.
        reason: Why it failed or is marked.
        samples_s: Whole-network times, in seconds.
        reference_s: Times of the reference workload, in seconds.
        entries: The runtime's per-kernel report; None where it has none.
        duration_s: Time taken in the worker.
        attempts: How often it was measured.
        details: Facts about the moment (scheduling class, processors, clock), and what the runtime adds.
    """

    case: str
    status: Status
    reason: str = ""
    samples_s: tuple[float, ...] = ()
    reference_s: tuple[float, ...] = ()
    entries: tuple[ProfileEntry, ...] | None = None
    duration_s: float = 0.0
    attempts: int = 1
    details: Mapping[str, str] = field(default_factory=dict)


@cache
def reference_network() -> Network:
    """One 3x3 convolution, 64 to 64 channels on a 28 x 28 map: 29 million multiply-accumulates, 0.35 MB.

    It never changes: times are comparable between datasets only because of that.
    """
    net = NetworkBuilder("reference-workload")
    return net.build(net.conv(net.input("data", (1, 64, 28, 28)), 64, 3, padding=1, bias=False))


class CaseMeasurer:
    """Measures cases on one backend, for which the reference workload is compiled once.

    Args:
        backend: Runs and times; stays the caller's.
        settings: How cases are measured.
    """

    def __init__(self, backend: Backend, settings: Settings) -> None:
        self._backend = backend
        self._settings = settings
        self._resources = ExitStack()
        self._reference: CompiledNetwork | None = None
        self._reference_runs = _REFERENCE_RUNS[0]
        self._reference_s: tuple[float, ...] = ()
        self._reference_due_s = 0.0
        self._evicting = np.zeros(0, dtype=np.uint8)
        if not backend.deterministic:
            self._reference = self._resources.enter_context(
                backend.compile(Subject(reference_network(), idles_between_runs=True))
            )
            one_s = min(self._reference.run(settings.warmup))
            wanted = _REFERENCE_S / one_s if one_s > 0 else math.inf
            self._reference_runs = int(min(max(wanted, _REFERENCE_RUNS[0]), _REFERENCE_RUNS[1]))

    def measure(self, case: Case, subject: Subject) -> CaseResult:
        """Measures a case, again if it calls itself unstable, and keeps the steadiest attempt.

        Raises:
            BackendRunError: The runtime refuses the network or fails on it.
        """
        started = time.perf_counter()
        attempts: list[CaseResult] = []
        with self._backend.compile(subject) as compiled:
            again = self._settings.visits > 1 and case.purpose is not Purpose.NETWORK
            for _ in range(1 if self._backend.deterministic or again else self._settings.attempts):
                attempts.append(self._attempt(case, compiled))
                if attempts[-1].status.usable or time.perf_counter() - started > _LONGEST_S / 2:
                    break
        best = min(attempts, key=lambda attempt: (not attempt.status.usable, uncertainty(attempt.samples_s)))
        return replace(best, duration_s=time.perf_counter() - started, attempts=len(attempts))

    def close(self) -> None:
        """Frees the reference workload."""
        self._resources.close()

    def _attempt(self, case: Case, compiled: CompiledNetwork) -> CaseResult:
        if self._backend.deterministic:
            return self._judge(case, compiled.run(1), (), compiled.profile(1))
        return self._round(case, compiled) if case.purpose is Purpose.NETWORK else self._visit(case, compiled)

    def _round(self, case: Case, compiled: CompiledNetwork) -> CaseResult:
        """Measures a whole network: the unprofiled runs count, and the profile tells its parts."""
        before_s = self._time_reference()
        rest = DutyCycle()
        one_s = self._warm_up(compiled, rest)
        runs = self._settings.network_runs(one_s)
        samples_s = compiled.run(runs, before=rest)
        details = {}
        if self._is_slowed_by_subnormals(case.network, compiled, samples_s, rest):
            details[SUBNORMAL_LATENCY] = repr(median(samples_s))
            samples_s = compiled.run(runs, before=rest)
        between_s = self._time_reference()
        profile = compiled.profile(runs, before=rest)
        result = self._judge(case, samples_s, (before_s, between_s, self._time_reference()), profile)
        return replace(result, details={**result.details, **details})

    def _is_slowed_by_subnormals(
        self, network: Network, compiled: CompiledNetwork, samples_s: tuple[float, ...], rest: DutyCycle
    ) -> bool:
        """Whether a network is much faster with subnormal numbers taken as zero, as it is left then.

        Those that its own masks leave belong to it: trained weights make them, too, and estimates count them.
        """
        if makes_subnormals(network) or not compiled.flush_subnormals(True):
            return False
        without_s = compiled.run(_RUNS_WITHOUT_SUBNORMALS, before=rest)
        if min(without_s) * _SLOWED < min(samples_s):
            return True
        compiled.flush_subnormals(False)
        return False

    def _warm_up(self, compiled: CompiledNetwork, rest: DutyCycle) -> float:
        """Runs a network until its next runs take as long as later ones, and gives the time of one."""
        one_s = min(compiled.run(self._settings.warmup, before=rest), default=math.nan)
        if 0 < one_s < WARM_S:
            compiled.run(min(math.ceil(WARM_S / one_s), MOST_WARM), before=rest)
        return one_s

    def _visit(self, case: Case, compiled: CompiledNetwork) -> CaseResult:
        """Measures anything else, for a short while.

        The profile counts. Only chains and what takes next to no time are also run without it: the former tell what a
        run costs beside its kernels (and tell it wrongly where the caches are emptied), of the latter the profile
        tells too little. So is what a runtime without profiles is given.
        """
        settings, evicted = self._settings, case.evicted_bytes > 0
        reference_s = self._recent_reference()
        rest = DutyCycle()
        prepare = self._eviction(case, rest, median(reference_s) if reference_s else 0.0)
        most = _EVICTED if evicted else settings.visit_repeats
        profile = compiled.profile(most, before=prepare, within_s=settings.visit_s)
        samples_s: tuple[float, ...] = ()
        if profile is None or (not evicted and (case.purpose is Purpose.CHAIN or _is_tiny(profile))):
            one_s = self._warm_up(compiled, rest) * (1 if profile is None else _TOTALS_AS_DEAR)
            samples_s = compiled.run(settings.visit_runs(one_s, evicted=evicted), before=prepare)
        return self._judge(case, samples_s, (reference_s,), profile)

    def _recent_reference(self) -> tuple[float, ...]:
        """Times of the reference workload, taken just now or a moment ago."""
        if time.perf_counter() >= self._reference_due_s:
            self._reference_s = self._time_reference()
            self._reference_due_s = time.perf_counter() + _REFERENCE_EVERY_S
        return self._reference_s

    def _time_reference(self) -> tuple[float, ...]:
        """Times of the reference workload; not between runs that are recorded together, whose threads are ready."""
        if self._reference is None:
            return ()
        self._reference.run(_REFERENCE_WARMUP)
        return self._reference.run(self._reference_runs)

    def _eviction(self, case: Case, rest: DutyCycle, reference_s: float) -> CacheEviction:
        """What happens before each run of a case; operations become time at the speed of the reference workload."""
        if len(self._evicting) < case.evicted_bytes:
            self._evicting = np.zeros(case.evicted_bytes, dtype=np.uint8)
        elapsed_s = case.evicted_ops / reference_network().ops * reference_s
        return CacheEviction(rest, self._evicting[: case.evicted_bytes], elapsed_s)

    def _judge(
        self,
        case: Case,
        samples_s: tuple[float, ...],
        reference_s: tuple[tuple[float, ...], ...],
        profile: Profile | None,
    ) -> CaseResult:
        """What some runs were worth; ``reference_s`` has the timings of the reference workload around them."""
        status, reason = Status.OK, ""
        settings = self._settings
        changed = drift(reference_s[0], reference_s[-1]) if reference_s else 0.0
        problem = _impossible(samples_s, profile)
        if problem:
            return CaseResult(case.id, Status.FAILED, problem)  # Nothing of such a report is worth keeping.
        scatter = uncertainty(samples_s or (profile.latency_s if profile else ()))
        if scatter > settings.most_uncertain:
            status, reason = Status.UNSTABLE, f"samples scatter so that their median is known to {scatter:.0%} only"
        elif changed > settings.drift:
            status, reason = Status.DRIFTED, f"the reference workload changed by {changed:.0%} over the run"
        elif samples_s and not self._backend.deterministic and median(samples_s) < _SHORTEST_S:
            status, reason = Status.TOO_SHORT, f"one run takes less than {_SHORTEST_S * 1e6:.0f} µs"
        result = CaseResult(case.id, status, reason, samples_s, tuple(chain.from_iterable(reference_s)))
        return result if profile is None else replace(result, entries=profile.entries, details=profile.details)


def _is_tiny(profile: Profile) -> bool:
    """Whether a profile resolves its kernels badly: all of them together are short, or most of many are."""
    times_s = [median(entry.latency_s) for entry in profile.entries if entry.latency_s]
    return math.fsum(times_s) <= _TINY_S or median(times_s) <= _TINY_KERNEL_S


def _impossible(samples_s: tuple[float, ...], profile: Profile | None) -> str:
    """What no runtime can mean, of what one reported; empty where there is no such thing."""
    for time_s in samples_s:
        if not is_latency(time_s):
            return f"the runtime reported {time_s:g} s for the network, {_NO_TIME}"
    if profile is None:
        return ""
    for entry in profile.entries:
        if not entry.latency_s or not all(map(is_duration, entry.latency_s)):
            given = ", ".join(f"{time_s:g}" for time_s in entry.latency_s[:3]) or "nothing"
            return f"the runtime reported {given} s for kernel {entry.name!r}, {_NO_TIME}"
    try:
        msgspec.json.encode(profile)
    except UnicodeEncodeError:
        return "the runtime reported a name that is no text: it holds half of a surrogate pair"
    return ""
