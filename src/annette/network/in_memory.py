"""Models of frameworks in memory: which reader takes an object, told by the name of its class.

No framework is imported to find out: whoever has such an object has imported its framework already.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from annette.errors import NetworkFormatError, OptionError
from annette.references import Reference, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.network.network import Network

__all__ = ["reader_of"]

_READERS: Final[dict[str, Reference]] = {
    "keras.src.models.model.Model": "annette.network.readers.keras:read_keras_model",
    "onnx.onnx_ml_pb2.ModelProto": "annette.network.readers.onnx:read_proto",
    "openvino._ov_api.Model": "annette.network.readers.openvino_ir:read_openvino_model",
    "torch.export.exported_program.ExportedProgram": "annette.network.readers.pytorch:read_program",
    "torch.nn.modules.module.Module": "annette.network.readers.pytorch:read_module",
}
"""Class of a model to its reader. With Keras on PyTorch a model is both: it is exported by Keras, which comes first."""

_WITH_EXAMPLES: Final = "annette.network.readers.pytorch:read_module"


def reader_of(model: object, example_inputs: Any) -> Callable[..., Network]:
    """The reader of a model in memory.

    Args:
        model: The object.
        example_inputs: What it is called with; None for models that need no example.

    Raises:
        NetworkFormatError: It is no model of a framework that is known.
        OptionError: There are example inputs, and the model needs none.
    """
    classes = {f"{each.__module__}.{each.__qualname__}" for each in type(model).__mro__}
    reference = next((reader for name, reader in _READERS.items() if name in classes), None)
    if reference is None:
        raise NetworkFormatError(
            f"cannot read an object of {type(model).__module__}.{type(model).__qualname__} as a network: it is neither "
            "a path or name nor a model of PyTorch, ONNX, Keras or OpenVINO"
        )
    if reference == _WITH_EXAMPLES:
        return partial(resolve(reference), model, example_inputs=example_inputs)
    if example_inputs is not None:
        raise OptionError(f"a {type(model).__name__} says itself what its inputs are: leave out example_inputs")
    return partial(resolve(reference), model)
