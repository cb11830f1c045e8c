"""Advice on a network: changes tried one by one, each priced on the changed network."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from annette.advice.activations import ReplaceActivation, activation_changes
from annette.advice.branches import branch_changes
from annette.advice.norms import norm_changes
from annette.advice.precision import precision_changes
from annette.advice.reasons import added_copies, why_apart
from annette.advice.together import Together
from annette.advice.transposes import transpose_changes
from annette.advice.widths import widenings
from annette.advice.windows import window_changes
from annette.errors import AnnetteError, NetworkError, OptionError
from annette.estimation.difference import Difference, compare_estimates
from annette.estimation.estimator import as_loaded, check_options, estimate_network
from annette.platforms import Platform, load_platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from annette.advice.changes import Change
    from annette.estimation.estimate import Estimate
    from annette.network import Layer, Network
    from annette.network.inputs import Given

__all__ = ["Advice", "Hint", "Refusal", "advise"]

_HEAVY: Final = 0.003
"""Share of the time from which a kernel is looked at."""
_LEAST: Final = 0.005
"""Share of the latency that a change has to save at least."""
_NOT_CANCELLED: Final = 0.25
"""Share of a whole network's error that a small change may bring, beyond the interval of the difference."""
_MOST_LOOKED_AT: Final = 120
"""Kernels that are looked at at most, the heaviest first."""
_NOT_TOGETHER: Final = ("activation", "precision")
"""Kinds of change of which one is for the whole network anyway."""


@dataclass(frozen=True, eq=False)
class Hint:
    """A change that makes the network faster.

    Attributes:
        change: The change.
        difference: What the changed network takes less: its estimate, kernel by kernel, and the interval.
        network: The changed network.
    """

    change: Change
    difference: Difference
    network: Network

    @property
    def gain_s(self) -> float:
        """Time saved, seconds."""
        return -self.difference.change_s

    @property
    def interval_s(self) -> tuple[float, float] | None:
        """Lower and upper end of ``gain_s`` at the advice's confidence, or None where the platform knows no errors."""
        ends = self.difference.interval_s
        return None if ends is None else (-ends[1], -ends[0])

    @property
    def gain(self) -> float:
        """Time saved as a share of the network's latency."""
        return self.gain_s / self.difference.before.latency_s


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that the network does not allow.

    Attributes:
        what: The change.
        reason: Why it is not possible.
    """

    what: str
    reason: str


@dataclass(frozen=True, eq=False)
class Advice:
    """What makes a network faster on a platform.

    Attributes:
        network: The network that was looked at.
        platform: Where.
        estimate: Its estimate as it is.
        hints: Changes that make it faster, the largest gain first; each is of the network as it is, so that gains of
            several do not add up where they concern the same kernels.
        refused: Changes that would have been tried, and what in the network forbids them.
        tried: How many changes were estimated.
        uncertain: How many of them promise a gain that the platform's errors do not warrant.
        model: Model family that was asked for, or None.
        fallback: What was done with kinds of kernel that the platform has no model for.
    """

    network: Network
    platform: Platform
    estimate: Estimate
    hints: tuple[Hint, ...]
    refused: tuple[Refusal, ...]
    tried: int
    uncertain: int
    model: str | None = None
    fallback: str = "error"

    def difference(self, changed: Network) -> Difference:
        """What a changed network takes more or less than the network as it is.

        Raises:
            AnnetteError: The platform has no estimate of it.
        """
        after = estimate_network(
            changed, self.platform, model=self.model, fallback=self.fallback, confidence=self.estimate.confidence
        )
        return compare_estimates(self.estimate, after, self.platform, model=self.model)

    def apply(self, numbers: Sequence[int]) -> Network:
        """The network with some hints applied, one after the other.

        Args:
            numbers: Which of ``hints``, counted from 1.

        Raises:
            OptionError: There is no such hint, or one is named twice.
            NetworkError: A hint does not fit what another one has made of the network.
        """
        network = self.network
        for place, number in enumerate(numbers):
            if not 1 <= number <= len(self.hints):
                known = f"1 to {len(self.hints)}" if self.hints else "none"
                raise OptionError(f"there is no hint {number} for network {self.network.name!r}: choose from {known}")
            if number in numbers[:place]:
                raise OptionError(f"hint {number} is named twice")
            try:
                network = self.hints[number - 1].change.apply(network)
            except NetworkError as error:
                raise NetworkError(f"hint {number} cannot be applied after the others: {error}") from error
        return network

    def write(self, numbers: Sequence[int], path: str | Path) -> Network:
        """Writes the network with some hints applied as ONNX, with random weights.

        Args:
            numbers: Which of ``hints``, as for `apply`.
            path: Where to.

        Returns:
            The changed network.

        Raises:
            OptionError: There is no such hint, or one is named twice.
            NetworkError: The changed network cannot be written, or a hint does not fit the others.
        """
        from annette.network.writers.onnx import write_onnx  # noqa: PLC0415 - advice alone does not need onnx

        changed = self.apply(numbers)
        if changed.channels_last:
            raise NetworkError(
                f"network {changed.name!r} has feature maps with channels last, which ONNX does not: it is not written"
            )
        write_onnx(changed, path)
        return changed


def advise(
    network: Network | str | Path,
    platform: Platform | str | Path,
    *,
    model: str | None = None,
    batch: int | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
    fallback: str = "error",
    confidence: float = 0.9,
    least: float | None = None,
) -> Advice:
    """Finds changes that make a network faster on a platform, and says how much.

    Every change is applied to the network, with all sizes that follow from it, and the changed network is estimated.
    What is kept has a gain of at least ``least`` whose sign is certain at ``confidence``. Shapes are only changed to
    such with as many operations or more, which can compute what the network computed.

    Args:
        network: A loaded network, a network file, or the name of a network of the zoo.
        platform: A loaded platform, a platform file, or the name of a known platform.
        model: Model family; None takes the platform's preference per kind.
        batch: Samples processed together; only for a network that is not loaded yet.
        inputs: Shapes and values of inputs (`annette.load_network`); only for a network that is not loaded yet.
        lenient: Whether an invalid ONNX file is priced nevertheless (`annette.load_network`); as above.
        fallback: ``error`` refuses kinds that the platform has no model for, ``roofline`` prices them roughly.
        confidence: Probability, between 0 and 1, that the intervals are meant to hold with.
        least: Share of the latency that a change has to save, from 0 to 1; None asks for 0.005, or for more where the
            platform's estimates of whole networks are less certain (a quarter of half their interval).

    Raises:
        AnnetteError: The network or the platform cannot be used, as for `annette.estimate`.
        OptionError: An argument is out of its range.

    Example:
        >>> import annette
        >>> advice = annette.advise("mobilenet_v2", "ethos-u55-128")
        >>> advice.hints[0].gain_s > 0
        True
    """
    if least is not None and not 0 <= least < 1:
        raise OptionError(f"the least gain, {least}, is not a share between 0 and 1")
    loaded = as_loaded(network, batch=batch, inputs=inputs, lenient=lenient)
    target = platform if isinstance(platform, Platform) else load_platform(platform)
    check_options(target, model, fallback, confidence)
    plain = loaded.replaced(branches=(), variants=(), extremes=())
    return _Search(plain, target, model, fallback, confidence, least).run()


class _Search:
    """All changes of one network, tried one by one."""

    def __init__(
        self,
        network: Network,
        platform: Platform,
        model: str | None,
        fallback: str,
        confidence: float,
        least: float | None,
    ) -> None:
        self.network = network
        self.platform = platform
        self.model = model
        self.fallback = fallback
        self.confidence = confidence
        self._least = least
        self.refused: dict[str, str] = {}
        self.tried = 0

    def run(self) -> Advice:
        """The advice."""
        found = self._all_tried(self._changes())
        singles = [
            change for hint in found if isinstance(hint.change, ReplaceActivation) for change in hint.change.singly()
        ]
        found = _best_of_each([*found, *self._all_tried(singles)])
        found += self._all_tried(_together(found))
        worth = [hint for hint in found if hint.gain >= self.least]
        certain = [hint for hint in worth if hint.difference.certain]
        return Advice(
            network=self.network,
            platform=self.platform,
            estimate=self.estimate,
            hints=tuple(sorted(certain, key=lambda hint: -hint.gain_s)),
            refused=tuple(Refusal(what, reason) for what, reason in self.refused.items()),
            tried=self.tried,
            uncertain=len(worth) - len(certain),
            model=self.model,
            fallback=self.fallback,
        )

    @cached_property
    def estimate(self) -> Estimate:
        """Of the network as it is."""
        return self._estimated(self.network)

    @cached_property
    def least(self) -> float:
        """Share of the latency that a change has to save."""
        if self._least is not None:
            return self._least
        ends = self.estimate.interval_s
        half = 0.0 if ends is None else (ends[1] - ends[0]) / 2 / self.estimate.latency_s
        return max(_LEAST, _NOT_CANCELLED * half)

    def _estimated(self, network: Network) -> Estimate:
        return estimate_network(
            network, self.platform, model=self.model, fallback=self.fallback, confidence=self.confidence
        )

    def _changes(self) -> list[Change]:
        """Everything that is tried."""
        network, kernels = self.network, self.estimate.mapped
        layers = self._heavy()
        names = {layer.name for layer in layers}
        apart = why_apart(network, kernels, self.platform.mapping)
        self.refused |= added_copies(network, self.estimate)
        told = {name: reason for name, reason in apart.items() if name in names}
        return [
            *widenings(network, layers, self.refused),
            *window_changes(network, layers),
            *branch_changes(network, layers),
            *activation_changes(network, kernels, told),
            *norm_changes(network, layers, told),
            *transpose_changes(network, layers),
            *precision_changes(network, self.platform),
        ]

    def _heavy(self) -> list[Layer]:
        """Layers of the kernels that matter, the heaviest first."""
        latency_s = self.estimate.prices.latency_s
        known = self.network.layers_by_name
        layers: dict[str, Layer] = {}
        for row in latency_s.argsort()[::-1][:_MOST_LOOKED_AT]:
            if latency_s[row] < _HEAVY * self.estimate.latency_s:
                break
            kernel = self.estimate.mapped[row]
            layers |= {layer.name: known[layer.name] for layer in kernel.layers if layer.name in known}
        return list(layers.values())

    def _all_tried(self, changes: Iterable[Change]) -> list[Hint]:
        return [hint for change in changes if (hint := self._tried(change)) is not None]

    def _tried(self, change: Change) -> Hint | None:
        """A change as a hint where it saves enough."""
        try:
            network = change.apply(self.network)
        except NetworkError as error:
            self.refused.setdefault(change.title, str(error))
            return None
        self.tried += 1
        after: Estimate | None = None
        with suppress(AnnetteError):  # The platform has no model for a kernel of the changed network.
            after = self._estimated(network)
        least = min(_LEAST, self.least)  # Small gains may be worth it together.
        if after is None or self.estimate.latency_s - after.latency_s < least * self.estimate.latency_s:
            return None
        return Hint(change, compare_estimates(self.estimate, after, self.platform, model=self.model), network)


def _best_of_each(hints: Sequence[Hint]) -> list[Hint]:
    """Of several changes of one kind at one place, the one that saves most."""
    best: dict[tuple[str, tuple[str, ...]], Hint] = {}
    for hint in hints:
        place = (hint.change.what, hint.change.layers)
        if place not in best or hint.gain_s > best[place].gain_s:
            best[place] = hint
    return list(best.values())


def _together(hints: Sequence[Hint]) -> list[Change]:
    """For each kind of change that several places warrant, all of them as one."""
    by_kind: dict[str, list[Hint]] = {}
    for hint in sorted(hints, key=lambda hint: -hint.gain_s):
        by_kind.setdefault(hint.change.what, []).append(hint)
    several = {what: group for what, group in by_kind.items() if len(group) > 1 and what not in _NOT_TOGETHER}
    return [Together(tuple(hint.change for hint in group)) for group in several.values()]
