"""Published performance counters of the Neural Compute Stick 2, joined to the networks that they were taken from.

The table (``ncs2/layers.csv``, embedded-machine-learning, MIT) has a row for every layer that the runtime reports:
whether it ran, and for how long. Networks are read from the descriptions beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annette.bench.importing.runs import measured_run
from annette.bench.importing.table import rows_of
from annette.bench.records import KernelRecord, Purpose
from annette.errors import DatasetError
from annette.network.readers.json import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from annette.bench.records import Run
    from annette.mapping.kernel import Kernel
    from annette.network import Network

__all__ = ["CountedNetwork", "Counter", "import_counters", "read_ncs2_counters"]

_GRAPHS: Final = "graphs/annette"
_COLUMNS: Final = ("network", "ov_layer", "graph_layer", "exec_status", "ov_type", "time_ms")
_STATUS: Final = ("EXECUTED", "OPTIMIZED_OUT", "NOT_RUN")
_ADDED: Final = {"<Extra>": "convert", "Permute": "transpose"}


@dataclass(frozen=True, slots=True)
class Counter:
    """One row of a report.

    Attributes:
        layer: Name of the network's layer; of the runtime's, where the network has none.
        kind: Type that the runtime gives it.
        runs: Whether the device did anything for it.
        latency_s: Time it took, seconds; 0 where it does not run.
    """

    layer: str
    kind: str
    runs: bool
    latency_s: float


@dataclass(frozen=True, eq=False)
class CountedNetwork:
    """A network with its report.

    Attributes:
        name: As the report calls it.
        network: The network.
        counters: The rows of the report.
    """

    name: str
    network: Network
    counters: tuple[Counter, ...]

    @property
    def latency_s(self) -> float:
        """Sum of the report, seconds: time on the device, without host and USB."""
        return sum(counter.latency_s for counter in self.counters)

    def match(self, kernels: tuple[Kernel, ...]) -> list[tuple[Counter, Kernel | None]]:
        """Each row of the report with the kernel that is priced for it, None where no kernel has its name.

        A kernel goes by the name of its anchor; kernels that the runtime adds go by their kind.
        """
        by_name = {kernel.name: kernel for kernel in kernels}
        added = {kernel.kind: kernel for kernel in kernels if not kernel.layers}
        return [(row, by_name.get(row.layer) or added.get(_ADDED.get(row.kind, ""))) for row in self.counters]


def read_ncs2_counters(path: str | PathLike[str], graphs: str | PathLike[str]) -> list[CountedNetwork]:
    """Reads all reports of the table.

    Args:
        path: The table.
        graphs: Folder with the networks' descriptions in the original ANNETTE's JSON.

    Raises:
        DatasetError: The table is not what it should be.
        NetworkError: A description cannot be read.
    """
    rows = rows_of(path)
    missing = [column for column in _COLUMNS if column not in rows[0]]
    if missing:
        raise DatasetError(f"table {str(path)!r} has no column {missing[0]!r}: it is not a table of NCS2 counters")
    reports: dict[str, list[Counter]] = {}
    for number, row in enumerate(rows, start=2):
        reports.setdefault(row["network"], []).append(_counter(row, f"table {str(path)!r}, row {number}"))
    return [
        CountedNetwork(name, read_json(Path(graphs) / f"{name}.json"), tuple(counters))
        for name, counters in reports.items()
    ]


def import_counters(path: Path, environment: Mapping[str, str]) -> list[Run]:
    """The reports as runs of whole networks with profiled kernels.

    Args:
        path: ``ncs2/layers.csv``; the networks' descriptions are in ``graphs/annette`` beside its folder.
        environment: What the measurements depend on.

    Raises:
        DatasetError: The table is not what it should be.
        NetworkError: A description cannot be read.
    """
    return [_counted_run(counted, environment) for counted in read_ncs2_counters(path, path.parent.parent / _GRAPHS)]


def _counted_run(counted: CountedNetwork, environment: Mapping[str, str]) -> Run:
    """A network with the kernels that its report shows: what ran, and with it what was fused into it."""
    network = counted.network
    ran = {counter.layer: counter for counter in counted.counters if counter.runs}
    joined: dict[str, list[str]] = {name: [name] for name in ran if name in network.kinds_by_layer}
    writer = {tensor: layer.name for layer in network.layers for tensor in layer.outputs}
    home: dict[str, str] = {name: name for name in joined}
    for layer in network.layers:
        before = [home[writer[tensor]] for tensor in layer.inputs if writer.get(tensor) in home]
        if layer.name not in home and before:
            home[layer.name] = before[0]
            joined[before[0]].append(layer.name)
    records = tuple(
        KernelRecord(name, counter.kind, tuple(joined.get(name, ())), counter.latency_s, (counter.latency_s,))
        for name, counter in ran.items()
    )
    return measured_run(counted.name, Purpose.NETWORK, network, environment, kernels=records)


def _counter(row: dict[str, str], where: str) -> Counter:
    if row["exec_status"] not in _STATUS:
        raise DatasetError(f"{where}: exec_status is {row['exec_status']!r}, not one of {', '.join(_STATUS)}")
    try:
        latency_s = float(row["time_ms"]) * 1e-3
    except ValueError as error:
        raise DatasetError(f"{where}: time_ms is {row['time_ms']!r}, not a number") from error
    runs = row["exec_status"] == "EXECUTED"
    if not 0 <= latency_s < 1e3 or (runs and latency_s == 0):
        raise DatasetError(f"{where}: time_ms is {row['time_ms']!r}, which a layer that ran cannot take")
    return Counter(row["graph_layer"] or row["ov_layer"], row["ov_type"], runs, latency_s)
