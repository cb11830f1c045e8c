"""Initializers and constant attributes: described always, their contents read only where shapes may need them."""

from __future__ import annotations

import math
import os
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from onnx import TensorProto, numpy_helper

from annette.errors import NetworkFormatError
from annette.files import exists, open_regular
from annette.network.readers.onnx.frame import require_text
from annette.network.readers.onnx.skeleton import KEPT_TENSOR_BYTES
from annette.network.readers.onnx.values import Value, checked_shape, dtype_of

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["ExternalData", "constant_value", "decoded"]

_RAW: Final = {1: "<f4", 6: "<i4", 7: "<i8", 9: "?", 11: "<f8"}
_MAX_EXTERNAL_ELEMENTS: Final = KEPT_TENSOR_BYTES // 8


class ExternalData:
    """Where tensors stored outside the model file may be, and where not.

    Args:
        model: The model file; external data must lie in its folder.
    """

    def __init__(self, model: Path) -> None:
        self._model = model
        self._folder = model.parent
        self._checked: dict[str, Path] = {}

    def locate(self, tensor: TensorProto) -> tuple[Path, int, int]:
        """File, offset and length in bytes (-1 where not stated) of an external tensor.

        Raises:
            NetworkFormatError: The location is missing or leaves the model's folder, or a number is malformed.
        """
        entries = {entry.key: entry.value for entry in tensor.external_data}
        require_text((*entries.keys(), *entries.values()), f"{self._model}: tensor {tensor.name!r}")
        path = self._resolve(tensor.name, entries.get("location", ""))
        numbers = []
        for key, default in (("offset", 0), ("length", -1)):
            text = entries.get(key)
            if text is not None and not (text.isascii() and text.isdigit() and len(text) < 19):
                raise NetworkFormatError(f"{self._model}: external data of tensor {tensor.name!r} has {key} {text!r}")
            numbers.append(default if text is None else int(text))
        return path, numbers[0], numbers[1]

    def read(self, tensor: TensorProto) -> bytes | None:
        """The bytes of a small external tensor, or None where the file is absent or too short.

        Raises:
            NetworkFormatError: It is no regular file, or cannot be read.
        """
        path, offset, _ = self.locate(tensor)
        if not exists(path):
            return None
        size = math.prod(tensor.dims) * np.dtype(_RAW[tensor.data_type]).itemsize
        with open_regular(path, error=NetworkFormatError) as file:
            if os.fstat(file.fileno()).st_size < offset + size:
                return None
            file.seek(offset)
            return file.read(size)

    def _resolve(self, tensor: str, location: str) -> Path:
        if location in self._checked:
            return self._checked[location]
        outside = NetworkFormatError(
            f"{self._model}: external data of tensor {tensor!r} is at {location!r}, which leaves the model's folder; "
            "such paths are refused"
        )
        if not location or "\0" in location or len(location) > 4096:
            raise NetworkFormatError(f"{self._model}: external data of tensor {tensor!r} has no usable location")
        posix, windows = PurePosixPath(location), PureWindowsPath(location)
        if posix.is_absolute() or windows.drive or windows.root or ".." in (*posix.parts, *windows.parts):
            raise outside
        folder = self._folder.resolve()
        try:
            path = (folder / location).resolve()
        except (OSError, RuntimeError) as error:
            raise outside from error
        if not path.is_relative_to(folder):
            raise outside
        self._checked[location] = path
        return path


def constant_value(name: str, tensor: TensorProto, external: ExternalData) -> Value:
    """Describes a stored tensor; small ones keep their contents.

    Raises:
        NetworkFormatError: The tensor is malformed, or its external data leaves the model's folder.
        NetworkShapeError: A dimension is negative or the size overflows 64 bits.
    """
    what = f"constant {name!r}"
    shape = checked_shape(tuple(tensor.dims), what)
    dtype = dtype_of(tensor.data_type, what)
    return Value(name, shape, dtype, constant=True, data=_contents(what, tensor, shape, external), root=name)


def _contents(
    what: str, tensor: TensorProto, shape: tuple[int, ...], external: ExternalData
) -> npt.NDArray[np.generic] | None:
    elements = math.prod(shape)
    raw: bytes | None = None
    if tensor.data_location == TensorProto.EXTERNAL:
        external.locate(tensor)
        small = elements <= _MAX_EXTERNAL_ELEMENTS and tensor.data_type in _RAW
        raw = external.read(tensor) if small else None
        if raw is None:
            return None
    elif tensor.HasField("raw_data"):
        raw = tensor.raw_data
    if elements > KEPT_TENSOR_BYTES or tensor.data_type == TensorProto.STRING:
        return None
    if raw is not None and tensor.data_type in _RAW:
        layout = np.dtype(_RAW[tensor.data_type])
        if len(raw) != elements * layout.itemsize:
            raise NetworkFormatError(f"{what} has {len(raw)} bytes of data, but its shape {list(shape)} says otherwise")
        return np.frombuffer(raw, layout).reshape(shape)
    return decoded(what, tensor)


def decoded(what: str, tensor: TensorProto) -> npt.NDArray[np.generic] | None:
    """The contents that a tensor holds itself, in whatever field; None where it holds none.

    Raises:
        NetworkFormatError: They do not fit its shape.
    """
    fields = (tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data, tensor.uint64_data)
    stored = tensor.HasField("raw_data") or any(map(len, fields))
    if not stored and math.prod(tensor.dims):
        return None
    try:
        array: Any = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError) as error:
        raise NetworkFormatError(f"{what} holds data that does not fit its shape {list(tensor.dims)}") from error
    return array if isinstance(array, np.ndarray) else np.asarray(array)
