"""Spaces compiled against a platform: candidates become look-ups and sums."""

from __future__ import annotations

import time
from itertools import product
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from annette.documents import Document
from annette.errors import ModelError
from annette.estimation.pricing import fallback_model, model_of
from annette.mapping.kernel import KernelTable
from annette.spaces.full_road import FullRoad, Priced
from annette.spaces.learning import Learner, LearnerState, Observer
from annette.spaces.observation import AMOUNTS
from annette.spaces.piece_prices import PiecePrices
from annette.spaces.row_prices import Around, RowPrices
from annette.spaces.walk import NotLocal, Surroundings

if TYPE_CHECKING:
    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray
    from annette.models.base import LayerModel
    from annette.platforms import Platform
    from annette.spaces.row_store import RowStore
    from annette.spaces.space import IntArray, SearchSpace

__all__ = ["CompiledSpace", "CompiledState", "compile_space"]

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

_ALL_CHECKED: Final = 256
"""Candidates of a space of which all are compared and estimated in both ways: of three blocks that may each be left
out, 64 random ones of 128 candidates did not show the only one that was wrong, by 4 %."""

_SEED: Final = 0
_TOLERANCE: Final = 1e-9
_MARGIN: Final = 1.6
_CHUNK: Final = 4096
"""Candidates that are walked through at once: their states stay in the processor's caches."""

_TOGETHER: Final = 32_768
"""Candidates that are priced at once, so that those in networks of like sizes share their look-ups."""


class CompiledState(Document, frozen=True):
    """What a `CompiledSpace` knows, for other processes that have the space and the platform.

    Attributes:
        compile_s: What compiling took, seconds.
        coarser: How often the space was cut coarser (`SearchSpace.coarser`).
        limits: Smallest and largest of each field of `Around` that prices were made for.
        models: For each kind of kernel what the platform prices it with: the kind and the family of the model, or none
            for the fallback.
        learned: What becomes of pieces.
    """

    compile_s: float
    coarser: int
    limits: tuple[tuple[float, float], ...]
    models: dict[str, tuple[str, str] | None]
    learned: LearnerState


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
        coarser: How often the space was cut coarser, so that its pieces can be told apart.
    """

    def __init__(
        self, learner: Learner, space: SearchSpace, platform: Platform, family: str | None, fallback: str
    ) -> None:
        self.space, self.platform, self.compile_s = space, platform, 0.0
        self.compiled, self.reason = True, ""
        self._learner, self._family, self._fallback = learner, family, fallback
        self._pieces: PiecePrices | None = None
        self._store: RowStore | None = None  # whose kernels they price
        self._host = platform.latency_is == "end_to_end" and platform.overhead.per_run_s is not None
        self._known = (0, 0)
        self._limits: list[tuple[float, float]] = []
        self._models: dict[str, LayerModel] = {}
        self.coarser = 0

    def state(self) -> CompiledState:
        """What it knows; to be asked for while it is compiled."""
        names = {
            id(model): (kind, family)
            for kind, families in self.platform.models.items()
            for family, model in families.items()
        }
        models = {kind: names.get(id(model)) for kind, model in self._models.items()}
        return CompiledState(self.compile_s, self.coarser, tuple(self._limits), models, self._learner.state())

    @classmethod
    def resumed(
        cls, known: CompiledState, space: SearchSpace, platform: Platform, family: str | None, fallback: str
    ) -> Self:
        """The space as another process has compiled it.

        Args:
            known: What the other one knows.
            space: The same space.
            platform: The same platform.
            family: As it was compiled for there.
            fallback: As it was compiled for there.

        Raises:
            ValueError: The parts do not fit each other.
        """
        cut = space
        for _ in range(known.coarser):
            coarser = cut.coarser()
            if coarser is None:
                raise ValueError(f"space {space.name!r} is not cut coarser {known.coarser} times")
            cut = coarser
        try:
            models: dict[str, LayerModel] = {
                kind: fallback_model(platform) if named is None else platform.models[named[0]][named[1]]
                for kind, named in known.models.items()
            }
        except KeyError as error:
            raise ValueError(f"platform {platform.name!r} has no model {error}") from error
        resumed = cls(Learner.resumed(cut, platform, known.learned), space, platform, family, fallback)
        resumed.compile_s, resumed.coarser = known.compile_s, known.coarser
        resumed._limits, resumed._models = list(known.limits), models
        return resumed

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
        amount = np.concatenate(amounts).T.copy()
        around = Around(*amount[:3])
        pieces = self._ready(around)
        kernels_s = [
            pieces.kernels_s(content, Around(*(each[start : start + _CHUNK] for each in around)))
            for start, content in zip(range(0, len(candidates), _CHUNK), contents, strict=True)
        ]
        latency_s = np.concatenate(kernels_s) + self._overhead_s(amount)
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
        total = np.zeros((contents.shape[1], len(AMOUNTS)))
        for slot in contents:
            total += self._amounts[slot]
        return contents, total

    def _follow(self) -> None:
        """Takes over what was learned since."""
        book = self._learner.book
        if self._known == (self._learner.begun, len(book)):
            return
        if self._known[0] != self._learner.begun:
            self._pieces = None  # contents have other numbers now, even if no further kernel is known
        self._known = (self._learner.begun, len(book))
        self._content_of = book.content_of.astype(np.int32)
        self._amounts = np.array([content.amounts for content in book.contents])

    def _ready(self, around: Around) -> PiecePrices:
        """Prices of all pieces, in networks of all sizes that occur."""
        learner, pieces = self._learner, self._pieces
        if pieces is None or self._store is not learner.rows or not pieces.covers(len(learner.rows), around):
            limits = [(float(each.min()) / _MARGIN, float(each.max()) * _MARGIN) for each in around]
            if self._limits:
                limits = [(min(a, c), max(b, d)) for (a, b), (c, d) in zip(limits, self._limits, strict=True)]
            self._limits, self._store = limits, learner.rows
            rows = KernelTable.concatenate(learner.rows.tables)
            least, most = zip(*limits, strict=True)
            for kind, example in learner.rows.examples.items():
                if kind not in self._models:
                    self._models[kind] = model_of(kind, self.platform, self._family, self._fallback, example)
            prices = RowPrices(self.platform, rows, self._models, least, most)
            left_out = frozenset() if self._host else self.platform.host_kinds
            pieces = self._pieces = PiecePrices(prices, rows, left_out)
        pieces.follow(learner.book.contents)
        return pieces

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
        training: How many random candidates are learned from beforehand, beside those that cover the space; None takes
            what the space says.

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
    coarser = 0
    while cut is not None:
        candidate = _compiled(cut, road, training)
        if candidate is not None:
            candidate.space, candidate.coarser = space, coarser
            candidate.compile_s = time.perf_counter() - started
            return candidate
        cut, coarser = cut.coarser(), coarser + 1
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


def _chunks(rows: IntArray) -> list[IntArray]:
    return [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]


def _compiled(space: SearchSpace, road: FullRoad, training: int | None) -> CompiledSpace | None:
    """The space, if its pieces can be told apart by their surroundings; else the road is told the reason."""
    draw, platform = np.random.default_rng(_SEED), road.platform
    covering = space.covering()
    random = _training(space, space.training if training is None else training, draw)
    rows = np.concatenate([covering, random])
    small = space.size <= _ALL_CHECKED
    checked = _training(space, space.size if small else min(_CHECKED, max(_ESTIMATED, len(rows))), draw)
    observer, smaller = Observer(platform), _smaller(space)
    alike = bool(space.pieces(checked[:1]).faces)
    for surroundings in _LEVELS[1:] if alike and platform.mapping.layout is not None else _LEVELS:
        learner = Learner(space, observer, surroundings)
        candidate = CompiledSpace(learner, space, platform, road.family, road.fallback)
        try:
            for each, part in product(smaller, (*_chunks(covering), *_chunks(random))):
                learner.entries(part, each)
            # Those that cover the space go first: random ones teach the same pieces with more networks.
            for part in _chunks(covering):
                learner.entries(part)
            begun = 0
            while begun != learner.begun:  # what is checked may show that more has to be told apart
                candidate.looked_up(rows)
                begun = learner.begun
                learner.check(checked)
            estimated = checked if small else checked[:_ESTIMATED]
            compiled_s, full_s = candidate.looked_up(estimated).latency_s, road.price(estimated).latency_s
        except NotLocal:
            road.reason = f"what becomes of a piece on platform {platform.name!r} depends on more than its surroundings"
            continue
        if (np.abs(compiled_s - full_s) <= _TOLERANCE * full_s).all():
            observer.forget()
            return candidate
        road.reason = f"sums of pieces differ from whole networks on platform {platform.name!r}"
    return None
