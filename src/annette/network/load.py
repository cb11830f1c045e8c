"""From what a user has — a file, a network of the zoo, a model in memory — to a `Network`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from annette.errors import NetworkError, NetworkFormatError, OptionError, nearest
from annette.files import exists, is_file, open_regular
from annette.network import zoo
from annette.network.in_memory import reader_of
from annette.network.inputs import InputValue
from annette.references import Reference, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.network.inputs import Given
    from annette.network.network import Network

__all__ = ["ENTRY_POINTS", "Reader", "find_reader", "is_saved_model", "load_network", "readers"]

_BUILT_IN: Final[dict[str, Reference]] = {
    ".onnx": "annette.network.readers.onnx:read_onnx",
    ".ort": "annette.network.readers.ort:read_ort",
    ".json": "annette.network.readers.json:read_json",
    ".tflite": "annette.network.readers.tflite:read_tflite",
    ".xml": "annette.network.readers.openvino_ir:read_openvino_ir",
    ".pt2": "annette.network.readers.pytorch:read_pt2",
    ".keras": "annette.network.readers.keras:read_keras",
}
"""File suffix to its `Reader`, imported when a file of that kind comes."""

_AS_ONNX: Final = frozenset({".onnx", ".ort", ".xml", ".pt2", ".keras"})
"""Suffixes of files that are read as ONNX: inputs may be given values, and nodes are checked against the standard."""
_SAVED_MODEL: Final = "saved_model.pb"
"""What makes a folder a model of TensorFlow (``SAVED_MODEL_FILE`` of its reader, which is imported when one comes)."""
_READ_SAVED_MODEL: Final[Reference] = "annette.network.readers.saved_model:read_saved_model"

ENTRY_POINTS: Final = "annette.readers"
"""Group of entry points under which other packages offer readers, each named after its ``.suffix``.

Built-in suffixes cannot be taken over.
"""


class Reader(Protocol):
    """Reads one file format."""

    def __call__(
        self, path: Path, *, batch: int | None = None, input_shapes: Mapping[str, tuple[int, ...]] | None = None
    ) -> Network:
        """Reads a network.

        Args:
            path: An existing file; its content is untrusted data.
            batch: Samples processed together; None keeps what the file says, or 1 where it leaves it open.
            input_shapes: Full shapes of inputs by name; bind what the file leaves open.

        Raises:
            NetworkError: The file is no network, or one that cannot be used as it is.
        """


def load_network(
    source: str | Path | object,
    *,
    batch: int | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
    example_inputs: Any = None,
) -> Network:
    """Loads a network from a file or from a model in memory, or builds one of the zoo.

    Args:
        source: A path ending in a known suffix, or a folder that TensorFlow saved a model in; the name of a zoo network
            (`annette.network.zoo.names`); or a model in memory: a ``torch.nn.Module``, a
            ``torch.export.ExportedProgram``, an ``onnx.ModelProto``, a Keras or an OpenVINO model.
        batch: Samples processed together, at least 1.
        inputs: Shapes of inputs by name, every dimension at least 1; sizes of an ONNX file's symbolic dimensions by
            their symbol; `annette.network.inputs.InputValue` of inputs that decide what runs.
        lenient: Whether an ONNX file whose nodes break the standard is read nevertheless, as well as can be, with a
            note; other formats have no such checks.
        example_inputs: What a ``torch.nn.Module`` is called with: a tensor, a tuple of arguments, or a mapping of
            keyword arguments; only for these.

    Raises:
        OptionError: ``batch`` or a shape is out of its range, or ``example_inputs`` is missing or not needed.
        NetworkError: There is no such file or zoo network, or it cannot be used as it is.
    """
    if batch is not None and batch < 1:
        raise OptionError(f"batch {batch} is not at least 1")
    if not isinstance(source, (str, Path)):
        return reader_of(source, example_inputs)(batch=batch, input_shapes=inputs, lenient=lenient)
    if example_inputs is not None:
        raise OptionError(f"{str(source)!r} says itself what its inputs are: leave out example_inputs")
    path = Path(source)
    if is_saved_model(path):
        reader: Callable[..., Network] = resolve(_READ_SAVED_MODEL)
        return reader(path, batch=batch, input_shapes=inputs, lenient=lenient)
    suffix = path.suffix.lower()
    if suffix not in _AS_ONNX:
        inputs = _shapes(inputs or {})
    if suffix not in _BUILT_IN:
        if not exists(path) and zoo.is_name(str(source)):
            if inputs:
                return zoo.build_for_inputs(str(source), _shapes(inputs), batch=batch)
            return zoo.build(str(source), batch=batch or 1)
        if suffix not in readers():
            raise _unreadable(str(source), path)
    return _from_file(path, suffix, batch=batch, inputs=inputs, lenient=lenient)


def _from_file(
    path: Path, suffix: str, *, batch: int | None, inputs: Mapping[str, Given] | None, lenient: bool
) -> Network:
    if not exists(path):
        raise NetworkError(f"network file {str(path)!r} does not exist")
    with open_regular(path, error=NetworkError):
        pass  # Readers, of other packages too, need not care for pipes and devices.
    reader: Callable[..., Network] = find_reader(suffix)
    if lenient and suffix in _AS_ONNX:
        reader = partial(reader, lenient=True)
    try:
        return reader(path, batch=batch, input_shapes=inputs)
    except OSError as error:
        raise NetworkError(f"network file {str(path)!r} cannot be read: {error.strerror or error}") from error


def is_saved_model(path: Path) -> bool:
    """Whether a path is a folder that TensorFlow saved a model in."""
    return is_file(path / _SAVED_MODEL)


def _shapes(inputs: Mapping[str, Given]) -> dict[str, tuple[int, ...]]:
    """What was given of the inputs of a network that takes their shapes only."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, given in inputs.items():
        if isinstance(given, InputValue):
            raise OptionError(
                f"--input {name}={given.text}: only inputs of files that are read as ONNX have values; give its shape"
            )
        if not all(size >= 1 for size in given):
            raise OptionError(f"input {name!r} is given shape {given}: every dimension must be at least 1")
        shapes[name] = given
    return shapes


def readers() -> tuple[str, ...]:
    """The file suffixes that can be read, built-in and from plug-ins."""
    return (*_BUILT_IN, *(name for name in _plug_ins() if name not in _BUILT_IN))


def find_reader(suffix: str) -> Reader:
    """The reader of files of a suffix, built-in or from a plug-in.

    Raises:
        KeyError: No reader is known for the suffix.
        PluginError: A plug-in's reader cannot be loaded.
    """
    reader: Reader = resolve(_BUILT_IN.get(suffix) or _plug_ins()[suffix])
    return reader


def _plug_ins() -> dict[str, Reference]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow, and built-in formats do without

    return {entry.name: entry.value for entry in entry_points(group=ENTRY_POINTS)}


def _unreadable(source: str, path: Path) -> NetworkError:
    known = ", ".join(sorted(readers()))
    if exists(path) and path.is_dir():
        return NetworkError(f"{source!r} is a folder; name a network file (they end in {known})")
    if exists(path):
        return NetworkFormatError(f"cannot tell the format of {source!r} by its suffix; known: {known}")
    hint = nearest(source, zoo.names())
    return NetworkError(f"no network file and no network of the zoo is called {source!r}{hint} (files end in {known})")
