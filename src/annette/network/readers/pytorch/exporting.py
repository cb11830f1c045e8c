"""PyTorch's exporter to ONNX, asked for the graph alone: no weight is copied, however many gigabytes a model has."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from annette.errors import NetworkExportError
from annette.network.readers.frameworks.quiet import quiet
from annette.network.readers.frameworks.worker import first_line
from annette.network.readers.onnx.skeleton import KEPT_TENSOR_BYTES, skeleton

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["exported_module", "exported_program"]

_ELSEWHERE: Final = "weights"


def exported_program(program: Any) -> bytes:
    """Exports a ``torch.export.ExportedProgram``.

    Returns:
        The serialized ``ModelProto`` without the data of its large tensors.

    Raises:
        NetworkExportError: PyTorch cannot export it.
    """
    import torch  # noqa: PLC0415 - only who has it comes here

    with quiet(), _as_export_error("the program"):
        return _without_weights(torch.onnx.export(program, dynamo=True, verbose=False))


def exported_module(module: Any, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> bytes:
    """Exports a ``torch.nn.Module`` as it computes in evaluation mode; the module is left as it was.

    Args:
        module: The module.
        arguments: Example arguments of its ``forward``.
        keywords: Example keyword arguments.

    Raises:
        NetworkExportError: PyTorch cannot export it.
    """
    import torch  # noqa: PLC0415 - only who has it comes here

    with quiet(), _as_export_error(type(module).__name__), _evaluating(module), torch.no_grad():
        return _without_weights(torch.onnx.export(module, arguments, kwargs=dict(keywords), dynamo=True, verbose=False))


def _without_weights(exported: Any) -> bytes:
    import onnx_ir  # noqa: PLC0415 - comes with PyTorch's exporter

    model = exported.model
    for value in model.graph.initializers.values():
        tensor = value.const_value
        if tensor is not None and tensor.nbytes > KEPT_TENSOR_BYTES:
            value.const_value = onnx_ir.ExternalTensor(
                _ELSEWHERE, None, None, tensor.dtype, shape=tensor.shape, name=value.name
            )
    proto = onnx_ir.to_proto(model)
    for initializer in proto.graph.initializer:
        if initializer.external_data:
            initializer.ClearField("external_data")
            initializer.ClearField("data_location")
    return skeleton(proto.SerializeToString(), "the exported model")


@contextlib.contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """Evaluation mode; afterwards every module is in its own mode again."""
    modes = {each: each.training for each in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for each, training in modes.items():
            each.training = training


@contextlib.contextmanager
def _as_export_error(what: str) -> Iterator[None]:
    try:
        yield
    except NetworkExportError:
        raise
    except Exception as error:
        cause = error.__cause__ or error
        raise NetworkExportError(f"PyTorch cannot export {what} to ONNX: {first_line(cause)}") from error
