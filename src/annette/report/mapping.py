"""How well a mapping tells what a runtime does, as rows of texts."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["MAPPING_HEADER", "MAPPING_QUESTIONS", "mapping_row"]

MAPPING_QUESTIONS: Final = (
    ("pairs", "adjacent layers in one kernel"),
    ("removed", "layers left out"),
    ("copies", "copies put in"),
)
"""Parts of a mapping's quality (`annette.evaluation.mapping_quality`), and what each asks."""

MAPPING_HEADER: Final = ("question", "cases", "true", "precision", "recall", "Matthews")


def mapping_row(question: str, agreement: dict[str, Any]) -> tuple[str, ...]:
    """One row below `MAPPING_HEADER`.

    Args:
        question: What is asked.
        agreement: What `annette.evaluation.mapping_quality.Confusion.to_json` gives.
    """
    figures = (agreement[key] for key in ("precision", "recall", "matthews"))
    texts = ("-" if figure is None else f"{figure:.3f}" for figure in figures)
    return (question, str(agreement["cases"]), str(agreement["true"]), *texts)
