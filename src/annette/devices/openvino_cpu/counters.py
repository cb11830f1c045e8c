"""Reads OpenVINO's performance counters for more than the whole microseconds that they are in.

``src/plugins/intel_cpu/src/perf_count.h`` and ``graph.cpp`` of https://github.com/openvinotoolkit/openvino: a node adds
the duration of each run, cut to whole microseconds, to a sum; what is reported is the sum over the number of runs, cut
again, and a node whose average is 0 counts as not run. So a reading after n runs with the average a says that the sum
lies from ``a n`` to ``a n + n - 1``, and two readings say what the runs between them took, without the slow first ones.
The middle of what is possible is neither too short nor too long in the mean. The first run, in which memory and code
are new, takes a microsecond in all that runs at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["CounterReading", "executed_nodes_s", "read_counters"]

_MICROSECOND_S: Final = 1e-6
_CUT_OFF: Final = 0.5
"""Microseconds that a duration loses when it is cut to whole ones, in the mean."""


@dataclass(frozen=True, slots=True)
class CounterReading:
    """The counters of all nodes at one moment.

    Attributes:
        runs: Runs since compilation, at least 1.
        averages_us: Average of each node that is not 0, in whole microseconds.
    """

    runs: int
    averages_us: Mapping[str, int]

    def sums_us(self, node: str) -> tuple[int, int]:
        """Least and largest sum of a node's whole microseconds over all runs that it may have."""
        least = self.averages_us.get(node, 0) * self.runs
        return least, least + self.runs - 1


def read_counters(profiling_info: Iterable[Any], runs: int) -> CounterReading:
    """Keeps what `openvino.InferRequest.get_profiling_info` says.

    Args:
        profiling_info: What it returned.
        runs: Runs since compilation.
    """
    averages = {
        counter.node_name: round(counter.real_time.total_seconds() / _MICROSECOND_S) for counter in profiling_info
    }
    return CounterReading(runs, {name: average for name, average in averages.items() if average > 0})


def executed_nodes_s(first: CounterReading, warm: CounterReading, last: CounterReading) -> dict[str, float]:
    """Time of a run of every node that runs, in seconds: the middle of what the readings leave possible.

    Args:
        first: After the first run.
        warm: Before the runs that count.
        last: After them.
    """
    counted = last.runs - warm.runs
    times_s = {}
    for node in {**first.averages_us, **warm.averages_us, **last.averages_us}:
        before, after = warm.sums_us(node), last.sums_us(node)
        least, most = max(after[0] - before[1], 0), max(after[1] - before[0], 0)
        times_s[node] = ((least + most) / 2 / counted + _CUT_OFF) * _MICROSECOND_S
    return times_s
