"""Rounds of a loop that are like those before: copied instead of walked, which is most of what a long loop costs.

The first three rounds are walked, and the last one that is like the second and the third, found by bisection: it has
the same layers on the same tensors, and so have those between. Numbers that a counter sets (where a slice begins) may
grow by the same from round to round. Copies are what walking would give, under the names that it would give.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from annette.budget import spend
from annette.errors import NetworkError
from annette.network.readers.onnx.frame import PendingLayer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annette.network.loop import Loop
    from annette.network.readers.onnx.frame import Collection
    from annette.network.readers.onnx.values import Value

    _Values: TypeAlias = "Sequence[Value | None]"

__all__ = ["Rounds"]

_WALKED: Final = 3
"""Rounds that are walked before others are copied."""
_COMPARED: Final = 2
_LEAST_COPIED: Final = 4
_MOST_ATTEMPTS: Final = 8
"""How often rounds of one loop are compared: some may be unlike all others, at the beginning and at the end."""
_NAMES_PER_STEP: Final = 20
"""Names that are copied in a microsecond, to be restored where the last round is another."""
_STEPS_PER_LAYER: Final = 40
"""Microseconds that copying one layer takes on a busy machine, its description and place in the network included."""
_BYTES_PER_LAYER: Final = 800
"""Memory of a layer and its value, names apart, as of one that is walked (`annette.network.readers.onnx.expansion`)."""


@dataclass(frozen=True, slots=True)
class _Round:
    """A round that was walked: what it was given and gave, which layers and loops it has, and what decides in it."""

    number: int
    states: _Values
    given: _Values
    results: Sequence[Value]
    layers: Sequence[PendingLayer]
    loops: Sequence[Loop]
    size_nodes: Sequence[str]
    needed: Sequence[Value]


class Rounds:
    """Walks the rounds of a loop, and copies those that are like others.

    Args:
        walker: The walk so far.
        prefix: What stands before ``/number/`` in the names of a round.
        walk: Walks a round, by its number and what the body is given.
        begin: What the body is given in a round, by its number and the states of the loop.
        carried: The states of the loop among what a round gives.
    """

    def __init__(
        self,
        walker: Collection,
        prefix: str,
        *,
        walk: Callable[[int, _Values], list[Value]],
        begin: Callable[[int, _Values], _Values],
        carried: Callable[[_Values], _Values],
    ) -> None:
        self._walker, self._prefix = walker, prefix
        self._walk, self._begin, self._carried = walk, begin, carried
        self._latest: list[_Round] = []
        self._attempts = _MOST_ATTEMPTS

    def walked(self, number: int, states: _Values) -> list[Value]:
        """Walks a round and returns what it gives."""
        walker = self._walker
        layers, loops, needed = len(walker.layers), len(walker.loops), len(walker.needed)
        size_nodes = len(walker.size_nodes)
        given = self._begin(number, states)
        results = self._walk(number, given)
        parts = walker.layers[layers:], walker.loops[loops:], walker.size_nodes[size_nodes:], walker.needed[needed:]
        found = _Round(number, tuple(states), given, results, *parts)
        self._latest = [*self._latest[-1:], found]
        return results

    def copied(self, total: int) -> list[list[Value]]:
        """What the next rounds give, as many of ``total`` as are like the latest; none where they are to be walked.

        Raises:
            NetworkSizeError: There are more than the file's size warrants.
        """
        if len(self._latest) < _COMPARED or self._latest[-1].number + 1 < _WALKED or not self._attempts:
            return []
        self._attempts -= 1
        before, latest = self._latest
        if total - 1 - latest.number < _LEAST_COPIED or not self._alike(before, latest, latest, 0):
            return []
        last = self._last_alike(before, latest, total)
        if last - latest.number < _LEAST_COPIED:
            return []
        walker, count = self._walker, last - latest.number - 1
        layers, loops, states = len(walker.layers), len(walker.loops), self._states_of(before, latest, last)
        size_nodes = len(walker.size_nodes)
        self._latest = []
        self.walked(last, states or ())
        final = self._latest[-1]
        del walker.layers[layers:], walker.loops[loops:], walker.size_nodes[size_nodes:]
        size = sum(_BYTES_PER_LAYER + _length_of_names(layer) for layer in latest.layers)
        spend(f"loop {self._prefix!r}", steps=_STEPS_PER_LAYER * len(latest.layers) * count, size_bytes=size * count)
        results = [self._copy(before, latest, number) for number in range(latest.number + 1, last)]
        walker.layers += final.layers
        walker.loops += final.loops
        walker.size_nodes += final.size_nodes
        return [*results, list(final.results)]

    def _last_alike(self, before: _Round, latest: _Round, total: int) -> int:
        """The last round that is like the latest, by bisection: once rounds are others, they stay so."""
        if self._is_alike(before, latest, total - 1):
            return total - 1
        least, most = latest.number, total - 1
        while most - least > 1:
            middle = (least + most) // 2
            if self._is_alike(before, latest, middle):
                least = middle
            else:
                most = middle
        return least

    def _is_alike(self, before: _Round, latest: _Round, number: int) -> bool:
        """Whether a round, walked and forgotten, is like the latest."""
        states = self._states_of(before, latest, number)
        if states is None:
            return False
        walker, pair = self._walker, self._latest
        layers, loops, size_nodes = len(walker.layers), len(walker.loops), len(walker.size_nodes)
        spend(f"loop {self._prefix!r}", steps=len(walker.names) / _NAMES_PER_STEP)
        kept = (dict(walker.names), dict(walker.layer_names), dict(walker.notes), list(walker.needed))
        try:
            self.walked(number, states)
        except NetworkError:
            alike = False
        else:
            alike = self._alike(before, latest, self._latest[-1], number - latest.number)
        del walker.layers[layers:], walker.loops[loops:], walker.size_nodes[size_nodes:]
        walker.names, walker.layer_names, walker.notes, walker.needed = kept
        self._latest = pair
        return alike

    def _states_of(self, before: _Round, latest: _Round, number: int) -> list[Value | None] | None:
        """The states that a later round begins with; None where what is known of them does not grow evenly."""
        names = _Names(self._prefix, latest.number, number - 1)
        states: list[Value | None] = []
        for first, second, third in zip(before.states, latest.states, self._carried(latest.results), strict=True):
            if third is None or first is None or second is None:
                states.append(third)
                continue
            if any(each.meta != third.meta or each.items is not None for each in (first, second, third)):
                return None
            data = _continued([first.data, second.data, third.data], number - latest.number - 1)
            if data is None and third.data is not None:
                return None
            state = names.value(third)
            state.data = data
            states.append(state)
        return states

    def _alike(self, before: _Round, latest: _Round, other: _Round, steps: int) -> bool:
        """Whether a round ``steps`` after the latest has its layers, as far as that differs from the one before it."""
        rounds = (before, latest, other)
        counts = {(len(each.layers), len(each.loops), len(each.size_nodes)) for each in rounds}
        if len(counts) > 1:
            return False
        seen = [self._references(each) for each in rounds]
        if any(each != seen[0] for each in seen):
            return False
        return all(
            (attributes := _continued_attributes(first, second, steps)) is not None
            and (steps == 0 or attributes == third.result.attributes)
            for first, second, third in zip(*(each.layers for each in rounds), strict=True)
        )

    def _references(self, each: _Round) -> list[Any]:
        """What a round's layers and results are, by names that are the same in every round."""
        own, earlier = (f"{self._prefix}/{number}/" for number in (each.number, each.number - 1))
        pieces = {value.name: index for index, value in enumerate(each.given) if value is not None}

        def reference(value: Value) -> tuple[Any, ...]:
            name: Any = value.name
            if name.startswith(own):
                name = ("own", name.removeprefix(own))
            elif name.startswith(earlier):
                name = ("earlier", name.removeprefix(earlier))
            elif name in pieces:
                name = ("given", pieces[name])
            return name, value.shape, value.dtype, value.stored, value.constant, value.root == value.name

        layers = [
            (
                layer.name.removeprefix(own),
                layer.result.kind,
                sorted(layer.result.attributes),
                layer.result.dimensions,
                layer.result.macs,
                [reference(value) for value in layer.operands],
                [reference(value) for value in layer.outputs],
            )
            for layer in each.layers
        ]
        known = [None if value.data is None else value.data.dtype.kind for value in each.results]
        flags = [value.data.tolist() for value in each.results if value.data is not None and value.data.dtype == bool]
        return [*layers, *map(reference, each.results), known, flags]

    def _copy(self, before: _Round, latest: _Round, number: int) -> list[Value]:
        """Adds the layers of a round, and returns what it gives."""
        names = _Names(self._prefix, latest.number, number)
        given = self._begin(number, self._carried(latest.results))
        names.pieces |= {
            old.name: new
            for old, new in zip(latest.given, given, strict=True)
            if old is not None and new is not None and names.text(old.name) == old.name != new.name
        }
        for first, layer in zip(before.layers, latest.layers, strict=True):
            name = names.text(layer.name)
            attributes = _continued_attributes(first, layer, number - latest.number) or {}
            operands, outputs = ([names.value(value) for value in each] for each in (layer.operands, layer.outputs))
            self._walker.layer_names[name] = 1
            self._walker.layers.append(
                PendingLayer(name, replace(layer.result, attributes=attributes), operands, outputs)
            )
        self._walker.names |= dict.fromkeys(names.known, 1)
        self._walker.needed += map(names.value, latest.needed)
        self._walker.loops += [replace(loop, node=names.text(loop.node)) for loop in latest.loops]
        self._walker.size_nodes += map(names.text, latest.size_nodes)
        return [names.value(value) for value in latest.results]


def _length_of_names(layer: PendingLayer) -> int:
    """Bytes of the names that a copy of a layer makes; of one that is not ASCII each character may take four."""
    names = (layer.name, *(value.name for value in layer.outputs))
    return sum(len(name) * (1 if name.isascii() else 4) for name in names)


class _Names:
    """Renames what belongs to a round, or to the one before it, as what belongs to another and the one before that.

    Attributes:
        known: Values of the other round, by their names there.
        pieces: What the other round is given in the place of what this one was, by its name here.
    """

    def __init__(self, prefix: str, old: int, new: int) -> None:
        self.known: dict[str, Value] = {}
        self.pieces: dict[str, Value] = {}
        self._changes = [(f"{prefix}/{old - back}/", f"{prefix}/{new - back}/") for back in (0, 1)]

    def text(self, name: str) -> str:
        for old, new in self._changes:
            if name.startswith(old):
                return new + name.removeprefix(old)
        return name

    def value(self, value: Value) -> Value:
        """The value of the other round; values of the walk around the loop stay what they are."""
        name = self.text(value.name)
        if name == value.name:
            return self.pieces.get(name, value)
        if name in self.known:
            return self.known[name]
        data = value.data if value.data is not None and value.data.dtype == bool else None  # Flags are alike.
        copy = replace(value, name=name, root=self.text(value.root), data=data)
        copy.stored = value.stored
        self.known[name] = copy
        return copy


def _continued(arrays: Sequence[Any], steps: int) -> Any:
    """The array ``steps`` after the last of several that grow evenly; None where they do not or are not known."""
    first, second, third = arrays
    if third is None or first is None or second is None:
        return None
    if np.array_equal(first, second) and np.array_equal(second, third):
        return third
    if third.dtype.kind not in "iu" or not np.array_equal(third - second, second - first):
        return None
    return (third + steps * (third - second)).astype(third.dtype)


def _continued_attributes(first: PendingLayer, second: PendingLayer, steps: int) -> dict[str, Any] | None:
    """Attributes of a layer ``steps`` rounds after the second; None where they do not grow evenly."""
    found = {}
    for key, latest in second.result.attributes.items():
        earlier = first.result.attributes.get(key)
        if earlier == latest:
            found[key] = latest
            continue
        old, new = (each if isinstance(each, tuple) else (each,) for each in (earlier, latest))
        numbers = (*old, *new)
        if len(old) != len(new) or not all(isinstance(each, int) and not isinstance(each, bool) for each in numbers):
            return None
        moved = tuple(b + steps * (b - a) for a, b in zip(old, new, strict=True))  # type: ignore[operator]
        found[key] = moved if isinstance(latest, tuple) else moved[0]
    return found
