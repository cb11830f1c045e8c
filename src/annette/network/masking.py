"""What constants hide of the scores that a softmax reads: where they stand, and what their values say.

A mask adds to a score so much below the largest of its row that the exponential of their difference vanishes. Below the
logarithm of the smallest number of 32 bits nothing is left of it; a little above, what is left is subnormal. Whether a
constant does so is in its values: an exporter folds an attention mask of ones to a constant of zeros, and the mask of
local attention into a bias of positions. Readers that can look at values leave in `Tensor.masking` what they found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from annette.budget import spend_spare
from annette.network.kinds import Category, kinds_in
from annette.network.tensor import Masking

if TYPE_CHECKING:
    from annette.network.layer import Layer
    from annette.network.tensor import Tensor

__all__ = ["HIDES", "Contents", "Place", "constants_behind", "known_masking", "masking_of", "score_operands"]

Contents: TypeAlias = Callable[[str], "npt.NDArray[Any] | None"]
"""The values of a constant by its name, or None where they are not known."""

HIDES: Final = 0.02
"""A constant hides something where it hides at least this share: less does not show in a softmax's time."""

_MOST_LAYERS: Final = 24
_VIEWS: Final = kinds_in(Category.VIEW)
_ADDING: Final = frozenset(("add", "sub", "where"))
_COMBINING: Final = _ADDING | {"mul", "div"}

_UNDERFLOW: Final = -103.97
"""Half of the smallest number of 32 bits is e to this power."""
_SUBNORMAL: Final = -87.33
"""The smallest number of 32 bits that is not subnormal is e to this power."""
_FAR: Final = 1e30
"""Stands for infinity, whose difference from itself is no number."""
_MOST_COMPARED: Final = 1 << 17
_COMPARED_IN_A_STEP: Final = 100
_STEPS: Final = 20
"""Microseconds to look at what stands behind one operand."""


class Place(NamedTuple):
    """Where something is added to scores, or chosen instead of them.

    Attributes:
        layer: The layer that does so.
        operand: Name of what it adds, or chooses by.
        scores: Name of the operand that carries the scores.
        scale: By how much their sum is multiplied on its way to the softmax.
    """

    layer: Layer
    operand: str
    scores: str
    scale: float


def score_operands(softmax: Layer, producers: Mapping[str, Layer], tensors: Mapping[str, Tensor]) -> Iterator[Place]:
    """What is added to the scores of a softmax or chosen instead of them, the last first.

    Args:
        softmax: The layer, or the first of those that make up a decomposed softmax.
        producers: By tensor, the layer that writes it.
        tensors: All tensors by name.
    """
    tensor, scale = next((name for name in softmax.inputs if not tensors[name].constant), ""), 1.0
    for _ in range(_MOST_LAYERS):
        layer = producers.get(tensor)
        if layer is None or not (layer.kind in _VIEWS or layer.kind in _COMBINING):
            return
        if len(layer.inputs) > _MOST_LAYERS:  # No mask is added so, and many may ask for the same.
            return
        chosen = layer.inputs[1:] if layer.kind == "where" else layer.inputs  # not by which condition
        reads = [name for name in chosen if not tensors[name].constant]
        main = max(reads, key=lambda name: tensors[name].elements, default="")  # what carries the scores
        if layer.kind in _ADDING:
            for operand in layer.inputs:
                if operand != main:
                    yield Place(layer, operand, main, scale)
        else:
            scale *= _factor(layer)
        tensor = main


def constants_behind(operand: str, producers: Mapping[str, Layer], tensors: Mapping[str, Tensor]) -> Iterator[str]:
    """The constants that an operand is or was computed from without a product: what a product made of them is no mask.

    Positions that are learned relate tokens to tokens as well.
    """
    waiting, seen = [operand], 0
    while waiting and seen < _MOST_LAYERS:
        seen += 1
        current = waiting.pop()
        if tensors[current].constant:
            yield current
            continue
        layer = producers.get(current)
        if layer is not None and not layer.workload.macs:
            waiting += layer.inputs[:_MOST_LAYERS]


def known_masking(layers: Iterable[Layer], tensors: Mapping[str, Tensor], contents: Contents) -> dict[str, Tensor]:
    """The constants that add to the scores of softmaxes, with what their values hide of them.

    Args:
        layers: All layers of a network.
        tensors: All its tensors by name.
        contents: Their values; asked for such constants only.

    Returns:
        Those whose values are known, by name.
    """
    layers = tuple(layers)
    decomposed = any(layer.kind == "exp" for layer in layers)
    readers = [layer for layer in layers if layer.kind == "softmax" or (decomposed and layer.kind == "reduce_max")]
    if not readers:
        return {}
    producers = {output: layer for layer in layers for output in layer.outputs}
    found: dict[str, Masking | None] = {}
    for place in (each for softmax in readers for each in score_operands(softmax, producers, tensors)):
        if not spend_spare(steps=_STEPS):
            break
        for name in constants_behind(place.operand, producers, tensors):
            if found.get(name) is None and (name not in found or name == place.operand):
                values = contents(name)
                found[name] = None if values is None else masking_of(values, place, direct=name == place.operand)
    return {name: replace(tensors[name], masking=each) for name, each in found.items() if each is not None}


def masking_of(values: npt.NDArray[Any], place: Place, *, direct: bool) -> Masking | None:
    """What share of scores a constant hides.

    Args:
        values: Its values, or evenly many of its rows: what is compared stands along the last axis.
        place: Where it meets the scores.
        direct: Whether it is itself the operand there; else something is computed from it and from what is not known.

    Returns:
        The shares; None where they are not known: what is chosen instead of the scores is computed, or a constant of
        two values, as masks are before they are scaled, is combined with what is not known.
    """
    if values.ndim == 0 or not values.size or values.dtype.kind not in "biuf":
        return None
    if not spend_spare(steps=min(values.size, _MOST_COMPARED) / _COMPARED_IN_A_STEP):
        return None
    rows = _some_rows(values)
    if place.layer.kind == "where" and direct:
        return _chosen(rows, place)
    negated = direct and place.layer.kind == "sub" and place.layer.inputs[0] == place.scores
    shares = _shares(rows, -place.scale if negated else place.scale)
    if direct or (max(shares) >= HIDES and rows.dtype.kind == "f"):
        return shares
    shares = Masking(0.0, 0.0)  # indices, positions and biases, or an attention mask of ones
    lowest, highest = rows.min(), rows.max()
    two = bool(lowest != highest) and bool(((rows == lowest) | (rows == highest)).all())
    return None if two else shares


def _chosen(condition: npt.NDArray[Any], place: Place) -> Masking | None:
    """What a choice hides by its condition, where it chooses between scores and a number."""
    layer = place.layer
    if layer.inputs[0] != place.operand:
        return None
    number = layer.attributes.get("scalar_false", layer.attributes.get("scalar_true"))
    if not isinstance(number, (int, float)):
        return None
    kept = condition.astype(np.bool_) == ("scalar_false" in layer.attributes)
    return _shares(np.where(kept, np.float32(0), np.float32(np.clip(number, -_FAR, _FAR))), place.scale)


def _some_rows(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A matrix of the values' rows, of very large constants of a random part of them, the same every time."""
    length = values.shape[-1]
    count = values.size // length
    if values.size <= _MOST_COMPARED:
        return values.reshape(count, length)
    chosen = np.sort(np.random.default_rng(0).integers(0, count, max(1, _MOST_COMPARED // length)))
    return values[np.unravel_index(chosen, values.shape[:-1])][..., :_MOST_COMPARED]


def _shares(rows: npt.NDArray[Any], scale: float) -> Masking:
    """The shares of a matrix that lie so far below the largest of their row."""
    with np.errstate(all="ignore"):
        below = rows.astype(np.float32).clip(-_FAR, _FAR) * np.float32(scale)
        below -= below.max(axis=-1, keepdims=True)
    underflow = int(np.count_nonzero(below < _UNDERFLOW))
    vanishing = int(np.count_nonzero(below < _SUBNORMAL))
    return Masking(underflow / below.size, (vanishing - underflow) / below.size)


def _factor(layer: Layer) -> float:
    """By what a layer multiplies all it reads, as far as it is a number; 1 of what is not known."""
    number = layer.attributes.get("scalar")
    if not isinstance(number, (int, float)) or not number or layer.attributes.get("scalar_first"):
        return 1.0
    return 1 / number if layer.kind == "div" else float(number)
