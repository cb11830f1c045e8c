"""Formats, by the name that the command line knows them by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tools.fuzz.formats.commands import CommandFormat
from tools.fuzz.formats.datasets import DatasetFormat
from tools.fuzz.formats.descriptions import DescriptionFormat
from tools.fuzz.formats.onnx_models import OnnxFormat
from tools.fuzz.formats.ort_models import OrtFormat
from tools.fuzz.formats.platform_files import PlatformFormat
from tools.fuzz.formats.tables import TableFormat
from tools.fuzz.formats.tflite_models import TfliteFormat

if TYPE_CHECKING:
    from tools.fuzz.case import Format

__all__ = ["FORMATS", "SHARES"]

FORMATS: Final[dict[str, type[Format]]] = {
    form.name: form
    for form in (
        OnnxFormat,
        TfliteFormat,
        OrtFormat,
        DescriptionFormat,
        PlatformFormat,
        TableFormat,
        DatasetFormat,
        CommandFormat,
    )
}

SHARES: Final = {
    "onnx": 25, "tflite": 14, "ort": 9, "json": 12, "platform": 11, "table": 11, "dataset": 9, "command": 9,
}  # fmt: skip
"""How the cases of a campaign are divided, in hundredths."""
