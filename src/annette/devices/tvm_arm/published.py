"""Published measurements of phones with TVM, with their provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.bench.importing.runs import kernel_runs
from annette.devices.tvm_arm.tophub import tophub_layers, tophub_networks
from annette.fitting.published import Published, digest_of
from annette.platforms import Provenance, Source

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_tvm"]

_NOTES: Final = (
    "fitted on TopHub's tuned convolutions alone; the whole networks are a check, and give the intervals",
    "the cache's tier of the assumed kinds was added in sight of the networks' times",
    "the measured layers themselves, summed, are about 6 % (snapdragon835) and 10 % (kirin970) off the networks' times",
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
            sha256=digest_of(layers),
        ),
        Source(
            "latency of five networks, for checking only",
            "https://github.com/apache/tvm-site, post on auto-tuning of 2018-10-03",
            "Apache-2.0",
            date="2018-10-03",
            sha256=digest_of(networks),
        ),
    )
    environment = {"device": device, "runtime": "tvm", "precision": "fp32"}
    return Published(
        runs=kernel_runs(tophub_layers(layers, device), environment),
        networks=tophub_networks(networks, device),
        provenance=Provenance(created_by, sources, (("TopHub arm_cpu", "v0.08"),), _NOTES),
    )
