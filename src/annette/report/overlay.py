"""Estimates laid over the graph of the file that was estimated: Model Explorer's node data, and what a node is told.

A kernel's time stands at the node that it is built around; the nodes that run inside it take nothing of their own, so
that sums over groups of nodes are right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from annette.estimation import Estimate, KernelEstimate

__all__ = ["node_data_documents", "node_facts"]

_MILLI: Final = 1e3

_GRADIENT: Final = (
    {"stop": 0.0, "bgColor": "#ffffff"},
    {"stop": 0.25, "bgColor": "#fde7c8"},
    {"stop": 1.0, "bgColor": "#e8590c"},
)
"""From white over the palest orange; half of the kernels of a network take less than a quarter of its dearest."""

_BOUNDS: Final = {"compute": "#d0e2ff", "memory": "#ffe3b3", "free": "#eeeeee"}
"""Colours of what bounds a kernel: pale enough for black letters, told apart without red and green."""


def node_data_documents(estimate: Estimate) -> dict[str, dict[str, Any]]:
    """Node data of Model Explorer, one document a quantity, by its name: ``latency_ms``, ``share`` and ``bound``.

    Each is the ``GraphNodeData`` of Model Explorer's package: ``results`` by key, where a key is the name of a node or
    of a tensor that it writes. ONNX nodes are found by the first, those of TFLite by the second, so both are given.

    Args:
        estimate: Of the file that is opened beside it.
    """
    total_s = sum(kernel.latency_s for kernel in estimate.kernels) or 1.0
    title = f"{estimate.network} on {estimate.platform}"
    numbers: dict[str, Callable[[KernelEstimate], float]] = {
        "latency_ms": lambda kernel: kernel.latency_s * _MILLI,
        "share": lambda kernel: kernel.latency_s / total_s,
    }
    documents: dict[str, dict[str, Any]] = {
        name: {
            "name": f"{name}: {title}",
            "results": {key: {"value": quantity(kernel) if heads else 0.0} for kernel, heads, key in _keys(estimate)},
            "gradient": list(_GRADIENT),
        }
        for name, quantity in numbers.items()
    }
    documents["bound"] = {
        "name": f"bound: {title}",
        "results": {
            key: {"value": kernel.bound, "bgColor": _BOUNDS[kernel.bound]} for kernel, _, key in _keys(estimate)
        },
    }
    return documents


def node_facts(estimate: Estimate) -> dict[str, dict[str, str]]:
    """What each node is told of the kernel it runs in, as text, by the names of the tensors that the node writes.

    The keys begin with ``annette.``: ``kernel``, ``kernel_latency_s``, ``kernel_share``, ``kernel_bound``,
    ``kernel_method``, and ``kernel_interval_s`` where the platform states one.
    """
    total_s = sum(kernel.latency_s for kernel in estimate.kernels) or 1.0
    facts: dict[str, dict[str, str]] = {}
    for kernel, mapped in zip(estimate.kernels, estimate.mapped, strict=True):
        told = {
            "annette.kernel": kernel.name,
            "annette.kernel_latency_s": f"{kernel.latency_s:.6g}",
            "annette.kernel_share": f"{kernel.latency_s / total_s:.4g}",
            "annette.kernel_bound": kernel.bound,
            "annette.kernel_method": kernel.method,
        }
        if kernel.interval_s is not None:
            told["annette.kernel_interval_s"] = " to ".join(f"{end_s:.6g}" for end_s in kernel.interval_s)
        facts |= {output: told for layer in mapped.layers for output in layer.outputs}
    return facts


def _keys(estimate: Estimate) -> Iterable[tuple[KernelEstimate, bool, str]]:
    """Each kernel with every name that one of its nodes may be found by, and whether it is the node it is built around.

    A kernel that bears none of its layers' names is built around the first of them.
    """
    for kernel, mapped in zip(estimate.kernels, estimate.mapped, strict=True):
        names = [layer.name for layer in mapped.layers]
        head = kernel.name if kernel.name in names else next(iter(names), None)
        for layer in mapped.layers:
            for key in dict.fromkeys((layer.name, *layer.outputs)):
                yield kernel, layer.name == head, key
