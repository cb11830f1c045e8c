"""Does an estimate go the right way? Less work should not cost more, and names and the order in a file mean nothing.

Usage: ``python tools/direction.py [--platform P …] [--layers 25] [--seed 0] [--tolerance 0.01] [NETWORK …]``, NETWORK
being names of the zoo and files; without any, the whole zoo and some cells. Every network is estimated on every shipped
platform but those that reproduce the original's parameters:

- without one layer at a time (`annette.testing.variants.without`), up to ``--layers`` of them by chance, and without
  its last layers: what is dearer by more than the tolerance is listed;
- under other names and listed in another order: must be equal to 1e-9, but for Ethos-U, whose compiler begins with the
  last of several results;
- with twice the samples, positions or channels, where the zoo can build that: must not be cheaper.

Prints tables, and exits with 1 if names or the order of layers moved an estimate. docs/evaluation.md says what is the
devices' truth.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import annette
from annette.network.zoo import build, names
from annette.testing.variants import (
    listed_otherwise,
    renamed,
    results_reversed,
    reversed_names,
    scrambled_names,
    shorter,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CELLS: Final = tuple(f"nasbench101:seed{seed}" for seed in range(1, 6))
ORIGINAL: Final = "-original"
"""Platforms that reproduce what the original program published are left out: they must not be mended."""

EQUAL: Final = 1e-9
SHORTER: Final = 8
"""Networks that are shorter by up to so many last layers."""

GROWING: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "mobilenet_v1": ({"width": 0.5}, {"width": 1.0}),
    "mobilenet_v2": ({"resolution": 112}, {"resolution": 224}),
    "efficientnet_b0": ({"resolution": 112}, {"resolution": 224}),
    "yolov3": ({"resolution": 192}, {"resolution": 384}),
    "yolov4_tiny": ({"resolution": 192}, {"resolution": 384}),
    "convnext_tiny": ({"resolution": 112}, {"resolution": 224}),
    "densenet121": ({"growth": 16}, {"growth": 32}),
    "vit_b_16": ({"hidden": 384}, {"hidden": 768}),
    "bert_base": ({"sequence": 64}, {"sequence": 128}),
    "nasbench101:seed1": ({"channels": 64}, {"channels": 128}),
    "nasbench101:seed2": ({"channels": 128}, {"channels": 256}),
}
"""Options that make a network of the zoo do half and all of its work."""


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
        network: The network's name.
        platform: The platform's name.
        change: What was changed: the name of the layer left out, or words.
        kind: Kind of the layer left out, or the kind of change.
        growth: Relative change of the headline latency; infinite where the changed network is refused.
        kernels: The kernels that came, that went, and what they take.
    """

    network: str
    platform: str
    change: str
    kind: str
    growth: float
    kernels: str = ""


@dataclass
class Findings:
    """All comparisons, by what was changed."""

    dropped: list[Case] = field(default_factory=list)
    said_otherwise: list[Case] = field(default_factory=list)
    grown: list[Case] = field(default_factory=list)


def estimated(network: annette.Network, platform: annette.Platform) -> annette.Estimate | None:
    """An estimate; None where the platform refuses a kind of the network."""
    try:
        return annette.estimate(network, platform)
    except annette.AnnetteError:
        return None


def smaller_networks(
    network: annette.Network, layers: int, chance: random.Random
) -> Iterator[tuple[str, str, annette.Network]]:
    """The network without single layers and without its last ones: what was left out, its kind, and the rest."""
    drawn = list(network.layers)
    chance.shuffle(drawn)
    found = 0
    for layer in drawn:
        rest = without(network, layer.name)
        if rest is not None:
            yield layer.name, layer.kind, rest
            found += 1
        if found == layers:
            break
    rest = shorter(network)
    for count in range(1, SHORTER + 1):
        if rest is None:
            break
        yield f"last {count}", "last layers", rest
        rest = shorter(rest)


def same_networks(network: annette.Network) -> Iterator[tuple[str, str, annette.Network]]:
    """The network in other words."""
    yield "reversed names", "names", renamed(network, reversed_names(network))
    for seed in range(2):
        yield f"names by chance {seed}", "names", renamed(network, scrambled_names(seed))
        yield f"order by chance {seed}", "order", listed_otherwise(network, seed)
    if len(network.outputs) > 1:
        yield "results reversed", "results", results_reversed(network)


def compare(
    whole: annette.Estimate | None, changed: annette.Network, platform: annette.Platform, change: str, kind: str
) -> Case | None:
    """One comparison; None where the whole network is refused already."""
    if whole is None:
        return None
    other = estimated(changed, platform)
    if other is None:
        return Case(whole.network, platform.name, change, kind, float("inf"))
    return Case(
        whole.network, platform.name, change, kind, other.latency_s / whole.latency_s - 1, kernels_changed(whole, other)
    )


def kernels_changed(whole: annette.Estimate, other: annette.Estimate, most: int = 4) -> str:
    """The kernels that went and came, or take another time, the largest first."""
    before = {(kernel.name, kernel.layers): kernel for kernel in whole.kernels}
    after = {(kernel.name, kernel.layers): kernel for kernel in other.kernels}
    changes = []
    for key in {**before, **after}:
        went, came = (found[key].latency_s if key in found else 0.0 for found in (before, after))
        if went != came:
            kind = (before.get(key) or after[key]).kind
            changes.append((abs(came - went), f"{key[0]} ({kind}) {went * 1e6:.0f} to {came * 1e6:.0f} us"))
    return "; ".join(text for _, text in sorted(changes, reverse=True)[:most])


def examine(name: str, platforms: list[annette.Platform], layers: int, seed: int, findings: Findings) -> None:
    """Makes all comparisons of one network."""
    network = annette.load_network(name)
    chance = random.Random(f"{seed} {name}")  # noqa: S311 - no secret
    smaller = list(smaller_networks(network, layers, chance))
    same = list(same_networks(network))
    twice = build(name, batch=2) if name in names() else None
    half_and_whole = [build(name, **options) for options in GROWING.get(name, ())]
    for platform in platforms:
        whole = estimated(network, platform)
        for cases, changes in ((findings.dropped, smaller), (findings.said_otherwise, same)):
            for change, kind, other in changes:
                case = compare(whole, other, platform, change, kind)
                if case is not None:
                    cases.append(case)
        growing = [] if twice is None else [compare(whole, twice, platform, "twice the samples", "batch")]
        if half_and_whole:
            half = estimated(half_and_whole[0], platform)
            growing.append(compare(half, half_and_whole[1], platform, str(GROWING[name][1]), "size"))
        findings.grown += [case for case in growing if case is not None]


def table(title: str, cases: list[Case], tolerance: float, *, falls: bool = False) -> None:
    """Cases and violations by platform."""
    sign = -1.0 if falls else 1.0
    print(f"\n| {title} | cases | refused | any | more than {tolerance:.1%} | worst |\n|---|---|---|---|---|---|")
    for platform in dict.fromkeys(case.platform for case in cases):
        own = [case for case in cases if case.platform == platform]
        wrong = [case for case in own if case.growth != float("inf") and sign * case.growth > EQUAL]
        over = sum(sign * case.growth > tolerance for case in wrong)
        worst = max(wrong, key=lambda case: sign * case.growth, default=None)
        text = "" if worst is None else f"{worst.growth:+.1%} {worst.network} {worst.change}"
        refused = sum(case.growth == float("inf") for case in own)
        print(f"| {platform} | {len(own)} | {refused} | {len(wrong)} | {over} | {text} |")


def kinds_table(cases: list[Case], tolerance: float) -> None:
    """What was left out where that made a network dearer, by platform and kind."""
    counts = Counter((case.platform, case.kind) for case in cases)
    wrong: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in cases:
        if tolerance < case.growth < float("inf"):
            wrong[case.platform, case.kind].append(case)
    print("\n| platform | left out | cases | dearer | worst |\n|---|---|---|---|---|")
    for (platform, kind), found in sorted(wrong.items()):
        worst = max(found, key=lambda case: case.growth)
        print(
            f"| {platform} | {kind} | {counts[platform, kind]} | {len(found)} "
            f"| {worst.growth:+.1%} {worst.network} {worst.change} |"
        )


def main() -> int:
    """Examines networks on platforms and prints what goes the wrong way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", action="append", default=[])
    parser.add_argument("--layers", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tolerance", type=float, default=0.01)
    parser.add_argument("--worst", type=int, default=12)
    parser.add_argument("networks", nargs="*", default=[])
    arguments = parser.parse_args()
    shipped = [entry.name for entry in annette.list_platforms() if not entry.name.endswith(ORIGINAL)]
    platforms = [annette.load_platform(name) for name in arguments.platform or shipped]
    findings = Findings()
    for name in arguments.networks or (*names(), *CELLS):
        try:
            examine(name, platforms, arguments.layers, arguments.seed, findings)
        except annette.AnnetteError as error:
            print(f"{name}: {error}", file=sys.stderr)
    table("a layer less", findings.dropped, arguments.tolerance)
    kinds_table(findings.dropped, arguments.tolerance)
    table("twice the work, cheaper", findings.grown, arguments.tolerance, falls=True)
    moved = [case for case in findings.said_otherwise if abs(case.growth) > EQUAL]
    print(f"\nother names and orders: {len(findings.said_otherwise)} cases, {len(moved)} estimates moved")
    finite = [case for case in findings.dropped if case.growth != float("inf")]
    for case in [*moved[: arguments.worst], *sorted(finite, key=lambda case: -case.growth)[: arguments.worst]]:
        print(
            f"\n{case.growth:+.2%} {case.network} on {case.platform}: {case.change} ({case.kind})\n    {case.kernels}"
        )
    return int(any(case.kind != "results" for case in moved))


if __name__ == "__main__":
    sys.exit(main())
