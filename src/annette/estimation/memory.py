"""Memory of an estimated run: activations at the peak, constants, and where each figure comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from annette.devices.registry import find
from annette.mapping.memory import plan_by_liveness, width_of
from annette.network import UNSUPPORTED
from annette.network.loop import BRANCH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.mapping.kernel import Kernel, KernelTable
    from annette.mapping.memory import MemoryPlan, MemoryPlanner
    from annette.network import Network
    from annette.platforms import Platform

__all__ = ["Memory", "memory_of"]


@dataclass(frozen=True, slots=True)
class Memory:
    """What a run of a network needs of memory on a platform.

    Attributes:
        peak_activation_bytes: Activations, and what kernels need beside, that are alive at once at the most; None where
            that is not known.
        peak_kernel: Name of the kernel at which that is so; None where it is not known.
        weights_bytes: All constants, each once, at the platform's precision, as they stand in the network: neither
            compressed nor packed.
        allocated_bytes: What the compiler or runtime takes for the activations at its peak, with what its allocator
            adds; None where that is not known.
        by_memory: ``allocated_bytes`` by the memories that they lie in, by name; empty where that is not known.
        alive_bytes: Bytes alive at each kernel, in the order of the estimate's kernels; empty where not known.
        inputs: Whether the network's inputs are among them; else the caller holds these elsewhere.
        method: ``vela`` or ``onnxruntime`` where the plan of that compiler or runtime was reproduced; ``liveness``
            where whole tensors from their first to their last use were added up, which is what any needs at least that
            does not cut them; ``unavailable`` where nothing is known.
        reason: Why something is not known; empty where all is.
    """

    peak_activation_bytes: int | None
    peak_kernel: str | None
    weights_bytes: int
    allocated_bytes: int | None = None
    by_memory: Mapping[str, int] = field(default_factory=dict)
    alive_bytes: tuple[int, ...] = ()
    inputs: bool = True
    method: str = "unavailable"
    reason: str = ""


def memory_of(basis: tuple[Network, Platform] | None, kernels: Sequence[Kernel], table: KernelTable) -> Memory:
    """The memory of a run.

    Args:
        basis: What runs, and where; None where that is not at hand.
        kernels: Its kernels, in order of execution.
        table: The same as numbers.
    """
    weights_bytes = int(table["network_weight_bytes"].max(initial=0.0))
    reason = _reason_against(basis, kernels)
    if basis is None or reason:
        return Memory(None, None, weights_bytes, reason=reason)
    network, platform = basis
    plan = _planned(network, platform, kernels)
    reason = ""
    if plan is None:
        plan = plan_by_liveness(network, kernels, width_of(network, platform.precision))
        reason = f"what {platform.runtime or 'the runtime'} allocates for it is not known"
    peak = max(range(len(kernels)), key=plan.alive_bytes.__getitem__)
    return Memory(
        peak_activation_bytes=plan.alive_bytes[peak],
        peak_kernel=kernels[peak].name,
        weights_bytes=weights_bytes,
        allocated_bytes=plan.allocated_bytes,
        by_memory=plan.by_memory,
        alive_bytes=plan.alive_bytes,
        inputs=plan.inputs,
        method=plan.method,
        reason=reason,
    )


def _reason_against(basis: tuple[Network, Platform] | None, kernels: Sequence[Kernel]) -> str:
    """Why nothing can be said of the activations; empty where it can."""
    if basis is None or not kernels:
        return "the network that was estimated is not at hand"
    unknown = next((layer for kernel in kernels for layer in kernel.layers if layer.kind == UNSUPPORTED), None)
    if unknown is not None:
        return f"layer {unknown.name!r} is an operator that is not known, and so is what it needs"
    if any(loop.operator != BRANCH for loop in basis[0].loops):
        return "rounds of a loop are layers one after the other here, but share their memory where they run"
    return ""


def _planned(network: Network, platform: Platform, kernels: Sequence[Kernel]) -> MemoryPlan | None:
    runtime = platform.runtime.split(maxsplit=1)
    planner: MemoryPlanner | None = find("memory", runtime[0].lower()) if runtime else None
    return None if planner is None else planner(platform.mapping, platform.precision, network, kernels)
