"""Several changes of one kind as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annette.advice.changes import Change
from annette.errors import NetworkError

if TYPE_CHECKING:
    from annette.advice.changes import Retraining
    from annette.network import Network

__all__ = ["Together"]

_ORDER: tuple[Retraining, ...] = ("none", "weights", "whole")


@dataclass(frozen=True)
class Together(Change):
    """Changes of one kind, applied one after the other; those that do not fit what others made are left out.

    Attributes:
        changes: At least two changes, the one that saves most first.
    """

    changes: tuple[Change, ...]

    @property
    def what(self) -> str:  # type: ignore[override]
        """Their kind."""
        return self.changes[0].what

    @property
    def retraining(self) -> Retraining:  # type: ignore[override]
        """The most that any of them asks for."""
        return max((change.retraining for change in self.changes), key=_ORDER.index)

    @property
    def title(self) -> str:
        """What is changed."""
        return f"all {len(self.changes)} hints of kind {self.what!r} together"

    @property
    def reason(self) -> str:
        """Why."""
        return f"the heaviest of them: {self.changes[0].title}"

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers of all of them."""
        return tuple(dict.fromkeys(layer for change in self.changes for layer in change.layers))

    def apply(self, network: Network) -> Network:
        """The network with all of them that fit."""
        for place, change in enumerate(self.changes):
            try:
                network = change.apply(network)
            except NetworkError:
                if not place:
                    raise
        return network
