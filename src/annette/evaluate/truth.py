"""What networks really take: measured now, measured before, or published."""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from annette.bench.dataset import Dataset
from annette.bench.records import Purpose, Status
from annette.bench.repeatability import repeatability
from annette.errors import OptionError
from annette.evaluate.suites import suite as suite_networks
from annette.network.load import load_network

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.bench.records import Run
    from annette.network import Network
    from annette.platforms import Platform

__all__ = ["Truth", "is_table", "known_truths", "load_truths", "reference_s", "time_scale", "truths_of"]

_COLUMNS: Final = ("network", "latency_s", "batch")


@dataclass(frozen=True, eq=False)
class Truth:
    """A network with what is known of its latency.

    Attributes:
        name: What the user calls it.
        network: The network.
        rounds_s: Latency of each round of measurement, seconds; one for a published figure, none where it is unknown.
        runs: The rounds with their profiles; none for a published figure.
    """

    name: str
    network: Network
    rounds_s: tuple[float, ...] = ()
    runs: tuple[Run, ...] = ()

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
    dataset: Dataset, names: Sequence[str] | None = None, *, reference_s: float | None = None
) -> tuple[Truth, ...]:
    """Measured networks of a dataset.

    Failed rounds are left out. Rounds that call themselves unstable count: with several rounds the median is still
    better than none.

    Args:
        dataset: What ``annette measure --out`` or an earlier evaluation recorded.
        names: The networks wanted, in this order; None takes all.
        reference_s: Time of the calibration workload that the platform was fitted at; every round is brought to that
            speed. None leaves times as they were measured.

    Returns:
        One truth for each name, without latency where the dataset has none.

    Raises:
        DatasetError: The dataset is damaged.
        NetworkError: A network that the dataset lacks cannot be loaded.
    """
    runs: dict[str, list[Run]] = defaultdict(list)
    for run in dataset.runs():
        if run.purpose is Purpose.NETWORK and run.status is not Status.FAILED and math.isfinite(run.latency_s):
            runs[run.case].append(run)
    return tuple(_truth(name, runs.get(name, []), reference_s) for name in (sorted(runs) if names is None else names))


def known_truths(
    platform: Platform, suite: str, truth: Path | None = None, *, calibrated: bool = True
) -> tuple[Truth, ...]:
    """The networks of a suite with the latencies that are known of them.

    Args:
        platform: What will be evaluated: its campaign's speed is the reference.
        suite: Name of a suite, or a table of networks with their latencies.
        truth: Dataset with the latencies of a named suite; None knows none.
        calibrated: Whether measured times are brought to the speed of the platform's campaign.

    Raises:
        OptionError: There is no such suite, or a dataset is named beside a table.
        DatasetError: The dataset cannot be read.
    """
    if is_table(suite):
        if truth is not None:
            raise OptionError("--truth does not go with a FILE of networks, which has its latencies in it")
        return load_truths(Path(suite))
    names = suite_networks(suite)
    if truth is None:
        return tuple(Truth(name, load_network(name)) for name in names)
    with Dataset.open(truth) as dataset:
        return truths_of(dataset, names, reference_s=reference_s(platform) if calibrated else None)


def is_table(suite: str) -> bool:
    """Whether a suite is named by a file."""
    return Path(suite).suffix in (".csv", ".json")


def reference_s(platform: Platform) -> float | None:
    """Time of the calibration workload in the platform's campaign, in seconds; None where it is not known."""
    return platform.provenance.measurement.get("calibration_s")


def load_truths(path: Path) -> tuple[Truth, ...]:
    """Networks, with latencies where they are known, from a table.

    CSV with a header, or JSON with a list of objects (or with a list under ``networks``). Columns: ``network`` (a file,
    relative to the table's folder, or a name of the zoo), ``latency_s`` (seconds, may be empty), ``batch`` (optional).

    Raises:
        OptionError: The file cannot be read, or a row has no network, an unknown column or a latency that is no time.
        NetworkError: A network cannot be loaded.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"list of networks {str(path)!r} cannot be read: {error}") from error
    rows = _json_rows(path, text) if path.suffix == ".json" else list(csv.DictReader(text.splitlines()))
    if not rows:
        raise OptionError(f"list of networks {str(path)!r} is empty")
    return tuple(_listed(path, number, row) for number, row in enumerate(rows, start=1))


def _truth(name: str, runs: Sequence[Run], reference_s: float | None) -> Truth:
    network = runs[0].network if runs else load_network(name)
    return Truth(name, network, tuple(run.latency_s * time_scale(run, reference_s) for run in runs), tuple(runs))


def time_scale(run: Run, reference_s: float | None) -> float:
    """Factor that brings a run's times to the speed at which the calibration workload takes ``reference_s``.

    1 where either is not known.
    """
    if reference_s is None or not run.calibration_s:
        return 1.0
    return reference_s / median(run.calibration_s)


def _json_rows(path: Path, text: str) -> list[Mapping[str, Any]]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise OptionError(f"list of networks {str(path)!r} is not JSON: {error}") from error
    rows = document.get("networks") if isinstance(document, dict) else document
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise OptionError(f"list of networks {str(path)!r} holds no list of objects with 'network' and 'latency_s'")
    return rows


def _listed(path: Path, number: int, row: Mapping[str, Any]) -> Truth:
    where = f"row {number} of {str(path)!r}"
    unknown = _unknown(row)
    if unknown or not row.get("network"):
        raise OptionError(
            f"{where} has {'column ' + repr(unknown[0]) if unknown else 'no network'}: known columns are "
            f"{', '.join(_COLUMNS)}"
        )
    name = str(row["network"])
    file = path.parent / name
    batch = _number(where, "batch", row.get("batch"))
    if batch is not None and (batch < 1 or batch != int(batch)):
        raise OptionError(f"{where}: batch {batch:g} is not a whole number of at least 1")
    network = load_network(file if file.is_file() else name, batch=None if batch is None else int(batch))
    latency_s = _number(where, "latency_s", row.get("latency_s"))
    if latency_s is not None and not latency_s > 0:
        raise OptionError(f"{where}: latency_s {latency_s:g} is not more than 0")
    return Truth(name, network, () if latency_s is None else (latency_s,))


def _unknown(row: Mapping[str, Any]) -> list[str]:
    return [str(key) for key in row if key not in _COLUMNS]


def _number(where: str, column: str, value: Any) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise OptionError(f"{where}: {column} {str(value)[:40]!r} is not a number")
    return number
