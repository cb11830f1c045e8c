"""How long a case will take, guessed before anything is known about the device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from annette.bench.records import Purpose
    from annette.bench.settings import Settings
    from annette.network import Network

__all__ = ["expected_compilation_s", "expected_s"]

_OPS_PER_S: Final = 65e9
_BYTES_PER_S: Final = 10e9
_LAYER_S: Final = 3e-6
_CASE_S: Final = 0.019
_WEIGHT_BYTES_PER_S: Final = 4e8
"""Weights are drawn, written, read and packed twice."""
_FLUSH_BYTES_PER_S: Final = 8e9
_BUSY_OPS_PER_S: Final = 100e9
"""Of the reference workload, whose speed sets how long a wait is."""
_COMPILATION_S: Final = 0.03
_COMPILED_LAYER_S: Final = 0.005
_COMPILED_WEIGHTS_PER_S: Final = 3e6
"""Of a compiler that encodes weights, as those of integer accelerators do."""


def expected_s(
    network: Network, purpose: Purpose, settings: Settings, evicted_bytes: int = 0, evicted_ops: int = 0
) -> float:
    """Device time of a whole measurement, for one core of a current processor.

    Args:
        network: What is measured.
        purpose: Why.
        settings: How.
        evicted_bytes: Memory touched before each run.
        evicted_ops: Operations whose time passes before each run.
    """
    one_s = sum(
        max(layer.workload.ops / _OPS_PER_S, layer.workload.bytes / _BYTES_PER_S) + _LAYER_S for layer in network.layers
    )
    plain, profiled = settings.runs(one_s, purpose, evicted=evicted_bytes > 0)
    runs = settings.warmup + plain + profiled
    flush_s = max(evicted_bytes / _FLUSH_BYTES_PER_S, evicted_ops / _BUSY_OPS_PER_S)
    weight_bytes = sum(layer.workload.weight_bytes for layer in network.layers)
    return _CASE_S + weight_bytes / _WEIGHT_BYTES_PER_S + runs * one_s + (plain + profiled) * flush_s


def expected_compilation_s(network: Network) -> float:
    """Time that a compiler takes which estimates instead of running.

    Args:
        network: What is compiled.
    """
    weights = sum(layer.workload.weight_elements for layer in network.layers)
    return _COMPILATION_S + _COMPILED_LAYER_S * len(network.layers) + weights / _COMPILED_WEIGHTS_PER_S
