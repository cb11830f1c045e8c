"""What a change of a network is, and what a hint says of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

if TYPE_CHECKING:
    from annette.network import Network

__all__ = ["Change", "Retraining"]

Retraining: TypeAlias = Literal["none", "weights", "whole"]
"""What a change asks of the weights: ``none`` where the network computes what it did (its weights filled up with zeros
or folded), ``weights`` where it can start from the old ones and has to be trained further, ``whole`` where some layers
have weights of a new kind."""


class Change(ABC):
    """One change of a network, described by the names of layers, so that several can be applied one after the other.

    Attributes:
        what: Kind of change, a word.
        retraining: What it asks of the weights.
    """

    what: ClassVar[str]
    retraining: ClassVar[Retraining] = "weights"

    @property
    @abstractmethod
    def title(self) -> str:
        """What is changed, as an imperative."""

    @property
    @abstractmethod
    def reason(self) -> str:
        """What about the network is slow as it is, a phrase."""

    @property
    @abstractmethod
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that it is about."""

    @abstractmethod
    def apply(self, network: Network) -> Network:
        """The changed network, all sizes that depend on the change following it.

        Raises:
            NetworkError: The network does not allow the change.
        """
