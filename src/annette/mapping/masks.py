"""Which softmax has a part of its scores hidden by a mask, and which matrix product reads its result.

An exponential that underflows takes a hundred times as long as another on some processors (Intel's, which compute with
subnormal numbers in microcode), so that the softmax of masked scores is several times slower there; where a mask
subtracts a hundred instead of infinity, what remains is subnormal, and the matrix product that reads it is ten times
slower. The values of masks are not known, but their structure tells: a causal mask and that of shifted windows come
from a constant that relates every token to every other, equal for all heads. A mask of padding comes from an input and
relates tokens to none; it hides nothing where nothing is padded. A learned bias of positions differs between heads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.network.kinds import Category, kinds_in

if TYPE_CHECKING:
    from annette.network import Layer, Network

__all__ = ["CAUSAL_MASK", "NO_MASK", "WINDOW_MASK", "makes_subnormals", "mask_behind", "mask_of"]

NO_MASK: Final = 0
CAUSAL_MASK: Final = 1
"""One mask for everything: half of the scores, as a rule."""
WINDOW_MASK: Final = 2
"""A mask for each window, which leaves most windows as they are."""

_VIEWS: Final = kinds_in(Category.VIEW)
_COMBINING: Final = frozenset(("add", "sub", "where", "mul", "div"))
_MOST_LAYERS: Final = 24


def mask_behind(product: Layer, network: Network) -> int:
    """The mask whose marks a matrix product meets: that of the softmax that it reads, directly or through views.

    Args:
        product: The matrix product.
        network: Its network.

    Returns:
        `NO_MASK`, `CAUSAL_MASK` or `WINDOW_MASK`.
    """
    for tensor in network.activations[product.name]:
        layer = network.producers.get(tensor)
        for _ in range(_MOST_LAYERS):
            if layer is None or layer.kind not in _VIEWS:
                break
            layer = network.producers.get(_first_read(layer, network))
        if layer is not None and layer.kind == "softmax":
            return mask_of(layer, network)
    return NO_MASK


def makes_subnormals(network: Network) -> bool:
    """Whether masks of a network make exponentials underflow, or leave subnormal numbers, whatever its weights are."""
    return any(mask_of(layer, network) != NO_MASK for layer in network.layers if layer.kind == "softmax")


def mask_of(softmax: Layer, network: Network) -> int:
    """How the scores of a softmax are masked: `NO_MASK`, `CAUSAL_MASK` or `WINDOW_MASK`.

    A mask of windows that is subtracted twice hides as completely as a causal one: nothing is left of the exponential
    of -200, so that it costs time in the softmax and none in the product behind it (``hf_swin2sr_s`` on an Intel
    processor: a softmax 3.1 times, the product 1.0 times as long as without).

    Args:
        softmax: The layer, or the first of those that make up a decomposed softmax.
        network: Its network.
    """
    tensor, found = _first_read(softmax, network), NO_MASK
    for _ in range(_MOST_LAYERS):
        layer = network.producers.get(tensor)
        if layer is None or not (layer.kind in _VIEWS or layer.kind in _COMBINING):
            return found
        if len(layer.inputs) > _MOST_LAYERS:  # No mask is added so, and many may ask for the same.
            return found
        chosen = layer.inputs[1:] if layer.kind == "where" else layer.inputs  # not by which condition
        reads = [name for name in chosen if not network.tensors[name].constant]
        main = max(reads, key=lambda name: network.tensors[name].elements, default="")  # what carries the scores
        if layer.kind in ("add", "sub", "where"):
            for operand in layer.inputs:
                mask = _mask(operand, network) if operand != main else NO_MASK
                if mask == CAUSAL_MASK or mask == found != NO_MASK:
                    return CAUSAL_MASK
                found = mask or found
        tensor = main
    return found


def _first_read(layer: Layer, network: Network) -> str:
    """The first activation that a layer reads; no tensor's name where it reads none."""
    return next(iter(network.activations[layer.name]), "")


def _mask(tensor: str, network: Network) -> int:
    """What a second operand of a sum or choice is: a mask if a constant behind it relates tokens to tokens.

    What a product has made of constants is no mask: positions that are learned relate tokens to tokens as well.
    """
    waiting, seen = [tensor], 0
    while waiting and seen < _MOST_LAYERS:
        seen += 1
        current = waiting.pop()
        shape = network.tensors[current].shape
        if network.tensors[current].constant:
            if len(shape) >= 2 and min(shape[-2:]) > 1:
                return _kind_of_mask(shape)
            continue
        layer = network.producers.get(current)
        if layer is not None and not layer.workload.macs:
            waiting += layer.inputs[:_MOST_LAYERS]
    return NO_MASK


def _kind_of_mask(shape: tuple[int, ...]) -> int:
    """Whether a constant is equal for all heads, which stand third from the last, and for all that stands before."""
    heads = shape[-3] if len(shape) > 2 else 1
    before = max(shape[:-3], default=1)
    if heads > 1:
        return NO_MASK
    return WINDOW_MASK if before > 1 else CAUSAL_MASK
