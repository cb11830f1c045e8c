"""Models that Keras 3 saved: their configurations and archives changed, and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from tools.fuzz.archive_format import ArchiveFormat
from tools.fuzz.oracle import refused_with
from tools.fuzz.zip_file import Archive

from annette.errors import NetworkError
from annette.network.readers.keras import checked_config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from random import Random

__all__ = ["KerasFormat", "keras_members"]

_CLASSES: Final = (
    ("keras.layers", "Lambda"), ("keras.utils", "get_file"), ("keras.config", "enable_unsafe_deserialization"),
    ("keras.saving", "load_model"), ("builtins", "eval"), ("os", "system"), ("keras.src.utils.file_utils", "get_file"),
    (None, "Lambda"), ("keras.layers", "TFSMLayer"), ("keras.layers", "Dense"), ("keras", "Functional"), ("", ""),
)  # fmt: skip


class KerasFormat(ArchiveFormat):
    """What annette reads and checks of a ``.keras`` file before Keras sees it; Keras itself is not called."""

    name: ClassVar[str] = "keras"
    suffix: ClassVar[str] = ".keras"
    main: ClassVar[str] = "config.json"

    def sound(self) -> Sequence[Mapping[str, Any]]:
        """A chain of layers, and a graph of them with a chain within."""
        return keras_members(_sequential()), keras_members(_functional())

    def mutate(self, subject: Archive | bytes, dice: Random) -> None:
        """Changes the configuration or the archive, or lets an object be of another class."""
        if not isinstance(subject, Archive):
            return
        config = subject.members.get(self.main)
        objects = list(_objects(config)) if dice.random() < 0.2 else []
        if objects:
            chosen = dice.choice(objects)
            chosen["module"], chosen["class_name"] = dice.choice(_CLASSES)
        else:
            super().mutate(subject, dice)

    def attempt(self, file: Path, dice: Random) -> str:
        """Reads and checks the configuration."""
        del dice
        with refused_with(NetworkError):
            checked_config(file)
        return "accepted"


def _objects(part: Any) -> list[dict[str, Any]]:
    """The objects of a configuration that name their class."""
    found, waiting = [], [part]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            found += [each] if "class_name" in each else []
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return found


def keras_members(config: dict[str, Any]) -> dict[str, Any]:
    """The files of an archive by name."""
    return {
        "metadata.json": {"keras_version": "3.12.0", "date_saved": "2025-11-30@12:00:00"},
        KerasFormat.main: config,
        "model.weights.h5": b"\x89HDF\r\n\x1a\n" + bytes(64),
    }


def _object(kind: str, module: str = "keras.layers", /, **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": kind, "config": config, "registered_name": None}


def _sequential() -> dict[str, Any]:
    """A convolution, a normalization, a pool and a product of matrices."""
    layers = [
        _object("InputLayer", batch_shape=[None, 8, 8, 3], dtype="float32", name="image"),
        _object(
            "Conv2D",
            filters=4,
            kernel_size=[3, 3],
            activation="relu",
            kernel_initializer=_object("Zeros", "keras.initializers"),
        ),
        _object("BatchNormalization", axis=-1, dtype=_object("DTypePolicy", "keras", name="float32")),
        _object("GlobalAveragePooling2D", name="pool"),
        _object("Dense", units=5, activation="softmax"),
    ]
    config = {"name": "sequential", "trainable": True, "layers": layers, "build_input_shape": [None, 8, 8, 3]}
    return {**_object("Sequential", "keras", **config), "compile_config": {"optimizer": "adam"}}


def _functional() -> dict[str, Any]:
    """Two inputs, a recurrent layer, a model within the model."""

    def tensor(source: str) -> dict[str, Any]:
        history = {"shape": [None, 4, 8], "dtype": "float32", "keras_history": [source, 0, 0]}
        return {"class_name": "__keras_tensor__", "config": history}

    def called(name: str, sources: Sequence[str], layer: dict[str, Any]) -> dict[str, Any]:
        arguments = [tensor(source) for source in sources]
        nodes = (
            [{"args": [arguments] if len(arguments) > 1 else arguments, "kwargs": {"mask": None}}] if sources else []
        )
        return {**layer, "name": name, "inbound_nodes": nodes}

    layers = [
        called("left", (), _object("InputLayer", batch_shape=[None, 4, 8], name="left")),
        called("right", (), _object("InputLayer", batch_shape=[None, 4, 8], name="right")),
        called("sum", ("left", "right"), _object("Add", name="sum")),
        called("lstm", ("sum",), _object("LSTM", units=8, return_sequences=True, name="lstm")),
        called("inner", ("lstm",), _sequential()),
    ]
    ends = {"input_layers": [["left", 0, 0], ["right", 0, 0]], "output_layers": [["inner", 0, 0]]}
    return _object("Functional", "keras.src.models.functional", name="functional", layers=layers, **ends)
