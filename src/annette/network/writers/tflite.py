"""Networks as int8 TFLite files, as converters write them: channels last, activations and normalisation fused.

Weights are random with the distribution of trained ones (`annette.network.writers.weights`). What the format
needs besides the layers of the network (padding, copies between layouts, changes of scale) is inserted and marked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from annette.errors import NetworkError, UnsupportedOperatorError
from annette.network.writers import tflite_elementwise, tflite_movement, tflite_weighted
from annette.network.writers.tflite_fusion import group_layers
from annette.network.writers.tflite_lowering import TfliteLowering

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.network.network import Network
    from annette.network.writers.tflite_fusion import Group

__all__ = ["LoweredTflite", "lower_tflite", "write_tflite"]

Rule: TypeAlias = "Callable[[TfliteLowering, Group], None]"

_RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(("conv", "grouped_conv", "depthwise_conv"), tflite_weighted.conv),
    "conv_transpose": tflite_weighted.conv_transpose,
    "fully_connected": tflite_weighted.fully_connected,
    **dict.fromkeys(("max_pool", "average_pool"), tflite_weighted.pool),
    **dict.fromkeys(("add", "sub", "mul", "div", "max", "min"), tflite_elementwise.arithmetic),
    **dict.fromkeys(
        ("relu", "clip", "leaky_relu", "sigmoid", "tanh", "hard_swish", "elu", "exp", "log", "abs", "gelu"),
        tflite_elementwise.activation,
    ),
    "hard_sigmoid": tflite_elementwise.hard_sigmoid,
    "silu": tflite_elementwise.silu,
    "prelu": tflite_elementwise.prelu,
    "pow": tflite_elementwise.power,
    "where": tflite_elementwise.select,
    "cast": tflite_elementwise.cast,
    "batch_norm": tflite_elementwise.batch_norm,
    **dict.fromkeys(("layer_norm", "rms_norm", "instance_norm"), tflite_elementwise.normalize),
    "softmax": tflite_movement.softmax,
    "matmul": tflite_movement.matmul,
    **dict.fromkeys(("reduce_mean", "reduce_sum", "reduce_max", "reduce_min"), tflite_movement.reduce),
    **dict.fromkeys(("global_average_pool", "global_max_pool"), tflite_movement.global_pool),
    "arg_max": tflite_movement.arg_max,
    "concat": tflite_movement.concat,
    "split": tflite_movement.split,
    "slice": tflite_movement.strided_slice,
    "gather": tflite_movement.gather,
    "pad": tflite_movement.pad,
    "transpose": tflite_movement.transpose,
    "reshape": tflite_movement.reshape,
    **dict.fromkeys(("expand", "tile"), tflite_movement.broadcast),
    **dict.fromkeys(("resize_nearest", "resize_linear"), tflite_movement.resize),
    **dict.fromkeys(("space_to_depth", "depth_to_space"), tflite_movement.rearrange),
    **dict.fromkeys(("identity", "copy"), tflite_movement.identity),
}


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
        Path(path).write_bytes(content)
    except OSError as error:
        raise NetworkError(f"network {network.name!r} cannot be written to {str(path)!r}: {error.strerror}") from error
