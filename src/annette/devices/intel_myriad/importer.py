"""Layout ``ncs2``: published performance counters of the Neural Compute Stick 2, and latencies of whole networks.

The counters (``layers.csv``, embedded-machine-learning, MIT) have a row for every layer that the runtime reports:
whether it ran, and for how long. They are joined to the networks' descriptions. The latencies
(``nasbench201_latency_ms.csv``, microsoft/nn-Meter, MIT) are end to end and of another board.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annette.bench.importing.collection import Collection, Origin, digest_of, measured_run, network_runs
from annette.bench.importing.table import NetworkLatency, TableRow, rows_of
from annette.bench.records import KernelRecord, Purpose
from annette.documents import is_latency
from annette.errors import DatasetError, nearest
from annette.network.load import load_network
from annette.network.zoo.nasbench201 import nasbench201
from annette.platforms import Source

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    from annette.bench.records import Run
    from annette.mapping.kernel import Kernel
    from annette.network import Network

__all__ = [
    "TWINS",
    "CountedNetwork",
    "Counter",
    "import_ncs2",
    "match_counters",
    "nasbench201_networks",
    "read_ncs2_counters",
]

TWINS: Final = {"cf_inceptionv1": "inceptionv1", "tf_inceptionv1": "inceptionv1"}
"""The same network from two frameworks: what must be left out together."""

_ENVIRONMENT: Final = {"collection": "ncs2", "runtime": "openvino-myriad", "precision": "fp16"}
_NOTES: Final = ("Device time is what the performance counters sum to: no host, no USB.",)

_NAS_DEVICE: Final = "myriadvpu_openvino2019r2"
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


def match_counters(counters: Iterable[Counter], kernels: Iterable[Kernel]) -> list[tuple[Counter, Kernel | None]]:
    """Each row of a report with the kernel that is priced for it, None where no kernel has its name.

    A kernel goes by the name of its anchor; kernels that the runtime adds go by their kind.
    """
    kernels = tuple(kernels)
    by_name = {kernel.name: kernel for kernel in kernels}
    added = {kernel.kind: kernel for kernel in kernels if not kernel.layers}
    return [(row, by_name.get(row.layer) or added.get(_ADDED.get(row.kind, ""))) for row in counters]


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
    for row in rows:
        reports.setdefault(row["network"], []).append(_counter(row))
    return [
        CountedNetwork(name, load_network(Path(graphs) / f"{name}.json"), tuple(counters))
        for name, counters in reports.items()
    ]


def nasbench201_networks(path: str | PathLike[str]) -> list[NetworkLatency]:
    """NAS-Bench-201 networks with their time on the Myriad VPU.

    Args:
        path: ``nasbench201_latency_ms.csv``: columns ``idx``, ``arch`` and one of milliseconds for each device.

    Raises:
        DatasetError: The file is not that table, or has no such device.
        OptionError: A cell's description cannot be read.
    """
    table = rows_of(path)
    if not {"idx", "arch"} <= table[0].keys():
        raise DatasetError(f"table {str(path)!r} has no columns idx and arch: it is not a table of NAS-Bench-201")
    if _NAS_DEVICE not in table[0]:
        raise DatasetError(f"table {str(path)!r} has no device {_NAS_DEVICE!r}{nearest(_NAS_DEVICE, table[0])}")
    return [
        NetworkLatency(f"nasbench201-{row['idx']}", nasbench201(row["arch"]), row.latency_s(_NAS_DEVICE, 1e-3))
        for row in table
    ]


def import_ncs2(path: Path, device: str | None = None) -> Collection:
    """Counters of whole networks, and end-to-end latencies where they are there, for ``annette import --layout ncs2``.

    Args:
        path: Folder with ``layers.csv`` and ``nasbench201_latency_ms.csv``, or the first of them; the networks'
            descriptions are in ``graphs/annette`` beside the folder.
        device: Not needed: the tables are of one device.

    Raises:
        DatasetError: A table is not what it should be.
        NetworkError: A description cannot be read.
    """
    del device
    layers = path / "layers.csv" if path.is_dir() else path
    runs = [_counted_run(counted) for counted in read_ncs2_counters(layers, layers.parent.parent / _GRAPHS)]
    sources = [
        Source(
            title="performance counters of cf_inceptionv1, tf_inceptionv1, tf_resnet50 and cf_inceptionv3",
            location="https://github.com/embedded-machine-learning, inference_modules and scripts-and-guides",
            licence="MIT",
            sha256=digest_of(layers),
        )
    ]
    latencies = layers.with_name("nasbench201_latency_ms.csv")
    if latencies.is_file():
        networks = nasbench201_networks(latencies)
        runs += network_runs(networks, {**_ENVIRONMENT, "device": "myriadvpu", "runtime_version": "2019R2"})
        sources.append(
            Source(
                title=f"latencies of {len(networks):,} NAS-Bench-201 networks on the Myriad VPU, "
                "for the host's overhead only",
                location="https://github.com/microsoft/nn-Meter",
                licence="MIT",
                sha256=digest_of(latencies),
            )
        )
    return Collection(
        runs, Origin(sources=tuple(sources), versions={"openvino": "2019", "runtime": "openvino-myriad"}, notes=_NOTES)
    )


def _counted_run(counted: CountedNetwork) -> Run:
    """A network with what ran of its report, each under the name of the layer that the report gives.

    What was fused into a layer is not among its record's layers: the report does not say where it went.
    """
    records = tuple(
        KernelRecord(
            name=counter.layer,
            operator=counter.kind,
            layers=(counter.layer,) if counter.layer in counted.network.kinds_by_layer else (),
            latency_s=counter.latency_s,
            samples_s=(counter.latency_s,),
        )
        for counter in counted.counters
        if counter.runs
    )
    environment = {**_ENVIRONMENT, "device": "ncs2", "runtime_version": "2019"}
    return measured_run(counted.name, Purpose.NETWORK, counted.network, environment, kernels=records)


def _counter(row: TableRow) -> Counter:
    if row["exec_status"] not in _STATUS:
        raise row.error(f"exec_status is {row['exec_status']!r}, not one of {', '.join(_STATUS)}")
    latency_s = row.number("time_ms") * 1e-3
    runs = row["exec_status"] == "EXECUTED"
    if not (is_latency(latency_s) or (latency_s == 0 and not runs)):
        raise row.error(f"time_ms is {row['time_ms']!r}, which a layer that ran cannot take")
    return Counter(row["graph_layer"] or row["ov_layer"], row["ov_type"], runs, latency_s)
