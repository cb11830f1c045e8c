"""Imported measurements as the roads of single devices fit them: in the order of their tables, with their provenance.

Licences and hashes travel with the numbers from the tables into the dataset and from there into the platform file; so
does what a user of the numbers should know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from annette._version import __version__
from annette.bench.importing.collection import ROW, Origin, origin_of
from annette.errors import FitError
from annette.fitting.request import AUTO, FitReport, MappingChoice
from annette.platforms import Provenance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annette.bench.dataset import Dataset
    from annette.bench.importing.collection import Collection
    from annette.bench.records import Run
    from annette.fitting.families import KindFit
    from annette.fitting.request import FitRequest
    from annette.network import Network
    from annette.platforms import Platform

__all__ = ["Published", "device_report"]


@dataclass(frozen=True)
class Published:
    """Published measurements of one device.

    Attributes:
        kernels: Runs with profiled kernels, in the order of the tables.
        networks: Whole networks of which only the total is known, in the order of the tables.
        provenance: Where both come from.
    """

    kernels: tuple[Run, ...]
    networks: tuple[Run, ...]
    provenance: Provenance

    @classmethod
    def of(cls, collection: Collection, notes: Iterable[str] = ()) -> Published:
        """The measurements of a collection, as they would come back from a dataset."""
        return cls._of(collection.runs, [collection.origin], notes)

    @classmethod
    def read(cls, datasets: Sequence[Dataset], request: FitRequest, notes: Iterable[str] = ()) -> Published:
        """The measurements of datasets that ``annette import`` has made.

        Args:
            datasets: One or more, of one device.
            request: What is asked for.
            notes: What a user should know about the fit, one sentence each; they follow those of the datasets.

        Raises:
            DatasetError: A dataset is damaged.
            FitError: A mapping is asked for, which this device's own way of fitting cannot take, or another precision
                than that of the measurements.
        """
        if request.mapping != AUTO:
            raise FitError("this device's own way of fitting has its own mapping: leave --mapping out")
        runs, origins = [], []
        for dataset in datasets:
            runs += sorted(dataset.runs(), key=lambda run: int(run.details.get(ROW, "0")))
            origins.append(origin_of(dataset) or Origin())
        stated = {run.environment.get("precision", "") for run in runs}
        if request.precision is not None and stated != {request.precision}:
            raise FitError(f"precision {request.precision!r} was stated, but the datasets hold {', '.join(stated)}")
        return cls._of(runs, origins, notes)

    @classmethod
    def _of(cls, runs: Sequence[Run], origins: Sequence[Origin], notes: Iterable[str]) -> Published:
        provenance = Provenance(
            created_by=f"annette {__version__} fit",
            sources=tuple(dict.fromkeys(source for origin in origins for source in origin.sources)),
            versions=tuple({name: text for origin in origins for name, text in origin.versions.items()}.items()),
            notes=tuple(dict.fromkeys([*(note for origin in origins for note in origin.notes), *notes])),
        )
        return cls(tuple(run for run in runs if run.kernels), tuple(run for run in runs if not run.kernels), provenance)

    @property
    def pairs(self) -> list[tuple[Network, float]]:
        """Whole networks with their times, seconds."""
        return [(run.network, run.latency_s) for run in self.networks]

    @property
    def names(self) -> list[str]:
        """What the whole networks are called."""
        return [run.case for run in self.networks]


def device_report(platform: Platform, request: FitRequest, fits: Mapping[str, KindFit] | None = None) -> FitReport:
    """The report about a platform that a device's own way of fitting has made, under the name that was asked for."""
    named = replace(platform, name=request.name, description=request.description or platform.description)
    return FitReport(named, fits or {}, MappingChoice(platform.mapping, "the device's own rules"))
