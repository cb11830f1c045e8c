"""An ONNX file that is opened once and read at many sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annette.network.readers.onnx.binding import declared_inputs
from annette.network.readers.onnx.contents import OnnxWeights
from annette.network.readers.onnx.reader import fed_inputs, load_skeleton, read_model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onnx import ModelProto

    from annette.network.inputs import DeclaredInput, Given
    from annette.network.network import Network

__all__ = ["OpenedOnnx", "open_onnx"]


@dataclass(frozen=True, slots=True)
class OpenedOnnx:
    """A model without its weights.

    Attributes:
        path: Its file.
        model: The model.
        inputs: What it declares to be fed with, by name.
    """

    path: Path
    model: ModelProto
    inputs: Mapping[str, DeclaredInput]

    def read(self, *, batch: int | None, inputs: Mapping[str, Given], lenient: bool) -> Network:
        """The network at some sizes, as `annette.network.readers.onnx.read_onnx` reads it."""
        weights = OnnxWeights(self.path)
        return read_model(self.path, self.model, batch=batch, given=inputs, lenient=lenient, weights=weights)


def open_onnx(path: Path) -> OpenedOnnx:
    """Opens an ONNX file.

    Raises:
        NetworkFormatError: As for `annette.network.readers.onnx.read_onnx`.
        NetworkStructureError: It declares an input twice.
    """
    model = load_skeleton(path)
    return OpenedOnnx(path, model, declared_inputs(fed_inputs(path, model.graph), str(path)))
