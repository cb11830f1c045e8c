"""Does the benchmark plan lie where networks lie? Share of time by kind, and how far each kernel is from the plan.

    python tools/plan_census.py resnet50 model.onnx … --platform xeon-onnxruntime-fp32 --worst 15

Every kernel of the given networks (files and names of the zoo) is compared with the kernels of the plan's cases, mapped
by the same platform: the distance is that to the nearest kernel of its kind, the root of the sum of squared differences
of sizes in octaves (a size twice as large is 1 away). Times are the platform's estimates, kinds that it has no model
for priced roughly. Kinds that the plan does not have are infinitely far.
"""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

import annette
from annette.bench.generate import generate_plan
from annette.errors import AnnetteError
from annette.mapping.kernel import KernelTable
from annette.models.features import FeatureSet
from annette.models.reach import SIZES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.bench.plan import Plan
    from annette.mapping.kernel import FloatArray
    from annette.platforms import Platform

_FEATURES: Final = FeatureSet(SIZES)
_BLOCK: Final = 4_000_000
"""Differences that are held at once."""


class Seen(NamedTuple):
    """One kernel of a network.

    Attributes:
        network: Its network.
        name: Its name.
        kind: Its kind.
        latency_s: What the platform says.
        distance: To the nearest kernel of the plan, octaves.
        differs: The sizes that make most of the distance, as text.
    """

    network: str
    name: str
    kind: str
    latency_s: float
    distance: float
    differs: str


def planned(plan: Plan, platform: Platform) -> dict[str, FloatArray]:
    """Sizes of the plan's kernels by kind, each once."""
    tables = []
    for case in plan.cases:
        kernels = [kernel for kernel in platform.mapping.apply(case.network) if not kernel.free]
        if kernels:
            tables.append(KernelTable.from_kernels(kernels, case.network, platform.precision))
    table = KernelTable.concatenate(tables)
    return {kind: np.unique(_FEATURES.matrix(table.select(rows)), axis=0) for kind, rows in table.rows_by_kind.items()}


def census(
    name: str,
    platform: Platform,
    known: dict[str, FloatArray],
    batch: int | None,
    inputs: dict[str, tuple[int, ...]] | None = None,
) -> list[Seen]:
    """The kernels of one network.

    Raises:
        AnnetteError: It cannot be read or priced.
    """
    estimate = annette.estimate(name, platform, fallback="roofline", batch=batch, inputs=inputs)
    values = _FEATURES.matrix(estimate.table)
    seen = []
    for row, kernel in enumerate(estimate.mapped):
        if kernel.free:
            continue
        distance, differs = _nearest(values[row], known.get(kernel.kind))
        latency_s = float(estimate.prices.latency_s[row])
        seen.append(Seen(name.rpartition("/")[2], kernel.name, kernel.kind, latency_s, distance, differs))
    return seen


def _nearest(row: FloatArray, points: FloatArray | None) -> tuple[float, str]:
    if points is None:
        return math.inf, "the plan has no kernel of this kind"
    squares = ((points - row) ** 2).sum(axis=1)
    best = int(squares.argmin())
    off = row - points[best]
    most = [index for index in np.argsort(-np.abs(off))[:3].tolist() if abs(off[index]) > 0.3]
    names = [name.removeprefix("log2:") for name in SIZES]
    differs = ", ".join(f"{names[index]} {2 ** row[index]:.4g} for {2 ** points[best, index]:.4g}" for index in most)
    return math.sqrt(float(squares[best])), differs


def show(kernels: Sequence[Seen], worst: int) -> None:
    """Prints shares by kind, and the kernels whose time times distance is largest, their networks alike."""
    total_s: dict[str, float] = {}
    for kernel in kernels:
        total_s[kernel.network] = total_s.get(kernel.network, 0.0) + kernel.latency_s
    share = [kernel.latency_s / total_s[kernel.network] / len(total_s) for kernel in kernels]
    print(f"{'kind':24s} {'share of time':>13s} {'kernels':>8s} {'distance':>9s} {'further than 2':>15s}")
    kinds = {kernel.kind for kernel in kernels}
    rows = {kind: [n for n, kernel in enumerate(kernels) if kernel.kind == kind] for kind in kinds}
    for kind in sorted(kinds, key=lambda kind: -sum(share[n] for n in rows[kind])):
        own = sum(share[n] for n in rows[kind])
        mean = sum(share[n] * min(kernels[n].distance, 99.0) for n in rows[kind]) / max(own, 1e-12)
        far = sum(share[n] for n in rows[kind] if kernels[n].distance > 2) / max(own, 1e-12)
        print(f"{kind:24s} {own:13.2%} {len(rows[kind]):8d} {mean:9.2f} {far:15.0%}")
    order = sorted(range(len(kernels)), key=lambda n: -share[n] * min(max(kernels[n].distance - 1.0, 0.0), 9.0))
    print()
    for n in order[:worst]:
        kernel = kernels[n]
        print(f"{kernel.network} {kernel.name[-40:]} ({kernel.kind}, {kernel.latency_s / total_s[kernel.network]:.1%} "
              f"of its time): {kernel.distance:.1f} away by {kernel.differs}")  # fmt: skip


def main() -> None:
    """Prints the census."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help="files and names; the whole zoo where there are none")
    parser.add_argument("--platform", default="xeon-onnxruntime-fp32", help="mapping and times (%(default)s)")
    parser.add_argument("--preset", default="full", help="plan (%(default)s)")
    parser.add_argument("--batch", type=int, help="samples of each network")
    parser.add_argument("--input", action="append", default=[], help="NAME=1x3x48x320, for all of them")
    parser.add_argument("--worst", type=int, default=20, help="kernels listed (%(default)s)")
    arguments = parser.parse_args()
    platform = annette.load_platform(arguments.platform)
    known = planned(generate_plan(arguments.preset), platform)
    stated = (text.partition("=") for text in arguments.input)
    inputs = {name: tuple(map(int, sizes.split("x"))) for name, _, sizes in stated}
    kernels = []
    for name in arguments.networks or annette.network.zoo.names():
        try:
            kernels += census(name, platform, known, arguments.batch, inputs or None)
        except AnnetteError as error:
            print(f"{name}: {error}")
    show(kernels, arguments.worst)


if __name__ == "__main__":
    main()
