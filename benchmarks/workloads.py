"""What is timed, and the fixed workload beside which it is: used by the benchmarks and by the speed gate."""

from __future__ import annotations

import itertools
import random
import time
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.network.builder import NetworkBuilder
from annette.network.zoo.nasbench201 import OPERATIONS, nasbench201

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from annette import Network

NUMBERS: Final = np.random.default_rng(0).random((58, 150, 12))
WORDS: Final = tuple(f"layer{number}" for number in range(400))


def reference() -> None:
    """A fixed workload of what an estimate does: short calls of numpy on small arrays, some larger ones, and Python."""
    for row in NUMBERS:
        np.exp(np.minimum(row[:, 0], 0.5)).sum()
    np.sort(NUMBERS, axis=1)
    for _ in range(3):
        places = {word: (word, place) for place, word in enumerate(WORDS)}
        sum(places[word][1] for word in WORDS if word in places)


def timed_s(function: Callable[[], object]) -> float:
    """Processor time of one call, in seconds: other processes count for less than in wall time."""
    start = time.process_time()
    function()
    return time.process_time() - start


def least_of_turns_s(function: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Least processor time of a function and of the `reference`, both called in turns."""
    times = [(timed_s(reference), timed_s(function)) for _ in range(rounds)]
    return min(own for _, own in times), min(base for base, _ in times)


def drawn_cells(count: int, seed: int) -> list[str]:
    """Cells of NAS-Bench-201 as its authors write them, drawn at random."""
    pick = random.Random(seed)  # noqa: S311 - cells to be timed
    cells = []
    for _ in range(count):
        edges = iter(pick.choice(OPERATIONS) for _ in itertools.count())
        nodes = ["".join(f"{next(edges)}~{source}|" for source in range(node + 1)) for node in range(3)]
        cells.append("+".join(f"|{node}" for node in nodes))
    return cells


def drawn_networks(count: int, seed: int) -> Iterator[Network]:
    """The networks of such cells, built when they are asked for."""
    return (nasbench201(cell) for cell in drawn_cells(count, seed))


def chain(layers: int) -> Network:
    """Convolutions and ReLUs, one after the other."""
    net = NetworkBuilder("chain")
    x = net.input("image", (1, 16, 32, 32))
    for _ in range(layers // 2):
        x = net.relu(net.conv(x, 16, 3, padding=1))
    return net.build(x)


def residual(layers: int, *, alike: bool = True) -> Network:
    """Residual blocks of two convolutions, five layers each, one after the other; all alike or no two of them."""
    net = NetworkBuilder("residual")
    x = net.input("image", (1, 16, 32, 32))
    for block in range(layers // 5):
        y = net.relu(net.conv(net.relu(net.conv(x, 16 if alike else 16 + block, 3, padding=1)), 16, 1))
        x = net.add(x, y)
    return net.build(x)


def star(layers: int) -> Network:
    """One tensor that a third of all layers read, whose results are added up in pairs."""
    net = NetworkBuilder("star")
    x = net.conv(net.input("image", (1, 16, 32, 32)), 16, 3, padding=1)
    ends = [net.relu(net.conv(x, 16, 1)) for _ in range(layers // 3)]
    while len(ends) > 1:
        pairs = list(zip(ends[::2], ends[1::2], strict=False))
        ends = [net.add(*pair) for pair in pairs] + ends[2 * len(pairs) :]
    return net.build(ends[0])


def unequal(layers: int) -> Network:
    """Residual blocks of which no two are alike."""
    return residual(layers, alike=False)


GRAPHS: Final[Mapping[str, Callable[[int], Network]]] = {
    each.__name__: each for each in (chain, residual, unequal, star)
}
"""Networks of any number of layers, by their form."""
