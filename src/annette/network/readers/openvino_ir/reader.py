"""From an IR file to a network: the ONNX graph that says the same, read as any other."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from annette.errors import NetworkExportError, NetworkFormatError
from annette.files import exists, open_regular
from annette.network.readers.frameworks.worker import first_line
from annette.network.readers.onnx.contents import mapped
from annette.network.readers.onnx.reader import read_model
from annette.network.readers.openvino_ir.conversion import model_of
from annette.network.readers.openvino_ir.document import read_document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    import numpy.typing as npt

    from annette.network.inputs import Given
    from annette.network.network import Network
    from annette.network.readers.onnx.frame import Stored

__all__ = ["read_openvino_ir", "read_openvino_model"]


def read_openvino_ir(
    path: Path, *, batch: int | None = None, input_shapes: Mapping[str, Given] | None = None, lenient: bool = False
) -> Network:
    """Reads an IR of OpenVINO, version 10 or 11, without OpenVINO.

    Args:
        path: The ``.xml`` file; its content is untrusted data. Of the ``.bin`` beside it only constants of up to 4 KiB
            are read, which shapes may need, and those that mask the scores of a softmax.
        batch: As for `annette.network.readers.onnx.read_onnx`.
        input_shapes: As for ``read_onnx``.
        lenient: As for ``read_onnx``.

    Raises:
        NetworkFormatError: The file is no IR, or is damaged.
        NetworkSizeError: It is larger than any network.
        NetworkError: As for ``read_onnx``.
        OptionError: As for ``read_onnx``.
    """
    path = Path(path)
    with open_regular(path, error=NetworkFormatError) as file:
        name, layers = read_document(file, str(path))
    beside = path.with_suffix(".bin")
    if not exists(beside):
        converted, weights = model_of(name, layers, str(path), _no_data), None
    else:
        with open_regular(beside, error=NetworkFormatError) as data:
            converted = model_of(name, layers, str(path), _Data(data))
        weights = _Weights(beside, converted.places)
    return read_model(
        path,
        converted.model,
        batch=batch,
        given=input_shapes or {},
        lenient=lenient,
        source_format="openvino",
        weights=weights,
    )


def read_openvino_model(
    model: Any,
    *,
    batch: int | None = None,
    input_shapes: Mapping[str, Given] | None = None,
    lenient: bool = False,
) -> Network:
    """Reads an ``openvino.Model`` in memory, which OpenVINO writes into a folder that is removed again.

    Args:
        model: The model.
        batch: As for `read_openvino_ir`.
        input_shapes: As for `read_openvino_ir`.
        lenient: As for `read_openvino_ir`.

    Raises:
        NetworkExportError: OpenVINO cannot write it.
        NetworkError: As for `read_openvino_ir`.
    """
    import openvino  # noqa: PLC0415 - whoever has a model has OpenVINO

    with TemporaryDirectory(prefix="annette-openvino-") as folder:
        path = Path(folder) / "model.xml"
        try:
            openvino.serialize(model, str(path))
        except RuntimeError as error:
            raise NetworkExportError(f"OpenVINO cannot write the model: {first_line(error)}") from error
        network = read_openvino_ir(path, batch=batch, input_shapes=input_shapes, lenient=lenient)
    return network.replaced(name=model.get_friendly_name())


def _no_data(offset: int, size: int) -> bytes | None:
    del offset, size
    return None


class _Data:
    """Reads parts of a ``.bin`` file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size

    def __call__(self, offset: int, size: int) -> bytes | None:
        if offset < 0 or offset + size > self._size:
            return None
        self._file.seek(offset)
        return self._file.read(size)


class _Weights:
    """Large constants in a ``.bin`` file, as `annette.network.readers.onnx.contents.Weights`."""

    def __init__(self, path: Path, places: Mapping[str, tuple[int, int]]) -> None:
        self._path = path
        self._places = places

    def __call__(self, stored: Stored, layout: np.dtype[Any]) -> npt.NDArray[Any]:
        start, size = self._places[stored.name]
        return np.frombuffer(self._data[start : start + size], layout).reshape(tuple(stored.tensor.dims))

    @cached_property
    def _data(self) -> memoryview:
        return memoryview(mapped(self._path))
