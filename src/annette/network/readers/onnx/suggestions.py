"""Dimensions that a file leaves open: the error that names them, and sizes for them that are known to work."""

from __future__ import annotations

import shlex
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from annette.errors import NetworkError, NetworkShapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["Dim", "OpenDimensions", "shown", "with_suggestion"]

Dim: TypeAlias = "int | str"
"""A dimension of an input: its size, or its symbol where the file leaves it open."""

_COLOURS: Final = 3
_MOST_COLOURS: Final = 4
_MOST_SHAPES: Final = 3
"""Inputs of which shapes are suggested one by one."""


class _Sizes(NamedTuple):
    """Sizes to try: the side of an image, the length of a sequence."""

    image: int
    length: int


_TRIED: Final = (
    _Sizes(224, 128),
    _Sizes(320, 512),
    _Sizes(640, 256),
    _Sizes(256, 1024),
    _Sizes(48, 16_000),
    _Sizes(32, 48),
    _Sizes(512, 8),
    _Sizes(1, 1),
)
"""Most networks of images take 224 or a multiple of 32, of text 128 tokens, of sound a number of samples or frames."""


class OpenDimensions:
    """Dimensions of inputs that nothing binds.

    Args:
        dims: Dimensions of every input, by name; None where the file states none.
        path: The file.

    Attributes:
        inputs: Names of all inputs.
        open: Dimensions of the inputs that have open ones.
        main_rank: Number of dimensions of the first input, which is most often what a network is about; None where the
            file does not state it.
    """

    def __init__(self, dims: Mapping[str, Sequence[Dim] | None], path: str) -> None:
        self.path = path
        self.inputs = frozenset(dims)
        first = next(iter(dims.values()))
        self.main_rank = None if first is None else len(first)
        self.open: dict[str, Sequence[Dim] | None] = {
            name: shape for name, shape in dims.items() if shape is None or any(isinstance(dim, str) for dim in shape)
        }

    def message(self, remedy: str) -> str:
        """One line with the first input that is open, and what to do."""
        name, shape = next(iter(self.open.items()))
        if shape is None:
            return f"input {name!r} of {self.path} has no shape; {remedy}"
        names = ", ".join(_label(dim) for dim in shape if isinstance(dim, str))
        batch = "--batch N binds dimension 0, " if isinstance(shape[0], str) else ""
        return (
            f"input {name!r} of {self.path} has shape {shown(shape)} with unknown dimensions {names}; {batch}{remedy}"
        )


def with_suggestion(
    dimensions: OpenDimensions, read: Callable[[Mapping[str, tuple[int, ...]], bool], object], *, most: int
) -> NetworkError:
    """The error that names open dimensions, with shapes that were tried and work.

    Args:
        dimensions: What is open.
        read: Reads the network with these shapes beside those that were given, or raises; whether every branch that
            data could choose must be one that can run.
        most: How often to try.
    """
    first: NetworkError | None = None
    candidates = list(_candidates(dimensions.open, dimensions.main_rank))
    trials = ((shapes, every) for every in (True, False) for shapes in candidates)
    for shapes, every in islice(trials, most):
        try:
            read(shapes, every)
        except NetworkError as refused:
            first = first or refused
            continue
        return NetworkShapeError(dimensions.message(f"{_typed(shapes, dimensions)} binds all of them"))
    tried = f"none of the usual sizes fits ({first})" if first else ""
    return NetworkShapeError(
        dimensions.message(f"give its own sizes with --input NAME=SHAPE or --input SYMBOL=N; {tried}".rstrip("; "))
    )


def _typed(shapes: Mapping[str, tuple[int, ...]], dimensions: OpenDimensions) -> str:
    """The options that give these shapes: by inputs, or shorter by symbols where many inputs share a few."""
    sizes: dict[str, int] = {}
    for name, shape in shapes.items():
        for dim, size in zip(dimensions.open[name] or (None,) * len(shape), shape, strict=True):
            if not isinstance(dim, int):
                sizes["?" if dim is None else dim] = size
    by_symbol = len(shapes) > _MOST_SHAPES and not any(dim.startswith("?") or dim in dimensions.inputs for dim in sizes)
    texts = (
        [f"{symbol}={size}" for symbol, size in sizes.items()]
        if by_symbol
        else [f"{name}={'x'.join(map(str, shape))}" for name, shape in shapes.items()]
    )
    return " ".join(f"--input {shlex.quote(text)}" for text in texts)


def _candidates(
    loose: Mapping[str, Sequence[Dim] | None], main_rank: int | None
) -> Iterator[dict[str, tuple[int, ...]]]:
    """Shapes to try, the commonest first, each once."""
    seen: set[tuple[tuple[int, ...], ...]] = set()
    for of_state in (1, None):
        for rank in (4, 2, 1) if None in loose.values() else (4,):
            known = {
                name: [f"?.{position}" for position in range(rank)] if shape is None else _alike(shape)
                for name, shape in loose.items()
            }
            main = rank if main_rank is None else main_rank
            for tried in _TRIED:
                sizes: dict[str, int] = {}
                shapes = {
                    name: _sized(shape, tried, sizes, None if len(shape) == main else of_state)
                    for name, shape in known.items()
                }
                if tuple(shapes.values()) not in seen:
                    seen.add(tuple(shapes.values()))
                    yield shapes


def _alike(shape: Sequence[Dim]) -> list[Dim]:
    """The shape with dimensions that have no name called alike where they stand alike, as they most often are."""
    return [
        f"?{len(shape)}.{position}" if isinstance(dim, str) and dim.startswith("?") else dim
        for position, dim in enumerate(shape)
    ]


def _sized(shape: Sequence[Dim], tried: _Sizes, sizes: dict[str, int], all_others: int | None) -> tuple[int, ...]:
    """A shape with its open dimensions bound: 1 sample, 3 colours, and the sizes to try.

    Args:
        shape: The input's dimensions.
        tried: Sizes to try.
        sizes: What was chosen for a symbol before; added to.
        all_others: Size of dimensions without a name that stand elsewhere: 1 in a state; None leaves it to the sizes.
    """
    channels_last = len(shape) == 4 and isinstance(shape[3], int) and shape[3] <= _MOST_COLOURS
    for position, dim in enumerate(shape):
        if not isinstance(dim, str) or dim in sizes:
            continue
        if all_others is not None and dim.startswith("?"):
            sizes[dim] = all_others
            continue
        if (position == 0 and len(shape) > 1) or "batch" in dim.lower():
            sizes[dim] = 1
        elif len(shape) == 4 and position == 1 and not channels_last:
            sizes[dim] = _COLOURS
        else:
            sizes[dim] = tried.image if len(shape) == 4 else tried.length
    return tuple(sizes[dim] if isinstance(dim, str) else dim for dim in shape)


def _label(dim: Dim) -> str:
    return f"number {str(dim).rpartition('.')[2]}" if str(dim).startswith("?") else repr(dim)


def shown(shape: Sequence[Dim]) -> str:
    """A shape as messages show it.

    Example:
        >>> shown(["N", 3, "?0.2"])
        '[N, 3, ?]'
    """
    return "[" + ", ".join("?" if isinstance(d, str) and d.startswith("?") else str(d) for d in shape) + "]"
