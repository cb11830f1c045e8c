"""Spaces that one worker of a cluster has compiled, as the bytes that the others take them from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from annette.documents import Document
from annette.errors import AnnetteError
from annette.spaces.compiled import CompiledSpace, CompiledState
from annette.spaces.full_road import FullRoad

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annette.platforms import Platform
    from annette.spaces.full_road import SpacePrices
    from annette.spaces.space import SearchSpace

__all__ = ["Prepared", "prepared", "prices_received"]


class _SentPrices(Document, frozen=True):
    """What prices candidates on a platform.

    Attributes:
        compiled: The compiled space; None where each candidate is built, mapped and priced.
        reason: Why it is not compiled.
        compile_s: What finding that out took, seconds.
    """

    compiled: CompiledState | None = None
    reason: str = ""
    compile_s: float = 0.0


class Prepared(Document, frozen=True):
    """What a worker has prepared for all.

    Attributes:
        shared: What it was asked for, as all calls have in common.
        prices: What prices candidates, on each platform.
        error: Why there are none, with the name of the error's class; empty where there are.
    """

    shared: bytes
    prices: tuple[_SentPrices, ...] = ()
    error: str = ""


def prepared(shared: bytes, prices: Callable[[bytes], Sequence[SpacePrices]]) -> bytes:
    """Prepares what all calls need.

    Args:
        shared: What was asked for.
        prices: Makes what prices candidates of it.

    Returns:
        A `Prepared` as MessagePack, whatever happens.
    """
    try:
        made = Prepared(shared, tuple(map(_as_sent, prices(shared))))
    except (AnnetteError, msgspec.DecodeError) as error:
        made = Prepared(shared, error=f"{type(error).__name__}: {error}")
    return msgspec.msgpack.encode(made)


def _as_sent(prices: SpacePrices) -> _SentPrices:
    if isinstance(prices, CompiledSpace) and prices.compiled:
        return _SentPrices(prices.state())
    return _SentPrices(None, prices.reason, prices.compile_s)


def prices_received(
    made: Prepared, space: SearchSpace, platforms: Sequence[Platform], family: str | None, fallback: str
) -> list[SpacePrices]:
    """What prices candidates, as another worker has prepared it.

    Args:
        made: What that was.
        space: The space.
        platforms: The platforms, in the order there.
        family: Model family; None takes the platforms' preference per kind.
        fallback: ``error`` or ``roofline``.

    Raises:
        ValueError: The parts do not fit each other.
    """
    found: list[SpacePrices] = []
    for platform, sent in zip(platforms, made.prices, strict=True):
        if sent.compiled is None:
            found.append(FullRoad(space, platform, family, fallback, sent.compile_s, sent.reason))
        else:
            found.append(CompiledSpace.resumed(sent.compiled, space, platform, family, fallback))
    return found
