"""Keras 3: ``.keras`` files and models in memory, through Keras' own exporter to ONNX.

Of a file only the configuration is read, never the weights: the model is built from it with random ones. Code that a
file may hold (Lambda layers, classes outside of Keras) is refused before Keras sees it.
"""

from __future__ import annotations

import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from annette.errors import NetworkExportError, NetworkFormatError
from annette.network.readers.frameworks.archive import opened_archive, stored_json
from annette.network.readers.frameworks.process import exported, require_extra
from annette.network.readers.frameworks.quiet import quiet
from annette.network.readers.frameworks.worker import first_line
from annette.network.readers.onnx.reader import load_skeleton, read_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnx import ModelProto

    from annette.network.inputs import Given
    from annette.network.network import Network

__all__ = ["checked_config", "export_keras", "read_keras", "read_keras_model"]

_EXTRA: Final = "keras"
_EXPORTER: Final = "annette.network.readers.keras:export_keras"
_BACKENDS: Final = {"tensorflow": ("tensorflow", "tf2onnx"), "torch": ("torch", "onnxscript")}
"""Backends of Keras that it exports with, the preferred one first, and what it needs for that."""
_CALLS: Final = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_CONFIG: Final = "config.json"
_MOST_BYTES: Final = 64 << 20
_MOST_VALUES: Final = 3_000_000
_CODE: Final = frozenset({"Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer", "__lambda__"})
_MODULE: Final = re.compile(
    r"builtins|keras(\.src)?(\.(activations|constraints|dtype_policies|initializers|layers|losses|metrics|models|ops"
    r"|optimizers|quantizers|random|regularizers)(\.\w+)*)?",
    re.ASCII,
)
"""Where Keras keeps what networks are made of; its functions that load files or change settings are elsewhere."""


def read_keras(
    path: Path, *, batch: int | None = None, input_shapes: Mapping[str, Given] | None = None, lenient: bool = False
) -> Network:
    """Reads a model that Keras 3 saved, through its exporter to ONNX in a process of its own.

    Args:
        path: The ``.keras`` file; its content is untrusted data.
        batch: As for `annette.network.readers.onnx.read_onnx`.
        input_shapes: As for ``read_onnx``.
        lenient: As for ``read_onnx``.

    Raises:
        NetworkFormatError: The file is no model of Keras 3, or holds code.
        NetworkExportError: Keras or a backend of it is not installed, or it cannot export the model.
        NetworkError: As for ``read_onnx``.
        OptionError: As for ``read_onnx``.
    """
    path = Path(path)
    checked_config(path)
    _require_backend(f"reading {str(path)!r}")
    model = exported(path, _EXPORTER)
    return read_model(path, model, batch=batch, given=input_shapes or {}, lenient=lenient, source_format="keras")


def read_keras_model(
    model: Any,
    *,
    batch: int | None = None,
    input_shapes: Mapping[str, Given] | None = None,
    lenient: bool = False,
) -> Network:
    """Reads a built ``keras.Model`` in memory through Keras' exporter to ONNX.

    Args:
        model: The model, which says itself what its inputs are.
        batch: As for `annette.network.readers.onnx.read_onnx`.
        input_shapes: As for ``read_onnx``.
        lenient: As for ``read_onnx``.

    Raises:
        NetworkExportError: Keras cannot export it.
        NetworkError: As for ``read_onnx``.
    """
    import keras  # noqa: PLC0415 - whoever has a model has Keras

    backend = keras.config.backend()
    require_extra(f"reading Keras model {model.name!r} on {backend}", _EXTRA, _BACKENDS.get(backend, ("tf2onnx",)))
    name = "".join(each if each.isalnum() or each in "-_." else "_" for each in str(model.name)) or "model"
    exported_model = _exported(model)
    given = input_shapes or {}
    return read_model(
        Path(name), exported_model, batch=batch, given=given, lenient=lenient, source_format="keras"
    ).replaced(name=name)


def export_keras(path: Path) -> bytes:
    """Exports a ``.keras`` file, in a process of its own.

    Args:
        path: The file; its content is untrusted data.

    Returns:
        The serialized ONNX model without its weights.

    Raises:
        NetworkFormatError: It is no model of Keras 3, or holds code.
        NetworkExportError: Keras cannot export it.
    """
    config = checked_config(path)
    backend = _require_backend(f"reading {str(path)!r}")
    os.environ["KERAS_BACKEND"] = backend
    import keras  # noqa: PLC0415 - only the exporting process needs it

    config.pop("compile_config", None)
    try:
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    except Exception as error:
        cause = error
        while isinstance(cause.__context__, Exception):  # Keras' own message first repeats the configuration.
            cause = cause.__context__
        raise NetworkExportError(f"Keras cannot build it: {first_line(cause)}") from error
    if not isinstance(model, keras.Model):
        raise NetworkFormatError(f"{path} holds a {type(model).__name__}, which is no model")
    return bytes(_exported(model).SerializeToString())


def checked_config(path: Path) -> dict[str, Any]:
    """The configuration of a model, in which every object is one of Keras' own.

    Raises:
        NetworkFormatError: The file is no model of Keras 3, or holds code.
    """
    with opened_archive(path, "model of Keras 3") as archive:
        if _CONFIG not in archive.NameToInfo:
            raise NetworkFormatError(f"{path} is no model of Keras 3: it has no {_CONFIG}")
        config = stored_json(archive, _CONFIG, path, most_bytes=_MOST_BYTES, most_values=_MOST_VALUES)
    if not isinstance(config, dict) or "class_name" not in config:
        raise NetworkFormatError(f"{path} is no model of Keras 3: {_CONFIG} describes no object")
    _refuse_code(config, str(path))
    return config


def _refuse_code(config: Any, path: str) -> None:
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            waiting += part.values()
            name = part.get("class_name")
            code = next((each for each in (name, part.get("type")) if isinstance(each, str) and each in _CODE), None)
            if code is not None:
                raise NetworkFormatError(
                    f"{path} holds code ({code}), which is not run: load the model where it "
                    "is trusted, and pass it to annette.estimate, or export it to ONNX"
                )
            if name is not None and "module" in part and not _MODULE.fullmatch(str(part["module"])):
                of = "" if part["module"] is None else f" of {str(part['module'])[:80]!r}"
                raise NetworkFormatError(
                    f"{path} needs class {str(name)[:80]!r}{of}, which is none of Keras' own and is not imported: load "
                    "the model where it is trusted, and pass it to annette.estimate, or export it to ONNX"
                )


def _require_backend(what: str) -> str:
    """The backend of Keras to export with."""
    require_extra(what, _EXTRA, ("keras",))
    chosen = os.environ.get("KERAS_BACKEND")
    if chosen not in _BACKENDS:
        usable = (name for name, needed in _BACKENDS.items() if all(find_spec(each) for each in needed))
        chosen = next(usable, "tensorflow")
    require_extra(what, _EXTRA, _BACKENDS[chosen])
    return chosen


def _exported(model: Any) -> ModelProto:
    """What Keras' exporter makes of a model, without its weights."""
    exported_model = _by_exporter(model)
    if "tensorflow" in sys.modules and any(node.op_type in _CALLS for node in exported_model.graph.node):
        import tensorflow  # noqa: PLC0415 - the backend

        # Functions that are compiled by XLA stay calls in the graph; run as Python they become what they consist of.
        eager = tensorflow.config.functions_run_eagerly()
        tensorflow.config.run_functions_eagerly(True)
        try:
            return _by_exporter(model)
        finally:
            tensorflow.config.run_functions_eagerly(eager)
    return exported_model


def _by_exporter(model: Any) -> ModelProto:
    with TemporaryDirectory(prefix="annette-keras-") as folder:
        file = Path(folder) / "model.onnx"
        try:
            with quiet():
                model.export(str(file), format="onnx", verbose=False, input_signature=_signature(model))
        except Exception as error:
            raise NetworkExportError(
                f"Keras cannot export model {model.name!r} to ONNX: {first_line(error)}"
            ) from error
        return load_skeleton(file)


def _signature(model: Any) -> list[Any] | None:
    """What a model says of its inputs; None for one of a class of its user's, which knows them once it was called."""
    try:
        return [model.input]
    except (AttributeError, ValueError):  # a Sequential one knows the list only
        inputs = getattr(model, "inputs", None)
        return list(inputs) if inputs else None
