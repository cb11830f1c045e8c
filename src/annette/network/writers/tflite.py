"""Networks as int8 TFLite files, as converters write them: channels last, activations and normalisation fused.

Weights are random with the distribution of trained ones (`annette.network.writers.weights`). What the format
needs besides the layers of the network (padding, copies between layouts, changes of scale) is inserted and marked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.atomic import replacing
from annette.errors import NetworkError, UnsupportedOperatorError
from annette.network.writers import tflite_elementwise, tflite_movement, tflite_weighted
from annette.network.writers.tflite_fusion import group_layers
from annette.network.writers.tflite_lowering import TfliteLowering

if TYPE_CHECKING:
    from pathlib import Path

    from annette.network.network import Network

__all__ = ["LoweredTflite", "lower_tflite", "write_tflite"]

_RULES: Final = tflite_elementwise.RULES | tflite_movement.RULES | tflite_weighted.RULES


@dataclass(frozen=True, slots=True)
class LoweredTflite:
    """A network as a TFLite file.

    Attributes:
        content: The file's bytes; the same for the same network and seed.
        operators: For each operator in the file's order, the names of the layers that it runs; none where the
            lowering had to insert it.
    """

    content: bytes
    operators: tuple[tuple[str, ...], ...]


def lower_tflite(network: Network, *, seed: int = 0) -> LoweredTflite:
    """Lowers a network to int8 TFLite.

    Args:
        network: What is lowered; real numbers become int8, other integers 32 bits wide.
        seed: Of the weights.

    Raises:
        UnsupportedOperatorError: A layer has no operator in the format, or nothing is left that runs.
    """
    lowering = TfliteLowering(network, seed)
    for group in group_layers(network):
        rule = _RULES.get(group.kind)
        if rule is None:
            raise lowering.refuse(group, "the format has no operator for it, or none of int8")
        try:
            rule(lowering, group)
        except KeyError as error:
            raise lowering.refuse(group, f"attribute or operand {error} is missing") from None
    if not lowering.file.layers:
        raise UnsupportedOperatorError(
            f"network {network.name!r} consists of changes of layout and names alone: as TFLite nothing is left to run"
        )
    inputs = [lowering.value(name).index for name in network.inputs]
    outputs = [lowering.value(name).index for name in network.outputs if not network.tensors[name].constant]
    return LoweredTflite(lowering.file.encode(inputs, outputs), tuple(lowering.file.layers))


def write_tflite(network: Network, path: str | Path, *, seed: int = 0) -> None:
    """Writes a network as an int8 TFLite file with random weights.

    Args:
        network: What to write.
        path: Where to.
        seed: Of the weights.

    Raises:
        UnsupportedOperatorError: A layer has no operator in the format.
        NetworkError: The file cannot be written.

    Example:
        >>> from annette.network import zoo
        >>> write_tflite(zoo.build("mobilenet_v2"), "/tmp/mobilenet_v2.tflite")
    """
    content = lower_tflite(network, seed=seed).content
    try:
        with replacing(path, durable=False) as file:
            file.write(content)
    except OSError as error:
        raise NetworkError(f"network {network.name!r} cannot be written to {str(path)!r}: {error.strerror}") from error
