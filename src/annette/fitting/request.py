"""What a fit is asked for, and what it gives: the same for every road from datasets to a platform."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.evaluation.mapping_quality import MappingQuality
    from annette.fitting.families import KindFit
    from annette.fitting.overheads import RunOverheads
    from annette.fitting.samples import Dropped
    from annette.mapping.model import MappingModel
    from annette.platforms import Platform

__all__ = ["AUTO", "LEARNED", "FitReport", "FitRequest", "JudgedMapping", "MappingChoice"]

AUTO: Final = "auto"
"""The mapping that agrees best with what was measured."""

LEARNED: Final = "learned"
"""Rules learned from what was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRequest:
    """What is asked for.

    Attributes:
        name: The platform's name.
        description: One sentence for people; empty takes one that follows from where was measured.
        mapping: Which layers run as one kernel: a model, the name of a preset, ``learned``, or ``auto``, which takes
            what agrees best with the measurements (`annette.fitting.mapping_choice`).
        precision: Numbers that were computed with (``fp32``, ``fp16``, ``bf16``, ``int8``), for datasets that do not
            say.
        seed: For everything random; the same datasets and seed give the same platform.
        progress: Told about each kind and its number of rows before it is fitted.
    """

    name: str
    description: str = ""
    mapping: MappingModel | str = AUTO
    precision: str | None = None
    seed: int = 0
    progress: Callable[[str, int], None] | None = None


@dataclass(frozen=True, slots=True)
class JudgedMapping:
    """A mapping model that was compared, and how well it tells what was measured.

    Attributes:
        name: Name of a preset, or ``learned``.
        quality: On the fusion truth of the datasets; of learned rules, each network judged by rules that were learned
            without it.
    """

    name: str
    quality: MappingQuality


@dataclass(frozen=True, slots=True)
class MappingChoice:
    """The mapping model of a platform.

    Attributes:
        mapping: The model.
        reason: Why it was taken, as a sentence for people.
        candidates: What was compared, what was taken first; empty where no run tells which layers ran together.
        networks: Number of networks that it was compared on.
    """

    mapping: MappingModel
    reason: str
    candidates: tuple[JudgedMapping, ...] = ()
    networks: int = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user of the platform should know about it, one sentence each."""
        if not self.candidates:
            return (f"mapping {self.mapping.name!r}: {self.reason}",)
        figures = "; ".join(f"{entry.name}: {_figures(entry.quality)}" for entry in self.candidates)
        return (
            f"mapping {self.mapping.name!r}: {self.reason}; adjacent layers in one kernel, on the fusion truth of "
            f"{self.networks} benchmark networks, learned rules on networks held out: {figures}",
        )


@dataclass(frozen=True, slots=True)
class FitReport:
    """A fitted platform, and what happened on the way.

    Attributes:
        platform: The platform.
        fits: The fit of each kind by the general families.
        mapping: How the mapping model was chosen, and how well it tells what was measured.
        dropped: Rows that were left out, with reasons.
        unfitted: Kinds with too few rows, with their counts: kernels of these kinds have no model.
        paired_share: Share of the measured time whose kernels the mapping model predicts; NaN where nobody looked.
        overheads: Costs beside kernels that were found; None where none were looked for.
        device: The device family that recognised the datasets, by name; empty where none did.
        road: How the platform came about, as a sentence for people.
    """

    platform: Platform
    fits: Mapping[str, KindFit]
    mapping: MappingChoice
    dropped: tuple[Dropped, ...] = ()
    unfitted: Mapping[str, int] = field(default_factory=dict)
    paired_share: float = float("nan")
    overheads: RunOverheads | None = None
    device: str = ""
    road: str = ""


def _figures(quality: MappingQuality) -> str:
    pairs = quality.pairs
    return f"precision {pairs.precision:.3f}, recall {pairs.recall:.3f}, Matthews correlation {pairs.matthews:.3f}"
