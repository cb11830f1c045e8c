"""One kernel: layers that run as one, its numbers, and what they follow from."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from annette.frozen import quick
from annette.mapping.masks import NO_MASK, mask_behind, mask_of
from annette.network import kinds_in
from annette.network.kinds import Category

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from annette.mapping.access import Access
    from annette.mapping.precision import Precision
    from annette.network import Layer, Network
    from annette.network.layer import Workload

__all__ = ["ACTIVATION_CODES", "KIND_OF", "Kernel", "described_by", "revised", "row_of", "workloads_of"]

_CODED_FIRST: Final = (
    "celu", "clip", "elu", "gelu", "hard_sigmoid", "hard_swish", "leaky_relu", "mish", "prelu", "relu", "selu",
    "sigmoid", "silu", "softplus", "softsign", "tanh", "thresholded_relu",
)  # fmt: skip
"""Activations in the order of their codes, which the forests of shipped platforms hold: this order never changes."""

ACTIVATION_CODES: Final[Mapping[str, int]] = {
    kind: code
    for code, kind in enumerate(
        (*_CODED_FIRST, *sorted(kinds_in(Category.ACTIVATION).difference(_CODED_FIRST))), start=1
    )
}
"""Code of a fused activation in the ``activation`` column; 0 is none."""

_CONVERSIONS: Final = frozenset({"quantize", "dequantize"})
_MASKED: Final = frozenset({"softmax", "matmul"})
"""Kinds whose ``masked`` depends on the layers around them."""
_NO_CONTEXT: Final[Mapping[str, float]] = MappingProxyType({})


@quick
@dataclass(frozen=True, slots=True)
class Kernel:
    """Layers that run as one.

    Attributes:
        name: The anchor's name.
        kind: Kind of kernel, the key of the layer models: the anchor's kind unless a rule gives another.
        anchor: The layer whose dimensions describe the kernel.
        layers: All layers, in topological order; none in a copy that the runtime adds.
        inputs: Activations read from outside, each once.
        outputs: Activations written for the outside.
        rules: Names of the mapping rules that formed it, in the order of use.
        free: Whether a rule says that the platform does nothing for it (a view).
        followers: What runs along with the anchor, a recognised subgraph (a decomposed GELU, …) as one layer of its
            kind; None stands for all layers but the anchor.
        blocked: Whether it runs in a blocked layout (`annette.mapping.layout`).
        context: Numbers that follow from the kernels around it, by name without ``context:``; see
            `annette.mapping.context`.
        precision: What it computes with where that is not what its tensors say: ``fp32`` where the runtime converts
            narrower tensors for it; None where it follows from them.
        access: How it walks through memory where its tensors have other shapes than in the network; None where that
            follows from them.
    """

    name: str
    kind: str
    anchor: Layer
    layers: tuple[Layer, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    rules: tuple[str, ...] = ()
    free: bool = False
    followers: tuple[Layer, ...] | None = None
    blocked: bool = False
    context: Mapping[str, float] = field(default_factory=lambda: _NO_CONTEXT)
    precision: str | None = None
    access: Access | None = None

    @property
    def ops(self) -> int:
        """Operations of all its layers."""
        return sum(layer.workload.ops for layer in self.layers)


KIND_OF: Final = attrgetter("kind")
"""The kind of a kernel; mapped over a network's kernels, it asks for all of them in a third of the time of a loop."""


def revised(
    kernel: Kernel,
    *,
    kind: str | None = None,
    rule: str = "",
    free: bool | None = None,
    blocked: bool | None = None,
    context: Mapping[str, float] | None = None,
) -> Kernel:
    """A kernel that differs in a few things: as `dataclasses.replace`, in a fifth of the time.

    Args:
        kernel: The kernel.
        kind: Its kind; None leaves it, as for all others.
        rule: The rule that says so, which is added to those that formed it; empty for none.
        free: Whether the platform does nothing for it.
        blocked: Whether it runs in a blocked layout.
        context: What a context stage gives it.
    """
    return Kernel(
        kernel.name,
        kernel.kind if kind is None else kind,
        kernel.anchor,
        kernel.layers,
        kernel.inputs,
        kernel.outputs,
        (*kernel.rules, rule) if rule else kernel.rules,
        kernel.free if free is None else free,
        kernel.followers,
        kernel.blocked if blocked is None else blocked,
        kernel.context if context is None else context,
        kernel.precision,
        kernel.access,
    )


def _computing(kernel: Kernel) -> tuple[Layer, ...]:
    """The layers of a kernel without the conversions that its operator does on the way."""
    return tuple(layer for layer in kernel.layers if layer is kernel.anchor or layer.kind not in _CONVERSIONS)


def _own_bytes(kernel: Kernel, network: Network) -> tuple[float, float, float]:
    """Bytes read, of constants, and written, in the element types of the tensors themselves."""
    if not kernel.layers:
        own = kernel.anchor.workload
        return own.input_bytes, own.weight_bytes, own.output_bytes
    tensors = network.tensors
    constants = {tensor for layer in kernel.layers for tensor in layer.inputs if tensors[tensor].constant}
    read, weights, written = (
        float(sum(tensors[tensor].size_bytes for tensor in names))
        for names in (kernel.inputs, constants, kernel.outputs)
    )
    return read, weights, written


def workloads_of(kernel: Kernel) -> list[Workload]:
    """The workloads that `described_by` refers to."""
    layers = (kernel.anchor, *kernel.layers, *(kernel.followers or ()))
    return [layer.workload for layer in layers]


def described_by(kernel: Kernel, network: Network) -> Hashable | None:
    """What the numbers of a kernel at the platform's precision follow from, as long as its workloads are held.

    Layers that were built alike have one workload in common (`annette.network.layer.Workload`), whose identity stands
    for it. None where the layers around it count, too.
    """
    if kernel.kind in _MASKED:
        return None
    anchor, layers, described = kernel.anchor, kernel.layers, network.tensors.__getitem__
    alone = anchor.kind, id(anchor.workload), kernel.blocked, len(layers), kernel.access
    if len(layers) <= 1 and not kernel.followers:
        return alone
    followers = layers if kernel.followers is None else kernel.followers
    return (
        alone,
        tuple([(id(layer.workload), layer.kind) for layer in layers]),
        tuple([(id(layer.workload), layer.kind, layer is anchor) for layer in followers]),
        tuple([described(tensor).shape for tensor in kernel.inputs]),
        tuple([described(tensor).shape for tensor in kernel.outputs]),
    )


def row_of(kernel: Kernel, network: Network, precision: Precision, *, own_width: bool = True) -> tuple[float, ...]:
    """What a kernel table has of one kernel, up to ``masked``: dimensions, operations, bytes, what runs along.

    Args:
        kernel: The kernel.
        network: Where its tensors are described.
        precision: Width of the platform's numbers.
        own_width: Whether it computes with numbers of that width; else bytes are those of its own tensors.
    """
    tensors = network.tensors
    if len(kernel.layers) <= 1:
        workload = kernel.anchor.workload
        read, weights, written = workload.input_elements, workload.weight_elements, workload.output_elements
        ops, macs = workload.ops, workload.macs
    else:
        read = sum(tensors[tensor].elements for tensor in kernel.inputs)
        written = sum(tensors[tensor].elements for tensor in kernel.outputs)
        weights = ops = macs = 0
        for layer in kernel.layers if own_width else _computing(kernel):
            # A batch_norm that runs with multiply-accumulates was folded into their weights beforehand.
            if layer.kind != "batch_norm" or not kernel.anchor.workload.macs:
                weights += layer.workload.weight_elements
            ops += layer.workload.ops
            macs += layer.workload.macs
    read_bytes, weight_bytes, written_bytes = (
        (
            read * precision.activation_bits / 8,
            weights * precision.weight_bits / 8,
            written * precision.activation_bits / 8,
        )
        if own_width
        else _own_bytes(kernel, network)
    )
    activation = residual = 0
    for layer in kernel.layers if kernel.followers is None else kernel.followers:
        if layer is kernel.anchor:
            continue
        if layer.kind in ACTIVATION_CODES:
            activation = ACTIVATION_CODES[layer.kind]
        elif layer.kind == "add" and layer.workload.dimensions.input_count > 1:
            residual = 1
    return (
        *kernel.anchor.workload.dimensions,
        ops,
        macs,
        read_bytes,
        weight_bytes,
        written_bytes,
        activation,
        residual,
        len(kernel.layers) if own_width else len(_computing(kernel)),
        kernel.blocked,
        _mask(kernel, network),
    )


def _mask(kernel: Kernel, network: Network) -> int:
    if kernel.kind == "softmax" and kernel.layers:
        return mask_of(kernel.layers[0], network)
    return mask_behind(kernel.anchor, network) if kernel.kind == "matmul" else NO_MASK
