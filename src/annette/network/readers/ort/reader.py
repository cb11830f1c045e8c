"""From a file of the ORT format to a network: the model that it holds, read as the ONNX that it was made from.

The format holds the graph after ONNX Runtime optimised it: activations fused into convolutions, shapes folded. What is
fused is an operator of the domain ``com.microsoft``, read as in ONNX files that the runtime wrote.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annette.errors import NetworkFormatError
from annette.files import open_regular
from annette.network.ort_schema import IDENTIFIER, TABLES
from annette.network.readers.onnx.reader import read_model
from annette.network.readers.ort.conversion import model_of
from annette.network.readers.tflite.flatbuffer import Flatbuffer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnx import ModelProto

    from annette.network.inputs import Given
    from annette.network.network import Network

__all__ = ["read_ort"]

_IDENTIFIER_AT: Final = 4
_NOTE: Final = (
    "a file of the ORT format runs as it is stored: ONNX Runtime does not choose the layouts that it gives an ONNX "
    "file, and platforms fitted on those may be too fast for it"
)


def read_ort(
    path: Path, *, batch: int | None = None, input_shapes: Mapping[str, Given] | None = None, lenient: bool = False
) -> Network:
    """Reads a model in the ORT format: what it computes and moves, never its weights.

    Args:
        path: The ``.ort`` file; its content is untrusted data.
        batch: As for `annette.network.readers.onnx.read_onnx`.
        input_shapes: As for ``read_onnx``: shapes, sizes of dimensions, values.
        lenient: As for ``read_onnx``.

    Raises:
        NetworkFormatError: The file is not of the ORT format, is truncated or damaged, or holds nodes that were
            compiled for one execution provider.
        NetworkError: As for ``read_onnx``.
        OptionError: As for ``read_onnx``.
    """
    path = Path(path)
    model = _load(path)
    network = read_model(path, model, batch=batch, given=input_shapes or {}, lenient=lenient, source_format="ort")
    variants = [variant.replaced(notes=(*variant.notes, _NOTE)) for variant in network.variants]
    return network.replaced(notes=(*network.notes, _NOTE), variants=variants)


def _load(path: Path) -> ModelProto:
    with open_regular(path, error=NetworkFormatError) as file:
        if os.fstat(file.fileno()).st_size < _IDENTIFIER_AT + len(IDENTIFIER):
            raise NetworkFormatError(f"{str(path)!r} is not of the ORT format: it is almost empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if data[_IDENTIFIER_AT : _IDENTIFIER_AT + len(IDENTIFIER)] != IDENTIFIER:
                raise NetworkFormatError(f"{str(path)!r} is not of the ORT format: it does not have ORTM at offset 4")
            buffer = Flatbuffer(data, TABLES)
            try:
                model = model_of(buffer.root("InferenceSession"), buffer)
            except (NetworkFormatError, ValueError, TypeError) as error:
                raise NetworkFormatError(f"{str(path)!r} cannot be read: {error}") from error
            except RecursionError as error:
                raise NetworkFormatError(f"{str(path)!r} nests graphs too deep") from error
    if not model.graph.node:
        raise NetworkFormatError(f"{path} has an empty graph: there is nothing to estimate")
    if not model.opset_import:
        raise NetworkFormatError(f"{path} states no operator set: it is damaged")
    return model
