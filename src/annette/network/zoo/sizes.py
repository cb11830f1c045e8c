"""Networks of the zoo at other sizes: ``resnet50@320``, ``yolov3@320x608``, ``bert_base@384``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from annette.errors import NetworkShapeError, OptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from annette.network.network import Network

__all__ = ["given_sizes", "options_of_size", "split_size"]

_SIZED: Final = re.compile(r"(?P<name>[^@]+)@(?P<size>[1-9][0-9]{0,5}(?:x[1-9][0-9]{0,5})?)")


def split_size(name: str) -> tuple[str, tuple[int, ...]]:
    """The name of a network and the size behind its ``@``: an image's side, its height and width, or tokens.

    Example:
        >>> split_size("yolov3@320x608"), split_size("resnet50")
        (('yolov3', (320, 608)), ('resnet50', ()))
    """
    match = _SIZED.fullmatch(name)
    if match is None:
        return name, ()
    return match["name"], tuple(int(side) for side in match["size"].split("x"))


def options_of_size(name: str, size: tuple[int, ...], known: Collection[str]) -> dict[str, Any]:
    """The options of a network's function that set its size.

    Args:
        name: The network.
        size: One or two numbers, or none.
        known: Options that its function has.

    Raises:
        OptionError: The network has one size only, or takes no height and width.
    """
    if not size:
        return {}
    if "sequence" in known:
        if len(size) > 1:
            raise OptionError(f"{name} reads tokens: its size is one number, such as {name}@384")
        return {"sequence": size[0]}
    if "resolution" in known:
        return {"resolution": size[0] if len(size) == 1 else size}
    if {"height", "width"} <= set(known):
        return {"height": size[0], "width": size[-1]}
    raise OptionError(f"{name} takes no size but its own: layers of it have weights or windows for every position")


def given_sizes(name: str, network: Network, inputs: Mapping[str, tuple[int, ...]]) -> tuple[int, tuple[int, ...]]:
    """Batch and size of a network whose inputs were given shapes.

    Args:
        name: What the user calls it.
        network: The network at its own size, for one sample.
        inputs: Shapes by input name.

    Raises:
        OptionError: It has no such input.
        NetworkShapeError: The inputs are not of such shapes at any size, or contradict each other.
    """
    found: set[tuple[int, tuple[int, ...]]] = set()
    for given, shape in inputs.items():
        if given not in network.inputs:
            raise OptionError(
                f"--input {given}: {name} has no such input; it has {', '.join(map(repr, network.inputs))}"
                f"{nearest(given, network.inputs)}"
            )
        known = network.tensors[given].shape
        fixed = 2 if len(known) == 4 else 1  # a batch of images, or of tokens
        if len(shape) != len(known) or shape[1:fixed] != known[1:fixed]:
            own = "x".join(map(str, known))
            raise NetworkShapeError(f"--input {given}={'x'.join(map(str, shape))}: {name} reads {own}, or another size")
        found.add((shape[0], shape[fixed:]))
    if len(found) > 1:
        raise NetworkShapeError(f"the inputs of {name} are given different batches or sizes: {sorted(found)}")
    return found.pop()
