"""What a mapping did, as plain data for reports."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annette.mapping.kernel import Kernel

__all__ = ["describe", "rule_use"]


def describe(kernels: Iterable[Kernel]) -> list[dict[str, Any]]:
    """Says of each kernel which layers it holds and which rules put them together.

    Args:
        kernels: Result of `annette.mapping.model.MappingModel.apply`.

    Returns:
        For each kernel ``name``, ``kind``, ``anchor`` (the name of the layer, or recognised subgraph, that describes
        it), ``layers`` (each with ``name`` and ``kind``), ``followers`` (kinds of what runs along with the anchor),
        ``rules`` in the order of use, ``free``, and ``ops``.
    """
    return [
        {
            "name": kernel.name,
            "kind": kernel.kind,
            "anchor": kernel.anchor.name,
            "layers": [{"name": layer.name, "kind": layer.kind} for layer in kernel.layers],
            "followers": [layer.kind for layer in kernel.followers or ()],
            "rules": list(kernel.rules),
            "free": kernel.free,
            "ops": kernel.ops,
        }
        for kernel in kernels
    ]


def rule_use(kernels: Iterable[Kernel]) -> dict[str, int]:
    """How often each rule was used, the most used first, then by name."""
    counts = Counter(rule for kernel in kernels for rule in kernel.rules)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
