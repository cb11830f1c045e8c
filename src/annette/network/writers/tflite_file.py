"""Collects the tensors, buffers and operators of a TFLite file, and encodes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from annette.network.tflite_schema import IDENTIFIER, OPERATORS, OPTIONS, TABLES
from annette.network.writers.flatbuffer import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["Quantization", "TfliteFile"]

_CODES: Final = {name: code for code, name in enumerate(OPERATORS)}
_MEMBERS: Final = {name: code for code, name in enumerate(OPTIONS)}
_TYPES: Final = {"float32": 0, "int32": 2, "bool": 6, "int8": 9}
_LAST_ONE_BYTE_CODE: Final = 127
_SCHEMA_VERSION: Final = 3
_DEFAULT_VERSION: Final = 2
_VERSIONS: Final = {
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 4,
    "TRANSPOSE_CONV": 3,
    "RESIZE_BILINEAR": 3,
    "RESIZE_NEAREST_NEIGHBOR": 3,
    **dict.fromkeys(
        ("RESHAPE", "PRELU", "HARD_SWISH", "ELU", "GELU", "CAST", "SELECT_V2", "RELU_0_TO_1", "QUANTIZE"), 1
    ),
}
"""Version of each operator that takes int8; 2 for every other."""


class Quantization(NamedTuple):
    """How integers stand for real numbers: real = scale x (integer - zero point)."""

    scale: float
    zero_point: int


class TfliteFile:
    """A TFLite file in the making.

    Args:
        name: Of the network.

    Attributes:
        layers: For each operator so far, the layers that it runs.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._buffers: list[dict[str, Any]] = [{}]
        self._tensors: list[dict[str, Any]] = []
        self._operators: list[dict[str, Any]] = []
        self.layers: list[tuple[str, ...]] = []
        self._codes: dict[str, int] = {}

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str,
        *,
        quantization: Quantization | None = None,
        channels: int = 0,
        axis: int = 0,
        data: npt.NDArray[Any] | None = None,
    ) -> int:
        """Appends a tensor and returns its number.

        Args:
            name: Its name.
            shape: Its shape, as stored.
            dtype: ``int8``, ``int32``, ``float32`` or ``bool``.
            quantization: Of int8 tensors and biases.
            channels: Number of equal scales along ``axis``; 0 quantises the whole tensor at once.
            axis: The axis of the channels.
            data: Values of a constant.
        """
        values: dict[str, Any] = {"name": name, "shape": tuple(shape), "type": _TYPES[dtype]}
        if quantization is not None:
            count = max(1, channels)
            values["quantization"] = {
                "scale": (quantization.scale,) * count,
                "zero_point": (quantization.zero_point,) * count,
                "quantized_dimension": axis,
            }
        if data is not None:
            self._buffers.append({"data": np.ascontiguousarray(data).reshape(-1).view(np.uint8)})
            values["buffer"] = len(self._buffers) - 1
        self._tensors.append(values)
        return len(self._tensors) - 1

    def operator(
        self,
        name: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: str = "",
        *,
        layers: tuple[str, ...] = (),
        **fields: Any,
    ) -> None:
        """Appends an operator.

        Args:
            name: Its name in the schema.
            inputs: Numbers of the tensors read.
            outputs: Numbers of the tensors written.
            options: The table of its options; none where empty.
            layers: What it runs of the network; nothing where the lowering had to insert it.
            **fields: Values of the options.
        """
        index = self._codes.setdefault(name, len(self._codes))
        values: dict[str, Any] = {"opcode_index": index, "inputs": tuple(inputs), "outputs": tuple(outputs)}
        if options:
            values["builtin_options_type"] = _MEMBERS[options]
            values["builtin_options"] = (options, fields)
        self._operators.append(values)
        self.layers.append(layers)

    def encode(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """The file's bytes.

        Args:
            inputs: Numbers of the tensors fed in.
            outputs: Numbers of the tensors handed out.
        """
        graph = {
            "name": "main",
            "tensors": self._tensors,
            "operators": self._operators,
            "inputs": tuple(inputs),
            "outputs": tuple(outputs),
        }
        model = {
            "version": _SCHEMA_VERSION,
            "description": self._name,
            "operator_codes": [_operator_code(name) for name in self._codes],
            "subgraphs": [graph],
            "buffers": self._buffers,
        }
        return encode(model, "Model", TABLES, IDENTIFIER)


def _operator_code(name: str) -> dict[str, int]:
    code = _CODES[name]
    version = _VERSIONS.get(name, _DEFAULT_VERSION)
    return {
        "builtin_code": code,
        "deprecated_builtin_code": min(code, _LAST_ONE_BYTE_CODE),
        "version": version,
    }
