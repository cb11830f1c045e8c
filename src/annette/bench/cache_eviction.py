"""Cache eviction between the runs of a case, as the other layers of a larger network evict a layer's weights."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

__all__ = ["CacheEviction"]


class CacheEviction:
    """Called before each run: rests when that is due, touches memory, and lets time pass.

    A layer of a whole network finds its weights where the other layers left them: these evicted them from the caches
    that are the core's own by touching memory, and from the last one, which others share, by taking time. On a
    server with 480 MB of shared cache, weights were back in main memory after some ten milliseconds, whatever the
    network had touched meanwhile.

    Args:
        rest: Rests where that is due (`annette.bench.duty_cycle.DutyCycle`).
        memory: What is touched, all of it; may be empty, and then no time passes either.
        elapsed_s: Seconds from the first touch to the run, at the least, spent computing as a network does.
        clock: Seconds that pass, from any start.

    Example:
        >>> import numpy as np
        >>> from annette.bench.cache_eviction import CacheEviction
        >>> times = iter([0.0, 0.001, 0.0019, 0.0021])
        >>> evict = CacheEviction(lambda: None, np.zeros(8, np.uint8), 0.002, clock=lambda: next(times))
        >>> evict()
    """

    def __init__(
        self,
        rest: Callable[[], None],
        memory: npt.NDArray[np.uint8],
        elapsed_s: float,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._rest = rest
        self._memory = memory
        self._elapsed_s = elapsed_s
        self._clock = clock

    def __call__(self) -> None:
        """Prepares one run."""
        self._rest()
        if not len(self._memory):
            return
        started_s = self._clock()
        self._memory += 1
        while self._clock() - started_s < self._elapsed_s:
            pass
