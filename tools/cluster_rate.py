"""How much faster are two workers of a cluster than one?

    python tools/cluster_rate.py --space once-for-all --count 1000000 --rounds 3
    python tools/cluster_rate.py --count 4000 --rounds 3

The first prices candidates of a search space, the second estimates networks of NAS-Bench-201, none twice, by the full
road. Starts a Dask cluster on this machine with one worker, then one with two, in turns; every worker is a process of
one thread. What each turn begins with is not timed: workers import annette, load the platform and compile the space.
The client and the scheduler share the processors with the workers, as they do for a user who has one machine.
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
from annette.spaces.load import load_space
from annette.spaces.remote import price_on_cluster
from annette.spaces.strategies import proposals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WARM_NETWORKS: Final = 320
WARM_CANDIDATES: Final = 12 * 16_384
"""What is not timed: some requests for each of two workers."""
WORKERS: Final = (1, 2)


def cells(count: int, seed: int) -> Iterator[str]:
    """Names of networks of the zoo, each another cell."""
    for number in np.random.default_rng(seed).permutation(len(OPERATIONS) ** 6)[:count]:
        rest, chosen = int(number), []
        for _ in range(6):
            rest, operation = divmod(rest, len(OPERATIONS))
            chosen.append(OPERATIONS[operation])
        nodes = ((chosen[0],), tuple(chosen[1:3]), tuple(chosen[3:]))
        yield "nasbench201:" + "+".join(
            f"|{'|'.join(f'{operation}~{source}' for source, operation in enumerate(node))}|" for node in nodes
        )


def networks(chosen: argparse.Namespace, scheduler: str, seed: int) -> Iterator[int]:
    """Estimates networks; how many since the last time."""
    names = cells(WARM_NETWORKS + chosen.count, seed)
    for each in annette.estimate_on_cluster(names, chosen.platform, scheduler=scheduler, fields=["latency_s"]):
        each.get()
        yield 1


def candidates(chosen: argparse.Namespace, scheduler: str, seed: int) -> Iterator[int]:
    """Prices candidates; how many since the last time."""
    space, draw = load_space(chosen.space), np.random.default_rng(seed)
    rows = proposals("random", space, WARM_CANDIDATES + chosen.count, draw, lambda: np.empty((0, 0), dtype=np.int64))
    for part, _ in price_on_cluster(chosen.space, chosen.platform, rows, scheduler=scheduler):
        yield len(part)


def rate(job: Callable[[str], Iterator[int]], warm: int, workers: int) -> float:
    """Networks or candidates a second."""
    with LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        found = job(cluster.scheduler_address)
        begun = done = 0
        while begun < warm:
            begun += next(found)
        started_s = time.perf_counter()
        for count in found:
            done += count
        return done / (time.perf_counter() - started_s)


def main() -> None:
    """Prints the rates of each turn, and the ratio of their medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", help="price candidates of this space; by default, networks are estimated")
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--platform", default="epyc-onnxruntime-fp32")
    chosen = parser.parse_args()
    kind, warm = (candidates, WARM_CANDIDATES) if chosen.space else (networks, WARM_NETWORKS)
    rates: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    for turn in range(chosen.rounds):
        for workers in WORKERS:
            rates[workers].append(rate(lambda address, turn=turn: kind(chosen, address, turn), warm, workers))
            print(f"{workers} worker(s): {rates[workers][-1]:.0f}/s", flush=True)
    one, two = (median(rates[workers]) for workers in WORKERS)
    print(f"two workers are {two / one:.2f} times one ({one:.0f}/s and {two:.0f}/s, medians of {chosen.rounds} turns)")


if __name__ == "__main__":
    main()
