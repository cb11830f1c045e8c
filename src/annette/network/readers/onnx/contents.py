"""The values of constants too large to be carried along a walk, found when something asks for them.

Whoever reads a network needs the values of few large constants: of those that mask the scores of a softmax
(`annette.network.masking`). They are found where they are stored, in the file, outside it or in memory, and computed
from there as the file does.
"""

from __future__ import annotations

import math
import mmap
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import TensorProto

from annette.errors import NetworkFormatError
from annette.files import open_regular
from annette.network.readers.onnx.folding import evaluate
from annette.network.readers.onnx.skeleton import large_tensors, raw_data
from annette.network.readers.onnx.tensors import decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from annette.network.readers.onnx.frame import Computed, PendingLayer, Stored
    from annette.network.readers.onnx.tensors import ExternalData
    from annette.network.readers.onnx.values import Value

__all__ = ["MOST_ELEMENTS", "ConstantContents", "OnnxWeights", "StoredTensors", "Weights", "mapped"]

MOST_ELEMENTS: Final = 1 << 24
"""A constant larger than this is not looked at: the mask of 4096 tokens has as many elements."""

_MOST_PARSED_BYTES: Final = 1 << 24
"""Numbers of variable length are parsed, and take several times their bytes meanwhile."""

_LAYOUTS: Final = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8"}
_MOST_STEPS: Final = 24
_FAILURES: Final = (NetworkFormatError, OSError, ValueError, TypeError, LookupError, ArithmeticError, DecodeError)
"""What damaged or missing data end in: their values are not known then, and the network is read without."""


Weights: TypeAlias = "Callable[[Stored, np.dtype[Any]], npt.NDArray[Any] | None]"
"""The values of a large tensor that a model was loaded without, as its elements lie in memory; None where they are not
known. What is damaged may raise one of the errors of numpy, of the system, or `NetworkFormatError`."""


def mapped(path: Path) -> mmap.mmap:
    """A file as memory, which is let go with the last array that looks into it.

    Raises:
        NetworkFormatError: It is no regular file, or cannot be read.
        ValueError: It is empty.
    """
    with open_regular(path, error=NetworkFormatError) as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


class OnnxWeights:
    """The large tensors of an ONNX file, as `Weights`.

    Args:
        model: The file.
    """

    def __init__(self, model: Path) -> None:
        self._model = model

    def __call__(self, stored: Stored, layout: np.dtype[Any]) -> npt.NDArray[Any] | None:
        """The values of a tensor. Those that lie in the file as they are used are not copied."""
        data, places = self._file
        start, end = places[stored.name]
        raw = raw_data(data, start, end, str(self._model))
        if raw is not None:
            return np.frombuffer(memoryview(data)[slice(*raw)], layout).reshape(tuple(stored.tensor.dims))
        if end - start > _MOST_PARSED_BYTES:
            return None
        return decoded(stored.name, TensorProto.FromString(data[start:end]))

    @cached_property
    def _file(self) -> tuple[mmap.mmap, dict[str, tuple[int, int]]]:
        """The file, and where its large tensors are."""
        data = mapped(self._model)
        return data, large_tensors(data, str(self._model))


class StoredTensors:
    """Looks up large tensors where they are stored.

    Args:
        weights: Gives what the model was loaded without; None where only what it holds itself is known.
        external: Finds what an ONNX file stores outside it.
    """

    def __init__(self, weights: Weights | None, external: ExternalData) -> None:
        self._weights = weights
        self._external = external
        self._maps: dict[Path, mmap.mmap] = {}

    def array(self, stored: Stored) -> npt.NDArray[Any] | None:
        """The values of a tensor; None where they are missing, do not fit its shape, or are too many."""
        tensor = stored.tensor
        elements = math.prod(tensor.dims)
        if not 0 < elements <= MOST_ELEMENTS or tensor.data_type not in _LAYOUTS:
            return None
        layout = np.dtype(_LAYOUTS[tensor.data_type])
        try:
            if tensor.data_location == TensorProto.EXTERNAL:
                return self._outside(tensor, layout, elements)
            held = decoded(stored.name, tensor)
            return held if held is not None or self._weights is None else self._weights(stored, layout)
        except _FAILURES:
            return None

    def _outside(self, tensor: TensorProto, layout: np.dtype[Any], elements: int) -> npt.NDArray[Any]:
        path, offset, _ = self._external.locate(tensor)
        if path not in self._maps:
            self._maps[path] = mapped(path)
        return np.frombuffer(self._maps[path], layout, elements, offset).reshape(tuple(tensor.dims))


class ConstantContents:
    """The values of a network's constants by name, as `annette.network.masking.Contents`.

    Args:
        layers: Those of the network, whose operands are asked for.
        stored: Large stored tensors by the name of their value.
        computed: By the name of a value, how nodes make it of constants.
        tensors: Looks up what is stored.
    """

    def __init__(
        self,
        layers: Iterable[PendingLayer],
        stored: Mapping[str, Stored],
        computed: Mapping[str, Computed],
        tensors: StoredTensors,
    ) -> None:
        self._constants = {value.name: value for layer in layers for value in layer.operands if value.constant}
        self._stored = stored
        self._computed = computed
        self._tensors = tensors
        self._unknown: set[str] = set()

    def __call__(self, name: str) -> npt.NDArray[Any] | None:
        """The values of a constant, or None where they are not known."""
        value = self._constants.get(name)
        return None if value is None else self._of(value, _MOST_STEPS)

    def _of(self, value: Value, steps: int) -> npt.NDArray[Any] | None:
        """What a value holds, through no more nodes than ``steps``; kept with it, for many layers share a mask."""
        if value.data is None and value.name not in self._unknown:
            value.data = self._found(value, steps)
            if value.data is None:
                self._unknown.add(value.name)
        return value.data

    def _found(self, value: Value, steps: int) -> npt.NDArray[Any] | None:
        if value.name in self._stored:
            return self._tensors.array(self._stored[value.name])
        computed = self._computed.get(value.name)
        if computed is None or not steps or max(map(_elements, computed.node.inputs)) > MOST_ELEMENTS:
            return None
        if any(read is not None and self._of(read, steps - 1) is None for read in computed.node.inputs):
            return None
        return evaluate(computed.node, computed.outputs, most=MOST_ELEMENTS)[computed.position]


def _elements(value: Value | None) -> int:
    return 0 if value is None else value.elements
