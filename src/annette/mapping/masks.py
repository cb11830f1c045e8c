"""Which softmax has a part of its scores hidden by a mask, and which matrix product reads its result.

An exponential that underflows takes a hundred times as long as another on some processors (Intel's, which compute with
subnormal numbers in microcode), so that the softmax of masked scores is several times slower there; where a mask
subtracts a hundred instead of infinity, what remains is subnormal, and the matrix product that reads it is ten times
slower. Where a reader has looked at the values of a constant (`Tensor.masking`), they say what it hides. Where the
values are not known, their structure tells: a causal mask and that of shifted windows come from a constant that relates
every token to every other, equal for all heads. A mask of padding comes from an input and relates tokens to none; it
hides nothing where nothing is padded. A learned bias of positions differs between heads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.network.kinds import Category, kinds_in
from annette.network.masking import HIDES, constants_behind, score_operands

if TYPE_CHECKING:
    from annette.network import Layer, Network
    from annette.network.tensor import Masking

__all__ = ["CAUSAL_MASK", "NO_MASK", "WINDOW_MASK", "makes_subnormals", "mask_behind", "mask_of"]

NO_MASK: Final = 0
CAUSAL_MASK: Final = 1
"""One mask for everything: half of the scores, as a rule. Their exponentials underflow."""
WINDOW_MASK: Final = 2
"""A mask for each window, which leaves most windows as they are. Exponentials of what it hides are subnormal."""

_GOOD_PART: Final = 0.15
"""Platforms know what half of the scores cost that underflow, about five times as much as none: of less than this the
cost is nearer to that of none, by the ratio."""

_VIEWS: Final = kinds_in(Category.VIEW)
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
            layer = network.producers.get(next(iter(network.activations[layer.name]), ""))
        if layer is not None and layer.kind == "softmax":
            return mask_of(layer, network)
    return NO_MASK


def makes_subnormals(network: Network) -> bool:
    """Whether masks of a network make exponentials underflow, or leave subnormal numbers, whatever its weights are."""
    if any(tensor.masking is not None and max(tensor.masking) >= HIDES for tensor in network.tensors.values()):
        return True
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
    found = NO_MASK
    for place in score_operands(softmax, network.producers, network.tensors):
        mask = _mask(place.operand, network)
        if mask == CAUSAL_MASK or mask == found != NO_MASK:
            return CAUSAL_MASK
        found = mask or found
    return found


def _mask(operand: str, network: Network) -> int:
    """What an operand of a sum or choice is: a mask if a constant behind it hides, or relates tokens to tokens."""
    for name in constants_behind(operand, network.producers, network.tensors):
        tensor = network.tensors[name]
        if tensor.masking is not None:
            mask = _mask_by_values(tensor.masking)
            if mask != NO_MASK:
                return mask
        elif len(tensor.shape) >= 2 and min(tensor.shape[-2:]) > 1:
            return _mask_by_structure(tensor.shape)
    return NO_MASK


def _mask_by_values(masking: Masking) -> int:
    """Which mask costs what a constant does: by what becomes of most of the exponentials that it hides."""
    if masking.subnormal >= max(HIDES, masking.underflow):
        return WINDOW_MASK
    return CAUSAL_MASK if masking.underflow >= _GOOD_PART else NO_MASK


def _mask_by_structure(shape: tuple[int, ...]) -> int:
    """Whether a constant is equal for all heads, which stand third from the last, and for all that stands before."""
    heads = shape[-3] if len(shape) > 2 else 1
    before = max(shape[:-3], default=1)
    if heads > 1:
        return NO_MASK
    return WINDOW_MASK if before > 1 else CAUSAL_MASK
