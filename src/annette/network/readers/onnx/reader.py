"""From an ONNX file to a network: a memory map, the pass that leaves the weights out, the parse, the walk."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import ModelProto

from annette.budget import BASE_BYTES, BASE_STEPS, budgeted
from annette.errors import NetworkFormatError, NetworkShapeError, NetworkStructureError
from annette.files import open_regular
from annette.network.readers.onnx.assembly import assemble
from annette.network.readers.onnx.binding import bind_inputs, check_scaled
from annette.network.readers.onnx.frame import opset_versions
from annette.network.readers.onnx.skeleton import skeleton
from annette.network.readers.onnx.tensors import ExternalData
from annette.network.readers.onnx.walk import Walker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.network import Network
    from annette.network.readers.onnx.binding import Binding

__all__ = ["load_skeleton", "read_onnx"]

_MIN_OPSET: Final = 7
_TEXT_STARTS: Final = (b"{", b"<", b"[", b"version https://git-lfs")


def read_onnx(
    path: Path, *, batch: int | None = None, input_shapes: Mapping[str, tuple[int, ...]] | None = None
) -> Network:
    """Reads an ONNX model: what it computes and moves, never its weights.

    Args:
        path: The ``.onnx`` file.
        batch: Number of samples processed together; binds dimension 0 of the inputs where that is symbolic, and
            replaces it where the file states a size. None keeps the file's own.
        input_shapes: Shapes of inputs by name, which bind all their symbolic dimensions.

    Returns:
        The network, every shape concrete, its layers in topological order.

    Raises:
        NetworkFormatError: The file is not an ONNX model, is truncated or malformed, or its external data leaves
            its folder.
        NetworkStructureError: The graph is empty, cyclic, reads what nothing produces, or produces a tensor twice.
        NetworkShapeError: A dimension is unknown, not positive, inconsistent or too large.
        NetworkSizeError: Functions, loops or constants would become more than a file of its size warrants.
        UnsupportedOperatorError: An operator is not known and the file does not state its result's shape.
        OptionError: ``batch`` is not positive, or ``input_shapes`` does not fit the inputs.
    """
    path = Path(path)
    model = load_skeleton(path)
    try:
        network, binding = _read(path, model, batch, input_shapes or {})
        if binding.rebatched_from:
            check_scaled(str(path), network, _read(path, model, None, input_shapes or {})[0], binding.rebatched_from)
    except UnicodeDecodeError as error:
        raise NetworkFormatError(f"{path} holds a name that is not UTF-8 text: it is damaged") from error
    except RecursionError as error:
        raise NetworkFormatError(f"{path} nests graphs too deep") from error
    return network


def _read(
    path: Path, model: ModelProto, batch: int | None, input_shapes: Mapping[str, tuple[int, ...]]
) -> tuple[Network, Binding]:
    described = model.ByteSize()
    with budgeted(str(path), steps=2 * BASE_STEPS + described, size_bytes=BASE_BYTES + 16 * described):
        return _walk(path, model, batch, input_shapes)


def _walk(
    path: Path, model: ModelProto, batch: int | None, input_shapes: Mapping[str, tuple[int, ...]]
) -> tuple[Network, Binding]:
    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}
    fed = [info for info in graph.input if info.name not in stored]
    names = [info.name for info in fed]
    if len(set(names)) < len(names):
        raise NetworkStructureError(f"{path} declares an input twice: {', '.join(map(repr, names))}")
    binding = bind_inputs(fed, batch=batch, input_shapes=input_shapes, path=str(path))
    opsets = opset_versions(model.opset_import, str(path))
    if opsets.setdefault("", _MIN_OPSET) < _MIN_OPSET:
        raise NetworkFormatError(
            f"{path} uses operator set {opsets['']}; annette reads {_MIN_OPSET} and newer: convert it with "
            "onnx.version_converter"
        )
    rebatch = (binding.rebatched_from, binding.batch) if binding.rebatched_from else None
    walker = Walker(model, ExternalData(path), trust_stated_shapes=not binding.changed, rebatch=rebatch)
    try:
        values = walker.graph(graph, binding.values, opsets)
    except NetworkShapeError as error:
        if not binding.rebatched_from:
            raise
        raise NetworkShapeError(
            f"{path} is fixed to batch {binding.rebatched_from} and cannot run with --batch {binding.batch}: {error}"
        ) from error
    return assemble(path, graph, walker, values, binding), binding


def load_skeleton(path: Path) -> ModelProto:
    """Reads a model without the data of its large tensors.

    Raises:
        NetworkFormatError: The file cannot be read, is empty, truncated, or not an ONNX model.
    """
    try:
        with open_regular(path, error=NetworkFormatError) as file:
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
