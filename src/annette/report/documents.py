"""The plain data behind every output of the command line: what ``--json`` prints and what the tables show.

Each document names its schema and version in ``schema``; the schemas are described in docs/json.md and as JSON Schema
in ``annette/report/schemas``. A field is only ever added within a version; one that changes its meaning or goes makes a
new version.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from annette.network import KINDS, UNSUPPORTED, Category

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.estimation import Estimate, KernelEstimate
    from annette.mapping.kernel import Kernel
    from annette.network import Layer, Network

__all__ = ["comparison_document", "estimate_document", "network_document"]


def estimate_document(estimate: Estimate) -> dict[str, Any]:
    """An estimate as plain data, schema ``annette/estimate/1``."""
    return {
        "schema": "annette/estimate/1",
        "network": estimate.network,
        "platform": estimate.platform,
        "model": estimate.model,
        "batch": estimate.batch,
        "latency_s": estimate.latency_s,
        "latency_is": estimate.latency_is,
        "device_latency_s": estimate.device_latency_s,
        "end_to_end_latency_s": estimate.end_to_end_latency_s,
        "interval_s": _pair(estimate.interval_s),
        "confidence": estimate.confidence,
        "coverage": estimate.coverage.lowest,
        "coverage_ops": estimate.coverage.ops,
        "coverage_kernels": estimate.coverage.kernels,
        "notes": list(estimate.notes),
        "kernels": [_kernel(kernel) for kernel in estimate.kernels],
    }


def comparison_document(network: str, estimates: Sequence[Estimate]) -> dict[str, Any]:
    """One network on several platforms, fastest first, schema ``annette/comparison/1``."""
    ranked = sorted(estimates, key=lambda estimate: estimate.latency_s)
    fastest_s = ranked[0].latency_s
    return {
        "schema": "annette/comparison/1",
        "network": network,
        "platforms": [
            {
                "platform": estimate.platform,
                "model": estimate.model,
                "latency_s": estimate.latency_s,
                "latency_is": estimate.latency_is,
                "device_latency_s": estimate.device_latency_s,
                "end_to_end_latency_s": estimate.end_to_end_latency_s,
                "interval_s": _pair(estimate.interval_s),
                "coverage": estimate.coverage.lowest,
                "times_fastest": estimate.latency_s / fastest_s if fastest_s > 0 else None,
                "heaviest_kernels": [kernel.name for kernel in _heaviest(estimate, 3)],
                "notes": list(estimate.notes),
            }
            for estimate in ranked
        ],
    }


def network_document(network: Network, kernels: Sequence[Kernel] | None = None) -> dict[str, Any]:
    """A network as plain data, schema ``annette/network/1``.

    Args:
        network: What is described.
        kernels: Its kernels under some mapping, if they are to be listed with the rules that formed them.
    """
    document: dict[str, Any] = {
        "schema": "annette/network/1",
        "network": network.name,
        "format": network.source_format,
        "batch": network.batch,
        "inputs": {name: list(network.tensors[name].shape) for name in network.inputs},
        "outputs": {name: list(network.tensors[name].shape) for name in network.outputs},
        "macs": network.macs,
        "ops": network.ops,
        "params": network.parameters,
        "bytes": network.bytes,
        "kinds": dict(sorted(Counter(layer.kind for layer in network.layers).items())),
        "unsupported": sorted(
            {str(layer.attributes.get("operator", "?")) for layer in network.layers if layer.kind == UNSUPPORTED}
        ),
        "notes": list(network.notes),
        "layers": [_layer(layer, network) for layer in network.layers],
    }
    if kernels is not None:
        document["kernels"] = [
            {
                "name": kernel.name,
                "kind": kernel.kind,
                "layers": [layer.name for layer in kernel.layers],
                "rules": list(kernel.rules),
                "free": kernel.free,
                "ops": kernel.ops,
            }
            for kernel in kernels
        ]
    return document


def _heaviest(estimate: Estimate, count: int) -> list[KernelEstimate]:
    return sorted(estimate.kernels, key=lambda kernel: -kernel.latency_s)[:count]


def _pair(interval_s: tuple[float, float] | None) -> list[float] | None:
    return None if interval_s is None else list(interval_s)


def _kernel(kernel: KernelEstimate) -> dict[str, Any]:
    return {
        "name": kernel.name,
        "kind": kernel.kind,
        "layers": list(kernel.layers),
        "rules": list(kernel.rules),
        "latency_s": kernel.latency_s,
        "interval_s": _pair(kernel.interval_s),
        "ops": kernel.ops,
        "bytes": kernel.bytes,
        "bound": kernel.bound,
        "utilisation": kernel.utilisation,
        "method": kernel.method,
        "in_range": kernel.in_range,
    }


def _layer(layer: Layer, network: Network) -> dict[str, Any]:
    workload = layer.workload
    dimensions = workload.dimensions._asdict()
    if KINDS[layer.kind].category in (Category.VIEW, Category.OPAQUE):
        dimensions = {}
    return {
        "name": layer.name,
        "kind": layer.kind,
        "inputs": [_shape(tensor, network) for tensor in network.activations[layer.name]],
        "outputs": [_shape(tensor, network) for tensor in layer.outputs],
        "macs": workload.macs,
        "ops": workload.ops,
        "params": sum(
            network.tensors[tensor].elements for tensor in set(layer.inputs) if network.tensors[tensor].constant
        ),
        "bytes": workload.bytes,
        "dimensions": {name: size for name, size in dimensions.items() if size != 1},
        "attributes": {
            key: list(value) if isinstance(value, tuple) else value for key, value in layer.attributes.items()
        },
    }


def _shape(tensor: str, network: Network) -> dict[str, Any]:
    described = network.tensors[tensor]
    return {"name": tensor, "shape": list(described.shape), "dtype": described.dtype.label}
