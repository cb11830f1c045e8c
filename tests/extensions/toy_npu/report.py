"""What the vendor's tools write: a trace of one run, and the sheet of published layers."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Final

from annette.bench.importing.collection import Collection, Origin, kernel_runs
from annette.bench.importing.kernel import MeasuredKernel, Stage
from annette.bench.profile_matching import ReportedKernel, number
from annette.errors import BackendRunError, DatasetError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LINE: Final = re.compile(r"\[npu\] (?P<operator>\S+) (?P<name>\S+) took (?P<time>\S+) us")
_COLUMNS: Final = ("network", "layer", "ci", "co", "size", "kernel", "us")


def parse_trace(text: str) -> tuple[ReportedKernel, ...]:
    """Reads lines such as ``[npu] conv stem took 12.5 us``; other lines are passed over.

    Raises:
        BackendRunError: No line is one of the trace, or a time is none.
    """
    kernels = tuple(
        ReportedKernel(found["name"], found["operator"], number(found["time"], "the time", found[0]) * 1e-6)
        for found in _LINE.finditer(text)
    )
    if not kernels:
        raise BackendRunError("the trace of the Toy NPU has no line '[npu] OPERATOR LAYER took TIME us'")
    return kernels


def import_sheet(path: Path, device: str | None) -> Collection:
    """Reads the sheet of convolutions: square feature maps and kernels, times in microseconds.

    Args:
        path: The sheet.
        device: What was measured; without a word it is the only Toy NPU that there is.

    Raises:
        DatasetError: A column is missing, or a field is no number.
    """
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if not rows or not set(_COLUMNS) <= rows[0].keys():
        raise DatasetError(f"table {str(path)!r} has no columns {', '.join(_COLUMNS)}: it is not the Toy NPU's sheet")
    environment = {"device": device or "toy-npu-16", "runtime": "toy", "precision": "int8"}
    try:
        runs = kernel_runs([_convolution(row) for row in rows], environment)
    except ValueError as error:
        raise DatasetError(f"table {str(path)!r}: {error}") from error
    return Collection(runs, Origin(notes=("times as the sheet states them",)))


def _convolution(row: Mapping[str, str]) -> MeasuredKernel:
    size, kernel = int(row["size"]), int(row["kernel"])
    stage = Stage(
        "conv",
        in_channels=int(row["ci"]),
        in_height=size,
        in_width=size,
        out_channels=int(row["co"]),
        kernel=(kernel, kernel),
    )
    return MeasuredKernel(row["network"], row["layer"], (stage,), float(row["us"]) * 1e-6)
