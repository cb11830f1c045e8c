"""What networks really take: measured now, measured before, or published."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from annette.bench.records import Purpose, Status, calm_reference_s, repeatability
from annette.network.load import load_network

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from annette.bench.dataset import Dataset
    from annette.bench.records import Run
    from annette.network import Network
    from annette.platforms import Platform

__all__ = ["MachineSpeed", "Truth", "truths_of"]


@dataclass(frozen=True, slots=True)
class MachineSpeed:
    """The speed of a machine that measured times are brought to.

    Attributes:
        calibration_s: Time of the reference workload at that speed; None leaves times as they were measured.
        exponent: Power of the reference workload's time that other times are proportional to.
    """

    calibration_s: float | None = None
    exponent: float = 1.0

    @classmethod
    def of(cls, platform: Platform) -> MachineSpeed:
        """The speed that a platform was fitted at."""
        facts = platform.provenance.measurement
        return cls(facts.get("calibration_s"), facts.get("calibration_exponent", 1.0))

    def scale(self, run: Run) -> float:
        """Factor that brings a run's times to this speed; 1 where either speed is not known."""
        measured_s = calm_reference_s(run.reference_s)
        if self.calibration_s is None or measured_s is None:
            return 1.0
        return float((self.calibration_s / measured_s) ** self.exponent)


@dataclass(frozen=True, eq=False)
class Truth:
    """A network with what is known of its latency.

    Attributes:
        name: What the user calls it.
        network: The network.
        rounds_s: Latency of each round of measurement, seconds; one for a published figure, none where it is unknown.
        runs: The rounds with their profiles; none for a published figure.
        path: Its file; None for a network of the zoo or of a dataset.
    """

    name: str
    network: Network
    rounds_s: tuple[float, ...] = ()
    runs: tuple[Run, ...] = ()
    path: Path | None = None

    @property
    def latency_s(self) -> float | None:
        """Median over the rounds; None where it is unknown."""
        return median(self.rounds_s) if self.rounds_s else None

    @property
    def floor(self) -> float | None:
        """Relative standard deviation of a round, which one disturbed round of three does not move.

        What no estimate can do better than; None with fewer than two rounds.
        """
        return float(repeatability(self.rounds_s)) if len(self.rounds_s) > 1 else None


def truths_of(
    dataset: Dataset,
    names: Sequence[str] | None = None,
    *,
    networks: Mapping[str, Network] | None = None,
    speed: MachineSpeed | None = None,
) -> tuple[Truth, ...]:
    """Measured networks of a dataset.

    Failed rounds are left out. Rounds that call themselves unstable count: with several rounds the median is still
    better than none.

    Args:
        dataset: What ``annette measure --out`` or an earlier evaluation recorded.
        names: The networks wanted, in this order; None takes all.
        networks: What these names stand for, where that is known; others are taken from the dataset or the zoo.
        speed: What every round is brought to; None leaves times as they were measured.

    Returns:
        One truth for each name, without latency where the dataset has none.

    Raises:
        DatasetError: The dataset is damaged, or holds another network under a name.
        NetworkError: A network that the dataset lacks cannot be loaded.
    """
    runs: dict[str, list[Run]] = defaultdict(list)
    for run in dataset.runs():
        if run.purpose is Purpose.NETWORK and run.status is not Status.FAILED and math.isfinite(run.latency_s):
            runs[run.case].append(run)
    truths = []
    for name in sorted(runs) if names is None else names:
        wanted = (networks or {}).get(name)
        if wanted is not None:
            dataset.rounds(name, wanted)
        truths.append(_truth(name, wanted, runs[name], speed or MachineSpeed()))
    return tuple(truths)


def _truth(name: str, network: Network | None, runs: Sequence[Run], speed: MachineSpeed) -> Truth:
    if network is None:
        network = runs[0].network if runs else load_network(name)
    return Truth(name, network, tuple(run.latency_s * speed.scale(run) for run in runs), tuple(runs))
