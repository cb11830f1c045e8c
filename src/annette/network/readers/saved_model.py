"""Folders that TensorFlow saved a model in, through tf2onnx in a process of its own.

A saved model is a program. Before TensorFlow loads it, it is searched for operators that read or write files or run
Python.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from annette.errors import NetworkExportError
from annette.network.readers.frameworks.process import exported, require_extra
from annette.network.readers.onnx.reader import load_skeleton, read_model
from annette.network.readers.saved_model_operators import check_operators

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.inputs import Given
    from annette.network.network import Network

__all__ = ["export_saved_model", "read_saved_model"]

_EXTRA: Final = "tensorflow"
_NEEDED: Final = ("tensorflow", "tf2onnx")
_EXPORTER: Final = "annette.network.readers.saved_model:export_saved_model"


def read_saved_model(
    path: Path, *, batch: int | None = None, input_shapes: Mapping[str, Given] | None = None, lenient: bool = False
) -> Network:
    """Reads the serving function of a saved model.

    Args:
        path: The folder; its content is untrusted data.
        batch: As for `annette.network.readers.onnx.read_onnx`.
        input_shapes: As for ``read_onnx``.
        lenient: As for ``read_onnx``.

    Raises:
        NetworkFormatError: It holds no saved model, or one with operators that read or write files or run Python.
        NetworkExportError: TensorFlow or tf2onnx is not installed or cannot export it.
        NetworkError: As for ``read_onnx``.
        OptionError: As for ``read_onnx``.
    """
    path = Path(path)
    require_extra(f"reading the saved model {str(path)!r}", _EXTRA, _NEEDED)
    model = exported(path, _EXPORTER)
    return read_model(path, model, batch=batch, given=input_shapes or {}, lenient=lenient, source_format="tensorflow")


def export_saved_model(path: Path) -> bytes:
    """Exports a saved model, in a process of its own.

    Args:
        path: The folder; its content is untrusted data.

    Returns:
        The serialized ONNX model without its weights.

    Raises:
        NetworkFormatError: It is no saved model, or has operators that are refused.
        NetworkExportError: It cannot be exported.
    """
    check_operators(path)
    from tf2onnx import convert  # noqa: PLC0415 - only the exporting process needs it

    with TemporaryDirectory(prefix="annette-tensorflow-") as folder:
        file = Path(folder) / "model.onnx"
        # At tf2onnx's own opset, which Keras exports at, too: at another one, other operators are fused.
        sys.argv = ["tf2onnx", "--saved-model", str(path), "--output", str(file)]
        convert.main()
        if not file.exists():
            raise NetworkExportError("tf2onnx wrote no model")
        return bytes(load_skeleton(file).SerializeToString())
