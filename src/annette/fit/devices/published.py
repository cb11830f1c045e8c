"""Published tables of the devices fitted here, with their provenance.

Licences and hashes travel with the numbers into the platform file; so does what a user of the numbers should know.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.bench.importers.runs import kernel_runs
from annette.bench.importers.tophub import tophub_layers, tophub_networks
from annette.bench.importers.zcu102 import zcu102_layers, zcu102_networks
from annette.errors import DatasetError
from annette.platforms import Provenance, Source

if TYPE_CHECKING:
    from pathlib import Path

    from annette.bench.importers.runs import NetworkLatency
    from annette.bench.records import Run
    from annette.network import Network

__all__ = ["Published", "read_tvm", "read_zcu102"]

_ZCU102_NOTES: Final = (
    "profiled nodes ran at 300 MHz (miniVggNet at about 325 MHz, which is not certain) and are scaled to 287 MHz",
    "nodes without dimensions are rebuilt from workload and memory: fcn8's transposed convolutions, ProxylessNAS 0.5",
    "the same fully connected node differs by up to 40 % between two profiles: no model can be better there",
    "what distinguishes networks from profiles (no offset per node, streaming port, channel augmentation) was chosen "
    "on the table of networks; tools/evaluate_published.py --structure makes the choice inside every fold",
    "the host's cost per pixel, output and pooled element rests on 15 networks, that of windows above 8 on one",
    "the host started from 15 cycles per pixel, 3 per byte of host operators and 1 per output, at 1.2 GHz",
    "not priced: non-maximum suppression, box decoding and key-point grouping beyond a cost per output element",
)
_TVM_NOTES: Final = (
    "fitted on TopHub's tuned convolutions alone; the whole networks are a check, and give the intervals",
    "the cache's tier of the assumed kinds was added in sight of the networks' times",
    "the measured layers themselves, summed, are about 6 % (snapdragon835) and 10 % (kirin970) off the networks' times",
)


@dataclass(frozen=True)
class Published:
    """One device's tables.

    Attributes:
        runs: Its kernels.
        networks: Its whole networks.
        provenance: Where both come from.
    """

    runs: list[Run]
    networks: list[NetworkLatency]
    provenance: Provenance

    @property
    def pairs(self) -> list[tuple[Network, float]]:
        """Networks with their times, seconds."""
        return [(pair.network, pair.latency_s) for pair in self.networks]

    @property
    def names(self) -> list[str]:
        """What the networks are called."""
        return [pair.name for pair in self.networks]


def read_zcu102(data: Path, created_by: str) -> Published:
    """The ZCU102's tables.

    Args:
        data: Folder with ``zcu102/layers.csv``, ``zcu102/networks.csv`` and ``graphs/mmdnn``.
        created_by: Program that asks.

    Raises:
        DatasetError: A table is missing or is another one.
    """
    layers, networks = data / "zcu102" / "layers.csv", data / "zcu102" / "networks.csv"
    sources = (
        Source(
            "profiled DPU nodes of fcn8, alexnet, miniVggNet and ProxylessNAS-Mobile 0.5",
            "https://github.com/Xilinx/Vitis-AI-Tutorials and https://github.com/zzzDavid/OFA-FPGA",
            "MIT",
            sha256=_digest(layers),
        ),
        Source(
            "end-to-end latency of 15 networks on a ZCU102, one thread, 3 x B4096 at 287 MHz, DNNDK 3.1",
            "https://github.com/Xilinx/AI-Model-Zoo",
            "not stated in the collection",
            sha256=_digest(networks),
        ),
        Source(
            "the networks' graphs in MMdnn's JSON",
            "https://github.com/embedded-machine-learning/annette, revision a8107fd",
            "Apache-2.0",
        ),
    )
    environment = {"device": "zcu102", "runtime": "dnndk", "precision": "int8"}
    return Published(
        runs=kernel_runs(zcu102_layers(layers), environment),
        networks=zcu102_networks(networks, data / "graphs" / "mmdnn"),
        provenance=Provenance(created_by, sources, (("DNNDK", "3.1"),), _ZCU102_NOTES),
    )


def read_tvm(data: Path, device: str, created_by: str) -> Published:
    """One phone's tables.

    Args:
        data: Folder with ``tophub/layers.csv`` and ``tophub/networks_ms.csv``.
        device: What TopHub calls the chip.
        created_by: Program that asks.

    Raises:
        DatasetError: A table is missing, is another one, or does not hold the device.
    """
    layers, networks = data / "tophub" / "layers.csv", data / "tophub" / "networks_ms.csv"
    sources = (
        Source(
            "tuned convolutions of TopHub, arm_cpu v0.08",
            "https://github.com/tlc-pack/tophub",
            "Apache-2.0",
            sha256=_digest(layers),
        ),
        Source(
            "latency of five networks, for checking only",
            "https://github.com/apache/tvm-site, post on auto-tuning of 2018-10-03",
            "Apache-2.0",
            date="2018-10-03",
            sha256=_digest(networks),
        ),
    )
    environment = {"device": device, "runtime": "tvm", "precision": "fp32"}
    return Published(
        runs=kernel_runs(tophub_layers(layers, device), environment),
        networks=tophub_networks(networks, device),
        provenance=Provenance(created_by, sources, (("TopHub arm_cpu", "v0.08"),), _TVM_NOTES),
    )


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DatasetError(f"table {str(path)!r} cannot be read: {error.strerror or error}") from error
