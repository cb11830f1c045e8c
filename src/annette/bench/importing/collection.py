"""Tables by the name of their layout, and as runs: what ``annette import`` reads, and what its datasets hold.

Two layouts are ours (``docs/importing.md``); collections that somebody published have layouts of their own, which the
device family that they are about reads (`annette.devices.device.Device.importers`).
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec

from annette.bench.dataset import Dataset
from annette.bench.importing.kernel import kernel_network
from annette.bench.importing.table import TableOptions, read_layer_table, read_network_table
from annette.bench.records import KernelRecord, Purpose, Run, Status
from annette.budget import BASE_STEPS, budgeted
from annette.devices.registry import find, offered
from annette.documents import convert, parse_json
from annette.errors import DatasetError, OptionError, nearest
from annette.platforms import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from annette.bench.importing.kernel import MeasuredKernel
    from annette.bench.importing.table import NetworkLatency
    from annette.network import Network

__all__ = [
    "ROW",
    "Collection",
    "Origin",
    "digest_of",
    "kernel_runs",
    "layouts",
    "measured_run",
    "network_runs",
    "origin_of",
    "read_collection",
]

ROW: Final = "row"
"""Key of a run's details that holds its position in the collection: a dataset gives runs in another order."""

_OWN: Final = ("layers", "networks")
_STEPS_PER_BYTE: Final = 100
_STATED: Final = ("device", "runtime", "precision")


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the numbers of a dataset come from.

    Attributes:
        sources: The tables, with licence and hash.
        versions: Versions of compiler and runtime, where the tables say them.
        notes: What was done to the numbers, one sentence each.
    """

    sources: tuple[Source, ...] = ()
    versions: dict[str, str] = {}
    notes: tuple[str, ...] = ()


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
        """Writes everything to a new dataset, whole or not at all.

        Raises:
            DatasetError: The file exists, or cannot be written.
        """
        with Dataset.unsaved(path) as dataset:
            dataset.set_origin(msgspec.json.encode(self.origin).decode())
            for row, run in enumerate(self.runs):
                dataset.add(replace(run, details={**run.details, ROW: str(row)}))
            dataset.save()


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
        kernels = read_layer_table(path, options)
        with budgeted(str(path), steps=BASE_STEPS + _STEPS_PER_BYTE * path.stat().st_size):
            runs = kernel_runs(kernels, stated)
    else:
        runs = network_runs(read_network_table(path, options), stated)
    source = Source(f"measured {layout} of {path.name}", "imported table", "not stated", sha256=digest_of(path))
    return Collection(runs, Origin(sources=(source,)))


def kernel_runs(kernels: Iterable[MeasuredKernel], environment: Mapping[str, str]) -> list[Run]:
    """One run for each measured kernel: a network that is that kernel, profiled.

    Args:
        kernels: From a layer table; repeated measurements of one kernel stay apart.
        environment: What the measurements depend on: ``device``, ``runtime``, ``precision``, ….

    Returns:
        Runs whose case is ``network/kernel``, with a number where that repeats.

    Raises:
        DatasetError: A kernel cannot be built.
    """
    seen: Counter[str] = Counter()
    runs = []
    for kernel in kernels:
        network = kernel_network(kernel)
        case = f"{kernel.network}/{kernel.name}"
        seen[case] += 1
        case = case if seen[case] == 1 else f"{case}#{seen[case]}"
        record = KernelRecord(
            name=kernel.name,
            operator="+".join(stage.kind for stage in kernel.stages),
            layers=tuple(layer.name for layer in network.layers),
            latency_s=kernel.latency_s,
            samples_s=(kernel.latency_s,),
        )
        runs.append(measured_run(case, Purpose.MICRO_KERNEL, network, environment, kernels=(record,)))
    return runs


def network_runs(pairs: Sequence[NetworkLatency], environment: Mapping[str, str]) -> list[Run]:
    """One run for each network: a time and no profile.

    Args:
        pairs: From a network table.
        environment: As for `kernel_runs`.
    """
    counts = Counter(pair.name for pair in pairs)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise DatasetError(f"network {repeated[0]!r} stands in the table {counts[repeated[0]]} times: give names")
    return [
        replace(
            measured_run(pair.name, Purpose.NETWORK, pair.network, environment, kernels=()),
            latency_s=pair.latency_s,
            samples_s=(pair.latency_s,),
            matched_share=math.nan,
        )
        for pair in pairs
    ]


def measured_run(
    case: str, purpose: Purpose, network: Network, environment: Mapping[str, str], *, kernels: tuple[KernelRecord, ...]
) -> Run:
    """A run that was measured elsewhere: usable, once, without samples of the whole network.

    Args:
        case: Its identity.
        purpose: Why it was measured.
        network: What was measured.
        environment: What the measurement depends on.
        kernels: What the profile shows.
    """
    return Run(
        case=case,
        round=0,
        purpose=purpose,
        network=network,
        environment=environment,
        details={"imported": "measured elsewhere"},
        status=Status.OK,
        reason="",
        started_unix_s=0.0,
        duration_s=float(sum(kernel.latency_s for kernel in kernels)),
        latency_s=math.nan,
        samples_s=(),
        reference_s=(),
        kernels=kernels,
        matched_share=1.0,
    )


def origin_of(dataset: Dataset) -> Origin | None:
    """Where the numbers of a dataset come from; None for what was measured with ``annette bench``.

    Raises:
        DatasetError: What the dataset says is damaged.
    """
    text, name = dataset.origin(), f"the origin in dataset {str(dataset.path)!r}"
    if text is None:
        return None
    return convert(parse_json(text.encode(), source=name, error=DatasetError), Origin, error=DatasetError)


def digest_of(path: Path) -> str:
    """SHA-256 of a table, 64 hexadecimal digits.

    Raises:
        DatasetError: It cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DatasetError(f"table {str(path)!r} cannot be read: {error.strerror or error}") from error
