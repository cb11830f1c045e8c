"""Pairs what was measured with what a mapping model predicts: kernel by kernel, by the layers in them.

Layer models are fitted on the kernels that the mapping model will hand them later. A measured kernel that no predicted
one equals is not fitted on; its share of the time says how wrong the mapping is.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.errors import FitError
from annette.fitting.overheads import evicted_bytes, evicted_ops
from annette.fitting.samples import Samples
from annette.mapping.kernel import KernelTable
from annette.network import Category
from annette.network.kinds import kinds_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.bench.records import KernelRecord, Run
    from annette.mapping.kernel import Kernel, Precision
    from annette.mapping.model import MappingModel
    from annette.network import Network

__all__ = ["Pairing", "disagreements", "kernel_key", "pair", "record_key", "samples_of"]

_VIEWS: Final = kinds_in(Category.VIEW)


@dataclass(frozen=True, slots=True)
class Pairing:
    """The kernels of one run, measured and predicted.

    Attributes:
        pairs: Predicted kernels with the measured time of the same layers, seconds.
        unpredicted: Measured kernels that the mapping model does not predict.
        unmeasured: Predicted kernels that were not measured.
        predicted_share: Share of the measured kernels' time that is in ``pairs``; NaN without a profile.
    """

    pairs: tuple[tuple[Kernel, float], ...]
    unpredicted: tuple[KernelRecord, ...]
    unmeasured: tuple[Kernel, ...]
    predicted_share: float


def pair(run: Run, mapping: MappingModel) -> Pairing:
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
    total_s = math.fsum(record.latency_s for record in run.kernels)
    return Pairing(
        pairs=tuple(pairs),
        unpredicted=tuple(unpredicted),
        unmeasured=tuple(kernel for key, kernel in predicted.items() if key not in paired),
        predicted_share=math.fsum(time_s for _, time_s in pairs) / total_s if total_s > 0 else math.nan,
    )


def samples_of(
    runs: Sequence[Run],
    mapping: MappingModel,
    precision: Precision,
    *,
    per_entry_s: float = 0.0,
    scales: Sequence[float] | None = None,
) -> tuple[Samples, float]:
    """Turns runs into samples.

    Args:
        runs: Usable runs; those without a profile are passed over.
        mapping: The mapping model whose kernels are to be priced.
        precision: Width of the platform's numbers.
        per_entry_s: Time that the profiler itself adds to each kernel; taken off, but never more than half of a time.
        scales: Factor on the times of each run, from its calibration; all 1 where absent.

    Returns:
        The samples, and the share of the measured time that they hold.

    Raises:
        FitError: No kernel of any run is predicted.
    """
    tables: list[KernelTable] = []
    times: list[float] = []
    groups: list[str] = []
    sources: list[str] = []
    shares: list[tuple[float, float]] = []
    for run, factor in zip(runs, scales or [1.0] * len(runs), strict=True):
        if not run.kernels:
            continue
        pairing = pair(run, mapping)
        if not math.isnan(pairing.predicted_share):
            shares.append((pairing.predicted_share, math.fsum(record.latency_s for record in run.kernels)))
        if not pairing.pairs:
            continue
        kernels = [kernel for kernel, _ in pairing.pairs]
        between = {"evicted_bytes": evicted_bytes(run), "evicted_ops": evicted_ops(run)}
        tables.append(KernelTable.from_kernels(kernels, run.network, precision, **between))
        times += [max(time_s - per_entry_s, time_s / 2) * factor for _, time_s in pairing.pairs]
        groups += [run.network.name] * len(pairing.pairs)
        sources += [f"{run.case}: {kernel.name}" for kernel, _ in pairing.pairs]
    if not tables:
        raise FitError("no measured kernel is one that the mapping model predicts: nothing can be fitted")
    total_s = math.fsum(weight for _, weight in shares)
    samples = Samples(KernelTable.concatenate(tables), np.array(times), np.array(groups), np.array(sources))
    return samples, math.fsum(share * weight for share, weight in shares) / total_s if total_s > 0 else math.nan


def disagreements(runs: Iterable[Run], mapping: MappingModel) -> Sequence[tuple[str, int]]:
    """Kinds of disagreement between measured and predicted kernels, most frequent first, as short texts."""
    found: Counter[str] = Counter()
    for run in runs:
        pairing = pair(run, mapping)
        kinds = run.network.kinds_by_layer
        for record in pairing.unpredicted:
            layers = "+".join(kinds[name] for name in record.layers) or "no layer"
            found[f"measured {record.operator} of {layers}"] += 1
        for kernel in pairing.unmeasured:
            found[f"predicted {kernel.kind} of {'+'.join(layer.kind for layer in kernel.layers) or 'no layer'}"] += 1
    return found.most_common()


def kernel_key(kernel: Kernel, network: Network) -> tuple[str, ...]:
    """What a predicted kernel runs, without views; what the runtime adds by its kind and the tensor that it copies."""
    if not kernel.layers:
        return (kernel.kind, *kernel.inputs)
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
