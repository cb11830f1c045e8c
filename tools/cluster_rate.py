"""How much faster are two workers of a cluster than one?

    python tools/cluster_rate.py --space once-for-all --count 1000000 --rounds 3
    python tools/cluster_rate.py --count 4000 --rounds 3

The first searches a space, the second estimates networks of NAS-Bench-201, none twice, by the full road. Starts a Dask
cluster on this machine with one worker, then one with two, in turns; every worker is a process of one thread. What each
turn begins with is not timed: workers import annette, load the platform and compile the space. The client and the
scheduler, which are one process here, share the processors with the workers, as they do for a user who has one machine.

Beside the rates stands the processor time of the workers and of the client with the scheduler: on a machine that others
use as well, it tells what rates cannot. The client is a bottleneck where its share is large, and nowhere else.
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import psutil
from distributed import LocalCluster

import annette
from annette.network.zoo.nasbench201 import OPERATIONS
from annette.platforms import load_platform
from annette.spaces.load import load_space
from annette.spaces.remote_search import SearchOnCluster
from annette.spaces.strategies import parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WARM_NETWORKS: Final = 320
WARM_CANDIDATES: Final = 6 * 32_768
"""What is not timed: some requests for each of two workers."""
WORKERS: Final = (1, 2)


class Turn(NamedTuple):
    """What one turn took.

    Attributes:
        per_s: Networks or candidates a second.
        client_s: Processor time of the client and the scheduler, seconds.
        workers_s: Processor time of all workers, seconds.
    """

    per_s: float
    client_s: float
    workers_s: float


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
    """Searches a space at random; how many candidates since the last time."""
    how = {"strategy": "random", "seed": seed, "jointly": "slowest", "max_latency_s": None, "compiled": True}
    how |= {"model": None, "fallback": "error", "confidence": 0.9}
    platform, todo = (
        load_platform(chosen.platform),
        parts("random", load_space(chosen.space), WARM_CANDIDATES + chosen.count),
    )
    with SearchOnCluster(scheduler, None, chosen.space, [platform], "operations", batch=1, how=how) as search:
        for seen in search.surveys(todo):
            yield seen.candidates


def processor_s(workers: list[psutil.Process]) -> tuple[float, float]:
    """Processor time of this process and of workers, seconds."""
    return time.process_time(), sum(sum(worker.cpu_times()[:2]) for worker in workers)


def turn(job: Callable[[str], Iterator[int]], warm: int, workers: int) -> Turn:
    """Has a cluster of its own do a job."""
    with LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        processes = [psutil.Process(worker.process.pid) for worker in cluster.workers.values()]
        found = job(cluster.scheduler_address)
        begun = done = 0
        while begun < warm:
            begun += next(found)
        started_s, before = time.perf_counter(), processor_s(processes)
        for count in found:
            done += count
        took_s, after = time.perf_counter() - started_s, processor_s(processes)
        return Turn(done / took_s, after[0] - before[0], after[1] - before[1])


def main() -> None:
    """Prints what each turn took, and the ratio of the medians of the rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", help="search this space; by default, networks are estimated")
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--platform", default="epyc-onnxruntime")
    chosen = parser.parse_args()
    kind, warm = (candidates, WARM_CANDIDATES) if chosen.space else (networks, WARM_NETWORKS)
    turns: dict[int, list[Turn]] = {workers: [] for workers in WORKERS}
    for number in range(chosen.rounds):
        for workers in WORKERS:
            one = turn(lambda address, number=number: kind(chosen, address, number), warm, workers)
            turns[workers].append(one)
            print(
                f"{workers} worker(s): {one.per_s:.0f}/s; processor time of the workers {one.workers_s:.2f} s, of "
                f"client and scheduler {one.client_s:.2f} s",
                flush=True,
            )
    one_s, two_s = (median(each.per_s for each in turns[workers]) for workers in WORKERS)
    print(
        f"two workers are {two_s / one_s:.2f} times one ({one_s:.0f}/s and {two_s:.0f}/s, "
        f"medians of {chosen.rounds} turns)"
    )


if __name__ == "__main__":
    main()
