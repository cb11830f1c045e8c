"""How long a case will take, guessed before anything is known about the device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from annette.bench.records import Purpose
    from annette.bench.settings import Settings
    from annette.network import Network

__all__ = ["expected_s"]

_OPS_PER_S: Final = 40e9
_BYTES_PER_S: Final = 6e9
_LAYER_S: Final = 4e-6
_CASE_S: Final = 0.03
_WEIGHT_BYTES_PER_S: Final = 4e8
"""Weights are drawn, written, read and packed twice."""
_FLUSH_BYTES_PER_S: Final = 8e9


def expected_s(network: Network, purpose: Purpose, settings: Settings, evicted_bytes: int = 0) -> float:
    """Device time of a whole measurement, for one core of a current processor.

    Args:
        network: What is measured.
        purpose: Why.
        settings: How.
        evicted_bytes: Memory touched before each run.
    """
    one_s = sum(
        max(layer.workload.ops / _OPS_PER_S, layer.workload.bytes / _BYTES_PER_S) + _LAYER_S for layer in network.layers
    )
    plain, profiled = settings.runs(one_s, purpose, evicted=evicted_bytes > 0)
    runs = settings.warmup + plain + profiled
    flush_s = evicted_bytes / _FLUSH_BYTES_PER_S
    weight_bytes = sum(layer.workload.weight_bytes for layer in network.layers)
    return _CASE_S + weight_bytes / _WEIGHT_BYTES_PER_S + runs * one_s + (plain + profiled) * flush_s
