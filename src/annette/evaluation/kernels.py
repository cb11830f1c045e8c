"""Estimated and measured kernels side by side: paired by the layers in them, and where an estimate's error comes from.

Errors are attributed: how much is the mapping's, the kernel models' and the overhead's.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from annette.bench.records import repeatability
from annette.mapping.precision import kind_of
from annette.network import Category
from annette.network.kinds import kinds_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from annette.bench.records import KernelRecord, Run
    from annette.estimation import Estimate
    from annette.evaluation.truth import Truth
    from annette.mapping.kernel import FloatArray, Kernel
    from annette.mapping.model import MappingModel
    from annette.network import Network
    from annette.platforms import Platform

__all__ = [
    "ErrorParts",
    "KernelPairing",
    "KernelPairs",
    "error_parts",
    "kernel_key",
    "kernel_pairs",
    "pair_kernels",
    "record_key",
]

_VIEWS: Final = kinds_in(Category.VIEW) | {"dequantize"}
"""Kinds that do not tell kernels apart, beside others: a dequantization may run in each of its readers."""

_Key: TypeAlias = tuple[str, ...]
"""What a kernel runs, which a runtime calls by another name in every process."""

_COLUMNS: Final = ("kinds", "measured_s", "estimated_s", "lower_s", "upper_s", "floor")


@dataclass(frozen=True, slots=True)
class KernelPairing:
    """The kernels of one run, measured and predicted.

    Attributes:
        pairs: Predicted kernels with the measured time of the same layers, seconds.
        errors: Relative standard error of each of these times; 0 where it is not known.
        unpredicted: Measured kernels that the mapping model does not predict.
        unmeasured: Predicted kernels that were not measured.
        predicted_share: Share of the measured kernels' time that is in ``pairs``; NaN without a profile.
    """

    pairs: tuple[tuple[Kernel, float], ...]
    errors: tuple[float, ...]
    unpredicted: tuple[KernelRecord, ...]
    unmeasured: tuple[Kernel, ...]
    predicted_share: float


def pair_kernels(run: Run, mapping: MappingModel) -> KernelPairing:
    """Pairs the kernels of one run.

    Views do not count when layers are compared: a runtime may keep them inside a kernel or drop them. Kernels that a
    runtime adds by itself (layout changes) are compared by the tensor that they copy.

    Args:
        run: A usable run with a profile.
        mapping: The mapping model whose kernels are to be priced.
    """
    kernels = [kernel for kernel in mapping.apply(run.network) if not kernel.free]
    predicted = {kernel_key(kernel, run.network): kernel for kernel in kernels}
    pairs: list[tuple[Kernel, float]] = []
    errors: list[float] = []
    unpredicted = []
    paired: set[tuple[str, ...]] = set()
    for record in run.kernels:
        key = record_key(record, run.network)
        kernel = predicted.get(key)
        if kernel is None or key in paired:
            unpredicted.append(record)
        else:
            paired.add(key)
            pairs.append((kernel, record.latency_s))
            errors.append(record.error)
    total_s = math.fsum(record.latency_s for record in run.kernels)
    return KernelPairing(
        pairs=tuple(pairs),
        errors=tuple(errors),
        unpredicted=tuple(unpredicted),
        unmeasured=tuple(kernel for key, kernel in predicted.items() if key not in paired),
        predicted_share=math.fsum(time_s for _, time_s in pairs) / total_s if total_s > 0 else math.nan,
    )


def kernel_key(kernel: Kernel, network: Network) -> tuple[str, ...]:
    """What a predicted kernel runs, without views; what the runtime adds by its kind and the tensor that it copies."""
    if not kernel.layers:
        return (kind_of(kernel.kind), *kernel.inputs)
    return _without_views((layer.name for layer in kernel.layers), network)


def record_key(record: KernelRecord, network: Network) -> tuple[str, ...]:
    """What a measured kernel ran, in the terms of `kernel_key`."""
    if record.added:
        return (record.info.get("kind", record.operator), record.info.get("tensor", ""))
    return _without_views(record.layers, network)


def _without_views(layers: Iterable[str], network: Network) -> tuple[str, ...]:
    kinds = network.kinds_by_layer
    listed = tuple(sorted(layers))
    return tuple(name for name in listed if kinds[name] not in _VIEWS) or listed


@dataclass(frozen=True, eq=False)
class KernelPairs:
    """Kernels that were both predicted and measured, and the time of those that were only predicted or only measured.

    Attributes:
        kinds: Kind of each pair, shape ``(pairs,)``.
        measured_s: Median over the rounds, without what the profiler adds.
        estimated_s: By the model that is evaluated.
        lower_s: Lower end of the estimate's 90 % interval; NaN where the platform states none.
        upper_s: Its upper end.
        floor: Relative standard deviation of a round; NaN with one round.
        by_model: Estimates of each family and of the plain roofline.
        unpredicted_s: Measured time of kernels that the mapping model does not predict.
        unmeasured_s: Estimated time of kernels that were not measured.
    """

    kinds: npt.NDArray[np.str_]
    measured_s: FloatArray
    estimated_s: FloatArray
    lower_s: FloatArray
    upper_s: FloatArray
    floor: FloatArray
    by_model: Mapping[str, FloatArray]
    unpredicted_s: float = 0.0
    unmeasured_s: float = 0.0

    def select(self, rows: npt.NDArray[np.bool_]) -> KernelPairs:
        """The given pairs."""
        columns: dict[str, Any] = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return KernelPairs(**columns, by_model={family: column[rows] for family, column in self.by_model.items()})

    @classmethod
    def concatenate(cls, parts: Sequence[KernelPairs]) -> KernelPairs:
        """Stacks pairs; families that only some parts have are left out."""
        families = [family for family in parts[0].by_model if all(family in part.by_model for part in parts)]
        columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
        return cls(
            **columns,
            by_model={family: np.concatenate([part.by_model[family] for part in parts]) for family in families},
            unpredicted_s=sum(part.unpredicted_s for part in parts),
            unmeasured_s=sum(part.unmeasured_s for part in parts),
        )


def kernel_pairs(
    truth: Truth, platform: Platform, chosen: Estimate, by_model: Mapping[str, FloatArray]
) -> KernelPairs | None:
    """Pairs the profile of a network with its estimate.

    Args:
        truth: A measured network.
        platform: What the estimates were made with.
        chosen: The estimate that is evaluated.
        by_model: Estimates of the same kernels by other models, seconds, shape ``(kernels,)`` each.

    Returns:
        None without a profile.
    """
    profiled = [run for run in truth.runs if run.kernels]
    if not profiled:
        return None
    run, floors = _together(profiled, platform)
    pairing = pair_kernels(run, platform.mapping)
    lost = {id(record) for record in pairing.unpredicted}
    paired = [index for index, record in enumerate(run.kernels) if id(record) not in lost]
    row_of = {_identity(kernel): row for row, kernel in enumerate(chosen.mapped)}
    rows = np.array([row_of[_identity(kernel)] for kernel, _ in pairing.pairs], dtype=np.intp)
    unmeasured = np.array([row_of[_identity(kernel)] for kernel in pairing.unmeasured], dtype=np.intp)
    prices = chosen.prices
    return KernelPairs(
        kinds=chosen.table.kinds[rows],
        measured_s=np.array([time_s for _, time_s in pairing.pairs]),
        estimated_s=prices.latency_s[rows],
        lower_s=prices.lower_s[rows],
        upper_s=prices.upper_s[rows],
        floor=floors[paired],
        by_model={model: latency_s[rows] for model, latency_s in by_model.items()},
        unpredicted_s=float(sum(record.latency_s for record in pairing.unpredicted)),
        unmeasured_s=float(prices.latency_s[unmeasured].sum()),
    )


def _identity(kernel: Kernel) -> tuple[str, ...]:
    return (kernel.kind, kernel.name, *kernel.inputs, "|", *(layer.name for layer in kernel.layers))


def _together(runs: Sequence[Run], platform: Platform) -> tuple[Run, FloatArray]:
    """One run with the median time of each kernel over the rounds, and how well the rounds repeat."""
    first = runs[0]
    rounds = [_times(run, platform) for run in runs]
    # In the order of the first, and of the same kernels: runtimes number and order nodes anew each time.
    times = np.array([[each[key] for key in rounds[0]] for each in rounds if each.keys() == rounds[0].keys()])
    kernels = tuple(
        replace(record, latency_s=median(column))
        for record, column in zip(first.kernels, times.T.tolist(), strict=True)
    )
    return replace(first, kernels=kernels), repeatability(times)


def _times(run: Run, platform: Platform) -> dict[_Key, float]:
    """Kernel times without what the profiler adds (at most half of each)."""
    profiler_s = platform.provenance.measurement.get("profiler_s", 0.0)
    seen: Counter[tuple[str, ...]] = Counter()
    times: dict[_Key, float] = {}
    for record in run.kernels:
        what = (record.operator, record.info.get("tensor", ""), *record.layers)
        times[(*what, str(seen[what]))] = max(record.latency_s - profiler_s, record.latency_s / 2.0)
        seen[what] += 1
    return times


@dataclass(frozen=True, slots=True)
class ErrorParts:
    """The error of an estimate, in seconds, split into parts that add up to it.

    Attributes:
        mapping_s: Estimated kernels that do not run, less measured ones that were not predicted.
        kernels_s: Estimated less measured time of the kernels that are on both sides.
        overhead_s: Estimated less true overhead; the true one is what the whole run takes beyond its kernels.
    """

    mapping_s: float
    kernels_s: float
    overhead_s: float

    @property
    def error_s(self) -> float:
        """Estimate less measurement."""
        return self.mapping_s + self.kernels_s + self.overhead_s

    def remaining(self, measured_s: float) -> dict[str, float]:
        """Signed relative error that is left with one part replaced by its truth.

        Args:
            measured_s: Latency of the network, more than 0.

        Returns:
            By what was replaced: ``nothing``, ``mapping``, ``kernel model``, ``overhead``.
        """
        return {
            "nothing": self.error_s / measured_s,
            "mapping": (self.error_s - self.mapping_s) / measured_s,
            "kernel model": (self.error_s - self.kernels_s) / measured_s,
            "overhead": (self.error_s - self.overhead_s) / measured_s,
        }


def error_parts(pairs: KernelPairs, estimate: Estimate, measured_s: float) -> ErrorParts:
    """Splits the error of an estimate.

    Args:
        pairs: Its kernels beside the measured ones.
        estimate: The estimate.
        measured_s: Latency of the whole network.
    """
    predicted_s = float(estimate.prices.latency_s.sum())
    kernels_s = float(pairs.measured_s.sum()) + pairs.unpredicted_s
    return ErrorParts(
        mapping_s=pairs.unmeasured_s - pairs.unpredicted_s,
        kernels_s=float(pairs.estimated_s.sum() - pairs.measured_s.sum()),
        overhead_s=(estimate.latency_s - predicted_s) - (measured_s - kernels_s),
    )
