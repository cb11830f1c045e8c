"""Recorded runs, played back: real campaigns without the hardware.

A network is looked up by its structure and by its name, in a dataset that some other backend has written; every call
gives the times that were recorded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from annette.bench.backend import Availability, Backend, BackendOptions, CompiledNetwork, Profile, ProfileEntry, Subject
from annette.bench.dataset import Dataset
from annette.bench.profile_matching import ADDED
from annette.bench.records import Status
from annette.bench.visits import joined_visits
from annette.errors import BackendRunError, DatasetError, OptionError
from annette.network.graph_json import graph_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.bench.records import Run

__all__ = ["ReplayBackend", "ReplayOptions"]


@dataclass(frozen=True)
class ReplayOptions(BackendOptions):
    """Options of the replay backend.

    Attributes:
        dataset: The dataset to play back.
    """

    dataset: str = field(default="", metadata={"help": "dataset file to play back"})


class ReplayBackend(Backend):
    """Plays a dataset back; deterministic, whatever had been measured.

    Raises:
        OptionError: No dataset is named.
        DatasetError: The dataset cannot be read, or was measured in several environments.
    """

    name = "replay"
    options_type = ReplayOptions
    options: ReplayOptions
    deterministic = True
    estimates = True

    def __init__(self, options: ReplayOptions) -> None:
        super().__init__(options)
        path = options.dataset
        if not path:
            raise OptionError("backend 'replay' needs a dataset to play back: --option dataset=PATH")
        with Dataset.open(Path(path)) as dataset:
            environments = dataset.environments()
            if len(environments) != 1:
                raise DatasetError(f"dataset {path!r} has {len(environments)} environments: one can be played back")
            self._environment = environments[0]
            self._runs: dict[tuple[str, str], Run] = {}
            for run in joined_visits(dataset.runs()):
                self._runs.setdefault((graph_digest(run.network), run.network.name), run)
        self._by_structure = {digest: run for (digest, _), run in reversed(self._runs.items())}

    @classmethod
    def available(cls) -> Availability:
        """Always: it needs nothing but a dataset."""
        return Availability(usable=True, reason="plays datasets back")

    def environment(self) -> Mapping[str, str]:
        """The environment that was recorded."""
        return self._environment

    def compile(self, subject: Subject) -> CompiledNetwork:
        """Finds the recorded run of a network.

        Raises:
            BackendRunError: The dataset has no run of this network, or the run failed then.
        """
        digest = graph_digest(subject.network)
        run = self._runs.get((digest, subject.network.name)) or self._by_structure.get(digest)
        if run is None:
            raise BackendRunError(f"the dataset that is played back has no run of network {subject.network.name!r}")
        if run.status is Status.FAILED:
            raise BackendRunError(run.reason)
        return _Recorded(run)


class _Recorded(CompiledNetwork):
    def __init__(self, run: Run) -> None:
        self._run = run

    def run(self, repeats: int, *, before: Callable[[], None] | None = None) -> tuple[float, ...]:
        """The recorded samples in order, from the beginning again where more are asked for; their median for one."""
        del before
        if repeats == 1:
            return (self._run.latency_s,)
        samples = self._run.samples_s or (self._run.latency_s,)
        return tuple(samples[position % len(samples)] for position in range(repeats))

    def profile(
        self, repeats: int, *, before: Callable[[], None] | None = None, within_s: float = math.inf
    ) -> Profile | None:
        """The recorded kernels; None where the run has none."""
        del before, within_s
        if not self._run.kernels:
            return None
        entries = tuple(
            ProfileEntry(
                name=kernel.name,
                operator=kernel.operator,
                latency_s=(kernel.latency_s,) * repeats,
                layers=kernel.layers,
                info={**kernel.info, ADDED: "1"} if kernel.added else kernel.info,
            )
            for kernel in self._run.kernels
        )
        return Profile(entries)
