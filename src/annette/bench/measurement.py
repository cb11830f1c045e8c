"""Measures one case on an open backend: reference workload, warm-up, samples, profile, reference again, judgement.

The clock is the backend's: this module only decides what runs how often and what the numbers are worth, so that a
replayed backend goes through the same code as a real one.
"""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.bench.backend import Subject
from annette.bench.cache_eviction import CacheEviction
from annette.bench.duty_cycle import DutyCycle
from annette.bench.protocol import CaseResult
from annette.bench.records import Status, drift, uncertainty
from annette.bench.reference_workload import reference_network

if TYPE_CHECKING:
    from annette.bench.backend import Backend, CompiledNetwork, Profile
    from annette.bench.plan import Case
    from annette.bench.settings import Settings

__all__ = ["CaseMeasurer"]

_SHORTEST_S: Final = 5e-6
"""Below this the clocks and reports of common runtimes (whole microseconds) say little."""

_REFERENCE_RUNS: Final = (5, 40)
"""Runs of the reference workload before, and again after, the runs of a case: at the least and at the most."""

_REFERENCE_S: Final = 2e-3
"""How long they take together, at the least: five runs of a twentieth of a millisecond see only the moment."""

_REFERENCE_WARMUP: Final = 2
"""Runs before these: the first ones after another network find their code and data gone, and their threads asleep."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    status: Status
    reason: str
    samples_s: tuple[float, ...]
    reference_s: tuple[float, ...]
    profile: Profile | None


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
        attempts: list[_Attempt] = []
        with self._backend.compile(subject) as compiled:
            for _ in range(1 if self._backend.deterministic else self._settings.attempts):
                attempts.append(self._attempt(case, compiled))
                if attempts[-1].status.usable:
                    break
        best = min(attempts, key=lambda attempt: (not attempt.status.usable, uncertainty(attempt.samples_s)))
        return CaseResult(
            case=case.id,
            status=best.status,
            reason=best.reason,
            samples_s=best.samples_s,
            reference_s=best.reference_s,
            entries=None if best.profile is None else best.profile.entries,
            duration_s=time.perf_counter() - started,
            attempts=len(attempts),
            details={} if best.profile is None else best.profile.details,
        )

    def close(self) -> None:
        """Frees the reference workload."""
        self._resources.close()

    def _attempt(self, case: Case, compiled: CompiledNetwork) -> _Attempt:
        if self._backend.deterministic:
            return self._judge(compiled.run(1), (), (), compiled.profile(1))
        before = self._time_reference()
        rest = DutyCycle()
        warm = compiled.run(self._settings.warmup, before=rest)
        plain, profiled = self._settings.runs(min(warm, default=math.nan), case.purpose, evicted=case.evicted_bytes > 0)
        prepare = self._eviction(case, rest, median(before) if before else 0.0)
        samples = compiled.run(plain, before=prepare)
        profile = compiled.profile(profiled, before=prepare)
        return self._judge(samples, before, self._time_reference(), profile)

    def _time_reference(self) -> tuple[float, ...]:
        """Times of the reference workload; not between the runs of a case, whose threads are ready for the next."""
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
        samples_s: tuple[float, ...],
        before_s: tuple[float, ...],
        after_s: tuple[float, ...],
        profile: Profile | None,
    ) -> _Attempt:
        status, reason = Status.OK, ""
        settings = self._settings
        changed = drift(before_s, after_s)
        entries = () if profile is None else profile.entries
        if not _are_times(samples_s) or not all(_are_times(entry.latency_s) for entry in entries):
            reason = "the runtime reported a time that is negative or not a number"
            return _Attempt(Status.FAILED, reason, (), (), None)  # Nothing of such a report is worth keeping.
        if uncertainty(samples_s) > settings.most_uncertain:
            status = Status.UNSTABLE
            reason = f"samples scatter so that their median is known to {uncertainty(samples_s):.0%} only"
        elif changed > settings.drift:
            status, reason = Status.DRIFTED, f"the reference workload changed by {changed:.0%} over the run"
        elif samples_s and not self._backend.deterministic and median(samples_s) < _SHORTEST_S:
            status, reason = Status.TOO_SHORT, f"one run takes less than {_SHORTEST_S * 1e6:.0f} µs"
        return _Attempt(status, reason, samples_s, before_s + after_s, profile)


def _are_times(values_s: tuple[float, ...]) -> bool:
    return all(math.isfinite(value) and value >= 0 for value in values_s)
