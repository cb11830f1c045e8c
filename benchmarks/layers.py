"""How the cost of an estimate grows with the layers of a network: time and memory, on any of the shipped platforms.

Usage: ``python -m benchmarks.layers [--platform P …] [--graph G …] [--layers N …] [--out FILE]`` estimates networks of
each form (`benchmarks.workloads`) and size on each platform, each in a process of its own, and prints a table:
processor time of mapping and pricing a network not seen before, in microseconds a layer by size, and the memory
that building and estimating the largest took at its peak beyond what the process had before. ``--out`` keeps the
figures, line by line, so that several runs, each of some platforms, make one table (``--join FILE …``).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import annette
from annette.estimation import estimate_network
from benchmarks.workloads import GRAPHS, timed_s

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LAYERS: Final = (1_000, 10_000, 50_000)
_TIMED_LAYERS: Final = 10_000
"""A smaller network is estimated several times, as many layers in all; the least time counts."""
_KIB: Final = 1024


class Cost(NamedTuple):
    """What one estimate cost.

    Attributes:
        platform: Where.
        graph: Form of the network, a name of `benchmarks.workloads.GRAPHS`.
        layers: How many layers it has.
        seconds: Processor time of mapping and pricing it.
        peak_bytes: Memory at the peak, building included, beyond that of the process before.
    """

    platform: str
    graph: str
    layers: int
    seconds: float
    peak_bytes: int


def cost(platform: annette.Platform, graph: str, layers: int) -> Cost:
    """Measures one estimate in this process; the memory is right in a new one only."""
    before = _peak_bytes()
    times = []
    for _ in range(max(1, _TIMED_LAYERS // layers)):
        network = GRAPHS[graph](layers)
        times.append(timed_s(lambda built=network: estimate_network(built, platform, fallback="roofline")))  # type: ignore[misc]  # its only argument has a default
    return Cost(platform.name, graph, len(network.layers), min(times), _peak_bytes() - before)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB


def costs(platforms: Iterable[str], graphs: Sequence[str], sizes: Sequence[int]) -> Iterable[Cost]:
    """Measures all, each in a process that ends with it and has the platform from this one."""
    for name in platforms:
        platform = annette.load_platform(name)
        estimate_network(GRAPHS[graphs[0]](100), platform, fallback="roofline")  # compiles what prices
        for graph in graphs:
            for layers in sizes:
                yield _in_a_process(platform, graph, layers)


def _in_a_process(platform: annette.Platform, graph: str, layers: int) -> Cost:
    context = multiprocessing.get_context("fork")  # the platform is not carried over, it is there
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sender.send(cost(platform, graph, layers)))
    process.start()
    sender.close()
    try:
        found: Cost = receiver.recv()
    finally:
        process.join()
    return found


def table(found: Iterable[Cost]) -> str:
    """A Markdown table, one line a platform: microseconds a layer by size, and the memory of the largest size."""
    rows: dict[str, dict[str, list[Cost]]] = defaultdict(lambda: defaultdict(list))
    for each in found:
        rows[each.platform][each.graph].append(each)
    graphs = list(dict.fromkeys(graph for row in rows.values() for graph in row))
    lines = [f"| platform | {' | '.join(f'{graph}, us a layer | MB' for graph in graphs)} |"]
    lines.append(f"|---|{'---:|---:|' * len(graphs)}")
    for platform, row in sorted(rows.items()):
        cells = []
        for graph in graphs:
            own = sorted(row[graph], key=lambda each: each.layers)
            cells.append(" / ".join(f"{1e6 * each.seconds / each.layers:.0f}" for each in own))
            cells.append(f"{own[-1].peak_bytes / 1e6:.0f}" if own else "")
        lines.append(f"| {platform} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Measures, or joins what was measured, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", action="append", default=[])
    parser.add_argument("--graph", action="append", default=[], choices=list(GRAPHS))
    parser.add_argument("--layers", action="append", default=[], type=int)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--join", nargs="+", type=Path, default=[])
    options = parser.parse_args(arguments)
    if options.join:
        found = [Cost(*json.loads(line)) for path in options.join for line in path.read_text().splitlines()]
    else:
        names = options.platform or [entry.name for entry in annette.list_platforms()]
        found = []
        for each in costs(names, options.graph or list(GRAPHS), options.layers or LAYERS):
            found.append(each)
            _keep(options.out, each)
    print(table(found))  # noqa: T201
    return 0


def _keep(out: Path | None, each: Any) -> None:
    if out is not None:
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(each) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
