"""Formats, by the name that the command line knows them by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tools.fuzz.formats.commands import CommandFormat
from tools.fuzz.formats.datasets import DatasetFormat
from tools.fuzz.formats.descriptions import DescriptionFormat
from tools.fuzz.formats.ir_models import IrFormat
from tools.fuzz.formats.keras_models import KerasFormat
from tools.fuzz.formats.onnx_models import OnnxFormat
from tools.fuzz.formats.ort_models import OrtFormat
from tools.fuzz.formats.platform_files import PlatformFormat
from tools.fuzz.formats.pytorch_programs import ProgramFormat
from tools.fuzz.formats.saved_models import SavedModelFormat
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
        IrFormat,
        ProgramFormat,
        KerasFormat,
        SavedModelFormat,
        DescriptionFormat,
        PlatformFormat,
        TableFormat,
        DatasetFormat,
        CommandFormat,
    )
}

SHARES: Final = {
    "onnx": 20, "tflite": 11, "ort": 7, "ir": 8, "pt2": 4, "keras": 4, "saved_model": 3, "json": 10, "platform": 9,
    "table": 9, "dataset": 7, "command": 8,
}  # fmt: skip
"""How the cases of a campaign are divided, in hundredths."""
