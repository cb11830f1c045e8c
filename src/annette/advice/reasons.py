"""Why a platform runs a layer without the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.mapping.rule import Action
from annette.network.kinds import Category, kinds_in
from annette.number_text import percent_text, seconds_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.estimation.estimate import Estimate
    from annette.mapping.kernel import Kernel
    from annette.mapping.model import MappingModel
    from annette.mapping.rule import Rule
    from annette.network import Layer, Network

__all__ = ["added_copies", "why_apart"]

_FUSED: Final = kinds_in(Category.ACTIVATION) | {"batch_norm", "add"}
_PRODUCERS: Final = kinds_in(Category.CONVOLUTION, Category.MATRIX_PRODUCT) | {
    "batch_norm",
    "add",
    "sub",
    "mul",
    "concat",
}
_SHOWN: Final = 4
_COPIES_WORTH_TELLING: Final = 0.01
"""Share of the time from which copies are told."""


def why_apart(network: Network, kernels: Sequence[Kernel], mapping: MappingModel) -> dict[str, str]:
    """Why activations, normalizations and sums run as kernels of their own.

    Args:
        network: The network.
        kernels: Its kernels.
        mapping: The platform's.

    Returns:
        By the name of each of their layers, a phrase.
    """
    told: dict[str, str] = {}
    for kernel in kernels:
        if kernel.free or not kernel.layers or kernel.kind.partition("@")[0] not in _FUSED:
            continue
        reason = _reason(network, kernel, mapping)
        told |= dict.fromkeys((layer.name for layer in kernel.layers), reason)
    within = {name for kernel in kernels if kernel.free is False for name in _gates(network, kernel)}
    told |= {name: "it runs as kernels of its own: a function and a product" for name in within if name not in told}
    return told


def added_copies(network: Network, estimate: Estimate) -> dict[str, str]:
    """What a platform copies between memory layouts, and where: no change of single layers here makes that go.

    Args:
        network: The network.
        estimate: Its estimate.

    Returns:
        One entry, what copies take and why they are there; none where they take less than a hundredth of the time.
    """
    rows = [row for row, kernel in enumerate(estimate.mapped) if not kernel.layers and len(kernel.inputs) == 1]
    total_s = float(estimate.prices.latency_s[rows].sum()) if rows else 0.0
    if total_s < _COPIES_WORTH_TELLING * estimate.latency_s:
        return {}
    heaviest = estimate.mapped[max(rows, key=lambda row: float(estimate.prices.latency_s[row]))].inputs[0]
    readers = sorted({layer.kind for layer in network.consumers.get(heaviest, ())})
    behind = f", on the way to {', '.join(readers[:_SHOWN])}" if readers else ""
    share = percent_text(total_s / estimate.latency_s)
    what = f"leave out {len(rows)} copies between memory layouts ({seconds_text(total_s)}, {share})"
    return {
        what: f"the runtime puts them between layers of different layouts, the heaviest behind {heaviest!r}{behind}"
    }


def _gates(network: Network, kernel: Kernel) -> list[str]:
    """The product in which a kernel multiplies a map by a function of it."""
    layer = kernel.anchor
    if layer.kind != "mul" or layer.name not in network.layers_by_name or len(layer.inputs) != 2:
        return []
    makers = [network.producers.get(name) for name in layer.inputs]
    return [
        layer.name
        for maker, other in zip(makers, layer.inputs[::-1], strict=True)
        if maker is not None and maker.kind in ("sigmoid", "hard_sigmoid") and maker.inputs[0] == other
    ]


def _reason(network: Network, kernel: Kernel, mapping: MappingModel) -> str:
    kind = kernel.kind.partition("@")[0]
    producers = [network.producers.get(tensor) for tensor in kernel.inputs]
    makers = [layer for layer in producers if layer is not None]
    alone = f"{kind} runs as a kernel of its own"
    if not makers:
        return f"{alone}: it reads what is fed in"
    takers = [layer for layer in makers if layer.kind in _PRODUCERS]
    if not takers:
        return f"{alone}: {makers[0].name!r} before it ({makers[0].kind}) takes up nothing"
    shared = [layer for layer in takers if _is_shared(network, layer, kernel)]
    if len(shared) == len(takers):
        return f"{alone}: others read what {shared[0].name!r} writes, too"
    maker = next(layer for layer in takers if layer not in shared)
    rules = _rules(mapping, maker.kind)
    taken = sorted({each for rule in rules for each in rule.nodes[-1].expanded_kinds} & _FUSED)
    if kind not in taken:
        others = [each for each in taken if each not in ("add", "batch_norm")]
        what = f", only {', '.join(others[:_SHOWN])}{' and others' if len(others) > _SHOWN else ''}" if others else ""
        return f"{alone}: the platform computes no {kind} on the way out of {maker.kind}{what}"
    rule = next(rule for rule in rules if kind in rule.nodes[-1].expanded_kinds)
    return f"{alone}: rule {rule.name!r} does not fit here ({_sentence(rule.description)})"


def _is_shared(network: Network, layer: Layer, kernel: Kernel) -> bool:
    """Whether anything outside a kernel reads a layer."""
    within = {each.name for each in kernel.layers}
    return any(
        tensor in network.outputs or any(reader.name not in within for reader in network.consumers.get(tensor, ()))
        for tensor in layer.outputs
    )


def _rules(mapping: MappingModel, kind: str) -> list[Rule]:
    """Rules by which a kind of layer takes up what reads it."""
    return [
        rule
        for rule in mapping.rules
        if rule.action is Action.FUSE
        and len(rule.taken) > 1
        and any(kind in node.expanded_kinds for node in rule.taken[:-1])
    ]


def _sentence(text: str) -> str:
    return text.rstrip(".")
