"""Documents of searches."""

from __future__ import annotations

from typing import Annotated, Literal

from annette.report.schemas.base import FloatAbove0, FloatFrom0, Interval, IntFrom0, ReportDocument, ReportPart, doc

__all__ = ["FoundPart", "SearchDocument", "SearchedPlatform"]


class SearchedPlatform(ReportPart, frozen=True):
    """A platform of a search."""

    platform: Annotated[str, doc("Its name.")]
    compiled: Annotated[bool, doc("Whether candidates were look-ups; else each was built, mapped and priced.")]
    reason: Annotated[str, doc("Why they were not; empty where they were.")]
    compile_s: Annotated[FloatFrom0, doc("What compiling the space took.")]


class FoundPart(ReportPart, frozen=True):
    """A candidate of the front."""

    candidate: Annotated[str, doc("What the space calls it.")]
    decisions: Annotated[list[int], doc("The option of each decision.")]
    platform: Annotated[str | None, doc("Platform of its front; null where the front is that of the slowest.")]
    score: Annotated[float, doc("Its score, the higher the better.")]
    latency_s: Annotated[FloatAbove0, doc("Its estimate, on `platform` or on the slowest.")]
    by_platform_s: Annotated[dict[str, float], doc("Its estimate on each platform.")]
    intervals_s: Annotated[dict[str, Interval | None], doc("Interval on each platform; null where there is none.")]
    peak_activation_bytes: Annotated[
        dict[str, IntFrom0 | None],
        doc("Activations alive at once at the most, on each platform; null where not known."),
    ]


class SearchDocument(ReportDocument, frozen=True, tag="annette/search/1"):
    """A search of a space.

    Printed by `annette search --json`.
    """

    space: Annotated[str, doc("Name of the space.")]
    strategy: Annotated[Literal["random", "evolutionary", "exhaustive"], doc("How candidates were chosen.")]
    objective: Annotated[str, doc("What the score is; `operations` and `weights` are proxies, no accuracies.")]
    jointly: Annotated[Literal["slowest", "each"], doc("What was optimised on several platforms.")]
    max_latency_s: Annotated[FloatAbove0 | None, doc("What candidates may take at most; null for any time.")]
    seed: Annotated[IntFrom0, doc("Where randomness began.")]
    platforms: Annotated[list[SearchedPlatform], doc("The platforms.")]
    candidates: Annotated[IntFrom0, doc("How many candidates were priced.")]
    unscored: Annotated[IntFrom0, doc("How many of them have no score.")]
    too_slow: Annotated[IntFrom0, doc("How many of them take longer than `max_latency_s`.")]
    compile_s: Annotated[
        FloatFrom0, doc("What compiling took, for all platforms; on a cluster, where it took longest.")
    ]
    estimate_s: Annotated[
        FloatFrom0, doc("What pricing took, for all platforms; on a cluster, of all workers together.")
    ]
    search_s: Annotated[
        FloatFrom0,
        doc("From the first candidate to the last: drawing, pricing, scoring, comparing; compiling is left out."),
    ]
    candidates_per_s: Annotated[FloatFrom0, doc("`candidates` over `search_s`.")]
    front_s: Annotated[FloatFrom0, doc("What estimating the front anew took, as whole networks.")]
    front_size: Annotated[IntFrom0, doc("How many candidates nothing beats; `front` has at most 100 without `--all`.")]
    front: Annotated[
        list[FoundPart],
        doc("Candidates that nothing beats, spread evenly over the front; the fastest first, front by front."),
    ]
