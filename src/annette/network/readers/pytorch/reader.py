"""Modules, exported programs and ``.pt2`` files of PyTorch as networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annette.errors import OptionError
from annette.network.readers.frameworks.process import exported, require_extra
from annette.network.readers.onnx.reader import parsed_model, read_model

if TYPE_CHECKING:
    from annette.network.inputs import Given
    from annette.network.network import Network

__all__ = ["read_module", "read_program", "read_pt2"]

_EXTRA: Final = "torch"
_NEEDED: Final = ("torch", "onnxscript")
_EXPORTER: Final = "annette.network.readers.pytorch.restoring:export_pt2"


def read_pt2(
    path: Path, *, batch: int | None = None, input_shapes: Mapping[str, Given] | None = None, lenient: bool = False
) -> Network:
    """Reads a program that ``torch.export.save`` wrote, through PyTorch's exporter to ONNX in a process of its own.

    Nothing in the file is unpickled, its weights are not read, and it may name nothing but operators and arithmetic.

    Args:
        path: The ``.pt2`` file; its content is untrusted data.
        batch: As for `annette.network.readers.onnx.read_onnx`.
        input_shapes: As for ``read_onnx``.
        lenient: As for ``read_onnx``.

    Raises:
        NetworkFormatError: The file is no exported program.
        NetworkExportError: PyTorch is not installed or cannot export it.
        NetworkError: As for ``read_onnx``.
        OptionError: As for ``read_onnx``.
    """
    require_extra(f"reading {str(path)!r}", _EXTRA, _NEEDED)
    model = exported(Path(path), _EXPORTER)
    return read_model(
        Path(path), model, batch=batch, given=input_shapes or {}, lenient=lenient, source_format="pytorch"
    )


def read_module(
    module: Any,
    *,
    example_inputs: Any = None,
    batch: int | None = None,
    input_shapes: Mapping[str, Given] | None = None,
    lenient: bool = False,
) -> Network:
    """Reads a ``torch.nn.Module``, as it computes in evaluation mode, through PyTorch's exporter to ONNX.

    Args:
        module: The module; it is left as it was. Layers know which of its modules they belong to (`Layer.module`).
        example_inputs: What its ``forward`` is called with: a tensor, a tuple of arguments, or a mapping of keyword
            arguments. Tensors on the ``meta`` device will do where the module is there, too.
        batch: As for `annette.network.readers.onnx.read_onnx`.
        input_shapes: As for ``read_onnx``.
        lenient: As for ``read_onnx``.

    Raises:
        OptionError: There are no example inputs.
        NetworkExportError: PyTorch cannot export the module.
        NetworkError: As for ``read_onnx``.
    """
    name = type(module).__name__
    if example_inputs is None:
        raise OptionError(
            f"module {name} needs example_inputs: what its forward is called with, a tensor, a tuple of arguments or a "
            "mapping of keyword arguments"
        )
    require_extra(f"reading module {name}", _EXTRA, _NEEDED)
    from annette.network.readers.pytorch.exporting import exported_module  # noqa: PLC0415 - needs PyTorch

    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}
    if isinstance(example_inputs, Mapping):
        keywords = dict(example_inputs)
    else:
        arguments = tuple(example_inputs) if isinstance(example_inputs, (tuple, list)) else (example_inputs,)
    model = parsed_model(exported_module(module, arguments, keywords), name)
    return read_model(
        Path(name), model, batch=batch, given=input_shapes or {}, lenient=lenient, source_format="pytorch"
    )


def read_program(
    program: Any,
    *,
    batch: int | None = None,
    input_shapes: Mapping[str, Given] | None = None,
    lenient: bool = False,
) -> Network:
    """Reads a ``torch.export.ExportedProgram`` through PyTorch's exporter to ONNX.

    Args:
        program: The program.
        batch: As for `annette.network.readers.onnx.read_onnx`.
        input_shapes: As for ``read_onnx``.
        lenient: As for ``read_onnx``.

    Raises:
        NetworkExportError: PyTorch cannot export it.
        NetworkError: As for ``read_onnx``.
    """
    require_extra("reading an exported program", _EXTRA, _NEEDED)
    from annette.network.readers.pytorch.exporting import exported_program  # noqa: PLC0415 - needs PyTorch

    model = parsed_model(exported_program(program), "the exported program")
    return read_model(
        Path("program"), model, batch=batch, given=input_shapes or {}, lenient=lenient, source_format="pytorch"
    )
