"""The main graph of a TFLite file as plain data, every number in it checked."""

from __future__ import annotations

import math
import mmap
import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annette.errors import NetworkFormatError
from annette.files import open_regular
from annette.network.readers.tflite.flatbuffer import Flatbuffer
from annette.network.tensor import DType
from annette.network.tflite_schema import DTYPES, IDENTIFIER, OPERATORS, OPTIONS, TABLES
from annette.network.weight_code import code_bits, sampled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["FileOperator", "FileTensor", "Graph", "open_graph"]

_IDENTIFIER_AT: Final = 4
_LAST_ONE_BYTE_CODE: Final = 127
_CUSTOM: Final = OPERATORS.index("CUSTOM")
_SMALL: Final = 1024
_MOST_DIMENSIONS: Final = 32
_CODED_AT_ONCE: Final = 64
"""Weights that are counted in the time of decoding one item."""

_MOST_NESTED: Final = 8
_BYTE: Final = 255
_CODES: Final = {DType.INT8: "b", DType.UINT8: "B", DType.INT32: "i", DType.INT64: "q", DType.FLOAT32: "f"}


@dataclass(frozen=True, slots=True)
class FileTensor:
    """A tensor of the file.

    Attributes:
        name: Unique within the graph; the file's name where that is.
        shape: Sizes below 1, which are unknown, count as 1.
        stated: The shape as the file has it.
        dtype: Element type.
        constant: Whether the file holds its values, or it is a state that is kept between runs.
        state: Whether it is such a state.
        values: Of constants of few elements, dequantised; empty where the file has none.
        code_bits: Of constants of integers with several dimensions, `annette.network.weight_code.code_bits`.
    """

    name: str
    shape: tuple[int, ...]
    stated: tuple[int, ...]
    dtype: DType
    constant: bool
    state: bool = False
    values: tuple[float, ...] = ()
    code_bits: float | None = None


@dataclass(frozen=True, slots=True)
class FileOperator:
    """An operator of the file.

    Attributes:
        name: Its name in the format; ``custom:`` and a name for one that the format does not define.
        inputs: Operands in order; None for one that is left out.
        outputs: What it writes.
        options: Values by name, of those tables that annette knows; missing ones are 0.
    """

    name: str
    inputs: tuple[FileTensor | None, ...]
    outputs: tuple[FileTensor, ...]
    options: dict[str, Any]

    def tensor(self, position: int) -> FileTensor:
        """An operand that must be there.

        Raises:
            NetworkFormatError: It is not.
        """
        tensor = self.inputs[position] if position < len(self.inputs) else None
        if tensor is None:
            raise NetworkFormatError(f"operator {self.name} that writes {self.label!r} has no operand {position}")
        return tensor

    @property
    def present(self) -> tuple[FileTensor, ...]:
        """The operands that are not left out."""
        return tuple(tensor for tensor in self.inputs if tensor is not None)

    def integers(self, position: int) -> tuple[int, ...] | None:
        """Values of a constant operand; None where it is computed, large or left out."""
        tensor = self.inputs[position] if position < len(self.inputs) else None
        if tensor is None or not tensor.values or not all(math.isfinite(value) for value in tensor.values):
            return None
        return tuple(int(value) for value in tensor.values)

    @property
    def branches(self) -> tuple[int, ...]:
        """Numbers of the graphs that an IF chooses from; none of any other operator."""
        keys = ("then_subgraph_index", "else_subgraph_index")
        return tuple(self.options.get(key, 0) for key in keys) if self.name == "IF" else ()

    @property
    def label(self) -> str:
        """What it is called in messages: the first tensor that it writes."""
        return self.outputs[0].name if self.outputs else self.name


@dataclass(frozen=True, slots=True)
class Graph:
    """The main graph of a file.

    Attributes:
        tensors: All tensors.
        operators: In the file's order.
        inputs: Names of the activations fed in.
        outputs: Names of the activations handed out.
        branches: The graphs that its operators IF choose from, by their numbers in the file.
    """

    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    branches: Mapping[int, Graph] = field(default_factory=dict)


def open_graph(path: Path) -> Graph:
    """Reads the main graph of a file; weights stay on disk.

    Raises:
        NetworkFormatError: The file cannot be read, is not TFLite, truncated or damaged.
    """
    with open_regular(path, error=NetworkFormatError) as file:
        if os.fstat(file.fileno()).st_size < _IDENTIFIER_AT + len(IDENTIFIER):
            raise NetworkFormatError(f"{str(path)!r} is not a TFLite file: it is almost empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if data[_IDENTIFIER_AT : _IDENTIFIER_AT + len(IDENTIFIER)] != IDENTIFIER:
                raise NetworkFormatError(f"{str(path)!r} is not a TFLite file: it does not have TFL3 at offset 4")
            try:
                return _Decoder(data).graph()
            except NetworkFormatError as error:
                raise NetworkFormatError(f"TFLite file {str(path)!r}: {error}") from None


class _Decoder:
    def __init__(self, data: Any) -> None:
        self._file = Flatbuffer(data, TABLES)
        self._model = self._file.root("Model")
        if not self._model["subgraphs"]:
            raise NetworkFormatError("there is no graph in it")
        self._branches: dict[int, Graph] = {}

    def graph(self) -> Graph:
        return self._graph(0, 0)

    def _graph(self, number: int, depth: int) -> Graph:
        if not 0 <= number < len(self._model["subgraphs"]):
            raise NetworkFormatError(f"graph {number} of {len(self._model['subgraphs'])} is referred to")
        stated = self._model["subgraphs"][number]
        names = _unique([tensor["name"] for tensor in stated["tensors"]])
        tensors = tuple(self._tensor(values, name) for values, name in zip(stated["tensors"], names, strict=True))
        operators = tuple(self._operator(values, tensors) for values in stated["operators"])
        chosen = {each for operator in operators for each in operator.branches}
        if chosen and depth >= _MOST_NESTED:
            raise NetworkFormatError(f"operators IF are nested more than {_MOST_NESTED} deep")
        for branch in sorted(chosen - self._branches.keys()):
            self._branches[branch] = self._graph(branch, depth + 1)
        return Graph(
            tensors,
            operators,
            inputs=tuple(_pick(tensors, index).name for index in stated["inputs"]),
            outputs=tuple(_pick(tensors, index).name for index in stated["outputs"]),
            branches={branch: self._branches[branch] for branch in chosen},
        )

    def _tensor(self, values: dict[str, Any], name: str) -> FileTensor:
        buffers, number = self._model["buffers"], values["buffer"]
        if len(values["shape"]) > _MOST_DIMENSIONS:
            raise NetworkFormatError(f"tensor {name!r} has {len(values['shape'])} dimensions: the file is damaged")
        if not 0 <= values["type"] < len(DTYPES):
            raise NetworkFormatError(f"tensor {name!r} has element type {values['type']}, which does not exist")
        if number >= max(1, len(buffers)):
            raise NetworkFormatError(f"tensor {name!r} refers to buffer {number} of {len(buffers)}")
        buffer: dict[str, Any] = buffers[number] if buffers else {"data": (0, 0), "offset": 0, "size": 0}
        dtype, shape = DTYPES[values["type"]], values["shape"]
        # Files of more than 2 GB keep their data behind the tables, at an offset above 1.
        start, size = (buffer["offset"], buffer["size"]) if buffer["offset"] > 1 else buffer["data"]
        state = bool(values["is_variable"]) and not size
        return FileTensor(
            name,
            tuple(max(1, size) for size in shape),
            shape,
            dtype,
            constant=size > 0 or state,
            state=state,
            values=self._values(dtype, start, size, values),
            code_bits=self._code_bits(dtype, start, size, values) if len(shape) > 1 else None,
        )

    def _values(self, dtype: DType, start: int, size: int, values: dict[str, Any]) -> tuple[float, ...]:
        code = _CODES.get(dtype)
        width = struct.calcsize(code) if code else 0
        if not code or not 0 < size <= _SMALL * width or size % width:
            return ()
        self._file.spend(size // width)
        raw = struct.unpack(f"<{size // width}{code}", self._file.bytes_at(start, size))
        scales = (values["quantization"] or {}).get("scale", ())
        zeros = (values["quantization"] or {}).get("zero_point", ())
        if len(scales) == 1 and dtype in (DType.INT8, DType.UINT8):
            zero = zeros[0] if zeros else 0
            return tuple((number - zero) * scales[0] for number in raw)
        return raw

    def _code_bits(self, dtype: DType, start: int, size: int, values: dict[str, Any]) -> float | None:
        """From a sample of the values; None where these are no bytes."""
        if not size or dtype not in (DType.INT8, DType.UINT8):
            return None
        parts = sampled(size)
        self._file.spend(sum(length for _, length in parts) // _CODED_AT_ONCE)
        raw = b"".join(self._file.bytes_at(start + position, length) for position, length in parts)
        numbers = np.frombuffer(raw, np.int8 if dtype is DType.INT8 else np.uint8).astype(np.int16)
        zeros = (values["quantization"] or {}).get("zero_point", ())
        zero = zeros[0] if len(zeros) == 1 and -_BYTE <= zeros[0] <= _BYTE else 0
        return code_bits(numbers - np.int16(zero))

    def _operator(self, values: dict[str, Any], tensors: Sequence[FileTensor]) -> FileOperator:
        codes, index = self._model["operator_codes"], values["opcode_index"]
        if index >= len(codes):
            raise NetworkFormatError(f"an operator has code {index} of {len(codes)}")
        member, position = values["builtin_options"]
        if member >= len(OPTIONS):
            member = 0
        table = OPTIONS[member]
        options = self._file.options((member, position), table) if table in TABLES else {}
        return FileOperator(
            name=_operator_name(codes[index]),
            inputs=tuple(_pick(tensors, number) if number >= 0 else None for number in values["inputs"]),
            outputs=tuple(_pick(tensors, number) for number in values["outputs"]),
            options=options,
        )


def _operator_name(code: dict[str, Any]) -> str:
    """Newer files hold the code in a second field, as the first has one byte only."""
    number = max(code["builtin_code"], code["deprecated_builtin_code"])
    if number == _CUSTOM:
        return f"custom:{code['custom_code']}"
    return OPERATORS[number] if 0 <= number < len(OPERATORS) else f"operator {number}"


def _pick(tensors: Sequence[FileTensor], index: int) -> FileTensor:
    if not 0 <= index < len(tensors):
        raise NetworkFormatError(f"tensor {index} of {len(tensors)} is referred to")
    return tensors[index]


def _unique(names: Sequence[str]) -> list[str]:
    """Names as they are, the number of the tensor appended where one is empty or taken."""
    taken: set[str] = set()
    result = []
    for index, given in enumerate(names):
        name = given
        while not name or name in taken:
            name = f"{name or 'tensor'}#{index}"
        taken.add(name)
        result.append(name)
    return result
