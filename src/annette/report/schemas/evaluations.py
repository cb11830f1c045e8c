"""The document of an evaluation."""

from __future__ import annotations

from typing import Annotated

from annette.report.schemas.base import (
    FloatAbove0,
    FloatFrom0,
    Interval,
    IntFrom0,
    IntFrom1,
    ReportDocument,
    ReportPart,
    Share,
    doc,
)

__all__ = [
    "AgreementPart",
    "EvaluationDocument",
    "IntervalPart",
    "KindPart",
    "MappingQualityPart",
    "ModelPart",
    "NetworkPart",
    "PaperPart",
    "PlainRoofline",
]


class PlainRoofline(ReportPart, frozen=True):
    """One roofline for the whole device."""

    ops_per_s: Annotated[FloatAbove0, doc("Peak rate P.")]
    bytes_per_s: Annotated[FloatAbove0, doc("Bandwidth B.")]


class ModelPart(ReportPart, frozen=True):
    """Errors of one model."""

    model: Annotated[str, doc("`preferred`, a family, `plain roofline` or `operation count`.")]
    count: Annotated[IntFrom1, doc("Number of pairs of estimate and measurement.")]
    mape: Annotated[FloatFrom0, doc("Mean absolute relative error.")]
    rmspe: Annotated[FloatFrom0, doc("Root of the mean squared relative error.")]
    median: Annotated[FloatFrom0, doc("Median absolute relative error.")]
    worst: Annotated[FloatFrom0, doc("Largest absolute relative error.")]
    bias: Annotated[float, doc("Mean signed relative error; positive where estimates are too high.")]
    within_5: Annotated[Share, doc("Share of the pairs within 5 %.")]
    within_10: Annotated[Share, doc("Share of the pairs within 10 %.")]
    mae_s: Annotated[FloatFrom0, doc("Mean absolute error in seconds.")]
    ratio: Annotated[
        FloatFrom0 | None,
        doc("Its mean absolute error over that of the model that is evaluated; null where that has no error."),
    ]
    spearman: Annotated[float | None, doc("Spearman's rank correlation; null for too few networks.")]
    spearman_interval: Annotated[Interval | None, doc("Its interval.")]
    kendall: Annotated[float | None, doc("Kendall's rank correlation (tau-b); null for too few networks.")]
    kendall_interval: Annotated[Interval | None, doc("Its interval.")]


class PaperPart(ReportPart, frozen=True):
    """A figure of ours beside that of the paper."""

    model: Annotated[str, doc("Family of models that the paper's figure is of.")]
    figure: Annotated[str, doc("`mape`, a share, or `spearman`.")]
    paper: Annotated[float, doc("What the paper states.")]
    paper_networks: Annotated[IntFrom1, doc("Over how many networks.")]
    here: Annotated[float | None, doc("The same of that family here; null where it was not evaluated.")]
    evaluated: Annotated[float | None, doc("The same of the model that is evaluated; null where nothing was compared.")]
    networks: Annotated[IntFrom0, doc("Over how many networks.")]
    source: Annotated[str, doc("Where the paper states it.")]


class IntervalPart(ReportPart, frozen=True):
    """How well the intervals of one confidence hold."""

    confidence: Annotated[Share, doc("What is stated.")]
    covered: Annotated[Share, doc("Share of the networks inside.")]
    width: Annotated[FloatFrom0, doc("Mean of upper over lower end, less 1.")]
    global_width: Annotated[
        FloatFrom0, doc("The same for one factor for all networks, chosen with the measurements known.")
    ]


class KindPart(ReportPart, frozen=True):
    """Errors of one kind of kernel."""

    kind: Annotated[str, doc("Kind of kernel.")]
    share: Annotated[Share, doc("Share of the measured kernel time.")]
    count: Annotated[IntFrom1, doc("Number of pairs of estimate and measurement.")]
    mape: Annotated[FloatFrom0, doc("Mean absolute relative error.")]
    rmspe: Annotated[FloatFrom0, doc("Root of the mean squared relative error.")]
    median: Annotated[FloatFrom0, doc("Median absolute relative error.")]
    worst: Annotated[FloatFrom0, doc("Largest absolute relative error.")]
    bias: Annotated[float, doc("Mean signed relative error; positive where estimates are too high.")]
    within_5: Annotated[Share, doc("Share of the pairs within 5 %.")]
    within_10: Annotated[Share, doc("Share of the pairs within 10 %.")]
    mae_s: Annotated[FloatFrom0, doc("Mean absolute error in seconds.")]
    spearman: Annotated[float | None, doc("Spearman's rank correlation; null for too few kernels.")]
    kendall: Annotated[float | None, doc("Kendall's rank correlation (tau-b); null for too few kernels.")]
    floor: Annotated[
        FloatFrom0 | None, doc("Relative standard deviation of one round, mean over the kernels; null with one round.")
    ]
    covered: Annotated[
        Share | None, doc("Share of the kernels inside their 90 % intervals; null where the platform states none.")
    ]
    by_model: Annotated[dict[str, FloatFrom0], doc("Mean absolute error by family, and by `plain roofline`.")]


class AgreementPart(ReportPart, frozen=True):
    """How well predictions about a network agree with what was measured."""

    cases: Annotated[IntFrom0, doc("Cases that were asked.")]
    true: Annotated[IntFrom0, doc("Cases that are so by measurement.")]
    precision: Annotated[float | None, doc("Share of what is predicted that is so; null where nothing is predicted.")]
    recall: Annotated[float | None, doc("Share of what is so that is predicted; null where nothing is.")]
    matthews: Annotated[float | None, doc("Matthews correlation coefficient, -1 to 1; null without cases.")]


class MappingQualityPart(ReportPart, frozen=True):
    """How well a mapping tells what a runtime does."""

    pairs: Annotated[AgreementPart, doc("Adjacent layers that both ran: are they in one kernel?")]
    removed: Annotated[AgreementPart, doc("Layers: does the runtime leave them out?")]
    copies: Annotated[AgreementPart, doc("Activations: does the runtime put in a copy?")]


class NetworkPart(ReportPart, frozen=True):
    """One evaluated network."""

    network: Annotated[str, doc("What the user calls it.")]
    batch: Annotated[IntFrom1, doc("Samples processed together.")]
    ops: Annotated[IntFrom0, doc("Its operations.")]
    measured_s: Annotated[FloatFrom0 | None, doc("Its latency; null where it is not known.")]
    rounds_s: Annotated[list[FloatFrom0], doc("Latency of each round of measurement.")]
    floor: Annotated[
        FloatFrom0 | None,
        doc(
            "Relative standard deviation of one round of measurement, from the differences of all pairs of rounds; "
            "null with fewer than two."
        ),
    ]
    standard_error: Annotated[
        FloatFrom0 | None,
        doc(
            "Relative standard error of `measured_s`, from how far the next longer round is; null with fewer than two."
        ),
    ]
    estimated_s: Annotated[FloatFrom0 | None, doc("Its estimate; null where it could not be estimated.")]
    interval_s: Annotated[Interval | None, doc("The estimate's interval at 90 %; null where the platform states none.")]
    error: Annotated[float | None, doc("Signed relative error; null where one side is missing.")]
    by_model: Annotated[
        dict[str, FloatFrom0],
        doc(
            "Its estimate by each family that the platform has, by `plain roofline`, and by `operation count` at its "
            "best scale."
        ),
    ]
    remaining: Annotated[
        dict[str, float] | None,
        doc("Signed relative error with one part replaced by its truth, by part; null without a profile."),
    ]
    problem: Annotated[str, doc("Why it could not be estimated; empty where it could.")]
    notes: Annotated[list[str], doc("Remarks of the estimate.")]
    scale: Annotated[
        FloatAbove0,
        doc(
            "Factor by which `measured_s` and `rounds_s` were brought to the speed that the machine had in the "
            "platform's campaign, by the reference workload; 1 where they are as measured."
        ),
    ]
    mapping: Annotated[
        MappingQualityPart | None,
        doc("How well the platform's mapping tells what the runtime does; null without profiles."),
    ]


class EvaluationDocument(ReportDocument, frozen=True, tag="annette/evaluation/1"):
    """Estimates against measurements; errors are shares (0.05 is 5 %).

    Printed by `annette evaluate --json`. Errors and shares are fractions, not percentages.
    """

    platform: Annotated[str, doc("Name of the platform.")]
    suite: Annotated[str, doc("What was evaluated.")]
    model: Annotated[str, doc("Model that is evaluated: a family, or `preferred`.")]
    floor: Annotated[
        FloatFrom0 | None,
        doc(
            "Relative standard deviation of one round of measurement, mean over the networks; null where no network "
            "was measured twice."
        ),
    ]
    plain_roofline: Annotated[
        PlainRoofline | None,
        doc(
            "The baseline `plain roofline`, one P and one B for the whole device: `max(ops / P, bytes / B)` for each "
            "kernel; null where the platform states none."
        ),
    ]
    models: Annotated[
        list[ModelPart], doc("The model that is evaluated first, then all others; empty where nothing was measured.")
    ]
    paper: Annotated[
        list[PaperPart],
        doc("Figures that the paper states of such networks, beside those of here; empty where it states none."),
    ]
    intervals: Annotated[list[IntervalPart], doc("How well intervals hold; empty where the platform states none.")]
    remaining: Annotated[
        dict[str, FloatFrom0], doc("Mean absolute error that remains with one part replaced by its truth, by part.")
    ]
    kinds: Annotated[list[KindPart], doc("Kinds of kernel by share of time, largest first; empty without profiles.")]
    networks: Annotated[list[NetworkPart], doc("The networks, in the order given.")]
    notes: Annotated[list[str], doc("What to know about the measurements, one sentence each.")]
    mapping: Annotated[
        MappingQualityPart | None,
        doc("How well the platform's mapping tells what the runtime does; null without profiles."),
    ]
