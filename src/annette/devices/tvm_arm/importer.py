"""Layout ``tophub``: TVM's published schedules for ARM processors and GPUs, and the networks of its auto-tuning post.

Layers come from tlc-pack/tophub (Apache-2.0), networks from the post of 2018-10-03 on tvm.apache.org. Its networks are
those of ``nnvm.testing`` (`annette.devices.tvm_arm.nnvm`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.bench.importing.collection import Collection
from annette.bench.importing.kernel import MeasuredKernel, Stage
from annette.bench.importing.origin import Origin, digest_of
from annette.bench.importing.runs import NetworkLatency, kernel_runs, network_runs
from annette.bench.importing.table import rows_of
from annette.devices.tvm_arm.nnvm import NETWORKS, nnvm_network
from annette.errors import DatasetError, OptionError, nearest
from annette.platforms import Source

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

__all__ = ["import_tophub", "tophub_networks"]

_PROCESSORS: Final = "arm_cpu"
"""Start of the name of the files that hold processors."""


def import_tophub(path: Path, device: str | None) -> Collection:
    """Tuned layers of one device, and the whole networks where the post has it, for ``annette import``.

    Args:
        path: Folder with ``layers.csv`` and ``networks_ms.csv``, or the first of them alone.
        device: What TopHub calls the device, such as ``kirin970``.

    Raises:
        DatasetError: A table is missing or another one, or does not hold the device.
        OptionError: No device is stated.
    """
    if device is None:
        raise OptionError("layout 'tophub' holds several devices: state one, for example --device kirin970")
    layers = path / "layers.csv" if path.is_dir() else path
    environment = {"collection": "tophub", "device": device, "runtime": "tvm", "precision": "fp32"}
    rows = _rows(layers, device)
    library, _, version = rows[0]["file"].rpartition("_")
    runs = kernel_runs([_kernel(row) for row in rows], environment)
    sources = [
        Source(
            f"tuned convolutions of TopHub, {library} {version}",
            "https://github.com/tlc-pack/tophub",
            "Apache-2.0",
            sha256=digest_of(layers),
        )
    ]
    networks = layers.with_name("networks_ms.csv")
    if networks.is_file() and device in _rows_by_device(networks):
        runs += network_runs(tophub_networks(networks, device), environment)
        sources.append(
            Source(
                "latency of five networks, for checking only",
                "https://github.com/apache/tvm-site, post on auto-tuning of 2018-10-03",
                "Apache-2.0",
                date="2018-10-03",
                sha256=digest_of(networks),
            )
        )
    return Collection(runs, Origin(sources=tuple(sources), versions={f"TopHub {library}": version}))


def tophub_networks(path: str | PathLike[str], device: str) -> list[NetworkLatency]:
    """The whole networks measured on one device.

    Args:
        path: ``tophub/networks_ms.csv``.
        device: Such as ``snapdragon835``.

    Raises:
        DatasetError: The file is not that table, or has no such device.
    """
    measured = _rows_by_device(path)
    if device not in measured:
        raise DatasetError(f"table {str(path)!r} has no device {device!r}{nearest(device, measured)}")
    row = measured[device]
    return [NetworkLatency(name, nnvm_network(name), float(row[name]) * 1e-3) for name in NETWORKS if row[name]]


def _rows_by_device(path: str | PathLike[str]) -> dict[str, dict[str, str]]:
    rows = rows_of(path)
    if not {"device", *NETWORKS} <= rows[0].keys():
        raise DatasetError(f"table {str(path)!r} has no columns device, {', '.join(NETWORKS)}: it is not the post's")
    return {row["device"].split(" (")[0]: row for row in rows}


def _rows(path: Path, device: str) -> list[dict[str, str]]:
    """The tuned convolutions of a device in single precision; of a chip that was tuned as GPU, too, the processor's."""
    rows = rows_of(path)
    if not {"file", "device", "task", "dtype", "time_ms"} <= rows[0].keys():
        raise DatasetError(f"table {str(path)!r} has no columns file, device, task, dtype, time_ms: it is not TopHub's")
    wanted = [row for row in rows if (row["device"], row["dtype"]) == (device, "float32")]
    if not wanted:
        devices = {row["device"] for row in rows}
        raise DatasetError(f"table {str(path)!r} holds no float32 layers of {device!r}{nearest(device, devices)}")
    return [row for row in wanted if row["file"].startswith(_PROCESSORS)] or wanted


def _kernel(row: dict[str, str]) -> MeasuredKernel:
    number = {
        key: int(float(row[key])) for key in ("n", "h", "w", "c", "f", "kh", "kw", "sh", "sw", "pt", "pl", "oh", "ow")
    }
    back = [
        max((number[out] - 1) * number[stride] + number[kernel] - number[size] - number[front], 0)
        for out, stride, kernel, size, front in (("oh", "sh", "kh", "h", "pt"), ("ow", "sw", "kw", "w", "pl"))
    ]
    stage = Stage(
        kind="depthwise_conv" if row["kind"] == "dwconv" else "conv",
        in_channels=number["c"],
        in_height=number["h"],
        in_width=number["w"],
        out_channels=number["f"],
        kernel=(number["kh"], number["kw"]),
        stride=(number["sh"], number["sw"]),
        padding=(number["pt"], number["pl"], back[0], back[1]),
        batch=number["n"],
    )
    shape = "x".join(str(number[key]) for key in ("c", "h", "w", "f", "kh", "kw", "sh"))
    return MeasuredKernel(f"{row['task']}/{shape}", row["task"], (stage,), float(row["time_ms"]) * 1e-3)
