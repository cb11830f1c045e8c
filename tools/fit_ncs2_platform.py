"""Fits the platform ``ncs2-openvino`` on published measurements.

Usage: ``python tools/fit_ncs2_platform.py --data DATA --out src/annette/platforms/catalog`` where DATA is the folder
that holds ``ncs2/layers.csv``, ``ncs2/nasbench201_latency_ms.csv`` and ``graphs/annette``. Equal input gives equal
bytes on one type of machine.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from annette.devices.intel_myriad.counters import CountedNetwork, read_ncs2_counters
from annette.devices.intel_myriad.fit import counter_samples, fit_ncs2
from annette.devices.intel_myriad.nasbench201 import nasbench201_networks
from annette.estimation import estimate_network
from annette.platforms import Overhead, Platform, Provenance, Source, dump_platform, load_platform

GROUPS: Final = {"cf_inceptionv1": "inceptionv1", "tf_inceptionv1": "inceptionv1"}
"""The same network from two frameworks is left out together."""

NAS_DEVICE: Final = "myriadvpu_openvino2019r2"
NAS_NETWORKS: Final = 1000


def counted(data: Path) -> list[CountedNetwork]:
    """The networks with reports."""
    return read_ncs2_counters(data / "ncs2" / "layers.csv", data / "graphs" / "annette")


def provenance(data: Path) -> Provenance:
    """Where the numbers come from."""
    original = load_platform("ncs2-openvino-original").provenance
    return Provenance(
        created_by="tools/fit_ncs2_platform.py",
        sources=(
            Source(
                title="performance counters of cf_inceptionv1, tf_inceptionv1, tf_resnet50 and cf_inceptionv3",
                location="https://github.com/embedded-machine-learning, inference_modules and scripts-and-guides",
                licence="MIT",
                sha256=_sha256(data / "ncs2" / "layers.csv"),
            ),
            Source(
                title="latencies of 1,000 NAS-Bench-201 networks on the Myriad VPU, for the host's overhead only",
                location="https://github.com/microsoft/nn-Meter",
                licence="MIT",
                sha256=_sha256(data / "ncs2" / "nasbench201_latency_ms.csv"),
            ),
            Source(
                title="structure of the tiler and of the placement passes, re-implemented",
                location="https://github.com/openvinotoolkit/openvino, inference-engine/src/vpu/graph_transformer",
                licence="Apache-2.0",
            ),
            *original.sources,
        ),
        versions=(("openvino", "2019"),),
        notes=(
            "Device time is what the performance counters sum to: no host, no USB.",
            "The structure of the formulas was found on all four networks; constants were cross-validated.",
            "The host's time per run is the median of end-to-end latency less estimated device time over 1,000 small "
            "networks on another board; its time per byte is the original's published charge for inputs: for large "
            "inputs over USB it is a lower bound.",
            "Depthwise and grouped convolutions have no measurement here: the plug-in's way of splitting them is "
            "priced with the constants of dense ones.",
        ),
    )


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def host_overhead(platform: Platform, data: Path) -> Overhead:
    """What the host adds, from networks whose end-to-end latency is known."""
    pairs = nasbench201_networks(data / "ncs2" / "nasbench201_latency_ms.csv", NAS_DEVICE, rows=slice(NAS_NETWORKS))
    published = load_platform("ncs2-openvino-original").overhead
    left = [pair.latency_s - estimate_network(pair.network, platform).device_latency_s for pair in pairs]
    return Overhead(
        per_kernel_s=platform.overhead.per_kernel_s,
        per_run_s=max(0.0, float(np.median(left))),
        per_input_byte_s=published.per_input_byte_s,
        per_output_byte_s=published.per_input_byte_s,
    )


def main() -> None:
    """Writes the platform file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the published measurements")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    arguments = parser.parse_args()
    samples = counter_samples(counted(arguments.data), GROUPS)
    platform = fit_ncs2(samples, load_platform("ncs2-openvino-original"), provenance(arguments.data))
    platform = replace(platform, overhead=host_overhead(platform, arguments.data))
    dump_platform(platform, arguments.out / f"{platform.name}.json")
    print(f"{platform.name}: {len(samples)} kernels, {len(platform.models)} kinds, {platform.overhead}")


if __name__ == "__main__":
    main()
