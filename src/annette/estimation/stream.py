"""Networks one after the other, priced in groups: what `annette.estimate_many` does in one process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

from annette.errors import AnnetteError
from annette.estimation.estimator import as_loaded, estimate_network, prepare
from annette.network import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from annette.estimation.estimate import Estimate
    from annette.platforms import Platform

__all__ = ["Estimated", "estimated_here"]

_T = TypeVar("_T")

_MOST_NETWORKS: Final = 16
_MOST_LAYERS: Final = 20_000
"""Networks, or layers of them, that are priced together: beyond that the cost of asking the models hardly falls, and
Python's garbage collector begins to look at them while they wait."""


@dataclass(frozen=True, slots=True)
class Estimated(Generic[_T]):
    """What became of one of many networks.

    Attributes:
        number: Its place among all that were given, from 0.
        network: What it was given as: a file, the name of a network of the zoo, or the name of a loaded network.
        value: Its `annette.Estimate`, or what ``keep`` made of it; None where there is none.
        error: Why there is none.
    """

    number: int
    network: str
    value: _T | None
    error: AnnetteError | None = None

    def get(self) -> _T:
        """The value.

        Raises:
            AnnetteError: There is none.
        """
        if self.error is not None:
            raise self.error
        value: Any = self.value  # `keep` may make None of an estimate.
        return value  # type: ignore[no-any-return]  # see above


def estimated_here(
    networks: Iterable[tuple[int, Network | str | Path]],
    platform: Platform,
    how: Mapping[str, Any],
    reading: Mapping[str, Any],
    keep: Callable[[Estimate], _T],
) -> Iterator[Estimated[_T]]:
    """What `estimate_many` gives, in this process.

    Args:
        networks: Networks with their numbers.
        platform: Where.
        how: Arguments of `annette.estimation.estimate_network`.
        reading: How networks that are not loaded are read.
        keep: What is kept of each estimate.
    """
    for group in _groups(networks, reading):
        prepare([network for _, _, network in group if isinstance(network, Network)], platform, **how)
        group.reverse()
        while group:  # Networks go as they are done, before others are read.
            number, name, network = group.pop()
            yield _estimated(number, name, network, platform, how, keep)
            del network


def _estimated(
    number: int,
    name: str,
    network: Network | AnnetteError,
    platform: Platform,
    how: Mapping[str, Any],
    keep: Callable[[Estimate], _T],
) -> Estimated[_T]:
    if isinstance(network, AnnetteError):
        return Estimated(number, name, None, network)
    try:
        return Estimated(number, name, keep(estimate_network(network, platform, **how)))
    except AnnetteError as error:
        return Estimated(number, name, None, error)


_Loaded: TypeAlias = "tuple[int, str, Network | AnnetteError]"


def _groups(
    networks: Iterable[tuple[int, Network | str | Path]], reading: Mapping[str, Any]
) -> Iterator[list[_Loaded]]:
    """Networks as they are needed: so many that pricing them together pays, and no more."""
    group: list[_Loaded] = []
    layers = 0
    for number, source in networks:
        name = source.name if isinstance(source, Network) else str(source)
        group.append((number, name, _loaded(source, reading)))
        layers += _layers_of(group[-1][2])
        if len(group) >= _MOST_NETWORKS or layers >= _MOST_LAYERS:
            yield group
            group, layers = [], 0
    yield group


def _loaded(source: Network | str | Path, reading: Mapping[str, Any]) -> Network | AnnetteError:
    try:
        return as_loaded(source, **reading)
    except AnnetteError as error:
        return error


def _layers_of(network: Network | AnnetteError) -> int:
    return len(network.layers) if isinstance(network, Network) else 0
