"""How much faster are two workers of a cluster than one? Bulk estimates of networks of NAS-Bench-201, none twice.

    python tools/cluster_rate.py --count 4000 --rounds 3

Starts a Dask cluster on this machine with one worker, then one with two, in turns; every worker is a process of one
thread. The first networks of each turn are not timed: workers import annette and load the platform with them. The
client and the scheduler share the processors with the workers, as they do for a user who has one machine.
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np
from distributed import LocalCluster

import annette
from annette.network.zoo.nasbench201 import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

WARM: Final = 320
"""Networks that are not timed: ten requests for each of two workers."""
WORKERS: Final = (1, 2)


def cells(count: int, seed: int) -> Iterator[str]:
    """Names of networks of the zoo, each another cell."""
    for number in np.random.default_rng(seed).permutation(len(OPERATIONS) ** 6)[:count]:
        rest, chosen = int(number), []
        for _ in range(6):
            rest, operation = divmod(rest, len(OPERATIONS))
            chosen.append(OPERATIONS[operation])
        first, second, third, *others = (
            f"{operation}~{source}" for operation, source in zip(chosen, (0, 0, 1, 0, 1, 2), strict=True)
        )
        yield f"nasbench201:|{first}|+|{second}|{third}|+|{'|'.join(others)}|"


def rate(workers: int, count: int, platform: str, seed: int) -> float:
    """Networks a second."""
    with LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        how = {"scheduler": cluster.scheduler_address, "fields": ["latency_s"]}
        found = annette.estimate_on_cluster(cells(WARM + count, seed), platform, **how)
        for _ in range(WARM):
            next(found).get()
        started_s = time.perf_counter()
        done = sum(each.get()["latency_s"] > 0 for each in found)
        return done / (time.perf_counter() - started_s)


def main() -> None:
    """Prints the rates of each turn, and the ratio of their medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--platform", default="epyc-onnxruntime-fp32")
    chosen = parser.parse_args()
    rates: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    for turn in range(chosen.rounds):
        for workers in WORKERS:
            rates[workers].append(rate(workers, chosen.count, chosen.platform, turn))
            print(f"{workers} worker(s): {rates[workers][-1]:.0f} networks/s", flush=True)
    one, two = (median(rates[workers]) for workers in WORKERS)
    print(f"two workers are {two / one:.2f} times one ({one:.0f} and {two:.0f} networks/s, medians of {chosen.rounds})")


if __name__ == "__main__":
    main()
