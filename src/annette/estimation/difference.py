"""Two networks on one platform: which kernels came, went and changed, and what that is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from annette.estimation.estimator import as_loaded, estimate_network
from annette.estimation.uncertainty import network_bounds
from annette.mapping.kernel import COLUMNS, NETWORK_COLUMNS
from annette.platforms import Platform, load_platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from annette.estimation.estimate import Estimate, KernelEstimate
    from annette.mapping.kernel import KernelTable
    from annette.network import Network
    from annette.network.inputs import Given

__all__ = ["Difference", "KernelChange", "compare_estimates", "compare_networks"]

_OWN: Final = tuple(number for number, name in enumerate(COLUMNS) if name not in NETWORK_COLUMNS)
"""Columns that are a kernel's own: the rest describes the network around it."""


@dataclass(frozen=True, slots=True)
class KernelChange:
    """A kernel of one network, of the other, or of both.

    Attributes:
        before: In the first network, or None where it is new.
        after: In the second network, or None where it is gone.
        same: Whether both have the same kind and sizes.
    """

    before: KernelEstimate | None
    after: KernelEstimate | None
    same: bool

    @property
    def what(self) -> str:
        """``same``, ``changed``, ``new`` or ``gone``."""
        if self.before is None:
            return "new"
        if self.after is None:
            return "gone"
        return "same" if self.same else "changed"

    @property
    def change_s(self) -> float:
        """Time after less time before, seconds; negative where time is saved."""
        return (self.after.latency_s if self.after else 0.0) - (self.before.latency_s if self.before else 0.0)


@dataclass(frozen=True, eq=False)
class Difference:
    """What the second of two networks takes more or less than the first.

    Attributes:
        before: Estimate of the first.
        after: Estimate of the second.
        kernels: Kernels of both, in the order of execution.
        change_s: Latency after less latency before, seconds; negative where the second is faster.
        interval_s: Lower and upper end of ``change_s`` at the estimates' confidence, or None where the platform knows
            no errors. Kernels that both have in the same sizes are estimated alike, so that their errors cancel. The
            errors of a changed kernel count as correlated by how alike its two times are, an assumption; those of
            kernels that are new or gone as independent.
    """

    before: Estimate
    after: Estimate
    kernels: tuple[KernelChange, ...]
    change_s: float
    interval_s: tuple[float, float] | None

    @property
    def certain(self) -> bool:
        """Whether the interval lies on one side of zero: the sign of the change is known."""
        return self.interval_s is not None and (self.interval_s[0] > 0 or self.interval_s[1] < 0)


def compare_networks(
    before: Network | str | Path,
    after: Network | str | Path,
    platform: Platform | str | Path,
    *,
    model: str | None = None,
    batch: int | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
    fallback: str = "error",
    confidence: float = 0.9,
) -> Difference:
    """Estimates two networks, mostly two versions of one, and says where they differ.

    Kernels are matched in the order of execution: the longest runs of equal ones first (Ratcliff and Obershelp, as
    Python's ``difflib``), then, between these, kernels of one name, then of one kind.

    Args:
        before: The first network: loaded, a file, or the name of a network of the zoo.
        after: The second network, likewise.
        platform: A loaded platform, a name or a file.
        model: Model family; None takes the platform's preference per kind.
        batch: Samples processed together; only for networks that are not loaded yet.
        inputs: Shapes and values of inputs (`annette.load_network`); as above.
        lenient: Whether an invalid ONNX file is priced nevertheless (`annette.load_network`); as above.
        fallback: ``error`` or ``roofline``, as for `annette.estimate`.
        confidence: Probability, between 0 and 1, that the intervals are meant to hold with.

    Raises:
        OptionError: An argument is out of its range.
        AnnetteError: The platform cannot be used, or a network cannot be read or has no estimate there.

    Example:
        >>> import annette
        >>> difference = annette.compare_networks("resnet18", "resnet34", "ncs2-openvino")
        >>> difference.change_s > 0, difference.certain
        (True, True)
    """
    target = platform if isinstance(platform, Platform) else load_platform(platform)
    first, second = (
        estimate_network(
            as_loaded(network, batch=batch, inputs=inputs, lenient=lenient),
            target,
            model=model,
            fallback=fallback,
            confidence=confidence,
        )
        for network in (before, after)
    )
    return compare_estimates(first, second, target, model=model)


def compare_estimates(first: Estimate, second: Estimate, platform: Platform, *, model: str | None = None) -> Difference:
    """Says where two estimates of one platform differ, as `compare_networks` does.

    Args:
        first: Estimate of the first network.
        second: Estimate of the second, of the same confidence.
        platform: Where.
        model: Model family that both were asked for.
    """
    matched = list(_matched(first, second))
    kernels = tuple(
        KernelChange(
            None if left is None else first.kernels[left], None if right is None else second.kernels[right], same
        )
        for left, right, same in matched
    )
    change_s = second.latency_s - first.latency_s
    interval_s = _interval_of(change_s, first, second, matched, platform, model)
    return Difference(first, second, kernels, change_s, interval_s)


def _interval_of(
    change_s: float,
    first: Estimate,
    second: Estimate,
    matched: Sequence[tuple[int | None, int | None, bool]],
    platform: Platform,
    model: str | None,
) -> tuple[float, float] | None:
    """The interval of a difference: kernels that are equal in both take no part, those of a pair have errors in common.

    Args:
        change_s: The difference, seconds.
        first: Estimate of the first network.
        second: Estimate of the second network.
        matched: Numbers of matched kernels, and whether they are equal.
        platform: Where both were estimated.
        model: Model family.
    """
    paired = [(left, right) for left, right, same in matched if left is not None and right is not None and not same]
    gone = [left for left, right, _ in matched if left is not None and right is None]
    new = [right for left, right, _ in matched if left is None and right is not None]
    before = [_ends(first, rows, platform, model) for rows in ([left for left, _ in paired], gone)]
    after = [_ends(second, rows, platform, model) for rows in ([right for _, right in paired], new)]
    return _interval(change_s, before, after, likeness=_likeness(first, second, paired))


def _signatures(table: KernelTable) -> list[tuple[str, bytes]]:
    """What makes kernels equal: kind and own sizes."""
    own = np.ascontiguousarray(table.values[:, _OWN])
    return [(kind, row.tobytes()) for kind, row in zip(table.kinds.tolist(), own, strict=True)]


def _matched(first: Estimate, second: Estimate) -> Iterable[tuple[int | None, int | None, bool]]:
    """Numbers of matched kernels, and whether they are equal."""
    matcher = SequenceMatcher(None, _signatures(first.table), _signatures(second.table), autojunk=False)
    for what, from_, to, begin, end in matcher.get_opcodes():
        if what == "equal":
            yield from ((one, other, True) for one, other in zip(range(from_, to), range(begin, end), strict=True))
        else:
            yield from _paired(range(from_, to), range(begin, end), first, second)


def _paired(
    gone: Sequence[int], new: Sequence[int], first: Estimate, second: Estimate
) -> Iterable[tuple[int | None, int | None, bool]]:
    """Kernels between two runs of equal ones: of one name, then of one kind, then alone."""
    partner: dict[int, int] = {}
    free = list(new)
    for property_ in ("name", "kind"):
        for one in gone:
            if one in partner:
                continue
            wanted = getattr(first.kernels[one], property_), first.kernels[one].kind
            for other in free:
                found = second.kernels[other]
                if (getattr(found, property_), found.kind) == wanted:
                    partner[one] = other
                    free.remove(other)
                    break
    yield from ((one, partner.get(one), False) for one in gone)
    yield from ((None, other, False) for other in free)


class _Ends(NamedTuple):
    """Sum of some kernels' times and the ends of its interval, seconds."""

    total_s: float
    lower_s: float
    upper_s: float


def _ends(estimate: Estimate, rows: Sequence[int], platform: Platform, model: str | None) -> _Ends | None:
    """The sum of some kernels; None where the ends of its interval are not known."""
    counted = np.zeros(len(estimate.table), dtype=bool)
    counted[list(rows)] = True
    latency_s = np.where(counted, estimate.prices.latency_s, 0.0)
    total_s = float(latency_s.sum())
    if total_s == 0:
        return _Ends(0.0, 0.0, 0.0)
    prices = replace(estimate.prices, latency_s=latency_s)
    bounds = network_bounds(platform, model, estimate.confidence, estimate.table, prices, counted, total_s)
    return None if bounds is None else _Ends(total_s, total_s * math.exp(bounds[0]), total_s * math.exp(bounds[1]))


def _likeness(first: Estimate, second: Estimate, paired: Sequence[tuple[int, int]]) -> float:
    """How alike the kernels of pairs are, from 0 to 1: the smaller of each two times, as a share of the larger ones."""
    times_s = [(first.kernels[left].latency_s, second.kernels[right].latency_s) for left, right in paired]
    larger_s = sum(max(pair) for pair in times_s)
    return sum(min(pair) for pair in times_s) / larger_s if larger_s > 0 else 0.0


def _interval(
    change_s: float, before: Sequence[_Ends | None], after: Sequence[_Ends | None], *, likeness: float
) -> tuple[float, float] | None:
    """The interval of a difference: distances to the ends add in squares, less what the errors of pairs have in common.

    Args:
        change_s: The difference, seconds.
        before: Kernels of the first network that are paired, and that stand alone.
        after: Kernels of the second network, likewise.
        likeness: Correlation of the errors within pairs.
    """
    down = up = 0.0
    for old, new, common in zip(before, after, (likeness, 0.0), strict=True):
        if old is None or new is None:
            return None
        down += _square(new.total_s - new.lower_s, old.upper_s - old.total_s, common)
        up += _square(new.upper_s - new.total_s, old.total_s - old.lower_s, common)
    return change_s - math.sqrt(down), change_s + math.sqrt(up)


def _square(one_s: float, other_s: float, common: float) -> float:
    """Square of the standard deviation of a difference of two correlated variables, from theirs."""
    return max(0.0, one_s**2 + other_s**2 - 2 * common * one_s * other_s)
