"""Fills a book of pieces: which candidates have to be built and mapped so that all others follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from annette.spaces.observation import OpenPiece, RowStore, observe
from annette.spaces.walk import PieceBook

if TYPE_CHECKING:
    from annette.platforms import Platform
    from annette.spaces.space import IntArray, SearchSpace

__all__ = ["Learner"]

_ROUND: Final = 64
"""Candidates that are built and mapped before the others are looked at again."""

_MOST_OPEN: Final = 8
_EVERY_CODE: Final = range(2**62)
"""Where pieces of more codes than this run in one kernel with their readers, all are thought to."""

CHUNK: Final = 4096
"""Candidates that are walked through at once: their states stay in the processor's caches."""


class Learner:
    """Knows what becomes of the pieces of a space on a platform, and learns what it does not know yet.

    Args:
        space: The space.
        platform: Where it is mapped.
        depth: How far surroundings reach (`PieceBook`).
        detailed: As above.
    """

    def __init__(self, space: SearchSpace, platform: Platform, depth: int, *, detailed: bool) -> None:
        self._space, self._platform = space, platform
        self._depth, self._detailed = depth, detailed
        self._open_codes: set[int] | range = set()
        self.mapped = 0
        self._start()

    def _start(self) -> None:
        self.rows = RowStore()
        self.book = PieceBook(self._depth, detailed=self._detailed)

    def entries(self, candidates: IntArray) -> npt.NDArray[np.int32]:
        """Entries of candidates, shape ``(slots, candidates)``; what is missing is learned on the way.

        Raises:
            NotLocal: The pieces of the space cannot be told apart by their surroundings.
        """
        while True:
            try:
                return self._entries(candidates)
            except OpenPiece as error:
                # What was learned holds no longer: kernels are handed out in another way.
                opened = {*self._open_codes, *error.codes}
                self._open_codes = _EVERY_CODE if len(opened) > _MOST_OPEN else opened
                self._start()

    def _entries(self, candidates: IntArray) -> npt.NDArray[np.int32]:
        pieces = self._space.pieces(candidates)
        entries, missing = self.book.walk(pieces, len(candidates))
        open_ = np.flatnonzero(missing)
        while len(open_):
            _, first = np.unique(missing[open_], return_index=True)
            self.learn(candidates[open_[first[:_ROUND]]])
            again = self.book.walk(self._space.pieces(candidates[open_]), len(open_))
            entries[:, open_] = again.entries
            open_, missing = open_[again.missing != 0], missing.copy()
            missing[open_] = again.missing[again.missing != 0]
        return entries

    def learn(self, candidates: IntArray) -> None:
        """Builds and maps candidates, and takes in what became of their pieces.

        Raises:
            NotLocal: As above.
        """
        pieces = self._space.pieces(candidates)
        observed = np.zeros((len(pieces.codes), len(candidates)), dtype=np.intp)
        for place, candidate in enumerate(candidates.tolist()):
            found = observe(self._space, candidate, self._platform, self.rows, self._open_codes)
            for slot, content in enumerate(found.contents):
                if content is not None:
                    observed[slot, place] = self.book.content_number(content)
        self.mapped += len(candidates)
        self.book.learn(pieces, observed)
