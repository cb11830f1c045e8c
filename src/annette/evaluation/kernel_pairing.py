"""Pairs what was measured with what a mapping model predicts: kernel by kernel, by the layers in them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.network import Category
from annette.network.kinds import kinds_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annette.bench.records import KernelRecord, Run
    from annette.mapping.kernel import Kernel
    from annette.mapping.model import MappingModel
    from annette.network import Network

__all__ = ["KernelPairing", "kernel_key", "pair_kernels", "record_key"]

_VIEWS: Final = kinds_in(Category.VIEW)


@dataclass(frozen=True, slots=True)
class KernelPairing:
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
    return KernelPairing(
        pairs=tuple(pairs),
        unpredicted=tuple(unpredicted),
        unmeasured=tuple(kernel for key, kernel in predicted.items() if key not in paired),
        predicted_share=math.fsum(time_s for _, time_s in pairs) / total_s if total_s > 0 else math.nan,
    )


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
