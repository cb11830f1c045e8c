"""Fills a book of pieces: which candidates have to be built and mapped so that all others follow."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import numpy.typing as npt

from annette.documents import Document
from annette.spaces.asked import Asked
from annette.spaces.observation import INSIDE, OPEN, Candidate, OpenPiece, attributed
from annette.spaces.row_store import RowStore, TableState
from annette.spaces.walk import BookState, PieceBook, Surroundings

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from annette.platforms import Platform
    from annette.spaces.observation import Content
    from annette.spaces.space import IntArray, SearchSpace
    from annette.spaces.walk import Looks

__all__ = ["Learner", "LearnerState", "Observer", "ToldApartAnew"]

_ROUND: Final = 64
"""Candidates that are built and mapped before the others are looked at again."""

_MOST_OPEN: Final = 8
_EVERY_CODE: Final = range(2**62)
"""Where pieces of more codes than this run in one kernel with their readers, all are thought to."""

_MAPPED_KEPT: Final = 128
"""Candidates that are remembered as they were mapped, for when more has to be told apart, which the first ones show.
All of them would be looked through by Python's garbage collector again and again."""

_CONTENTS_KEPT: Final = 1024
"""Candidates of which is remembered what became of their pieces, for other surroundings."""


class ToldApartAnew(Exception):  # noqa: N818 - a signal within the package, which reaches no user
    """More is told apart than before: what was said of candidates holds no longer."""


class Observer:
    """Builds and maps candidates, and says what became of their pieces.

    Args:
        platform: Where they are mapped.

    Attributes:
        rows: Their kernels.
        mapped: How many were built and mapped so far.
        open_codes: Codes of pieces that ran in one kernel with their reader.
        late_codes: Those of them whose kernel reads what they read.
        copying_codes: Codes of pieces for which copies of their operands were made.
        inside_codes: Codes of pieces with several readers that all ran in one kernel with them.
        kinds: Kinds of the layers and kernels in the candidates.
    """

    def __init__(self, platform: Platform) -> None:
        self.rows, self.mapped = RowStore(), 0
        self._platform, self._detailed = platform, False
        self.kinds: frozenset[str] = frozenset()
        self._asked = self._asked_now()
        self.open_codes: set[int] | range = set()
        self.late_codes: set[int] = set()
        self.copying_codes: set[int] = set()
        self.inside_codes: set[int] = set()
        self._known: dict[Hashable, Candidate] = {}
        self._contents: dict[Hashable, tuple[Content | None, ...]] = {}

    def _asked_now(self) -> Asked:
        read = Asked.anything if self._detailed else Asked.by
        return read(self._platform.mapping, self.kinds)

    def look_closely(self, detailed: bool) -> None:
        """Says from now on all that is known of a kernel that wrote a tensor, or only what rules can ask of it."""
        if detailed != self._detailed:
            self._detailed = detailed
            self._asked = self._asked_now()
            self._contents.clear()

    def observe(self, space: SearchSpace, candidates: IntArray, looks: Looks) -> Iterator[tuple[Content | None, ...]]:
        """What became of each slot of each candidate; None where it has none.

        Args:
            space: Where the candidates are from.
            candidates: Some of its rows.
            looks: What they look like.

        Raises:
            OptionError: The space's description of a candidate does not fit its network.
            ToldApartAnew: A piece runs in one kernel with its reader, which no piece of its code did so far, or there
                are kinds that rules look at and that there were not.
        """
        for row, (codes, sources) in zip(candidates.tolist(), _each(looks), strict=True):
            key = (id(space), *row)
            contents = self._contents.get(key)
            if contents is None:
                known = self._known.get(key)
                if known is None:
                    known = Candidate.of(space.build_from(row, codes), codes, sources, self._platform)
                    self.mapped += 1
                if len(self._known) < _MAPPED_KEPT:
                    self._known[key] = known
                self._look_for_kinds(known.kinds)
                try:
                    contents = attributed(known, self.rows, self._asked, self.open_codes)
                except OpenPiece as error:
                    opened = {*self.open_codes, *error.codes}
                    self.open_codes = _EVERY_CODE if len(opened) > _MOST_OPEN else opened
                    self._contents.clear()
                    raise ToldApartAnew from error
                if len(self._contents) < _CONTENTS_KEPT:
                    self._contents[key] = contents
                self._look_for_codes(codes, contents)
            yield contents

    def _look_for_kinds(self, kinds: frozenset[str]) -> None:
        if kinds <= self.kinds:
            return
        self.kinds |= kinds
        asked = self._asked_now()
        if asked != self._asked:
            self._asked = asked
            self._contents.clear()
            raise ToldApartAnew

    def _look_for_codes(self, codes: Sequence[int], contents: Sequence[Content | None]) -> None:
        seen = [(code, content) for code, content in zip(codes, contents, strict=True) if content is not None]
        late = {code for code, content in seen if content.state[0] == OPEN and any(content.reads)}
        copying = {code for code, content in seen if any(content.copies)}
        inside = {code for code, content in seen if content.state[0] == INSIDE}
        if late <= self.late_codes and copying <= self.copying_codes and inside <= self.inside_codes:
            return
        self.late_codes |= late
        self.copying_codes |= copying
        self.inside_codes |= inside
        raise ToldApartAnew

    def resume(self, known: LearnerState) -> None:
        """Takes over what another observer found, before this one has found anything.

        Raises:
            ValueError: The parts do not fit each other.
        """
        self.rows, self.mapped = RowStore.resumed(known.rows), known.mapped
        self.open_codes = _EVERY_CODE if known.open_codes is None else set(known.open_codes)
        self.late_codes, self.copying_codes = set(known.late_codes), set(known.copying_codes)
        self.inside_codes = set(known.inside_codes)
        self.kinds = frozenset(known.kinds)
        self._asked = self._asked_now()

    def forget(self) -> None:
        """Gives back the memory of what was observed; what is asked for again is mapped again."""
        self._known.clear()
        self._contents.clear()


def _each(looks: Looks) -> Iterator[tuple[list[int], list[tuple[int, ...]]]]:
    """Codes and sources of each candidate as plain numbers."""
    count = (looks.candidates,)
    codes = np.array([np.broadcast_to(code, count) for code in looks.codes]).T.tolist()
    columns = [np.broadcast_to(source, count) for operands in looks.sources for source in operands]
    for own, flat in zip(codes, np.array(columns).T.tolist(), strict=True):
        left = iter(flat)
        yield own, [tuple(islice(left, len(operands))) for operands in looks.sources]


class LearnerState(Document, frozen=True):
    """What a `Learner` knows, for other processes.

    Attributes:
        surroundings: What it tells apart (`Surroundings`).
        mapped: How many candidates it has built and mapped.
        open_codes: Codes of pieces that ran in one kernel with their reader; None for all.
        late_codes: Those of them whose kernel reads what they read.
        copying_codes: Codes of pieces for which copies of their operands were made.
        inside_codes: Codes of pieces with several readers that all ran in one kernel with them.
        kinds: Kinds of the layers and kernels in the candidates.
        rows: The kernels.
        book: What became of pieces.
    """

    surroundings: tuple[int, bool, bool]
    mapped: int
    open_codes: tuple[int, ...] | None
    late_codes: tuple[int, ...]
    copying_codes: tuple[int, ...]
    inside_codes: tuple[int, ...]
    kinds: tuple[str, ...]
    rows: tuple[TableState, ...]
    book: BookState


class Learner:
    """Knows what becomes of the pieces of a space on a platform, and learns what it does not know yet.

    Args:
        space: The space.
        observer: Maps its candidates; several learners may share one.
        surroundings: What is told apart.

    Attributes:
        begun: How often the book was begun anew; what entries meant before holds no longer.
    """

    def __init__(self, space: SearchSpace, observer: Observer, surroundings: Surroundings) -> None:
        self._space, self._observer, self._surroundings = space, observer, surroundings
        self.begun = 0
        observer.look_closely(surroundings.detailed)
        self._start()

    def _start(self) -> None:
        self.begun += 1
        observer = self._observer
        self.book = PieceBook(
            self._surroundings,
            observer.open_codes,
            observer.late_codes,
            observer.copying_codes,
            observer.inside_codes,
        )

    def state(self) -> LearnerState:
        """What it knows."""
        observer = self._observer
        return LearnerState(
            self._surroundings,
            observer.mapped,
            None if isinstance(observer.open_codes, range) else tuple(sorted(observer.open_codes)),
            tuple(sorted(observer.late_codes)),
            tuple(sorted(observer.copying_codes)),
            tuple(sorted(observer.inside_codes)),
            tuple(sorted(observer.kinds)),
            observer.rows.state(),
            self.book.state(),
        )

    @classmethod
    def resumed(cls, space: SearchSpace, platform: Platform, known: LearnerState) -> Self:
        """A learner that knows what another one did.

        Args:
            space: The space.
            platform: Where its candidates are mapped.
            known: What is known of them there.

        Raises:
            ValueError: The parts do not fit each other.
        """
        observer = Observer(platform)
        observer.resume(known)
        learner = cls(space, observer, Surroundings(*known.surroundings))
        learner.book.resume(known.book)
        if any(row >= len(observer.rows) for content in learner.book.contents for row in content.rows):
            raise ValueError("a book of pieces names kernels that do not exist")
        return learner

    @property
    def rows(self) -> RowStore:
        """The kernels that were seen."""
        return self._observer.rows

    @property
    def mapped(self) -> int:
        """How many candidates were built and mapped so far."""
        return self._observer.mapped

    def entries(self, candidates: IntArray, space: SearchSpace | None = None) -> npt.NDArray[np.int32]:
        """Entries of candidates, shape ``(slots, candidates)``; what is missing is learned on the way.

        Args:
            candidates: Valid ones.
            space: Another space of equal pieces that they are from.

        Raises:
            NotLocal: The pieces of the space cannot be told apart by their surroundings.
        """
        while True:
            try:
                return self._entries(candidates, space or self._space)
            except ToldApartAnew:
                # What was learned holds no longer: kernels are handed out in another way.
                self._start()

    def _entries(self, candidates: IntArray, space: SearchSpace) -> npt.NDArray[np.int32]:
        looks = self.book.looks(space.pieces(candidates), len(candidates))
        entries, missing = self.book.walk(looks)
        open_ = np.flatnonzero(missing)
        missing, looks = missing[open_], looks.select(open_)
        while len(open_):
            _, first = np.unique(missing, return_index=True)
            some = first[:_ROUND]
            self._learn(candidates[open_[some]], space, looks.select(some))
            again = self.book.walk(looks)
            entries[:, open_] = again.entries
            still = np.flatnonzero(again.missing)
            open_, missing, looks = open_[still], again.missing[still], looks.select(still)
        return entries

    def check(self, candidates: IntArray) -> None:
        """Builds and maps candidates, and compares what became of each of their pieces with what is known.

        Raises:
            NotLocal: It is something else.
        """
        while True:
            try:
                looks = self.book.looks(self._space.pieces(candidates), len(candidates))
                self._learn(candidates, self._space, looks)
            except ToldApartAnew:
                self._start()
            else:
                return

    def _learn(self, candidates: IntArray, space: SearchSpace, looks: Looks) -> None:
        observed = np.zeros((len(looks.codes), len(candidates)), dtype=np.intp)
        for place, contents in enumerate(self._observer.observe(space, candidates, looks)):
            for slot, content in enumerate(contents):
                if content is not None:
                    observed[slot, place] = self.book.content_number(content)
        self.book.learn(looks, observed)
