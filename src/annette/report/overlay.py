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
    A node that was read as several layers, an operator of TFLite with its activation, has what they have together.

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
            "results": {key: {"value": value} for key, value in _sums(estimate, quantity).items()},
            "gradient": list(_GRADIENT),
        }
        for name, quantity in numbers.items()
    }
    documents["bound"] = {
        "name": f"bound: {title}",
        "results": {
            key: {"value": kernel.bound, "bgColor": _BOUNDS[kernel.bound]}
            for kernel, _, key in sorted(
                _keys(estimate), key=lambda found: found[1]
            )  # What a kernel is built around last.
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


def _sums(estimate: Estimate, quantity: Callable[[KernelEstimate], float]) -> dict[str, float]:
    """A quantity by the keys of nodes: that of the kernels which are built around a layer of the node."""
    sums: dict[str, float] = {}
    for kernel, heads, key in _keys(estimate):
        sums[key] = sums.get(key, 0.0) + (quantity(kernel) if heads else 0.0)
    return sums


def _keys(estimate: Estimate) -> Iterable[tuple[KernelEstimate, bool, str]]:
    """Each kernel with every name that one of its nodes may be found by, and whether it is the node it is built around.

    A kernel that bears none of its layers' names is built around the first of them.
    """
    written = {output for mapped in estimate.mapped for layer in mapped.layers for output in layer.outputs}
    for kernel, mapped in zip(estimate.kernels, estimate.mapped, strict=True):
        names = [layer.name for layer in mapped.layers]
        head = kernel.name if kernel.name in names else next(iter(names), None)
        for layer in mapped.layers:
            tensors = (_in_the_file(output, written) for output in layer.outputs)
            for key in dict.fromkeys((layer.name, *tensors)):
                yield kernel, layer.name == head, key


def _in_the_file(tensor: str, written: set[str]) -> str:
    """The tensor of the file's node that a layer's tensor is inside of: readers name what they put in between by it."""
    outer = tensor.rpartition(":")[0]
    return outer if outer in written else tensor
