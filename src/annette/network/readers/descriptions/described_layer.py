"""Layers as JSON network descriptions state them, before anything is believed, and what they become.

The original ANNETTE's format and MMdnn's describe the same things: a type, what a layer reads, the shape it writes,
kernel, strides and pads, all channels last. Their reader translates into `DescribedLayer`; the modules
`reconstruction`, `operators` and `translation` work on that, by way of `LayerPlan`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from annette.errors import NetworkFormatError, NetworkShapeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.layer import AttributeValue
    from annette.network.tensor import Tensor

__all__ = [
    "MAX_NETWORK_BYTES",
    "DescribedLayer",
    "LayerPlan",
    "batch_size",
    "bind",
    "identifier",
    "integers",
    "member",
    "refusal",
    "texts",
]

MAX_NETWORK_BYTES: Final = 64 * 2**20
"""Larger descriptions are refused unread; the largest known one has 0.5 MB."""

_MAX_SIZE: Final = 2**31
_LONGEST_NAME: Final = 1000


@dataclass(slots=True)
class DescribedLayer:
    """One layer of a description.

    Attributes:
        name: Unique in its network.
        operator: The format's own name for what it does.
        parents: Names of the layers it reads, in order.
        shape: Shape it writes; empty where the file does not say.
        stated_input: Shape it claims to read, or None where the file does not say.
        children: Names of the layers said to read it, or None where the format has no such list.
        kernel: Kernel as stated, spatial sizes first for convolutions.
        strides: One per dimension of the tensor, or empty.
        pads: Begin of every dimension, then end of every dimension, or empty.
        dilations: One per dimension of the tensor, or empty.
        groups: Groups of a convolution, or None where the format does not say.
        bias: Whether there is a bias, or None where the format does not say.
        mode: Further detail by name: ``pooling_type``, ``axis``, ``perm``.
    """

    name: str
    operator: str
    parents: tuple[str, ...]
    shape: tuple[int, ...]
    stated_input: tuple[int, ...] | None = None
    children: tuple[str, ...] | None = None
    kernel: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    pads: tuple[int, ...] = ()
    dilations: tuple[int, ...] = ()
    groups: int | None = None
    bias: bool | None = None
    mode: dict[str, Any] | None = None

    def detail(self, key: str) -> Any:
        """A further detail, or None where the file does not state it."""
        return None if self.mode is None else self.mode.get(key)


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """How a described layer enters the network.

    Attributes:
        kind: Kind of layer.
        attributes: Canonical attributes.
        constants: Shapes of its constants by name, in the order of operands.
        reads: Whether it reads its parents at all.
    """

    kind: str
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    constants: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    reads: bool = True


def refusal(layer: DescribedLayer, sources: list[Tensor], why: str) -> NetworkShapeError:
    """The error for a layer whose shapes contradict each other."""
    read = ", ".join(str(list(source.shape)) for source in sources)
    return NetworkShapeError(
        f"layer {layer.name!r} ({layer.operator}) reads {read} and writes {list(layer.shape)}: {why}"
    )


def batch_size(batch: int | None, input_shapes: Mapping[str, Sequence[int]]) -> int:
    """The batch size that open leading sizes stand for: the one asked for, else the given inputs', else 1.

    Raises:
        NetworkShapeError: It is smaller than 1, or a given input shape has another one.
    """
    leading = {shape[0] for shape in input_shapes.values() if len(shape)}
    size = batch if batch is not None else min(leading, default=1)
    if size < 1 or leading - {size}:
        raise NetworkShapeError(f"batch size {size} and input shapes {list(input_shapes.values())} do not agree")
    return size


def member(values: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    """A member of a JSON object that must be of one type.

    Raises:
        NetworkFormatError: It is missing or of another type.
    """
    if key not in values:
        raise NetworkFormatError(f"{where} has no {key!r}")
    if not isinstance(values[key], kind):
        raise NetworkFormatError(f"{key!r} of {where} is {str(values[key])[:60]!r}, not a {_TYPE_NAMES[kind]}")
    return values[key]


_TYPE_NAMES: Final[dict[type, str]] = {dict: "JSON object", list: "list", str: "text"}


def identifier(text: str, what: str) -> str:
    """A name or type as messages may quote it.

    Raises:
        NetworkFormatError: It is empty, longer than 1000 characters, or holds characters that cannot be printed.
    """
    if not text or len(text) > _LONGEST_NAME or not text.isprintable():
        raise NetworkFormatError(f"{what} {text[:60]!r} is empty, too long, or holds characters that cannot be printed")
    return text


def texts(values: list[Any], where: str) -> tuple[str, ...]:
    """A list of names.

    Raises:
        NetworkFormatError: An item is not text.
    """
    for value in values:
        if not isinstance(value, str):
            raise NetworkFormatError(f"{where} holds {str(value)[:60]!r}, which is not a name")
    return tuple(values)


def integers(values: Any, where: str) -> tuple[int, ...]:
    """A list of whole numbers.

    Raises:
        NetworkFormatError: It is not a list, or an item is neither a number nor text.
        NetworkShapeError: An item is symbolic or too large.
    """
    if not isinstance(values, list):
        raise NetworkFormatError(f"{where} is {str(values)[:60]!r}, not a list of whole numbers")
    symbols = list(dict.fromkeys(value for value in values if isinstance(value, str)))
    if symbols:
        raise NetworkShapeError(
            f"{where} has the symbolic size {', '.join(repr(symbol[:40]) for symbol in symbols)}: "
            "this is a template, not a network; replace the symbols by numbers"
        )
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int):
            raise NetworkFormatError(f"{where} holds {str(value)[:60]!r}, which is not a whole number")
        if abs(value) >= _MAX_SIZE:
            raise NetworkShapeError(f"{where} holds a size of {value.bit_length()} bits: sizes must be below 2^31")
    return tuple(values)


def bind(shape: tuple[int, ...], batch: int, where: str) -> tuple[int, ...]:
    """Puts the batch size where a shape leaves it open (a leading -1).

    Raises:
        NetworkShapeError: Another size is open, zero or negative.
    """
    sizes = (batch, *shape[1:]) if shape and shape[0] == -1 else shape
    for axis, size in enumerate(sizes):
        if size < 1:
            what = "not known" if size == -1 else f"{size}"
            raise NetworkShapeError(f"size {axis} of {where}, shape {list(shape)}, is {what}: it must be at least 1")
    return sizes
