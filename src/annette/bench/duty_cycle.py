"""The duty cycle of a measuring process: it rests between runs, so that Linux does not stop it in the middle of one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DutyCycle"]

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
        >>> from annette.bench.duty_cycle import DutyCycle
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
