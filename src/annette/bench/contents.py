"""What a dataset holds, and how two of them differ."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from annette.bench.board_states import board_states
from annette.bench.calm import calmness
from annette.bench.dataset import Dataset
from annette.bench.records import Status
from annette.bench.session import measured_networks
from annette.bench.sweeps import sweeps_of
from annette.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from annette.bench.board_states import BoardState
    from annette.bench.calm import Calmness
    from annette.bench.session import MeasuredNetwork
    from annette.bench.sweeps import Sweep

__all__ = ["DatasetContents", "DatasetDifference", "NetworkDifference", "compare_datasets", "describe_dataset"]


@dataclass(frozen=True, eq=False)
class DatasetContents:
    """What a dataset holds.

    Attributes:
        path: Its file.
        rows: How many runs it has.
        digest: SHA-256 of what was measured, 64 hexadecimal digits.
        environment: Where and how it was measured.
        statuses: Number of runs by what they say of themselves.
        purposes: Number of runs by why they were measured.
        calm: How calm the machine was; None where no case was measured more than once.
        boards: What each board did.
        sweeps: Cases that differ in one size.
        networks: Whole networks with at least one usable round.
    """

    path: Path
    rows: int
    digest: str
    environment: Mapping[str, str]
    statuses: Mapping[str, int]
    purposes: Mapping[str, int]
    calm: Calmness | None
    boards: tuple[BoardState, ...]
    sweeps: tuple[Sweep, ...]
    networks: tuple[MeasuredNetwork, ...]


@dataclass(frozen=True, slots=True)
class NetworkDifference:
    """A network that two datasets have.

    Attributes:
        network: What it is called in both.
        first_s: Its latency in the first, seconds.
        second_s: Its latency in the second, seconds.
    """

    network: str
    first_s: float
    second_s: float

    @property
    def difference(self) -> float:
        """How far the second is off the first, as a share of the first."""
        return self.second_s / self.first_s - 1


@dataclass(frozen=True, eq=False)
class DatasetDifference:
    """How two datasets differ.

    Attributes:
        first: File of the first.
        second: File of the second.
        environment: Facts in which the two environments differ, by name: of the first, of the second.
        networks: The whole networks that were measured in both.
    """

    first: Path
    second: Path
    environment: Mapping[str, tuple[str, str]]
    networks: tuple[NetworkDifference, ...]

    @property
    def mean_difference(self) -> float:
        """Mean of the networks' absolute differences."""
        return fmean(abs(entry.difference) for entry in self.networks)

    @property
    def largest_difference(self) -> float:
        """Largest of the networks' absolute differences."""
        return max(abs(entry.difference) for entry in self.networks)


def describe_dataset(dataset: Dataset | Path | str) -> DatasetContents:
    """Says what a dataset holds.

    Args:
        dataset: Its file, or the dataset opened.

    Raises:
        DatasetError: It cannot be read.
    """
    with _opened(dataset) as opened:
        return DatasetContents(
            path=opened.path,
            rows=opened.count(),
            digest=opened.digest(),
            environment=next(iter(opened.environments()), {}),
            statuses={status.value: opened.count(status) for status in Status},
            purposes=dict(sorted(Counter(run.purpose.value for run in opened.runs()).items())),
            calm=calmness(opened.runs()),
            boards=tuple(board_states(opened.runs())),
            sweeps=tuple(sweeps_of(opened)),
            networks=tuple(measured for measured in measured_networks(opened) if measured.usable),
        )


def compare_datasets(first: Dataset | Path | str, second: Dataset | Path | str) -> DatasetDifference:
    """Compares the whole networks that two datasets have in common: how well measurements repeat.

    Args:
        first: File of the first, or the dataset opened.
        second: File of the second, likewise.

    Raises:
        DatasetError: One cannot be read, or they have no network in common.
    """
    with _opened(first) as one, _opened(second) as other:
        before, after = ({each.case: each for each in measured_networks(of) if each.usable} for of in (one, other))
        ours, theirs = (next(iter(of.environments()), {}) for of in (one, other))
    networks = tuple(
        NetworkDifference(name, measured.latency_s, after[name].latency_s)
        for name, measured in before.items()
        if name in after and measured.latency_s > 0
    )
    if not networks:
        raise DatasetError(
            f"datasets {str(one.path)!r} and {str(other.path)!r} have no network in common that was measured in both"
        )
    differing = {
        key: (ours.get(key, ""), theirs.get(key, ""))
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key)
    }
    return DatasetDifference(one.path, other.path, differing, networks)


@contextmanager
def _opened(dataset: Dataset | Path | str) -> Iterator[Dataset]:
    """A dataset that is open, or one that is opened here and closed again."""
    if isinstance(dataset, Dataset):
        yield dataset
        return
    with Dataset.open(Path(dataset)) as opened:
        yield opened
