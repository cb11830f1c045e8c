"""What an estimate says of precision: which a platform lacks, where it is to be had, what was converted."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

from annette.errors import PlatformError, UnsupportedKernelError
from annette.mapping.precision import narrowest_type, precision_in
from annette.network import Category
from annette.network.kinds import kinds_in
from annette.platforms.store import list_platforms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.mapping.kernel import Kernel
    from annette.network import Network
    from annette.platforms.platform import Platform

__all__ = ["conversion_notes", "moves_data", "refuse_precision"]

_MOVING: Final = kinds_in(Category.MOVEMENT, Category.VIEW) | {"cast", "copy", "where", "compare"}
_CONVERSIONS: Final = frozenset({"quantize", "dequantize"})
_WHOLE_BITS: Final = 32


def moves_data(kind: str, example: Kernel) -> bool:
    """Whether kernels of a kind move data, whose time depends on the bytes and not on what they stand for.

    They are priced, by their own bytes, like those of the platform's precision where there are no models of theirs.

    Args:
        kind: Kind of the kernels, with their precision.
        example: One of them; copies that the runtime puts in have no layers, or a transposition that they also do.
    """
    return precision_in(kind) != "" and all(layer.kind in _MOVING for layer in example.layers)


def refuse_precision(kind: str, platform: Platform, example: Kernel) -> None:
    """Refuses a kernel of a precision that a platform was never fitted on; does nothing for any other kind.

    Args:
        kind: Kind of the kernel.
        platform: Where it has no models.
        example: The kernel.

    Raises:
        UnsupportedKernelError: The platform was not fitted on its precision; the message names those that it was
            fitted on, and the nearest platform that was.
    """
    precision = precision_in(kind)
    if not precision or precision in platform.precisions:
        return
    found = _nearest_with(precision, platform)
    raise UnsupportedKernelError(
        f"layer {example.name!r} computes in {precision}, which platform {platform.name!r} was never fitted on; fitted "
        f"there: {', '.join(platform.precisions)}; "
        + (f"the nearest platform with {precision} is {found!r}; " if found else f"no known platform has {precision}; ")
        + ("export the network with numbers of 32 bits, or " if precision == "fp64" else "")
        + "use --fallback roofline to price it roughly"
    )


def _nearest_with(precision: str, platform: Platform) -> str:
    """The platform most like one, by device, runtime and name, of those that were fitted on a precision."""
    likeness: dict[str, float] = {}
    for entry in list_platforms():
        try:
            other = entry.load()
        except PlatformError:
            continue
        if precision in other.precisions and other.name != platform.name:
            pairs = ((other.device, platform.device), (other.runtime, platform.runtime), (other.name, platform.name))
            likeness[other.name] = sum(SequenceMatcher(None, *pair).ratio() for pair in pairs)
    return max(likeness, key=lambda name: likeness[name], default="")


def conversion_notes(network: Network, kernels: Sequence[Kernel], platform: Platform) -> list[str]:
    """What was converted to the platform's precision, one sentence each.

    Args:
        network: What was estimated.
        kernels: Its kernels.
        platform: Where.
    """
    own, label = platform.precision, platform.precision.label
    notes = []
    given = narrowest_type(network.activation_dtypes)
    if given in own.converts:
        notes.append(f"a network of {given}: estimated as if converted to {label}")
    elif given != label and own.activation_bits < _WHOLE_BITS and _is_float(network):
        what = "quantised to 8 bits" if label == "int8" else f"converted to {label}"
        notes.append(f"a network of floating-point numbers: estimated as if {what}")
    converted = sum([kernel.precision == label and "precision" in kernel.rules for kernel in kernels])
    if converted:
        casts = sum(kernel.kind == "cast@fp16" and not kernel.layers for kernel in kernels)
        notes.append(
            f"{converted} kernels of 16-bit numbers run in {label} here, with {casts} conversions in between, as "
            "the runtime does it"
        )
    return notes


def _is_float(network: Network) -> bool:
    """Whether what flows into layers with weights are floating-point numbers, and nothing is quantised on the way."""
    links, tensors = network.links, network.tensors
    if not _CONVERSIONS.isdisjoint(links.by_kind):
        return False
    pairs = zip(network.layers, links.reads, strict=True)
    read = {name for layer, own in pairs if layer.workload.weight_elements for name in own}
    return bool(read) and all(tensors[name].dtype.is_float for name in read)
