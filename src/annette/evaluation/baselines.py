"""What people estimate with where they have no fitted models: one roofline for the device, and the operation count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from annette.estimation import Estimate
    from annette.mapping.kernel import FloatArray
    from annette.platforms import Platform

__all__ = ["OPERATION_COUNT", "PLAIN_ROOFLINE", "operation_scale", "plain_roofline_s"]

PLAIN_ROOFLINE: Final = "plain roofline"
"""One peak rate and one bandwidth for the whole device, ``t = max(ops / P, bytes / B)`` for each kernel, and nothing
else (Williams et al., *Roofline*, CACM 52, 2009). The family ``roofline`` has both, and an offset, for each kind."""

OPERATION_COUNT: Final = "operation count"
"""The proxy that people use without a model: time proportional to operations, with the best single scale."""


def plain_roofline_s(platform: Platform, estimate: Estimate) -> FloatArray | None:
    """Time of each kernel by the platform's plain roofline, seconds, shape ``(kernels,)``; None where it has none.

    What is free, and what runs on the host where the device's time is estimated, takes none.

    Args:
        platform: What the estimate was made with.
        estimate: Any estimate of the network: the kernels are those of its mapping.
    """
    if platform.plain_roofline is None:
        return None
    elsewhere = platform.host_kinds if platform.latency_is == "device" else frozenset()
    counted = np.array([not kernel.free and kernel.kind not in elsewhere for kernel in estimate.mapped], dtype=bool)
    return np.where(counted, platform.plain_roofline.predict_s(estimate.table), 0.0)


def operation_scale(ops: FloatArray, measured_s: FloatArray) -> float:
    """Seconds per operation with the smallest mean absolute relative error: a weighted median.

    Args:
        ops: Operations of each network, more than 0.
        measured_s: Their latencies, seconds, more than 0.
    """
    ratio, weight = measured_s / ops, ops / measured_s
    order = np.argsort(ratio)
    heavy = np.cumsum(weight[order]) >= weight.sum() / 2.0
    return float(ratio[order][int(np.argmax(heavy))])
