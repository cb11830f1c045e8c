"""Which kernels to measure on a new device when only few can be."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from annette.estimation import estimate_network
from annette.fitting.folds import configurations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray
    from annette.network import Network
    from annette.platforms import Platform

__all__ = ["expected_shares", "spread_kernels"]


def expected_shares(platform: Platform, networks: Iterable[Network]) -> dict[str, float]:
    """Share of the time that each kind of kernel takes in networks, each network counting the same.

    Args:
        platform: Whose estimates are taken: the one to start from.
        networks: What the new platform will be used for.
    """
    shares: Counter[str] = Counter()
    for network in networks:
        estimate = estimate_network(network, platform, fallback="roofline")
        total_s = float(estimate.prices.latency_s.sum())
        for kernel, time_s in zip(estimate.mapped, estimate.prices.latency_s.tolist(), strict=True):
            shares[kernel.kind] += time_s / total_s
    total = sum(shares.values())
    return {kind: share / total for kind, share in shares.items() if share > 0}


def spread_kernels(
    samples: Samples, expected_s: FloatArray, shares: Mapping[str, float], count: int, *, offset: float = 0.5
) -> npt.NDArray[np.intp]:
    """Chooses kernels: each kind by its share of the time, within a kind evenly from short to long.

    Args:
        samples: What could be measured.
        expected_s: Estimates of them by the starting platform.
        shares: Share of the time by kind; kinds that are missing are not chosen.
        count: How many, of different configurations.
        offset: From 0 to 1: which one is taken of equally good ones.

    Returns:
        Row numbers, fewer than ``count`` where there are not enough different kernels.
    """
    own = configurations(samples.table)
    pools: dict[str, list[int]] = {}
    for kind, rows in samples.table.rows_by_kind.items():
        if kind in shares:
            _, first = np.unique(own[rows], return_index=True)
            different = rows[np.sort(first)]
            pools[kind] = different[np.argsort(expected_s[different], kind="stable")].tolist()
    quota: Counter[str] = Counter()
    for _ in range(min(count, sum(len(pool) for pool in pools.values()))):
        open_kinds = [kind for kind, pool in pools.items() if quota[kind] < len(pool)]
        quota[max(open_kinds, key=lambda kind: shares[kind] / (quota[kind] + 0.5))] += 1
    chosen = [
        pools[kind][int((step + offset) * len(pools[kind]) / n)] for kind, n in quota.items() for step in range(n)
    ]
    return np.array(sorted(chosen), dtype=np.intp)
