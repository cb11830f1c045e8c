"""From the name of a suite to its networks, and to what is known of their latencies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from annette.bench.dataset import Dataset
from annette.errors import OptionError
from annette.evaluation.comparability import compare_environments
from annette.evaluation.listing import is_listing, load_listing
from annette.evaluation.suites import suite as suite_networks
from annette.evaluation.truth import MachineSpeed, Truth, truths_of
from annette.network.load import load_network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.platforms import Platform

__all__ = ["listed_networks", "recorded_truths"]


def listed_networks(suite: str) -> tuple[Truth, ...]:
    """The networks of a suite, with what a file says of their latencies.

    Args:
        suite: Name of a suite, or a file that lists networks (`annette.evaluation.listing`).

    Raises:
        OptionError: There is no such suite, or the file is no list.
        NetworkError: A network cannot be loaded.
    """
    if is_listing(suite):
        return load_listing(Path(suite))
    if Path(suite).is_file():
        raise OptionError(f"--suite {suite!r} is a file but no list: networks are listed in a .csv or .json")
    return tuple(Truth(name, load_network(name)) for name in suite_networks(suite))


def recorded_truths(
    platform: Platform, listed: Sequence[Truth], path: Path, *, calibrated: bool = True
) -> tuple[tuple[Truth, ...], tuple[str, ...]]:
    """Networks with the latencies that a dataset has of them.

    Args:
        platform: What will be evaluated: its campaign's speed is the reference.
        listed: The networks; none with a latency already.
        path: The dataset.
        calibrated: Whether measured times are brought to the speed of the platform's campaign.

    Returns:
        The networks in the order given, and remarks on how they were measured.

    Raises:
        OptionError: A latency is known already, or was not measured as the platform was.
        DatasetError: The dataset cannot be read, or holds another network under a name.
    """
    if any(entry.rounds_s for entry in listed):
        raise OptionError("the FILE states latencies, and --truth does as well: take one of the two")
    speed = MachineSpeed.of(platform) if calibrated else None
    networks = {entry.name: entry.network for entry in listed}
    with Dataset.open(path) as dataset:
        notes = [note for environment in dataset.environments() for note in compare_environments(platform, environment)]
        return truths_of(dataset, list(networks), networks=networks, speed=speed), tuple(notes)
