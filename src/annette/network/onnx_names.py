"""Kinds that are one ONNX operator of the same name, for the reader and the writer alike."""

from __future__ import annotations

from typing import Final

from annette.network.kinds import Category, kinds_in

__all__ = ["FUNCTIONS", "REDUCTIONS", "operator_name"]


def operator_name(kind: str) -> str:
    """A kind's name as ONNX spells names.

    Example:
        >>> operator_name("leaky_relu")
        'LeakyRelu'
    """
    return "".join(word.capitalize() for word in kind.split("_"))


_OF_OTHER_FORM: Final = {
    "cast", "clip", "hyperbolic", "is_nan", "prelu", "rotary_embedding", "silu", "trigonometric",
}  # fmt: skip

FUNCTIONS: Final = kinds_in(Category.ACTIVATION, Category.UNARY) - _OF_OTHER_FORM
"""Kinds that are an operator of one operand, named alike."""

REDUCTIONS: Final = frozenset(f"reduce_{what}" for what in ("mean", "sum", "max", "min", "prod"))
"""Kinds that are a reduction along axes, named alike."""
