"""The document of an evaluation."""

from __future__ import annotations

from annette.report.schemas.base import (
    FloatAbove0,
    FloatFrom0,
    Interval,
    IntFrom0,
    IntFrom1,
    ReportDocument,
    ReportPart,
    Share,
)

__all__ = [
    "AgreementPart",
    "EvaluationDocument",
    "IntervalPart",
    "KindPart",
    "MappingQualityPart",
    "ModelPart",
    "NetworkPart",
    "PlainRoofline",
]


class PlainRoofline(ReportPart, frozen=True):
    """One roofline for the whole device.

    Attributes:
        ops_per_s: Peak rate P.
        bytes_per_s: Bandwidth B.
    """

    ops_per_s: FloatAbove0
    bytes_per_s: FloatAbove0


class ModelPart(ReportPart, frozen=True):
    """Errors of one model.

    Attributes:
        model: `preferred`, a family, `plain roofline` or `operation count`.
        count: Number of pairs of estimate and measurement.
        mape: Mean absolute relative error.
        rmspe: Root of the mean squared relative error.
        median: Median absolute relative error.
        worst: Largest absolute relative error.
        bias: Mean signed relative error; positive where estimates are too high.
        within_5: Share of the pairs within 5 %.
        within_10: Share of the pairs within 10 %.
        ratio: Its mean absolute error over that of the model that is evaluated; null where that has no error.
        spearman: Spearman's rank correlation; null for too few networks.
        spearman_interval: Its interval.
        kendall: Kendall's rank correlation (tau-b); null for too few networks.
        kendall_interval: Its interval.
    """

    model: str
    count: IntFrom1
    mape: FloatFrom0
    rmspe: FloatFrom0
    median: FloatFrom0
    worst: FloatFrom0
    bias: float
    within_5: Share
    within_10: Share
    ratio: FloatFrom0 | None
    spearman: float | None
    spearman_interval: Interval | None
    kendall: float | None
    kendall_interval: Interval | None


class IntervalPart(ReportPart, frozen=True):
    """How well the intervals of one confidence hold.

    Attributes:
        confidence: What is stated.
        covered: Share of the networks inside.
        width: Mean of upper over lower end, less 1.
        global_width: The same for one factor for all networks, chosen with the measurements known.
    """

    confidence: Share
    covered: Share
    width: FloatFrom0
    global_width: FloatFrom0


class KindPart(ReportPart, frozen=True):
    """Errors of one kind of kernel.

    Attributes:
        kind: Kind of kernel.
        share: Share of the measured kernel time.
        count: Number of pairs of estimate and measurement.
        mape: Mean absolute relative error.
        rmspe: Root of the mean squared relative error.
        median: Median absolute relative error.
        worst: Largest absolute relative error.
        bias: Mean signed relative error; positive where estimates are too high.
        within_5: Share of the pairs within 5 %.
        within_10: Share of the pairs within 10 %.
        spearman: Spearman's rank correlation; null for too few kernels.
        kendall: Kendall's rank correlation (tau-b); null for too few kernels.
        floor: Relative standard deviation of one round, mean over the kernels; null with one round.
        covered: Share of the kernels inside their 90 % intervals; null where the platform states none.
        by_model: Mean absolute error by family, and by `plain roofline`.
    """

    kind: str
    share: Share
    count: IntFrom1
    mape: FloatFrom0
    rmspe: FloatFrom0
    median: FloatFrom0
    worst: FloatFrom0
    bias: float
    within_5: Share
    within_10: Share
    spearman: float | None
    kendall: float | None
    floor: FloatFrom0 | None
    covered: Share | None
    by_model: dict[str, FloatFrom0]


class AgreementPart(ReportPart, frozen=True):
    """How well predictions about a network agree with what was measured.

    Attributes:
        cases: Cases that were asked.
        true: Cases that are so by measurement.
        precision: Share of what is predicted that is so; null where nothing is predicted.
        recall: Share of what is so that is predicted; null where nothing is.
        matthews: Matthews correlation coefficient, -1 to 1; null without cases.
    """

    cases: IntFrom0
    true: IntFrom0
    precision: float | None
    recall: float | None
    matthews: float | None


class MappingQualityPart(ReportPart, frozen=True):
    """How well a mapping tells what a runtime does.

    Attributes:
        pairs: Adjacent layers that both ran: are they in one kernel?
        removed: Layers: does the runtime leave them out?
        copies: Activations: does the runtime put in a copy?
    """

    pairs: AgreementPart
    removed: AgreementPart
    copies: AgreementPart


class NetworkPart(ReportPart, frozen=True):
    """One evaluated network.

    Attributes:
        network: What the user calls it.
        batch: Samples processed together.
        ops: Its operations.
        measured_s: Its latency; null where it is not known.
        rounds_s: Latency of each round of measurement.
        floor: Relative standard deviation of one round of measurement, from the differences of all pairs of rounds;
            null with fewer than two.
        estimated_s: Its estimate; null where it could not be estimated.
        interval_s: The estimate's interval at 90 %; null where the platform states none.
        error: Signed relative error; null where one side is missing.
        by_model: Its estimate by each family that the platform has, by `plain roofline`, and by `operation count` at
            its best scale.
        remaining: Signed relative error with one part replaced by its truth, by part; null without a profile.
        problem: Why it could not be estimated; empty where it could.
        notes: Remarks of the estimate.
        mapping: How well the platform's mapping tells what the runtime does; null without profiles.
    """

    network: str
    batch: IntFrom1
    ops: IntFrom0
    measured_s: FloatFrom0 | None
    rounds_s: list[FloatFrom0]
    floor: FloatFrom0 | None
    estimated_s: FloatFrom0 | None
    interval_s: Interval | None
    error: float | None
    by_model: dict[str, FloatFrom0]
    remaining: dict[str, float] | None
    problem: str
    notes: list[str]
    mapping: MappingQualityPart | None


class EvaluationDocument(ReportDocument, frozen=True, tag="annette/evaluation/1"):
    """Estimates against measurements; errors are shares (0.05 is 5 %).

    Printed by `annette evaluate --json`. Errors and shares are fractions, not percentages.

    Attributes:
        platform: Name of the platform.
        suite: What was evaluated.
        model: Model that is evaluated: a family, or `preferred`.
        floor: Relative standard deviation of one round of measurement, mean over the networks; null where no network
            was measured twice.
        plain_roofline: The baseline `plain roofline`, one P and one B for the whole device: `max(ops / P, bytes / B)`
            for each kernel; null where the platform states none.
        models: The model that is evaluated first, then all others; empty where nothing was measured.
        intervals: How well intervals hold; empty where the platform states none.
        remaining: Mean absolute error that remains with one part replaced by its truth, by part.
        kinds: Kinds of kernel by share of time, largest first; empty without profiles.
        networks: The networks, in the order given.
        notes: What to know about the measurements, one sentence each.
        mapping: How well the platform's mapping tells what the runtime does; null without profiles.
    """

    platform: str
    suite: str
    model: str
    floor: FloatFrom0 | None
    plain_roofline: PlainRoofline | None
    models: list[ModelPart]
    intervals: list[IntervalPart]
    remaining: dict[str, FloatFrom0]
    kinds: list[KindPart]
    networks: list[NetworkPart]
    notes: list[str]
    mapping: MappingQualityPart | None
