"""TVM's published schedules for ARM processors and GPUs, and the five networks of its auto-tuning post.

Layers come from tlc-pack/tophub (Apache-2.0), networks from the post of 2018-10-03 on tvm.apache.org. Its networks are
those of ``nnvm.testing`` (`annette.devices.tvm_arm.nnvm`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.bench.importing.kernel import MeasuredKernel, Stage
from annette.bench.importing.runs import NetworkLatency, kernel_runs
from annette.bench.importing.table import rows_of
from annette.devices.tvm_arm.nnvm import NETWORKS, nnvm_network
from annette.errors import DatasetError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike
    from pathlib import Path

    from annette.bench.records import Run

__all__ = ["import_layers", "tophub_layers", "tophub_networks"]


def tophub_layers(path: str | PathLike[str], device: str, *, dtype: str = "float32") -> list[MeasuredKernel]:
    """The tuned convolutions of one device.

    Args:
        path: ``tophub/layers.csv``.
        device: Such as ``snapdragon835``.
        dtype: Element type.

    Raises:
        DatasetError: The file is not that table, or holds nothing of that device and element type.
    """
    rows = rows_of(path)
    if not {"device", "task", "dtype", "time_ms"} <= rows[0].keys():
        raise DatasetError(f"table {str(path)!r} has no columns device, task, dtype, time_ms: it is not TopHub's")
    wanted = [row for row in rows if (row["device"], row["dtype"]) == (device, dtype)]
    if not wanted:
        devices = {row["device"] for row in rows}
        raise DatasetError(f"table {str(path)!r} holds no {dtype} layers of {device!r}{nearest(device, devices)}")
    return [_kernel(row) for row in wanted]


def import_layers(path: Path, environment: Mapping[str, str]) -> list[Run]:
    """The layers of the environment's ``device`` as runs, for ``annette import``.

    Raises:
        DatasetError: The file is not TopHub's table, or has no such device.
    """
    return kernel_runs(tophub_layers(path, environment["device"]), environment)


def tophub_networks(path: str | PathLike[str], device: str) -> list[NetworkLatency]:
    """The whole networks measured on one device.

    Args:
        path: ``tophub/networks_ms.csv``.
        device: Such as ``snapdragon835``.

    Raises:
        DatasetError: The file is not that table, or has no such device.
    """
    rows = rows_of(path)
    if not {"device", *NETWORKS} <= rows[0].keys():
        raise DatasetError(f"table {str(path)!r} has no columns device, {', '.join(NETWORKS)}: it is not the post's")
    found = {row["device"].split(" (")[0]: row for row in rows}
    if device not in found:
        raise DatasetError(f"table {str(path)!r} has no device {device!r}{nearest(device, found)}")
    row = found[device]
    return [NetworkLatency(name, nnvm_network(name), float(row[name]) * 1e-3) for name in NETWORKS if row[name]]


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
