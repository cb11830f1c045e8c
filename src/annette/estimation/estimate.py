"""What an estimate is: numbers per kernel, a total, and where each came from."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annette.estimation.frame import columns_of, data_frame, kernel_rows
from annette.estimation.memory import memory_of
from annette.network.modules import module_path
from annette.notebook import card
from annette.number_text import (
    confidence_text,
    counted_text,
    feature_text,
    interval_text,
    percent_text,
    seconds_text,
    words_text,
)
from annette.platforms.ranges import within

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.estimation.memory import Memory
    from annette.mapping.kernel import FloatArray, Kernel, KernelTable
    from annette.network import Network
    from annette.platforms import Platform

__all__ = ["BranchEstimate", "Coverage", "Estimate", "KernelEstimate", "Outside", "Prices", "outside"]

_SHOWN: Final = 10
"""Kernels that a notebook shows of an estimate."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Shares, from 0 to 1, that a fitted model priced; the rest was priced by a fallback or by assumption.

    Attributes:
        ops: Share of the network's operations.
        kernels: Share of the kernels that cost something.
        latency: Share of the estimated time of all kernels.
    """

    ops: float
    kernels: float
    latency: float

    @property
    def lowest(self) -> float:
        """The smallest of the shares: the one figure to look at."""
        return min(self.ops, self.kernels, self.latency)


@dataclass(frozen=True, slots=True)
class Outside:
    """A feature of a kernel that lies outside the range that its model was fitted on.

    Attributes:
        feature: Column of the kernel table.
        value: Its value, in the unit of the column.
        fitted: Smallest and largest value that the model was fitted on.
    """

    feature: str
    value: float
    fitted: tuple[float, float]

    def __str__(self) -> str:
        value, least, most = (feature_text(self.feature, value) for value in (self.value, *self.fitted))
        return f"{self.feature} {value} (fitted {least} to {most})"


def outside(
    table: KernelTable, row: int, ranges: Mapping[str, Mapping[str, tuple[float, float]]]
) -> tuple[Outside, ...]:
    """The features of a kernel that lie outside the fitted ranges, farthest first, by the factor.

    Args:
        table: Kernels.
        row: Number of the one.
        ranges: For each kind, smallest and largest value of each column that its models were fitted on.
    """
    beyond: list[tuple[float, Outside]] = []
    for feature, (least, most) in ranges.get(str(table.kinds[row]), {}).items():
        value = float(table[feature][row])
        if not within(value, least, most):
            factor = max(value, 1.0) / max(most, 1.0) if value > most else max(least, 1.0) / max(value, 1.0)
            beyond.append((-factor, Outside(feature, value, (least, most))))
    return tuple(each for _, each in sorted(beyond, key=lambda pair: pair[0]))


@dataclass(frozen=True, eq=False)
class Prices:
    """Latency of each row of a kernel table, and where it came from; every array has shape ``(rows,)``.

    Attributes:
        latency_s: Predicted time.
        lower_s: Lower end of the interval; NaN where the platform states none.
        upper_s: Upper end of the interval; NaN where the platform states none.
        compute_s: Time if only operations counted.
        memory_s: Time if only bytes counted.
        efficiency: Share of the kind's peak rate that ``compute_s`` reckons with, in (0, 1].
        in_range: Whether every feature lay inside the range that the model was fitted on.
        fitted: Whether a model fitted for the kernel's kind priced it.
        usual: Whether the model is the one that the platform prefers.
        at_peak: Whether the model promised more than the device can do, so that its peak rate decided.
        methods: Model family that priced it, ``fallback-roofline``, or ``free``.
        ranges: For each kind, smallest and largest value of each column that its models were fitted on.
    """

    latency_s: FloatArray
    lower_s: FloatArray
    upper_s: FloatArray
    compute_s: FloatArray
    memory_s: FloatArray
    efficiency: FloatArray
    in_range: np.ndarray[tuple[int], np.dtype[np.bool_]]
    fitted: np.ndarray[tuple[int], np.dtype[np.bool_]]
    usual: np.ndarray[tuple[int], np.dtype[np.bool_]]
    at_peak: np.ndarray[tuple[int], np.dtype[np.bool_]]
    methods: tuple[str, ...]
    ranges: Mapping[str, Mapping[str, tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class KernelEstimate:
    """The estimate of one kernel.

    Attributes:
        name: The kernel's name: that of the layer it is built around.
        kind: Kind of kernel.
        layers: Names of the layers that run in it.
        rules: Mapping rules that put them together.
        latency_s: Predicted time.
        interval_s: Lower and upper end at the estimate's confidence, or None where the platform states none.
        ops: Operations of all its layers.
        bytes: Bytes that cross its border at the platform's precision.
        bound: ``compute`` or ``memory``: the larger side of its roofline; ``free`` where nothing runs.
        utilisation: Share of the predicted time that the bounding side would take at the kind's peak rate or bandwidth,
            from 0 to 1.
        method: Model family that priced it, ``fallback-roofline``, or ``free``.
        in_range: Whether it lay inside the ranges that the model was fitted on.
        outside: The features that did not, farthest first; none where no fitted model priced it.
        compute_s: Time that its operations alone would take, unrolling included.
        memory_s: Time that its bytes alone would take.
        efficiency: Share of the peak rate that unrolled dimensions leave to its operations, in (0, 1].
        dimensions: The named dimensions of the layer it is built around that are not 1.
        module: Modules of the network around it, outermost first; none where the file names none.
    """

    name: str
    kind: str
    layers: tuple[str, ...]
    rules: tuple[str, ...]
    latency_s: float
    interval_s: tuple[float, float] | None
    ops: int
    bytes: float
    bound: str
    utilisation: float
    method: str
    in_range: bool
    outside: tuple[Outside, ...]
    compute_s: float
    memory_s: float
    efficiency: float
    dimensions: Mapping[str, int]
    module: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BranchEstimate:
    """One way through a network of which data choose what runs.

    Attributes:
        taken: Branch, ``then`` or ``else``, of each node that chooses; how many rounds of a loop that may end early.
        latency_s: The network's estimate on this way.
        interval_s: Its interval, or None where the platform states none.
    """

    taken: Mapping[str, str]
    latency_s: float
    interval_s: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Estimate:
    """How long a network takes on a platform.

    Attributes:
        network: Name of the network.
        platform: Name of the platform.
        model: Model family that was asked for.
        batch: Samples processed together; `sample_latency_s` is the time of each.
        latency_s: The platform's headline figure: device or end-to-end time, as `latency_is` says.
        latency_is: ``device`` or ``end_to_end``.
        device_latency_s: Sum of the kernels and what the device adds per kernel.
        end_to_end_latency_s: Device time and what the host adds per run and per byte carried in and out; None where
            the platform states no such overhead.
        interval_s: Lower and upper end of ``latency_s`` at ``confidence``, or None where the platform states none.
        confidence: Probability that the interval is meant to hold with.
        coverage: How much of the network a fitted model priced.
        branches: Every way through the network where data choose what runs; the rest is of the dearest, and
            ``interval_s`` spans all. Empty where nothing is chosen by data.
        notes: What the user should know: repairs by the reader, fallbacks, extrapolation; one sentence each.
        repeats: How often the kernels run, one sample after the other: 1 where a batch runs together.
        basis: The network whose kernels these are, and the platform; None where they are not at hand.
    """

    network: str
    platform: str
    model: str
    batch: int
    latency_s: float
    latency_is: str
    device_latency_s: float
    end_to_end_latency_s: float | None
    interval_s: tuple[float, float] | None
    confidence: float
    coverage: Coverage
    branches: tuple[BranchEstimate, ...] = field(default=(), kw_only=True)
    notes: tuple[str, ...]
    mapped: tuple[Kernel, ...]
    table: KernelTable
    prices: Prices
    repeats: int = 1
    basis: tuple[Network, Platform] | None = field(default=None, kw_only=True)

    def __repr__(self) -> str:
        kernels = counted_text(len(self.mapped), "kernel")
        return f"<Estimate of {self.network!r} on {self.platform!r}: {self.latency_s:.4g} s, {kernels}>"

    def _repr_html_(self) -> str:
        heaviest = sorted(self.kernels, key=lambda kernel: -kernel.latency_s)[:_SHOWN]
        total_s = sum(kernel.latency_s for kernel in self.kernels) or 1.0
        return card(
            f"{self.network} on {self.platform}: {seconds_text(self.latency_s)}",
            (
                f"{interval_text(self.interval_s)} at {confidence_text(self.confidence)} confidence, "
                f"{words_text(self.latency_is)} time, batch {self.batch}, {counted_text(len(self.kernels), 'kernel')}, "
                f"{percent_text(self.coverage.lowest)} priced by fitted models",
                *self.notes,
            ),
            ("heaviest kernels", "kind", "latency", "share", "bound"),
            (
                (each.name, each.kind, seconds_text(each.latency_s), percent_text(each.latency_s / total_s), each.bound)
                for each in heaviest
            ),
        )

    def to_frame(self, library: str | None = None) -> Any:
        """The kernels as a data frame, one row each, in the order of execution.

        Args:
            library: ``pandas`` or ``polars``; None takes the first of them that is installed.

        Raises:
            OptionError: The library is neither of these, or not installed.
        """
        rows = kernel_rows(self.network, self.platform, map(asdict, self.kernels))
        return data_frame(columns_of(rows), library)

    @property
    def sample_latency_s(self) -> float:
        """``latency_s`` divided among the samples of a batch."""
        return self.latency_s / self.batch

    @cached_property
    def memory(self) -> Memory:
        """What a run needs of memory; found when it is asked for."""
        return memory_of(self.basis, self.mapped, self.table)

    @cached_property
    def kernels(self) -> tuple[KernelEstimate, ...]:
        """One record per kernel, in the order of execution."""
        prices = self.prices
        sizes = self.table.bytes.tolist()
        return tuple(self._kernel(row, kernel, sizes[row], prices) for row, kernel in enumerate(self.mapped))

    def _kernel(self, row: int, kernel: Kernel, size_bytes: float, prices: Prices) -> KernelEstimate:
        latency_s = float(prices.latency_s[row])
        compute_s, memory_s = float(prices.compute_s[row]), float(prices.memory_s[row])
        lower_s, upper_s = float(prices.lower_s[row]), float(prices.upper_s[row])
        limit_s = compute_s * float(prices.efficiency[row]) if compute_s >= memory_s else memory_s
        return KernelEstimate(
            name=kernel.name,
            kind=str(self.table.kinds[row]),
            layers=tuple(layer.name for layer in kernel.layers),
            rules=kernel.rules,
            latency_s=latency_s,
            interval_s=None if np.isnan(lower_s) else (lower_s, upper_s),
            ops=self.repeats * kernel.ops,
            bytes=size_bytes,
            bound="free" if kernel.free else ("compute" if compute_s >= memory_s else "memory"),
            utilisation=min(1.0, limit_s / latency_s) if latency_s > 0 else 0.0,
            method=prices.methods[row],
            in_range=bool(prices.in_range[row]),
            outside=() if prices.in_range[row] or not prices.fitted[row] else outside(self.table, row, prices.ranges),
            compute_s=compute_s,
            memory_s=memory_s,
            efficiency=float(prices.efficiency[row]),
            dimensions=kernel.anchor.workload.dimensions.above_one(),
            module=module_path(kernel.anchor),
        )
