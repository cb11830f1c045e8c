"""A network of which data choose what runs: every way is estimated, the dearest counts, the interval spans all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annette.estimation.estimate import BranchEstimate

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.estimation.estimate import Estimate
    from annette.network import Network

__all__ = ["over_branches"]


def over_branches(network: Network, estimate: Callable[[Network], Estimate]) -> Estimate:
    """Estimates a network and its variants.

    Args:
        network: What is estimated, with the branches that it was read with and its variants.
        estimate: Estimates one way through it, which has no branches.

    Returns:
        The estimate of the dearest way. Its interval reaches from the lowest to the highest end of all; there is none
        where one way has none.
    """
    ways = [(each, estimate(each.replaced(branches=(), variants=()))) for each in (network, *network.variants)]
    branches = tuple(BranchEstimate(dict(each.branches), one.latency_s, one.interval_s) for each, one in ways)
    taken, dearest = max(ways, key=lambda way: way[1].latency_s)
    notes = dearest.notes
    if len(ways) > 1:
        cheapest_s = min(branch.latency_s for branch in branches)
        names = ", ".join(f"{branch!r} of {node!r}" for node, branch in taken.branches)
        notes += (
            f"{len(ways)} ways through the network were estimated: the dearest, {names}, counts, the cheapest takes "
            f"{cheapest_s / dearest.latency_s:.0%} of it; the interval spans all",
        )
    return replace(dearest, interval_s=_span(branches), branches=branches, notes=notes)


def _span(branches: tuple[BranchEstimate, ...]) -> tuple[float, float] | None:
    ends = [branch.interval_s for branch in branches if branch.interval_s is not None]
    if len(ends) < len(branches):
        return None
    return min(lower for lower, _ in ends), max(upper for _, upper in ends)
