"""What happens between two runs of a case: a rest, and what the rest of a larger network would do there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

__all__ = ["Between"]


class Between:
    """Called before each run, it rests when that is due, touches memory, and lets as much time pass as is wanted.

    A layer of a whole network finds its weights where the other layers left them: these pushed them out of the caches
    that are the core's own by touching memory, and out of the last one, which others share, by taking time. On a
    server with 480 MB of shared cache, weights were back in main memory after some ten milliseconds, whatever the
    network had touched meanwhile.

    Args:
        pace: Rests where one is due (`annette.bench.pace.Pace`).
        memory: What is touched, all of it; may be empty.
        elapsed_s: Time that passes at the least from the first touch to the run, spent computing as a network does.
        clock: Seconds that pass, from any start.

    Example:
        >>> import numpy as np
        >>> from annette.bench.between import Between
        >>> times = iter([0.0, 0.001, 0.0019, 0.0021])
        >>> between = Between(lambda: None, np.zeros(8, np.uint8), 0.002, clock=lambda: next(times))
        >>> between()
    """

    def __init__(
        self,
        pace: Callable[[], None],
        memory: npt.NDArray[np.uint8],
        elapsed_s: float,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._pace = pace
        self._memory = memory
        self._elapsed_s = elapsed_s
        self._clock = clock

    def __call__(self) -> None:
        """Does what belongs before a run."""
        self._pace()
        if not len(self._memory):
            return
        started_s = self._clock()
        self._memory += 1
        while self._clock() - started_s < self._elapsed_s:
            pass
