"""How well a mapping tells what a runtime does, as rows of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from annette.report.schemas.evaluations import AgreementPart, MappingQualityPart

if TYPE_CHECKING:
    from annette.evaluation.mapping_quality import MappingQuality

__all__ = ["MAPPING_HEADER", "MAPPING_QUESTIONS", "agreements", "mapping_quality_part", "mapping_row"]

MAPPING_QUESTIONS: Final = (
    ("pairs", "adjacent layers in one kernel"),
    ("removed", "layers left out"),
    ("copies", "copies put in"),
)
"""Parts of a mapping's quality (`annette.evaluation.mapping_quality`), and what each asks."""

MAPPING_HEADER: Final = ("question", "cases", "true", "precision", "recall", "Matthews")


def agreements(quality: MappingQuality) -> dict[str, AgreementPart]:
    """The parts of a mapping's quality by name."""
    return {name: AgreementPart(**figures) for name, figures in quality.to_json().items()}


def mapping_quality_part(quality: MappingQuality | None) -> MappingQualityPart | None:
    """A mapping's quality as part of a document; None where it is not known."""
    return None if quality is None else MappingQualityPart(**agreements(quality))


def mapping_row(question: str, agreement: dict[str, Any]) -> tuple[str, ...]:
    """One row below `MAPPING_HEADER`.

    Args:
        question: What is asked.
        agreement: What `annette.evaluation.mapping_quality.Confusion.to_json` gives.
    """
    figures = (agreement[key] for key in ("precision", "recall", "matthews"))
    texts = ("-" if figure is None else f"{figure:.3f}" for figure in figures)
    return (question, str(agreement["cases"]), str(agreement["true"]), *texts)
