"""Published measurements of the ZCU102, with their provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.bench.importing.runs import kernel_runs
from annette.devices.xilinx_dpu.tables import zcu102_layers, zcu102_networks
from annette.fitting.published import Published, digest_of
from annette.platforms import Provenance, Source

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_zcu102"]

_NOTES: Final = (
    "profiled nodes ran at 300 MHz (miniVggNet at about 325 MHz, which is not certain) and are scaled to 287 MHz",
    "nodes without dimensions are rebuilt from workload and memory: fcn8's transposed convolutions, ProxylessNAS 0.5",
    "the same fully connected node differs by up to 40 % between two profiles: no model can be better there",
    "what distinguishes networks from profiles (no offset per node, streaming port, channel augmentation) was chosen "
    "on the table of networks; tools/evaluate_published.py --structure makes the choice inside every fold",
    "the host's cost per pixel, output and pooled element rests on 15 networks, that of windows above 8 on one",
    "the host started from 15 cycles per pixel, 3 per byte of host operators and 1 per output, at 1.2 GHz",
    "not priced: non-maximum suppression, box decoding and key-point grouping beyond a cost per output element",
)


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
            sha256=digest_of(layers),
        ),
        Source(
            "end-to-end latency of 15 networks on a ZCU102, one thread, 3 x B4096 at 287 MHz, DNNDK 3.1",
            "https://github.com/Xilinx/AI-Model-Zoo",
            "not stated in the collection",
            sha256=digest_of(networks),
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
        provenance=Provenance(created_by, sources, (("DNNDK", "3.1"),), _NOTES),
    )
