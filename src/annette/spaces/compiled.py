"""Spaces compiled against a platform: candidates become look-ups and sums."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

from annette.errors import ModelError
from annette.estimation.estimator import estimate_network, prepare
from annette.mapping.kernel import KernelTable
from annette.spaces.learning import Learner, Observer
from annette.spaces.observation import AMOUNTS
from annette.spaces.row_prices import Around, RowPrices
from annette.spaces.walk import NotLocal, Surroundings

if TYPE_CHECKING:
    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray
    from annette.network import Network
    from annette.platforms import Platform
    from annette.spaces.space import IntArray, SearchSpace

__all__ = ["CompiledSpace", "FullRoad", "Priced", "SpacePrices", "compile_space"]

_LEVELS: Final = (
    Surroundings(0, fellows=False, detailed=False),
    Surroundings(0, fellows=True, detailed=False),
    Surroundings(1, fellows=False, detailed=True),
    Surroundings(1, fellows=True, detailed=True),
    Surroundings(2, fellows=True, detailed=True),
)
"""How far surroundings are looked at; the next where one is too little.

Where a space says how pieces look to each other and the runtime copies tensors between layouts, who else reads them
counts from the beginning.
"""

_CHECKED: Final = 64
"""Candidates of which all pieces are compared with whole networks before a compiled space is trusted."""

_ESTIMATED: Final = 16
"""Those of them that are estimated in both ways."""

_SEED: Final = 0
_TOLERANCE: Final = 1e-9
_MARGIN: Final = 1.25
_CHUNK: Final = 4096
"""Candidates that are walked through at once: their states stay in the processor's caches."""

_TOGETHER: Final = 32_768
"""Candidates that are priced at once, so that those in networks of like sizes share their look-ups."""


_AHEAD: Final = 16
"""Networks whose kernels are priced together on the full road."""

_ANY_CONFIDENCE: Final = 0.9
"""Of intervals that nobody looks at."""


class Priced(NamedTuple):
    """What is known of candidates; each of shape ``(candidates,)``.

    Attributes:
        latency_s: Their estimates, seconds.
        weight_bytes: Bytes of their constants at the platform's precision.
        ops: Operations of their layers, 2 for a multiply-accumulate.
    """

    latency_s: FloatArray
    weight_bytes: FloatArray
    ops: FloatArray


class SpacePrices(Protocol):
    """Anything that prices candidates of a space on a platform.

    Attributes:
        space: The space.
        platform: The platform.
        compile_s: What preparing it took, seconds.
        compiled: Whether candidates are look-ups.
        reason: Why not; empty where they are.
    """

    space: SearchSpace
    platform: Platform
    compile_s: float
    compiled: bool
    reason: str

    def price(self, candidates: IntArray) -> Priced:
        """Prices candidates.

        Args:
            candidates: Valid ones, shape ``(candidates, decisions)``.
        """


@dataclass
class FullRoad:
    """Candidates built, mapped and priced one by one.

    Attributes:
        space: The space.
        platform: The platform.
        family: Model family, or None for what the platform prefers.
        fallback: ``error`` or ``roofline``.
        compile_s: What was spent on finding out that the space cannot be compiled, seconds.
        reason: Why it was not compiled.
    """

    space: SearchSpace
    platform: Platform
    family: str | None = None
    fallback: str = "error"
    compile_s: float = 0.0
    reason: str = "the full road was asked for"
    compiled: bool = field(default=False, init=False)

    def price(self, candidates: IntArray) -> Priced:
        """Prices candidates by the full road, equal rows once, and kernels of several networks together."""
        rows, same = np.unique(candidates, axis=0, return_inverse=True)
        found: list[tuple[float, float, float]] = []
        for start in range(0, len(rows), _AHEAD):
            networks = [self.space.build(row).network for row in rows[start : start + _AHEAD].tolist()]
            prepare(networks, self.platform, model=self.family, fallback=self.fallback, confidence=_ANY_CONFIDENCE)
            found += map(self._one, networks)
        return Priced(*np.array(found, dtype=np.float64).reshape(-1, 3)[same.ravel()].T)

    def _one(self, network: Network) -> tuple[float, float, float]:
        found = estimate_network(
            network, self.platform, model=self.family, fallback=self.fallback, confidence=_ANY_CONFIDENCE
        )
        weight_bytes = network.constant_elements * self.platform.precision.weight_bits / 8
        return found.latency_s, weight_bytes, float(network.ops)


class CompiledSpace:
    """Candidates as look-ups and sums, equal to the full road but for rounding.

    Made by `compile_space`. Pieces in surroundings that were not met before are built and mapped when they are.

    Attributes:
        space: The space.
        platform: The platform.
        compile_s: What compiling took, seconds.
        compiled: Whether candidates are look-ups: no longer from when a piece became different things in what looks
            like one surrounding. Then all take the full road.
        reason: Why they are not.
    """

    def __init__(
        self, learner: Learner, space: SearchSpace, platform: Platform, family: str | None, fallback: str
    ) -> None:
        self.space, self.platform, self.compile_s = space, platform, 0.0
        self.compiled, self.reason = True, ""
        self._learner, self._family, self._fallback = learner, family, fallback
        self._prices: RowPrices | None = None
        self._host = platform.latency_is == "end_to_end" and platform.overhead.per_run_s is not None
        self._known = (0, 0)
        self._limits: list[tuple[float, float]] = []

    @property
    def mapped(self) -> int:
        """How many candidates were built and mapped so far."""
        return self._learner.mapped

    def price(self, candidates: IntArray) -> Priced:
        """Prices candidates.

        Args:
            candidates: Valid ones, shape ``(candidates, decisions)``.

        Raises:
            UnsupportedKernelError: A kind of kernel has no model.
            ModelError: A candidate takes no time.
        """
        if self.compiled:
            try:
                return self.looked_up(candidates)
            except NotLocal:
                self.compiled, self.reason = False, "a piece turned out to depend on more than its surroundings"
        return FullRoad(self.space, self.platform, self._family, self._fallback).price(candidates)

    def looked_up(self, candidates: IntArray) -> Priced:
        """As `price`, by look-ups alone.

        Raises:
            NotLocal: A piece became something else in a surrounding that looks the same.
        """
        parts = [
            self._together(candidates[start : start + _TOGETHER]) for start in range(0, len(candidates), _TOGETHER)
        ]
        return (
            Priced(*(np.concatenate(each) for each in zip(*parts, strict=True))) if parts else Priced(*np.zeros((3, 0)))
        )

    def _together(self, candidates: IntArray) -> Priced:
        begun = 0
        while begun != self._learner.begun:
            begun = self._learner.begun
            found = [self._found(candidates[start : start + _CHUNK]) for start in range(0, len(candidates), _CHUNK)]
        contents, amounts = zip(*found, strict=True)
        whole, amount = np.concatenate(contents, axis=1), np.concatenate(amounts, axis=1)
        around = Around(*amount[:3])
        prices = self._ready(around)
        latency_s = self._kernels_s(whole, around, prices) + self._overhead_s(amount)
        if not (latency_s > 0).all():
            raise ModelError(
                f"a candidate of space {self.space.name!r} costs nothing on platform {self.platform.name!r}, so there "
                "is no time to estimate"
            )
        return Priced(latency_s, around.weight_bytes, around.ops)

    def _found(self, candidates: IntArray) -> tuple[npt.NDArray[np.int32], FloatArray]:
        """Contents of the pieces of each candidate, and its amounts, added up."""
        entries = self._learner.entries(candidates)
        self._follow()
        contents = self._content_of[entries]
        total = np.zeros((len(AMOUNTS), contents.shape[1]))
        for slot in contents:
            total += self._amounts[:, slot]
        return contents, total

    def _follow(self) -> None:
        """Takes over what was learned since."""
        book = self._learner.book
        if self._known == (self._learner.begun, len(book)):
            return
        self._known = (self._learner.begun, len(book))
        self._content_of = book.content_of.astype(np.int32)
        self._amounts = np.ascontiguousarray(np.array([content.amounts for content in book.contents]).T)
        lengths = np.array([len(content.rows) for content in book.contents], dtype=np.intp)
        self._first = np.concatenate([[0], np.cumsum(lengths)])
        self._row_of = np.array([row for content in book.contents for row in content.rows], dtype=np.intp)

    def _ready(self, around: Around) -> RowPrices:
        """Tables that hold all kernels and sizes that occur."""
        store, prices = self._learner.rows, self._prices
        if prices is not None and len(prices.varying) == len(store) and prices.covers(around):
            return prices
        limits = [(float(each.min()) / _MARGIN, float(each.max()) * _MARGIN) for each in around]
        if prices is not None:
            limits = [(min(a, c), max(b, d)) for (a, b), (c, d) in zip(limits, self._limits, strict=True)]
        self._limits = limits
        self._prices = RowPrices(
            self.platform,
            KernelTable.concatenate(store.tables),
            store.examples,
            [least for least, _ in limits],
            [most for _, most in limits],
            family=self._family,
            fallback=self._fallback,
        )
        return self._prices

    def _kernels_s(self, contents: npt.NDArray[np.int32], around: Around, prices: RowPrices) -> FloatArray:
        """Sum of the kernels of each candidate."""
        points = prices.points(around)
        order = np.argsort(points, kind="stable")
        starts = np.flatnonzero(np.diff(points[order], prepend=-1))
        total_s = np.empty(len(points))
        counted = self._counted(prices)
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(points)], strict=True):
            own = order[start:end]
            # Each piece's kernels are added up for networks of this size, then the pieces of each candidate.
            row_s = prices.points_s[points[own[0]]] * counted
            running = np.concatenate([[0.0], np.cumsum(row_s[self._row_of])])
            piece_s = running[self._first[1:]] - running[self._first[:-1]]
            total_s[own] = piece_s[contents[:, own]].sum(axis=0)
        for row in np.flatnonzero(prices.varying & (counted > 0)).tolist():
            times = np.add.reduceat(np.append(self._row_of == row, 0), self._first[:-1])
            times = np.where(np.diff(self._first) > 0, times, 0)[contents].sum(axis=0)
            some = np.flatnonzero(times)
            if len(some):
                seen = Around(*(each[some] for each in around))
                total_s[some] += times[some] * prices.of_varying(row, seen)
        return total_s

    def _counted(self, prices: RowPrices) -> FloatArray:
        """1 for kernels that the headline figure contains: those of the host only where it is end to end."""
        if self._host or not self.platform.host_kinds:
            return np.ones(len(prices.varying))
        kinds = np.concatenate([table.kinds for table in self._learner.rows.tables])
        return (~np.isin(kinds, sorted(self.platform.host_kinds))).astype(np.float64)

    def _overhead_s(self, amounts: FloatArray) -> FloatArray:
        """What runs cost beside their kernels."""
        kernels, read, inputs, written, outputs = amounts[3:]
        overhead = self.platform.overhead
        total_s: FloatArray = overhead.per_kernel_s * kernels + np.where(kernels > 1, overhead.several_s, 0.0)
        if self._host:
            per_run_s, read_s, written_s = (
                each or 0.0 for each in (overhead.per_run_s, overhead.per_input_byte_s, overhead.per_output_byte_s)
            )
            total_s = total_s + per_run_s + read_s * read + written_s * written
            total_s = total_s + overhead.per_input_s * inputs + overhead.per_output_s * outputs
        return total_s


def compile_space(
    space: SearchSpace,
    platform: Platform,
    *,
    model: str | None = None,
    fallback: str = "error",
    training: int | None = None,
) -> CompiledSpace | FullRoad:
    """Prepares a space so that candidates cost a look-up each.

    Candidates are built and mapped until every piece of a random sample is known in each of its surroundings. Then
    others are estimated in both ways; where the two differ, or a piece becomes different things in what looks like one
    surrounding (a compiler that decides from the whole network), the space is not compiled.

    Args:
        space: The space.
        platform: Where its candidates run.
        model: Model family, or None for what the platform prefers.
        fallback: ``error`` or ``roofline``: what to do with kinds that the platform has no model for.
        training: Random candidates whose pieces are learned beforehand; None takes what the space says.

    Returns:
        The compiled space, or the full road with the reason.

    Raises:
        UnsupportedKernelError: A kind has no model and ``fallback`` is ``error``.
        OptionError: The space describes its candidates in a way that does not fit their networks.
    """
    started = time.perf_counter()
    road = FullRoad(space, platform, model, fallback)
    road.reason = _cannot(space, platform)
    cut: SearchSpace | None = None if road.reason else space
    while cut is not None:
        candidate = _compiled(cut, road, training)
        if candidate is not None:
            candidate.space = space
            candidate.compile_s = time.perf_counter() - started
            return candidate
        cut = cut.coarser()
    road.compile_s = time.perf_counter() - started
    return road


def _cannot(space: SearchSpace, platform: Platform) -> str:
    """Why candidates are no sums of pieces on a platform whatever the pieces; empty where they may be."""
    if space.batch > 1 and platform.batch_is == "one_by_one":
        return "the runtime takes the samples of a batch one by one"
    if platform.mapping.context is not None:
        # By its contract a stage may look at all kernels at once: no surrounding is large enough for certain.
        return f"its compiler decides from the whole network ({platform.mapping.context.name})"
    return ""


def _smaller(space: SearchSpace) -> list[SearchSpace]:
    """Spaces of smaller networks, the smallest first."""
    following = space.smaller()
    return [] if following is None else [*_smaller(following), following]


def _training(space: SearchSpace, count: int, draw: np.random.Generator) -> IntArray:
    """Random candidates, or all where there are no more."""
    if count < space.size:
        return space.sample(count, draw)
    rows = space.numbered(0, space.size)
    return rows[space.valid(rows)]


def _compiled(space: SearchSpace, road: FullRoad, training: int | None) -> CompiledSpace | None:
    """The space, if its pieces can be told apart by their surroundings; else the road is told the reason."""
    draw, platform = np.random.default_rng(_SEED), road.platform
    rows = np.concatenate([space.covering(), _training(space, space.training if training is None else training, draw)])
    checked = space.sample(min(_CHECKED, max(_ESTIMATED, len(rows))), draw)
    observer, smaller = Observer(platform), _smaller(space)
    alike = bool(space.pieces(checked[:1]).faces)
    for surroundings in _LEVELS[1:] if alike and platform.mapping.layout is not None else _LEVELS:
        learner = Learner(space, observer, surroundings)
        candidate = CompiledSpace(learner, space, platform, road.family, road.fallback)
        try:
            for each, start in product(smaller, range(0, len(rows), _CHUNK)):
                learner.entries(rows[start : start + _CHUNK], each)
            candidate.looked_up(rows)
            learner.check(checked)
            estimated = checked[:_ESTIMATED]
            compiled_s, full_s = candidate.looked_up(estimated).latency_s, road.price(estimated).latency_s
        except NotLocal:
            road.reason = f"what becomes of a piece on platform {platform.name!r} depends on more than its surroundings"
            continue
        if (np.abs(compiled_s - full_s) <= _TOLERANCE * full_s).all():
            observer.forget()
            return candidate
        road.reason = f"sums of pieces differ from whole networks on platform {platform.name!r}"
    return None
