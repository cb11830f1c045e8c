"""ONNX models as files of the ORT format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.fuzz.ort_file import ort_content

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import ModelProto

__all__ = ["ort_content", "save_ort"]


def save_ort(folder: Path, model: ModelProto, name: str = "net.ort") -> Path:
    path = folder / name
    path.write_bytes(ort_content(model))
    return path
