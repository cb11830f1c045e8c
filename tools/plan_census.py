"""Does the benchmark plan lie where networks lie? Share of time by kind and distance, and where the plan is thin.

    python tools/plan_census.py resnet50 model.onnx … --platform epyc-onnxruntime --regions 15
    python tools/plan_census.py zoo FOLDER…

Every kernel of the given networks (names of the zoo or all of it, files and folders of such; the zoo where none is
given) is compared with the kernels of the plan's cases, mapped by the same platform: the
distance is that to the nearest kernel of its kind, the root of the sum of squared differences of sizes in octaves (a
size twice as large is 1 away; `annette.bench.nearness`). Times are the platform's estimates, kinds that it has no model
for priced roughly; each network counts the same. Networks that are only scored (the held-out list, the corpus' scored
half, what docs/unseen-networks.csv, strangers.csv, libraries.csv and newcomers.csv name) are left out and named.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from corpus import CORPUS, half_of, rows
from corpus_status import files_in, known_inputs, shapes_of

import annette
from annette.bench.generate import generate_plan
from annette.bench.nearness import PlannedSizes, kernel_sizes, most_lacking
from annette.errors import AnnetteError
from annette.evaluation.suites import HELD_OUT
from annette.models.reach import SIZES
from annette.network import zoo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annette.bench.nearness import Lack
    from annette.mapping.kernel import FloatArray
    from annette.platforms import Platform

NAMES = [name.removeprefix("log2:") for name in SIZES]
EDGES = (1.0, 2.0, 4.0)
UNSEEN = tuple(
    CORPUS.with_name(f"{listed}.csv") for listed in ("unseen-networks", "strangers", "libraries", "newcomers")
)


class Seen(NamedTuple):
    """One kernel of a network.

    Attributes:
        network: Its network.
        name: Its name.
        kind: Its kind.
        share: Share of the network's time, over the number of networks.
        sizes: Its sizes, octaves.
        distance: To the nearest kernel of the plan, octaves.
        planned: Sizes of that kernel; None where the plan has none of the kind.
    """

    network: str
    name: str
    kind: str
    share: float
    sizes: FloatArray
    distance: float
    planned: FloatArray | None


def subjects(arguments: list[str]) -> Iterator[str]:
    """The networks that may be looked at, of names, files and folders; what is left out is named.

    Of folders only the files are taken that the corpus lists in the half that may be looked at: whoever collects
    networks there may have put some aside to be scored.
    """
    listed = {(row["file"], row["half"]) for row in rows()}
    words = [name for word in arguments or ["zoo"] for name in (zoo.names() if word == "zoo" else (word,))]
    for argument in words:
        path = Path(argument)
        if not path.exists():
            if argument.partition("@")[0] in HELD_OUT:
                print(f"left out, held out: {argument}", file=sys.stderr)
            else:
                yield argument
            continue
        for file in files_in([path]):
            half = half_of(hashlib.sha256(file.read_bytes()).hexdigest())
            known = {half for name, half in listed if name == file.name}
            allowed = known == {"look"} and half == "look" if path.is_dir() or known else file.stem not in unseen()
            if allowed:
                yield str(file)
            else:
                print(f"left out, not to be looked at: {file}", file=sys.stderr)


def unseen() -> set[str]:
    """Names of the networks that nobody tunes for."""
    names: set[str] = set()
    for listed in UNSEEN:
        with listed.open(encoding="utf-8", newline="") as file:
            names |= {row["name"] for row in csv.DictReader(file)}
    return names


def census(
    name: str, platform: Platform, plan: PlannedSizes, batch: int | None, inputs: dict[str, tuple[int, ...]]
) -> list[Seen]:
    """The kernels of one network; ``share`` is that of its own time.

    Raises:
        AnnetteError: It cannot be read or priced.
    """
    estimate = annette.estimate(name, platform, fallback="roofline", batch=batch, inputs=inputs or None)
    sizes, table = kernel_sizes(estimate.table), estimate.table
    latency_s = estimate.prices.latency_s
    total_s = float(latency_s.sum())
    seen = []
    for kind, positions in table.rows_by_kind.items():
        distances, nearest = plan.nearest(kind, sizes[positions])
        for row, distance, position in zip(positions.tolist(), distances.tolist(), nearest.tolist(), strict=True):
            kernel = estimate.mapped[row]
            if not kernel.free:
                planned = None if math.isinf(distance) else plan.points[kind][position]
                share = float(latency_s[row]) / total_s
                label = Path(name).stem if Path(name).exists() else name
                seen.append(Seen(label, kernel.name, kind, share, sizes[row], distance, planned))
    return seen


def differs(sizes: FloatArray, planned: FloatArray | None) -> str:
    """The sizes that make most of a distance, as text."""
    if planned is None:
        return "the plan has no kernel of this kind"
    off = sizes - planned
    most = [index for index in np.argsort(-np.abs(off))[:3].tolist() if abs(off[index]) > 0.3]
    return ", ".join(f"{NAMES[index]} {2 ** sizes[index]:.4g} for {2 ** planned[index]:.4g}" for index in most)


def described(sizes: FloatArray) -> str:
    """Sizes that are not 1, as text."""
    return ", ".join(f"{name} {2**size:.4g}" for name, size in zip(NAMES, sizes.tolist(), strict=True) if size > 0)


def print_kinds(kernels: list[Seen], least: float) -> None:
    """The table of shares by kind and distance."""
    print("| kind | share of time | networks | kernels | mean distance | ≤ 1 | 1 to 2 | 2 to 4 | > 4 |")
    print("|---|---|---|---|---|---|---|---|---|")
    shares: dict[str, float] = {}
    for kernel in kernels:
        shares[kernel.kind] = shares.get(kernel.kind, 0.0) + kernel.share
    small = {kind for kind, share in shares.items() if share < least}
    groups = sorted(shares.keys() - small, key=lambda kind: -shares[kind])
    for title, kinds in [*((f"`{kind}`", {kind}) for kind in groups), ("others", small), ("all", set(shares))]:
        print_kind(title, [kernel for kernel in kernels if kernel.kind in kinds])


def print_kind(title: str, kernels: list[Seen]) -> None:
    """One line of that table."""
    if not kernels:
        return
    share = np.array([kernel.share for kernel in kernels])
    distance = np.array([kernel.distance for kernel in kernels])
    total = max(float(share.sum()), 1e-12)
    parts = [float(share[np.digitize(distance, EDGES, right=True) == part].sum()) / total for part in range(4)]
    known = np.isfinite(distance)
    mean = float((share * np.where(known, distance, 0.0)).sum() / max(float(share[known].sum()), 1e-12))
    print(
        f"| {title} | {total:.2%} | {len({kernel.network for kernel in kernels})} | {len(kernels)} | "
        f"{mean:.2f} | {' | '.join(f'{part:.0%}' for part in parts)} |"
    )


def print_regions(kernels: list[Seen], lacks: list[Lack]) -> None:
    """The table of what the plan lacks most."""
    print("| kind | brings nearer | of networks | by | for example | nearest in the plan |")
    print("|---|---|---|---|---|---|")
    for lack in lacks:
        kernel = kernels[lack.row]
        nearer = [kernels[row] for row in lack.nearer]
        share = sum(each.share for each in nearer)
        print(
            f"| `{kernel.kind}` | {share:.2%} of time | {len({each.network for each in nearer})} | {lack.gain:.2%} "
            f"octaves | {kernel.network}: {described(kernel.sizes)} | {kernel.distance:.1f} away: "
            f"{differs(kernel.sizes, kernel.planned)} |"
        )


def main() -> None:
    """Prints the census."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help="names, files and folders")
    parser.add_argument("--platform", default="epyc-onnxruntime", help="mapping and times (%(default)s)")
    parser.add_argument("--preset", default="full", help="plan (%(default)s)")
    parser.add_argument("--target", nargs="+", default=["cpu", "cpu-int8"], help="kinds of plan (%(default)s)")
    parser.add_argument("--batch", type=int, help="samples of each network")
    parser.add_argument("--input", action="append", default=[], help="NAME=1x3x48x320, for all of them")
    parser.add_argument("--least", type=float, default=0.001, help="share of time of kinds listed (%(default)s)")
    parser.add_argument("--regions", type=int, default=20, help="regions listed (%(default)s)")
    arguments = parser.parse_args()
    platform = annette.load_platform(arguments.platform)
    plans = [generate_plan(arguments.preset, target=target) for target in arguments.target]
    cases = [case for plan in plans for case in plan.cases]
    planned = PlannedSizes.of((case.network for case in cases), platform.mapping, platform.precision)
    stated, listed = shapes_of(" ".join(arguments.input)), known_inputs()
    found: list[list[Seen]] = []
    for name in subjects(arguments.networks):
        digest = hashlib.sha256(Path(name).read_bytes()).hexdigest() if Path(name).exists() else ""
        try:
            found.append(census(name, platform, planned, arguments.batch, stated or listed.get(digest, {})))
        except AnnetteError as error:
            print(f"left out, {name}: {error}", file=sys.stderr)
    kernels = [kernel._replace(share=kernel.share / len(found)) for each in found for kernel in each]
    names = " and ".join(plan.name for plan in plans)
    print(f"{len(found)} networks, {len(kernels)} kernels; {names}, {len(cases)} cases\n")
    print_kinds(kernels, arguments.least)
    print()
    shares = np.array([kernel.share for kernel in kernels])
    distances = np.array([kernel.distance for kernel in kernels])
    sizes = np.stack([kernel.sizes for kernel in kernels])
    kinds = [kernel.kind for kernel in kernels]
    print_regions(kernels, most_lacking(kinds, sizes, shares, distances, arguments.regions))


if __name__ == "__main__":
    main()
