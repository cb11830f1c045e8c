"""How good a platform adapted from another is with N kernels, against one fitted from these kernels alone.

Prints the table of docs/results/transfer.md. The target is a dataset of annette bench, or a chip of TopHub's tables.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annette.api import load_network, load_platform
from annette.bench.dataset import Dataset
from annette.bench.importing.collection import read_collection
from annette.devices.tvm_arm.fit import phone_samples
from annette.estimation import estimate_network
from annette.evaluation.suites import DEVELOPMENT
from annette.fitting.candidates import predicted_s, preferred_models
from annette.fitting.families import fit_kind
from annette.fitting.roofline import fit_roofline
from annette.fitting.samples import LEAST_ROWS, configurations
from annette.fitting.transfer import adapt_models, measured_kernels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray
    from annette.models.base import LayerModel
    from annette.network import Network
    from annette.platforms import Platform


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


def from_scratch(samples: Samples, kinds: list[str]) -> dict[str, LayerModel]:
    """What the kernels alone give: the best family for kinds with enough rows, one roofline for all others."""
    rest = fit_roofline(samples)
    models: dict[str, LayerModel] = dict.fromkeys(kinds, rest)
    for kind, count in samples.kinds.items():
        if count >= LEAST_ROWS:
            fit = fit_kind(kind, samples.of_kind(kind))
            models[kind] = fit.models[fit.best]
    return models


def error(models: dict[str, LayerModel], test: Samples, shares: dict[str, float]) -> float:
    """Mean absolute relative error by kind, kinds weighted by their share of networks' time."""
    off = np.abs(predicted_s(models, test) / test.latency_s - 1)
    parts = [
        (shares[kind], float(off[rows].mean())) for kind, rows in test.table.rows_by_kind.items() if kind in shares
    ]
    return sum(share * part for share, part in parts) / sum(share for share, _ in parts)


def curve(start: Platform, pool: Samples, counts: list[int], repeats: int) -> list[tuple[str, ...]]:
    """Rows of the table: kernels, how they were chosen, and the errors."""
    models = preferred_models(start)
    shares = expected_shares(start, [load_network(name) for name in DEVELOPMENT])
    shares = {kind: share for kind, share in shares.items() if kind in pool.kinds}
    pool = pool.select(np.isin(pool.table.kinds, sorted(shares)))
    expected_s = predicted_s(models, pool)
    own = configurations(pool.table)
    rows = []
    for count in counts:
        for choice in ("spread", "random"):
            found = []
            for repeat in range(repeats):
                random = np.random.default_rng(repeat)
                if choice == "spread":
                    chosen = spread_kernels(pool, expected_s, shares, count, offset=(repeat + 0.5) / repeats)
                else:
                    _, first = np.unique(own, return_index=True)
                    chosen = random.choice(first, count, replace=False)
                apart = ~np.isin(own, own[chosen]) & ~np.isin(pool.groups, pool.groups[chosen])
                training, test = pool.select(chosen), pool.select(apart)
                adapted = dict(adapt_models(start, training).models)
                scratch = from_scratch(training, list(test.kinds))
                found.append([error(set_, test, shares) for set_ in (models, scratch, adapted)])
            middle, worst = np.median(found, axis=0), np.max(found, axis=0)
            cells = [f"{100 * m:.1f} % (worst {100 * w:.1f} %)" for m, w in zip(middle, worst, strict=True)]
            rows.append((str(count), choice, *cells))
            print("| " + " | ".join(rows[-1]) + " |", flush=True)
    return rows


def main() -> None:
    """Reads the arguments, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True, help="platform to start from")
    parser.add_argument("--dataset", type=Path, help="what was measured on the target")
    parser.add_argument("--tophub", type=Path, help="folder with TopHub's tables")
    parser.add_argument("--device", help="chip in TopHub's tables")
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 30, 100])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    start = load_platform(options.source)
    if options.dataset is not None:
        with Dataset.open(options.dataset) as dataset:
            pool = measured_kernels([dataset], start)[1].samples
    else:
        pool = phone_samples(read_collection(options.tophub, "tophub", {"device": options.device}).runs)
    print(f"{len(pool)} kernels; median and worst of {options.repeats} choices")
    print("| kernels | chosen | starting platform as it is | from scratch | adapted |\n|---:|---|---:|---:|---:|")
    curve(start, pool, options.counts, options.repeats)


if __name__ == "__main__":
    main()
