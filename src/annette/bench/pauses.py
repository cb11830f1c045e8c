"""What happens between two runs: rests that a real-time process owes the others, and caches that are emptied."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

__all__ = ["CacheEviction", "DutyCycle"]

_BUSY_S: Final = 0.1
"""Time without a rest after which one is due: rarer than most runs, and far more often than once a second."""

_SHARE: Final = 0.065
"""Rest for each second of work. Linux keeps 5 % of every second for processes of other scheduling classes (the
fair server; before Linux 6.12 the throttling of sched_rt_runtime_us) and takes them in one piece of 50 ms from whoever
left none."""


class DutyCycle:
    """Called before each run, it sleeps when a rest is due.

    A real-time process (see `annette.bench.host.pin_process`) that works without a pause loses 50 ms of every second to
    others. A network of 10 ms shows that in a few outliers; one of half a second shows it in its median, 5 to 10 % too
    high, although the sum of its kernels is right. Who leaves these 5 % by himself is not interrupted. One single run
    of more than 0.9 s cannot be helped this way.

    Args:
        clock: Seconds that pass, from any start.
        sleep: Sleeps for some seconds.

    Example:
        >>> from annette.bench.pauses import DutyCycle
        >>> times = iter([0.0, 0.4, 0.43])
        >>> rest = DutyCycle(clock=lambda: next(times), sleep=lambda seconds: print(f"{seconds:.3f} s"))
        >>> rest()
        0.026 s
    """

    def __init__(
        self, clock: Callable[[], float] = time.perf_counter, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._rested_s = clock()

    def __call__(self) -> None:
        """Rests, if so much time has passed since the last rest."""
        busy_s = self._clock() - self._rested_s
        if busy_s >= _BUSY_S:
            self._sleep(busy_s * _SHARE)
            self._rested_s = self._clock()


class CacheEviction:
    """Called before each run: rests when that is due, touches memory, and lets time pass.

    A layer of a whole network finds its weights where the other layers left them: these evicted them from the caches
    that are the core's own by touching memory, and from the last one, which others share, by taking time. On a
    server with 480 MB of shared cache, weights were back in main memory after some ten milliseconds, whatever the
    network had touched meanwhile.

    Args:
        rest: Rests where that is due (`DutyCycle`).
        memory: What is touched, all of it; may be empty, and then no time passes either.
        elapsed_s: Seconds from the first touch to the run, at the least, spent computing as a network does.
        clock: Seconds that pass, from any start.

    Example:
        >>> import numpy as np
        >>> from annette.bench.pauses import CacheEviction
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
