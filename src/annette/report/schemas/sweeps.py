"""Documents of one network at many sizes, and of language models that write token by token."""

from __future__ import annotations

from typing import Annotated, Literal

from annette.report.schemas.base import (
    FloatFrom0,
    Interval,
    IntFrom0,
    IntFrom1,
    OutsidePart,
    ReportDocument,
    ReportPart,
    Share,
    doc,
)  # fmt: skip

__all__ = ["DecodeStepPart", "GenerationDocument", "GenerationPart", "RunPart", "SweepDocument", "SweepPointPart"]


class RunPart(ReportPart, frozen=True):
    """The estimate of one run without its kernels."""

    latency_s: Annotated[FloatFrom0, doc("The headline: device or end-to-end time, as `latency_is` says.")]
    interval_s: Annotated[Interval | None, doc("Its interval; null where the platform has none.")]
    coverage: Annotated[
        Share, doc("Share that fitted models priced: the smallest of those of operations, kernels, time.")
    ]
    peak_activation_bytes: Annotated[IntFrom0 | None, doc("Activations alive at once at most; null if not known.")]
    allocated_bytes: Annotated[IntFrom0 | None, doc("What is allocated for them; null if not known.")]
    weights_bytes: Annotated[IntFrom0, doc("All constants, each once, at the platform's precision.")]
    outside_kernels: Annotated[IntFrom0, doc("Kernels outside the ranges that their models were fitted on.")]
    outside_share: Annotated[Share, doc("Their share of the time of all kernels.")]
    outside_longest: Annotated[str, doc("The one of them that takes longest; empty where there is none.")]
    outside: Annotated[list[OutsidePart], doc("Its features that lie outside, farthest first.")]
    notes: Annotated[list[str], doc("What a reader should know about this run.")]


class SweepPointPart(ReportPart, frozen=True):
    """One combination of sizes."""

    sizes: Annotated[dict[str, int], doc("Value of each of `variables`.")]
    batch: Annotated[IntFrom1 | None, doc("Samples processed together; null where there is no estimate.")]
    sample_latency_s: Annotated[FloatFrom0 | None, doc("Time of each sample; null where there is no estimate.")]
    run: Annotated[RunPart | None, doc("The estimate; null where there is none.")]
    error: Annotated[str | None, doc("Why there is no estimate; null where there is one.")]


class SweepDocument(ReportDocument, frozen=True, tag="annette/sweep/1"):
    """One network at many sizes.

    Printed by `annette estimate --json` where `--batch` or an `--input` stands for several sizes.
    """

    network: Annotated[str, doc("File or name of the network, as it was given.")]
    platform: Annotated[str, doc("Name of the platform.")]
    model: Annotated[str, doc("Family of layer models that was asked for, or that the platform prefers.")]
    latency_is: Annotated[Literal["device", "end_to_end"], doc("What the platform's headline measures.")]
    confidence: Annotated[Share, doc("Probability that the intervals are meant to hold with.")]
    variables: Annotated[dict[str, list[IntFrom0]], doc("Values of each size that changes.")]
    points: Annotated[list[SweepPointPart], doc("All combinations; the last of `variables` changes fastest.")]


class DecodeStepPart(ReportPart, frozen=True):
    """The run that reads one token."""

    cached: Annotated[IntFrom1, doc("Tokens that were read before.")]
    run: Annotated[RunPart, doc("Its estimate.")]


class GenerationPart(ReportPart, frozen=True):
    """Tokens written behind one prompt."""

    batch: Annotated[IntFrom1, doc("Sequences that are written side by side.")]
    prompt: Annotated[IntFrom1, doc("Tokens of the prompt, in each sequence.")]
    new: Annotated[IntFrom1, doc("Tokens that are written, in each sequence.")]
    time_to_first_token_s: Annotated[FloatFrom0, doc("Time of the run that reads the prompt.")]
    first_token_s: Annotated[FloatFrom0 | None, doc("Time of the first decode step; null where there is none.")]
    last_token_s: Annotated[FloatFrom0 | None, doc("Time of the last decode step; null where there is none.")]
    mean_token_s: Annotated[FloatFrom0 | None, doc("Mean time of a decode step; null where there is none.")]
    decode_s: Annotated[FloatFrom0, doc("Time of all decode steps.")]
    total_s: Annotated[FloatFrom0, doc("Time of all runs.")]
    total_interval_s: Annotated[
        Interval | None, doc("The sums of the ends of the runs' intervals; null where a run has none.")
    ]
    prompt_tokens_per_s: Annotated[FloatFrom0, doc("Tokens of all prompts that are read in a second.")]
    decoded_tokens_per_s: Annotated[
        FloatFrom0 | None,
        doc("Tokens of all sequences that decode steps write in a second; null where there are none."),
    ]
    tokens_per_s: Annotated[FloatFrom0, doc("New tokens of all sequences in a second, the prefill counted in.")]
    cache_bytes: Annotated[
        IntFrom0 | None,
        doc("Keys and values of all tokens at the end, at the platform's precision; null without a cache."),
    ]
    weights_bytes: Annotated[IntFrom0, doc("All constants, each once, at the platform's precision.")]
    prefill: Annotated[RunPart, doc("The run that reads the prompt.")]
    steps: Annotated[
        list[DecodeStepPart], doc("The decode steps that were priced, with the first and the last; others lie between.")
    ]
    notes: Annotated[list[str], doc("What a reader should know, and of which runs.")]


class GenerationDocument(ReportDocument, frozen=True, tag="annette/generation/1"):
    """A language model that writes tokens behind prompts.

    Printed by `annette generate --json`.
    """

    network: Annotated[str, doc("Name of the network.")]
    platform: Annotated[str, doc("Name of the platform.")]
    model: Annotated[str, doc("Family of layer models that was asked for, or that the platform prefers.")]
    latency_is: Annotated[Literal["device", "end_to_end"], doc("What the platform's headline measures.")]
    confidence: Annotated[Share, doc("Probability that the intervals are meant to hold with.")]
    has_cache: Annotated[bool, doc("Whether keys and values are cached; else each step reads the whole sequence.")]
    generations: Annotated[list[GenerationPart], doc("Each prompt with each batch.")]
