"""A network of which data choose what runs, or how much of it.

Every way through it is estimated, the dearest counts, and the interval spans all. Of sizes that data decide, those
count that the network was read with, and the interval spans the least and the largest.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annette.estimation.estimate import BranchEstimate
from annette.kept import kept

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annette.estimation.estimate import Estimate
    from annette.network import Network

__all__ = ["joined", "over_branches", "over_sizes", "ways_through"]


def over_branches(network: Network, estimate: Callable[[Network], Estimate]) -> Estimate:
    """Estimates a network and its variants.

    Args:
        network: What is estimated, with the branches that it was read with and its variants.
        estimate: Estimates one way through it, which has no branches.

    Returns:
        The estimate of the dearest way (`joined`).
    """
    return joined(network, [estimate(way) for way in ways_through(network)])


def over_sizes(network: Network, estimate: Callable[[Network], Estimate]) -> Estimate:
    """Estimates a network, and what it is with the least and with the largest of the sizes that data decide.

    Args:
        network: What is estimated, with its extremes.
        estimate: Estimates a network as if its sizes were known.

    Returns:
        The estimate of the network as it was read. Its interval reaches from the lowest to the highest end of all;
        there is none where one of them has none.
    """
    found = estimate(network)
    if not network.extremes:
        return found
    ends = [each.interval_s for each in (found, *map(estimate, network.extremes))]
    return replace(found, interval_s=_span(ends))


@kept
def ways_through(network: Network) -> tuple[Network, ...]:
    """A network and its variants, each as if nothing else could run."""
    return tuple(each.replaced(branches=(), variants=()) for each in (network, *network.variants))


def joined(network: Network, estimates: Sequence[Estimate]) -> Estimate:
    """One estimate of all ways through a network.

    Args:
        network: The network, with the branches that it was read with and its variants.
        estimates: Of each of `ways_through` it, in that order.

    Returns:
        The estimate of the dearest way. Its interval reaches from the lowest to the highest end of all; there is none
        where one way has none.
    """
    choices = [each.branches for each in (network, *network.variants)]
    branches = tuple(
        BranchEstimate(dict(choice), one.latency_s, one.interval_s)
        for choice, one in zip(choices, estimates, strict=True)
    )
    taken, dearest = max(zip(choices, estimates, strict=True), key=lambda way: way[1].latency_s)
    notes = dearest.notes
    if len(estimates) > 1:
        cheapest_s = min(branch.latency_s for branch in branches)
        names = ", ".join(f"{branch!r} of {node!r}" for node, branch in taken)
        notes += (
            f"{len(estimates)} ways through the network were estimated: the dearest, {names}, counts, the cheapest "
            f"takes {cheapest_s / dearest.latency_s:.0%} of it; the interval spans all",
        )
    return replace(
        dearest, interval_s=_span([branch.interval_s for branch in branches]), branches=branches, notes=notes
    )


def _span(intervals: Sequence[tuple[float, float] | None]) -> tuple[float, float] | None:
    ends = [ends for ends in intervals if ends is not None]
    if len(ends) < len(intervals):
        return None
    return min(lower for lower, _ in ends), max(upper for _, upper in ends)
