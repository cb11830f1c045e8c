"""Tables by the name of their layout: what ``annette import`` reads.

Two layouts are ours (``docs/importing.md``); collections that somebody published have layouts of their own, which the
device family that they are about reads (`annette.devices.device.Device.importers`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec

from annette.bench.dataset import Dataset
from annette.bench.importing.origin import Origin, digest_of
from annette.bench.importing.runs import kernel_runs, network_runs
from annette.bench.importing.table import TableOptions, read_layer_table, read_network_table
from annette.devices.registry import find, offered
from annette.errors import OptionError, nearest
from annette.platforms import Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from annette.bench.records import Run

__all__ = ["ROW", "Collection", "layouts", "read_collection"]

ROW: Final = "row"
"""Key of a run's details that holds its position in the collection: a dataset gives runs in another order."""

_OWN: Final = ("layers", "networks")
_STATED: Final = ("device", "runtime", "precision")


@dataclass(frozen=True)
class Collection:
    """Measurements that somebody else took, with what a user of the numbers must know.

    Attributes:
        runs: Measured kernels and networks, in the order of the tables.
        origin: Where they come from.
    """

    runs: Sequence[Run]
    origin: Origin

    def save(self, path: Path) -> None:
        """Writes everything to a new dataset.

        Raises:
            DatasetError: The file exists, or cannot be written.
        """
        with Dataset.create(path) as dataset:
            dataset.set_origin(msgspec.json.encode(self.origin).decode())
            for row, run in enumerate(self.runs):
                dataset.add(replace(run, details={**run.details, ROW: str(row)}))


def layouts() -> tuple[str, ...]:
    """Our two layouts, and the published collections that device families read."""
    return (*_OWN, *offered("importers"))


def read_collection(
    path: Path, layout: str, stated: Mapping[str, str] | None = None, options: TableOptions | None = None
) -> Collection:
    """Reads tables.

    Args:
        path: The CSV file; for published collections also the folder that holds their tables.
        layout: One of `layouts`.
        stated: ``device``, ``runtime`` and ``precision`` of the measurements. Our own layouts need all three; a
            published collection knows them, and needs a device where it holds several.
        options: Renamed and ignored columns, for our own layouts.

    Raises:
        DatasetError: A table cannot be read, or is not of that layout.
        OptionError: There is no such layout, something about the measurements is missing or contradicts the
            collection, or columns of a published collection are renamed.
    """
    stated, options = stated or {}, options or TableOptions()
    if layout not in layouts():
        raise OptionError(f"there is no layout {layout!r}{nearest(layout, layouts())}; known: {', '.join(layouts())}")
    if layout in _OWN:
        return _own(path, layout, stated, options)
    if options.rename or options.ignore:
        raise OptionError(f"the columns of layout {layout!r} are known: --column and --ignore are for our own layouts")
    collection: Collection = find("importers", layout)(path, stated.get("device"))
    for key in _STATED:
        known = collection.runs[0].environment[key]
        if stated.get(key, known) != known:
            raise OptionError(f"the {key} of layout {layout!r} is {known!r}, not {stated[key]!r}: leave --{key} out")
    return collection


def _own(path: Path, layout: str, stated: Mapping[str, str], options: TableOptions) -> Collection:
    missing = [f"--{key}" for key in _STATED if key not in stated]
    if missing:
        raise OptionError(f"a table of layout {layout!r} does not say what was measured: state {', '.join(missing)}")
    if layout == "layers":
        runs = kernel_runs(read_layer_table(path, options), stated)
    else:
        runs = network_runs(read_network_table(path, options), stated)
    source = Source(f"measured {layout} of {path.name}", "imported table", "not stated", sha256=digest_of(path))
    return Collection(runs, Origin(sources=(source,)))
