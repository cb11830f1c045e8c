"""Another batch size than the file's: constants that hold the old one are scaled where it is clear how.

Exporters write the batch size that they saw into the targets of Reshape nodes. Scaling those is a guess at what the
network means, so the reader checks the outcome: `check_scaled` compares it with the network as the file has it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from annette.errors import NetworkShapeError

if TYPE_CHECKING:
    from annette.network.network import Network
    from annette.network.readers.onnx.values import Value

__all__ = ["check_scaled", "repeated_constant", "rescaled_target"]


def rescaled_target(shape: tuple[int, ...], target: list[int], old: int, new: int) -> list[int]:
    """A Reshape target for the new batch size, the target itself where nothing speaks for a change.

    Args:
        shape: Shape of the operand, its batch dimension already of the new size.
        target: What the file states; at most one dimension is -1.
        old: The file's batch size.
        new: The batch size asked for.

    Example:
        >>> rescaled_target((4, 3, 8, 8), [1, 192], 1, 4)
        [4, 192]
        >>> rescaled_target((50, 4, 1, 128), [50, 1, 128], 1, 4)
        [50, 4, 128]
    """
    at = _batch_position(shape, target, old, new)
    if at is None or target[at] * new % old:
        return target
    scaled = [*target[:at], target[at] * new // old, *target[at + 1 :]]
    elements = math.prod(shape)
    if -1 not in target:
        return scaled if math.prod(scaled) == elements else target
    rest = math.prod(size for size in scaled if size != -1)
    return scaled if target[at] == old and rest and elements % rest == 0 else target


def _batch_position(shape: tuple[int, ...], target: list[int], old: int, new: int) -> int | None:
    """Where in the target the batch stands: behind as many elements as in the operand, else in front."""
    for i, size in enumerate(shape):
        if size != new:
            continue
        before = math.prod(shape[:i])
        for j, wanted in enumerate(target):
            if wanted == old and -1 not in target[:j] and math.prod(target[:j]) == before:
                return j
    return 0 if target and target[0] > 0 and shape and shape[0] % new == 0 else None


def repeated_constant(value: Value, *, first: int, old: int) -> tuple[int, ...]:
    """The shape of a constant (a class token, say) that is joined to every sample of a larger batch."""
    if value.constant and value.shape and value.shape[0] == old:
        return (first, *value.shape[1:])
    return value.shape


def check_scaled(path: str, network: Network, stated: Network, old: int) -> None:
    """Refuses a network whose work did not grow with its batch size.

    Args:
        path: The file, for messages.
        network: At the new batch size.
        stated: As the file has it.
        old: The file's batch size.

    Raises:
        NetworkShapeError: The multiply-accumulates are not those of ``stated``, scaled.
    """
    new = network.batch
    if network.macs * old != stated.macs * new:
        raise NetworkShapeError(
            f"{path} is fixed to batch {old} and cannot run with --batch {new}: its multiply-accumulates would go from "
            f"{stated.macs} to {network.macs}; export the model with a symbolic batch dimension"
        )
