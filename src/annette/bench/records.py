"""What a campaign records: plain immutable data, raw samples kept, statistics derived."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import fsum, sqrt
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from annette.documents import convert, is_latency, parse_json
from annette.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from annette.network import Network

__all__ = [
    "BOARD",
    "MADE_FOR",
    "MOST_DRIFT",
    "MOST_UNCERTAIN",
    "KernelIdentity",
    "KernelRecord",
    "Purpose",
    "Run",
    "Status",
    "calm",
    "calm_reference_s",
    "drift",
    "made_for",
    "midmean",
    "repeatability",
    "uncertainty",
]


MOST_UNCERTAIN: Final = 0.05
"""Relative standard error of a median above which a run calls itself unstable (`uncertainty`)."""

MOST_DRIFT: Final = 0.1
"""Relative change of the reference workload over a run above which the run calls itself drifted (`drift`)."""

MADE_FOR: Final = "made_for"
"""Key in a run's details: names and digests of a user's networks that its case was made for, as JSON."""

BOARD: Final = "board"
"""Key in a run's details: name of the board of a cluster that ran it; none where the campaign's own machine did."""

_MEDIAN_ERROR: Final = 1.2533 / 1.3490
"""Standard error of a normal distribution's median for one sample, over its interquartile range."""


_SMALL: Final = {2: 0.399, 3: 0.994, 4: 0.512, 5: 0.844, 6: 0.611, 7: 0.857, 8: 0.669, 9: 0.872}
_CONSISTENT: Final = 2.2219
"""Makes the estimate the standard deviation where rounds are normally distributed."""


KernelIdentity: TypeAlias = tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]


class Purpose(StrEnum):
    """Why something was measured."""

    MICRO_KERNEL = "micro-kernel"
    CHAIN = "chain"
    COLD_WEIGHTS = "cold-weights"
    FUSION_PROBE = "fusion-probe"
    NETWORK = "network"


class Status(StrEnum):
    """What a run says of itself."""

    OK = "ok"
    UNSTABLE = "unstable"
    TOO_SHORT = "too-short"
    DRIFTED = "drifted"
    FAILED = "failed"

    @property
    def usable(self) -> bool:
        """Whether its times may be fitted on, as far as the status says (`Run.usable`)."""
        return self in (Status.OK, Status.TOO_SHORT)


@dataclass(frozen=True, slots=True)
class KernelRecord:
    """One executed kernel of a run.

    Attributes:
        name: The runtime's name for it.
        operator: The runtime's type for it.
        layers: Names of the layers it ran, as matched; empty where nothing matched (a layout change, a copy).
        latency_s: Mean of the middle half of the samples, in seconds.
        samples_s: One time per profiled run, in seconds.
        added: Whether the runtime put it in by itself: it runs no layer of the network.
        info: What else the runtime reported, as text.
        error: Relative standard error of the time of joined visits (`annette.bench.visits`); 0 where it is not known.
            Datasets keep the visits instead.
    """

    name: str
    operator: str
    layers: tuple[str, ...]
    latency_s: float
    samples_s: tuple[float, ...]
    added: bool = False
    info: Mapping[str, str] = field(default_factory=dict)
    error: float = 0.0

    @property
    def identity(self) -> KernelIdentity:
        """What it does; its name may be a number."""
        return self.operator, self.layers, tuple(sorted(self.info.items()))


@dataclass(frozen=True, slots=True)
class Run:
    """One case, measured once (or failed once).

    Attributes:
        case: Identity of the case in its plan.
        round: Which of several measurements of the case, from 0.
        purpose: Why it was measured.
        network: What was measured.
        environment: What the measurement depends on; datasets merge only where these agree.
        details: Further facts about the machine and the moment (kernel version, scheduling class, frequencies).
        status: What the run says of itself.
        reason: Why it failed or is marked; empty where it is fine.
        started_unix_s: When it started.
        duration_s: Device and host time that it took.
        latency_s: Median whole-network time of the samples; NaN where there are none.
        samples_s: Whole-network times without profiling.
        reference_s: Times of the reference workload, measured around the runs.
        kernels: Executed kernels in order; empty where the runtime does not say.
        matched_share: Share of the profiled time whose layers are known, from 0 to 1; NaN without a profile.
        attempts: How often it was measured before it was accepted.
    """

    case: str
    round: int
    purpose: Purpose
    network: Network
    environment: Mapping[str, str]
    details: Mapping[str, str]
    status: Status
    reason: str
    started_unix_s: float
    duration_s: float
    latency_s: float
    samples_s: tuple[float, ...]
    reference_s: tuple[float, ...]
    kernels: tuple[KernelRecord, ...]
    matched_share: float
    attempts: int = 1

    @property
    def board(self) -> str:
        """The board of a cluster that ran it; empty for the machine of the campaign.

        Boards of one model are machines of their own: their visits, their calm moments and their times of the reference
        workload are not mixed.
        """
        return self.details.get(BOARD, "")

    @property
    def what_ran(self) -> tuple[KernelIdentity, ...]:
        """Its kernels: a runtime that decides otherwise in another visit measured something else."""
        return tuple(sorted(kernel.identity for kernel in self.kernels))

    @property
    def usable(self) -> bool:
        """Whether its times may be fitted on: by its status, and an unstable run if its median is known all the same.

        Older datasets call a run unstable for the scatter of its samples, however many there are, and do not say then
        whether it drifted as well.
        """
        if self.status is not Status.UNSTABLE or len(self.samples_s) < 2:
            return self.status.usable
        third = max(1, len(self.reference_s) // 3)
        steady = not self.reference_s or drift(self.reference_s[:third], self.reference_s[-third:]) <= MOST_DRIFT
        return steady and uncertainty(self.samples_s) <= MOST_UNCERTAIN


def calm(samples_s: Sequence[float]) -> float:
    """The lower quartile of the samples: what the machine does when nobody interrupts it.

    Args:
        samples_s: At least one time.
    """
    return quantiles(samples_s, n=4, method="inclusive")[0] if len(samples_s) > 1 else samples_s[0]


def calm_reference_s(reference_s: Sequence[float]) -> float | None:
    """The `calm` one of a run's times of the reference workload; None where none is a time that something takes.

    Args:
        reference_s: Times of the reference workload, as a dataset holds them.
    """
    times_s = [time_s for time_s in reference_s if is_latency(time_s)]
    return calm(times_s) if times_s else None


def made_for(runs: Iterable[Run]) -> tuple[tuple[str, str], ...]:
    """The networks that cases of the runs were made for (``annette bench --for``), by name and digest, each once.

    Raises:
        DatasetError: A run says it in another form.
    """
    found: dict[tuple[str, str], None] = {}
    for text in dict.fromkeys(run.details[MADE_FOR] for run in runs if MADE_FOR in run.details):
        stated = parse_json(text.encode(errors="replace"), source="made_for in a run's details", error=DatasetError)
        names = convert(stated, tuple[tuple[str, str], ...], error=DatasetError, path="made_for in a run's details")
        found.update(dict.fromkeys(names))
    return tuple(sorted(found))


def midmean(samples_s: Sequence[float]) -> float:
    """Mean of the middle half of the samples: as robust as a median, and finer than the clock.

    Profilers give whole microseconds. Of a kernel of 3 us a median can only be 3 or 4; how many runs gave the one
    and how many the other says where in between it is.

    Args:
        samples_s: At least one time.
    """
    ordered = sorted(samples_s)
    outside = len(ordered) // 4
    middle = ordered[outside : len(ordered) - outside]
    return fsum(middle) / len(middle)


def drift(before_s: Sequence[float], after_s: Sequence[float]) -> float:
    """By how much the reference workload changed over a run, relative to before; 0 where it was not measured.

    Args:
        before_s: Its times before the run.
        after_s: Its times after the run.
    """
    if not before_s or not after_s:
        return 0.0
    before, after = median(before_s), median(after_s)
    return abs(after - before) / before if before > 0 else float("inf")


def uncertainty(samples_s: Sequence[float]) -> float:
    """Standard error of the samples' median, relative to it: how well the time is known.

    Many samples that scatter (matrix extensions of processors do, by 20 % from run to run) say more of a time than few
    that agree by chance. Found from the interquartile range, as of a normal distribution.

    Args:
        samples_s: At least one time.

    Returns:
        0 for a single sample.
    """
    if len(samples_s) < 2:
        return 0.0
    lower_s, centre_s, upper_s = quantiles(samples_s, n=4, method="inclusive")
    if centre_s <= 0:
        return float("inf")
    return _MEDIAN_ERROR * (upper_s - lower_s) / (centre_s * sqrt(len(samples_s)))


def repeatability(rounds_s: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Relative standard deviation of a round, from the relative differences of all pairs of rounds.

    Qn of Rousseeuw and Croux (*Alternatives to the Median Absolute Deviation*, JASA 88, 1993, with their factors for
    few values): an order statistic of the pairwise differences, which a minority of disturbed rounds, one of three,
    does not move.

    Args:
        rounds_s: Times, seconds, all more than 0, shape ``(rounds,)`` or ``(rounds, columns)``.

    Returns:
        Share of the median, shape ``()`` or ``(columns,)``; NaN with fewer than two rounds.

    Example:
        >>> round(float(repeatability([1.00, 1.01, 1.60])), 3)
        0.022
    """
    times = np.asarray(rounds_s, dtype=np.float64)
    count = len(times)
    if count < 2:
        return np.full(times.shape[1:], np.nan)
    first, second = np.triu_indices(count, k=1)
    apart = np.sort(np.abs(times[first] - times[second]), axis=0)
    half = count // 2 + 1
    factor = _SMALL.get(count, count / (count + 1.4) if count % 2 else count / (count + 3.8))
    spread: npt.NDArray[np.float64] = _CONSISTENT * factor * apart[half * (half - 1) // 2 - 1]
    share: npt.NDArray[np.float64] = spread / np.maximum(np.median(times, axis=0), 1e-12)
    return share
