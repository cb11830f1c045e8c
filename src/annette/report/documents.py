"""The plain data behind every output of the command line: what ``--json`` prints and what the tables show.

Each document names its schema and version in ``schema``. What it holds is defined in `annette.report.schemas`, from
which docs/json.md and the JSON Schemas (`annette.report.schema`) are made.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from annette.network import KINDS, UNSUPPORTED, Category
from annette.report.schemas.base import part
from annette.report.schemas.estimates import (
    ComparedPlatform,
    ComparisonDocument,
    EstimateDocument,
    KernelPart,
    LayerPart,
    MappedKernel,
    NetworkDocument,
    TensorPart,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.estimation import Estimate, KernelEstimate
    from annette.mapping.kernel import Kernel
    from annette.network import Layer, Network

__all__ = ["comparison_document", "estimate_document", "network_document"]


def estimate_document(estimate: Estimate) -> dict[str, Any]:
    """An estimate as plain data, schema ``annette/estimate/1``."""
    return part(
        EstimateDocument,
        estimate,
        coverage=estimate.coverage.lowest,
        coverage_ops=estimate.coverage.ops,
        coverage_kernels=estimate.coverage.kernels,
        kernels=[part(KernelPart, kernel) for kernel in estimate.kernels],
    ).plain()


def comparison_document(network: str, estimates: Sequence[Estimate]) -> dict[str, Any]:
    """One network on several platforms, fastest first, schema ``annette/comparison/1``."""
    ranked = sorted(estimates, key=lambda estimate: estimate.latency_s)
    fastest_s = ranked[0].latency_s
    compared = [
        part(
            ComparedPlatform,
            estimate,
            coverage=estimate.coverage.lowest,
            times_fastest=estimate.latency_s / fastest_s if fastest_s > 0 else None,
            heaviest_kernels=[kernel.name for kernel in _heaviest(estimate, 3)],
        )
        for estimate in ranked
    ]
    return ComparisonDocument(network, compared).plain()


def network_document(network: Network, kernels: Sequence[Kernel] | None = None) -> dict[str, Any]:
    """A network as plain data, schema ``annette/network/1``.

    Args:
        network: What is described.
        kernels: Its kernels under some mapping, if they are to be listed with the rules that formed them.
    """
    unsupported = {str(layer.attributes.get("operator", "?")) for layer in network.layers if layer.kind == UNSUPPORTED}
    return part(
        NetworkDocument,
        network,
        network=network.name,
        format=network.source_format,
        inputs={name: list(network.tensors[name].shape) for name in network.inputs},
        outputs={name: list(network.tensors[name].shape) for name in network.outputs},
        params=network.parameters,
        kinds=dict(sorted(Counter(layer.kind for layer in network.layers).items())),
        unsupported=sorted(unsupported),
        layers=[_layer(layer, network) for layer in network.layers],
        kernels=UNSET if kernels is None else [_kernel(kernel) for kernel in kernels],
    ).plain()


def _heaviest(estimate: Estimate, count: int) -> list[KernelEstimate]:
    return sorted(estimate.kernels, key=lambda kernel: -kernel.latency_s)[:count]


def _kernel(kernel: Kernel) -> MappedKernel:
    return part(MappedKernel, kernel, layers=[layer.name for layer in kernel.layers])


def _layer(layer: Layer, network: Network) -> LayerPart:
    workload = layer.workload
    dimensions = workload.dimensions._asdict()
    if KINDS[layer.kind].category in (Category.VIEW, Category.OPAQUE):
        dimensions = {}
    return part(
        LayerPart,
        workload,
        name=layer.name,
        kind=layer.kind,
        inputs=[_tensor(tensor, network) for tensor in network.activations[layer.name]],
        outputs=[_tensor(tensor, network) for tensor in layer.outputs],
        params=sum(
            network.tensors[tensor].elements for tensor in set(layer.inputs) if network.tensors[tensor].constant
        ),
        dimensions={name: size for name, size in dimensions.items() if size != 1},
        attributes={key: list(value) if isinstance(value, tuple) else value for key, value in layer.attributes.items()},
    )


def _tensor(name: str, network: Network) -> TensorPart:
    described = network.tensors[name]
    return TensorPart(name, list(described.shape), described.dtype.label)
