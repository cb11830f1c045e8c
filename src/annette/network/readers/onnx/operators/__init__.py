"""What each ONNX operator produces and which layer it becomes: one family of operators a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.network.readers.onnx.operators import (
    attention,
    contributed,
    convolution,
    elementwise,
    exporters,
    indexing,
    layout,
    matrix,
    normalization,
    sequences,
    spectral,
    tabular,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.readers.onnx.node import Rule

__all__ = ["RULES", "rule_for"]

_STANDARD: Final = (
    attention,
    convolution,
    elementwise,
    indexing,
    layout,
    matrix,
    normalization,
    sequences,
    spectral,
)
_CONTRIBUTED: Final = (attention, contributed, convolution, elementwise, matrix, normalization, spectral)

RULES: Final[Mapping[str, Mapping[str, Rule]]] = {
    "": {op: rule for family in _STANDARD for op, rule in family.RULES.items()},
    "com.microsoft": {op: rule for family in _CONTRIBUTED for op, rule in family.CONTRIB_RULES.items()},
    "ai.onnx.ml": tabular.RULES,
    **exporters.RULES,
}
"""Rules by domain and operator; the domain of ``ai.onnx`` is empty."""


def rule_for(domain: str, op: str) -> Rule | None:
    """The rule of an operator, or None where there is none."""
    return RULES.get(domain, {}).get(op)
