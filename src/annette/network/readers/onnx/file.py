"""Opening a model file: a memory map, the pass that leaves the weights out, the parse, the first checks."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import ModelProto

from annette.errors import NetworkFormatError
from annette.network.readers.onnx.skeleton import skeleton

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load_skeleton"]

_TEXT_STARTS: Final = (b"{", b"<", b"[", b"version https://git-lfs")


def load_skeleton(path: Path) -> ModelProto:
    """Reads a model without the data of its large tensors.

    Raises:
        NetworkFormatError: The file cannot be read, is empty, truncated, or not an ONNX model.
    """
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise NetworkFormatError(f"{path} is empty")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                if bytes(data[:32]).startswith(_TEXT_STARTS):
                    raise NetworkFormatError(f"{path} is not an ONNX model: it begins like a text file")
                serialized = skeleton(data, str(path))
    except (OSError, ValueError) as error:
        raise NetworkFormatError(f"{path} cannot be read: {error}") from error
    model = ModelProto()
    try:
        model.ParseFromString(serialized)
    except (DecodeError, RecursionError) as error:
        raise NetworkFormatError(f"{path} is not an ONNX model or is damaged: its protobuf does not parse") from error
    if not model.HasField("graph") or not model.opset_import:
        missing = "operator set" if model.HasField("graph") else "graph"
        raise NetworkFormatError(f"{path} is not an ONNX model: it has no {missing}")
    if not model.graph.node:
        raise NetworkFormatError(f"{path} has an empty graph: there is nothing to estimate")
    return model
