"""Published latencies of NAS-Bench-201 networks on a phone, its GPUs and the Myriad VPU (microsoft/nn-Meter, MIT)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.bench.importing.runs import NetworkLatency
from annette.bench.importing.table import rows_of
from annette.errors import DatasetError, nearest
from annette.network.zoo.nasbench201 import nasbench201

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["nasbench201_networks"]


def nasbench201_networks(path: str | PathLike[str], device: str, *, rows: slice | None = None) -> list[NetworkLatency]:
    """The networks of the table with their time on one device.

    Args:
        path: ``ncs2/nasbench201_latency_ms.csv``: columns ``idx``, ``arch`` and one of milliseconds for each device.
        device: One of the columns, such as ``myriadvpu_openvino2019r2``.
        rows: Which rows; None takes all.

    Raises:
        DatasetError: The file is not that table, or has no such device.
        OptionError: A cell's description cannot be read.
    """
    table = rows_of(path)
    if not {"idx", "arch"} <= table[0].keys():
        raise DatasetError(f"table {str(path)!r} has no columns idx and arch: it is not a table of NAS-Bench-201")
    if device not in table[0] or device in ("idx", "arch"):
        known = [column for column in table[0] if column not in ("idx", "arch")]
        raise DatasetError(
            f"table {str(path)!r} has no device {device!r}{nearest(device, known)}; known: {', '.join(known)}"
        )
    return [
        NetworkLatency(f"nasbench201-{row['idx']}", nasbench201(row["arch"]), float(row[device]) * 1e-3)
        for row in table[rows or slice(None)]
    ]
