"""Narrower numbers: a network quantised as converters do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from annette.advice.changes import Change
from annette.network.quantization import is_quantizable, quantized

if TYPE_CHECKING:
    from annette.network import Network
    from annette.platforms import Platform

__all__ = ["Quantize", "precision_changes"]

_TITLES: Final = {
    "static-uint8": "quantise to 8 bits, activations uint8 with fixed scales",
    "static-int8": "quantise to 8 bits, activations int8 with fixed scales",
    "dynamic": "quantise products to 8 bits, scales found in every run",
}


@dataclass(frozen=True)
class Quantize(Change):
    """The whole network in integers of 8 bits.

    Attributes:
        scheme: How, one of `annette.network.quantization.SCHEMES`.
    """

    what: ClassVar[str] = "precision"

    scheme: str

    @property
    def title(self) -> str:
        """What is changed."""
        return _TITLES[self.scheme]

    @property
    def reason(self) -> str:
        """Why."""
        return "the platform multiplies integers of 8 bits faster than what the network has"

    @property
    def layers(self) -> tuple[str, ...]:
        """No single layers: all of them."""
        return ()

    def apply(self, network: Network) -> Network:
        """The quantised network, under its own name."""
        return quantized(network, self.scheme).replaced(name=network.name)


def precision_changes(network: Network, platform: Platform) -> list[Change]:
    """Ways of quantising that could be tried: none where the platform converts by itself or knows no integers."""
    floats = all(tensor.dtype.is_float for tensor in network.tensors.values() if tensor.constant and tensor.learned)
    if "int8" not in platform.precisions or platform.precision.label == "int8" or not floats:
        return []
    return [Quantize(scheme) for scheme in _TITLES if is_quantizable(network, scheme)]
