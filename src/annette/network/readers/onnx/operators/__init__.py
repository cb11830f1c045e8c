"""What each ONNX operator produces and which layer it becomes: one family of operators a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.network.readers.onnx.operators import (
    attention,
    convolution,
    elementwise,
    indexing,
    layout,
    matrix,
    normalization,
    sequences,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.readers.onnx.node import Rule

__all__ = ["RULES", "rule_for"]

_STANDARD: Final[Mapping[str, Rule]] = {
    **attention.RULES,
    **convolution.RULES,
    **elementwise.RULES,
    **indexing.RULES,
    **layout.RULES,
    **matrix.RULES,
    **normalization.RULES,
    **sequences.RULES,
}
_CONTRIBUTED: Final[Mapping[str, Rule]] = {
    **attention.CONTRIB_RULES,
    **convolution.CONTRIB_RULES,
    **elementwise.CONTRIB_RULES,
    **matrix.CONTRIB_RULES,
    **normalization.CONTRIB_RULES,
}
RULES: Final[Mapping[str, Mapping[str, Rule]]] = {"": _STANDARD, "com.microsoft": _CONTRIBUTED}
"""Rules by domain and operator; the domain of ``ai.onnx`` is empty."""


def rule_for(domain: str, op: str) -> Rule | None:
    """The rule of an operator, or None where there is none."""
    rules = RULES.get(domain)
    return None if rules is None else rules.get(op)
