"""Documents of advice."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, UnsetType

from annette.report.schemas.base import FloatFrom0, Interval, IntFrom0, IntFrom1, ReportDocument, ReportPart, Share, doc

__all__ = ["AdviceDocument", "AppliedPart", "HintPart", "RefusalPart"]


class HintPart(ReportPart, frozen=True):
    """A change that makes the network faster."""

    number: Annotated[IntFrom1, doc("What `--apply` calls it.")]
    what: Annotated[
        str,
        doc(
            "Kind of change: `channels`, `window`, `groups`, `join`, `siblings`, `branches`, `activation`, "
            "`normalization`, `transposition` or `precision`."
        ),
    ]
    title: Annotated[str, doc("What is changed.")]
    reason: Annotated[str, doc("What about the network is slow as it is.")]
    layers: Annotated[list[str], doc("Layers that it is about; none where it is about all.")]
    retraining: Annotated[
        Literal["none", "weights", "whole"],
        doc(
            "What it asks of the weights: `none` where the network can compute what it did, `weights` where training "
            "goes on from the old ones, `whole` where some layers have weights of a new kind."
        ),
    ]
    gain_s: Annotated[float, doc("Time saved: the network's estimate less that of the changed one.")]
    gain: Annotated[float, doc("`gain_s` as a share of the network's latency.")]
    interval_s: Annotated[Interval | None, doc("Lower and upper end of `gain_s`; null where the platform knows none.")]
    latency_s: Annotated[FloatFrom0, doc("Estimate of the changed network.")]
    ops: Annotated[IntFrom0, doc("Operations of the changed network.")]
    kernels: Annotated[IntFrom0, doc("Kernels of the changed network.")]


class RefusalPart(ReportPart, frozen=True):
    """A change that the network does not allow."""

    what: Annotated[str, doc("The change.")]
    reason: Annotated[str, doc("Why it is not possible.")]


class AppliedPart(ReportPart, frozen=True):
    """The network with the hints applied that `--apply` names."""

    numbers: Annotated[list[IntFrom1], doc("Numbers of the hints, in the order in which they were applied.")]
    latency_s: Annotated[FloatFrom0, doc("Its estimate.")]
    gain_s: Annotated[float, doc("Time saved by all of them together; less than the sum of theirs where they overlap.")]
    interval_s: Annotated[Interval | None, doc("Lower and upper end of `gain_s`; null where the platform knows none.")]
    certain: Annotated[bool, doc("Whether the interval lies on one side of zero.")]
    file: Annotated[str | None, doc("The file that it was written to, with random weights; null where to none.")]


class AdviceDocument(ReportDocument, frozen=True, tag="annette/advice/1"):
    """Changes that make a network faster on a platform.

    Printed by `annette advise --json`.
    """

    network: Annotated[str, doc("Name of the network.")]
    platform: Annotated[str, doc("Name of the platform.")]
    latency_s: Annotated[FloatFrom0, doc("Its estimate as it is: device or end-to-end time, as `latency_is` says.")]
    latency_is: Annotated[Literal["device", "end_to_end"], doc("What the platform's headline measures.")]
    interval_s: Annotated[Interval | None, doc("Lower and upper end of `latency_s`; null where the platform has none.")]
    confidence: Annotated[Share, doc("Probability that the intervals are meant to hold with.")]
    ops: Annotated[IntFrom0, doc("Operations of the network as it is.")]
    tried: Annotated[IntFrom0, doc("How many changes were estimated.")]
    uncertain: Annotated[IntFrom0, doc("How many promise a gain that the platform's errors do not warrant.")]
    hints: Annotated[list[HintPart], doc("Each of the network as it is, the largest gain first.")]
    refused: Annotated[list[RefusalPart], doc("Changes that the network does not allow.")]
    notes: Annotated[list[str], doc("What a reader should know about the estimate.")]
    applied: Annotated[AppliedPart | UnsetType, doc("What `--apply` made; absent without it.")] = UNSET
