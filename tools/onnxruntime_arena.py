"""Reads how much of its arena ONNX Runtime uses, which its Python package does not say.

`OrtApi::AllocatorGetStats` does, since version 1.23 of the C interface. Its functions keep their places in the table
for good (onnxruntime/core/session/onnxruntime_c_api.cc asserts that), so that it can be called through `ctypes`. The
session's allocator is the arena that its activations lie in; weights are there as well, from the start.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnxruntime

if TYPE_CHECKING:
    from collections.abc import Mapping

_API_VERSION: Final = 24
_FUNCTIONS: Final = {
    "GetErrorMessage": 2, "CreateEnv": 3, "CreateSession": 7, "Run": 9, "CreateSessionOptions": 10,
    "SetIntraOpNumThreads": 24, "CreateTensorWithDataAsOrtValue": 49, "CreateCpuMemoryInfo": 69, "ReleaseStatus": 93,
    "ReleaseValue": 96, "CreateAllocator": 131, "GetKeyValue": 297, "AllocatorGetStats": 319,
}  # fmt: skip
"""Places in the table ``OrtApi``."""

_ERRORS_ONLY: Final = 3
_ELEMENTS: Final[Mapping[str, tuple[int, Any]]] = {
    "float": (1, np.float32), "uint8": (2, np.uint8), "int8": (3, np.int8), "int32": (6, np.int32),
    "int64": (7, np.int64), "bool": (9, np.bool_), "float16": (10, np.float16), "double": (11, np.float64),
}  # fmt: skip
"""``ONNXTensorElementDataType`` and numpy's type, by the name of a type."""

Handle = ctypes.c_void_p
_Out = ctypes.POINTER(Handle)
_Names = ctypes.POINTER(ctypes.c_char_p)


@dataclass(frozen=True)
class ArenaUse:
    """What an arena holds.

    Attributes:
        at_rest_bytes: In use before the first run: weights.
        first_bytes: The most in use in the first run, without what is in use at rest.
        most_bytes: The most in use in any run, likewise.
    """

    at_rest_bytes: int
    first_bytes: int
    most_bytes: int


def arena_use(path: Path, shapes: Mapping[str, tuple[int, ...]], *, threads: int = 1, runs: int = 3) -> ArenaUse:
    """Runs a file and reads the arena.

    Args:
        path: An ONNX file.
        shapes: Of its inputs, which are filled with ones.
        threads: Threads inside an operator.
        runs: How often it runs; the second run is the first with a memory pattern.
    """
    api = _Api()
    session, info = api.session(path, threads), api.created("CreateCpuMemoryInfo", 0, 0)
    allocator = api.created("CreateAllocator", session, info)
    signature = _signature(path)
    feeds = {
        name: np.ones(shapes[name], _ELEMENTS[element][1]) for name, element in signature.inputs.items()
    }  # the runtime reads them where they are
    values = [api.tensor(info, feeds[name], _ELEMENTS[element][0]) for name, element in signature.inputs.items()]
    at_rest = api.stats(allocator)["InUse"]
    most = []
    for _ in range(runs):
        api.run(session, list(feeds), values, signature.outputs)
        most.append(api.stats(allocator)["MaxInUse"] - at_rest)
    return ArenaUse(at_rest, most[0], most[-1])


@dataclass(frozen=True)
class _Signature:
    inputs: Mapping[str, str]
    outputs: tuple[str, ...]


def _signature(path: Path) -> _Signature:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = {each.name: each.type.removeprefix("tensor(").removesuffix(")") for each in session.get_inputs()}
    return _Signature(inputs, tuple(each.name for each in session.get_outputs()))


class _Api:
    """The table of functions. What it creates lives as long as the process."""

    def __init__(self) -> None:
        folder = Path(onnxruntime.__file__).parent / "capi"
        library = ctypes.CDLL(str(next(folder.glob("libonnxruntime.so*"))))
        library.OrtGetApiBase.restype = ctypes.POINTER(Handle * 2)
        table = ctypes.CFUNCTYPE(Handle, ctypes.c_uint32)(library.OrtGetApiBase().contents[0])(_API_VERSION)
        self._table = ctypes.cast(table, ctypes.POINTER(Handle * (max(_FUNCTIONS.values()) + 1))).contents

    def call(self, name: str, *arguments: Any, result: Any = Handle) -> Any:
        """Calls a function; one that returns a status raises where that is an error."""
        types = [ctypes.c_int if isinstance(each, int) else type(each) for each in arguments]
        got = ctypes.CFUNCTYPE(result, *types)(self._table[_FUNCTIONS[name]])(*arguments)
        if result is Handle and got:
            message = self.call("GetErrorMessage", Handle(got), result=ctypes.c_char_p)
            raise RuntimeError(f"{name}: {message.decode(errors='replace')}")
        return got

    def created(self, name: str, *arguments: Any) -> ctypes.c_void_p:
        """Calls a function whose last parameter is where it puts what it creates."""
        made = Handle()
        self.call(name, *arguments, ctypes.pointer(made))
        return made

    def session(self, path: Path, threads: int) -> ctypes.c_void_p:
        environment = self.created("CreateEnv", _ERRORS_ONLY, ctypes.c_char_p(b"arena"))
        options = self.created("CreateSessionOptions")
        self.call("SetIntraOpNumThreads", options, threads)
        return self.created("CreateSession", environment, ctypes.c_char_p(str(path).encode()), options)

    def tensor(self, info: ctypes.c_void_p, content: Any, element: int) -> ctypes.c_void_p:
        shape = (ctypes.c_int64 * content.ndim)(*content.shape)
        return self.created(
            "CreateTensorWithDataAsOrtValue",
            info,
            Handle(content.ctypes.data),
            ctypes.c_size_t(content.nbytes),
            ctypes.cast(shape, ctypes.POINTER(ctypes.c_int64)),
            ctypes.c_size_t(content.ndim),
            element,
        )

    def run(
        self, session: ctypes.c_void_p, names: list[str], values: list[ctypes.c_void_p], wanted: tuple[str, ...]
    ) -> None:
        given = (ctypes.c_char_p * len(names))(*(name.encode() for name in names))
        outputs = (ctypes.c_char_p * len(wanted))(*(name.encode() for name in wanted))
        handles, results = (Handle * len(values))(*values), (Handle * len(wanted))()
        self.call(
            "Run",
            session,
            Handle(),
            ctypes.cast(given, _Names),
            ctypes.cast(handles, _Out),
            ctypes.c_size_t(len(names)),
            ctypes.cast(outputs, _Names),
            ctypes.c_size_t(len(wanted)),
            ctypes.cast(results, _Out),
        )
        for each in results:
            self.call("ReleaseValue", Handle(each), result=None)

    def stats(self, allocator: ctypes.c_void_p) -> dict[str, int]:
        pairs = self.created("AllocatorGetStats", allocator)
        return {
            key: int(self.call("GetKeyValue", pairs, ctypes.c_char_p(key.encode()), result=ctypes.c_char_p))
            for key in ("InUse", "MaxInUse")
        }
