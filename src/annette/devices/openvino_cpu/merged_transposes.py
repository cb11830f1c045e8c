"""Transpositions that OpenVINO merges with the reorder behind or before them, so that nothing moves.

``src/plugins/intel_cpu/src/graph_optimizer.cpp`` of https://github.com/openvinotoolkit/openvino
(``MergeTransposeAndReorder`` and its kin with a reshape in between): a transposition to channels first whose result is
then reordered to channels last is replaced, with the reorder, by a reorder called ``…_fake`` that does nothing; so are
those that make tokens of the positions of a map in that layout, or a map of tokens. No node keeps their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from annette.network import Layer, Network

__all__ = ["FAKE", "merged_transposes"]

FAKE: Final = "_fake"
"""End of the name of a reorder that stands for itself and a transposition."""

_TO_FIRST: Final = (0, 3, 1, 2)
_TOKENS: Final = (0, 2, 1)
_MAP: Final = 4


def merged_transposes(network: Network, named: Collection[str]) -> frozenset[str]:
    """The transpositions of a network that a fake reorder can stand for.

    Args:
        network: What was compiled, with at least one fake reorder.
        named: Layers that nodes of the runtime model name; those run.
    """
    transposes = (layer for layer in network.layers if layer.kind == "transpose" and layer.name not in named)
    return frozenset(layer.name for layer in transposes if _is_merged(layer, network))


def _is_merged(layer: Layer, network: Network) -> bool:
    permutation = layer.attributes.get("perm")
    if permutation != _TOKENS:
        return permutation == _TO_FIRST
    source = network.producers.get(layer.inputs[0])
    beside = [*source.inputs[:1]] if source is not None else []
    beside += [output for reader in network.consumers.get(layer.outputs[0], ()) for output in reader.outputs]
    return any(len(network.tensors[tensor].shape) == _MAP for tensor in beside)
