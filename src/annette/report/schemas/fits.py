"""Documents of what becomes a platform: fits and adaptations."""

from __future__ import annotations

from typing import Literal

from annette.report.schemas.base import (
    FloatAbove0,
    FloatFrom0,
    IntFrom0,
    IntFrom1,
    ReportDocument,
    ReportPart,
    Share,
)
from annette.report.schemas.evaluations import AgreementPart  # noqa: TC001 - annotations are read at run time

__all__ = [
    "AdaptedKind",
    "CalibratedNetwork",
    "CalibrationDocument",
    "CalibrationErrors",
    "DroppedRows",
    "FitDocument",
    "FittedKind",
    "MappingCandidate",
    "MappingChoice",
    "NewKind",
    "OverheadsPart",
    "TransferDocument",
    "TransferErrors",
    "TransferFactors",
    "TransferStrength",
]


class OverheadsPart(ReportPart, frozen=True):
    """What runs and kernels cost beside their work.

    Attributes:
        per_run_s: What every run costs beside its kernels.
        per_kernel_s: What every kernel costs beside its work.
        profiler_s: What the profiler adds to every kernel; subtracted before fitting.
        runs: Number of whole runs these come from.
    """

    per_run_s: FloatFrom0
    per_kernel_s: FloatFrom0
    profiler_s: FloatFrom0
    runs: IntFrom0


class FittedKind(ReportPart, frozen=True):
    """One kind of kernel that has models now.

    Attributes:
        kind: Kind of kernel.
        rows: Measured kernels of that kind.
        best: Family with the least cross-validated error.
        mape: Cross-validated mean absolute error of each family, relative to the measurement.
    """

    kind: str
    rows: IntFrom1
    best: str
    mape: dict[str, FloatFrom0]


class DroppedRows(ReportPart, frozen=True):
    """Measurements left out for one reason.

    Attributes:
        reason: Why.
        rows: Which.
    """

    reason: str
    rows: list[str]


class MappingCandidate(ReportPart, frozen=True):
    """One mapping that was compared.

    Attributes:
        name: A preset, or learned.
        pairs: Adjacent layers that both ran: are they in one kernel?
        removed: Layers: does the runtime leave them out?
        copies: Activations: does the runtime put in a copy?
    """

    name: str
    pairs: AgreementPart
    removed: AgreementPart
    copies: AgreementPart


class MappingChoice(ReportPart, frozen=True):
    """Why a mapping was taken.

    Attributes:
        name: Name of the mapping: a preset's, or learned.
        reason: Why it was taken.
        networks: Benchmark networks it was compared on.
        candidates: What was compared, the one taken first; learned rules on networks held out.
    """

    name: str
    reason: str
    networks: IntFrom0
    candidates: list[MappingCandidate]


class FitDocument(ReportDocument, frozen=True, tag="annette/fit/1"):
    """A fitted platform and what happened on the way.

    Printed by `annette fit --json`.

    Attributes:
        platform: Name of the platform.
        file: Where it was written.
        device: What it runs on.
        runtime: What it runs with.
        mapping: Name of its mapping.
        paired_share: Share of the measured kernels that were paired with predicted ones; null where nothing had to be
            paired.
        overheads: What was found beside the kernels themselves. Null where none were looked for.
        kinds: What was fitted, one entry per kind of kernel.
        unfitted: Kinds with too few measurements, with their number.
        dropped: Measurements that were left out.
        mapping_choice: Why the mapping was taken.
        device_family: Device family that recognised the datasets; null where none did.
        road: How the platform came about, as a sentence.
    """

    platform: str
    file: str
    device: str
    runtime: str
    mapping: str
    paired_share: Share | None
    overheads: OverheadsPart | None
    kinds: list[FittedKind]
    unfitted: dict[str, IntFrom0]
    dropped: list[DroppedRows]
    mapping_choice: MappingChoice
    device_family: str | None
    road: str


class TransferErrors(ReportPart, frozen=True):
    """Errors before and after.

    Attributes:
        before: Of the platform that it was adapted from.
        left_out: Of adaptations that saw neither the kernel's network nor its configuration, choices included.
    """

    before: FloatFrom0
    left_out: FloatFrom0


class TransferFactors(ReportPart, frozen=True):
    """Factors on time.

    Attributes:
        overall: On everything.
        computing: On the time of operations, on top.
        moving: On the time of bytes, on top.
        starting: On the time that every kernel takes, on top.
    """

    overall: FloatAbove0
    computing: FloatAbove0
    moving: FloatAbove0
    starting: FloatAbove0


class TransferStrength(ReportPart, frozen=True):
    """How far factors may differ.

    Attributes:
        sides: Of computing, moving and starting.
        kinds: Of kinds of kernels.
    """

    sides: FloatFrom0
    kinds: FloatFrom0


class AdaptedKind(ReportPart, frozen=True):
    """One kind that was measured and adapted.

    Attributes:
        kind: Kind of kernel.
        kernels: Measured kernels of that kind.
        factor: Factor on everything and on this kind together.
        way: How the kind came to its model: the starting platform's with factors on time, with trees on what these
            leave over, or fitted anew.
        family: Family that this started from, or that was fitted.
        before: Error of the platform that it was adapted from.
        left_out: Error of adaptations that did not see the kernel.
    """

    kind: str
    kernels: IntFrom1
    factor: FloatAbove0
    way: Literal["factors", "trees", "anew"]
    family: str
    before: FloatFrom0
    left_out: FloatFrom0


class NewKind(ReportPart, frozen=True):
    """One kind that was fitted anew.

    Attributes:
        kind: Kind of kernel.
        kernels: Measured kernels of that kind.
        family: Family with the least cross-validated error.
        left_out: That error.
    """

    kind: str
    kernels: IntFrom1
    family: str
    left_out: FloatFrom0


class TransferDocument(ReportDocument, frozen=True, tag="annette/transfer/1", rename={"from_": "from"}):
    """A platform adapted from another one.

    Printed by `annette fit --from --json`.

    Attributes:
        platform: Name of the adapted platform.
        file: Where it was written.
        from_: Name of the platform that it was adapted from.
        kernels: Measured kernels that it was adapted with.
        errors: Mean absolute error of these kernels, relative to the measurement.
        factors: Factors on time that were found for the models that the starting platform prefers.
        strength: How far factors were allowed to differ, as standard deviations of their logarithms.
        kinds: Kinds that were measured and adapted.
        new_kinds: Kinds that the starting platform has no fitted model of: fitted anew.
        dropped: Measurements that were left out.
    """

    platform: str
    file: str
    from_: str
    kernels: IntFrom1
    errors: TransferErrors
    factors: TransferFactors
    strength: TransferStrength
    kinds: list[AdaptedKind]
    new_kinds: list[NewKind]
    dropped: list[DroppedRows]


class CalibrationErrors(ReportPart, frozen=True):
    """Mean absolute relative errors of a calibration.

    Attributes:
        before: Of the platform as it was.
        fitted: Of the calibrated platform, on the networks that it was calibrated with.
        left_out: On networks that were left out of the calibration.
    """

    before: FloatFrom0
    fitted: FloatFrom0
    left_out: FloatFrom0


class CalibratedNetwork(ReportPart, frozen=True):
    """One network of a calibration.

    Attributes:
        network: Its name.
        measured_s: Its measured latency.
        before_s: Estimate of the platform as it was.
        fitted_s: Estimate of the calibrated platform.
        left_out_s: Estimate of a calibration without it.
    """

    network: str
    measured_s: FloatFrom0
    before_s: FloatFrom0
    fitted_s: FloatFrom0
    left_out_s: FloatFrom0


class CalibrationDocument(ReportDocument, frozen=True, tag="annette/calibration/1"):
    """A platform calibrated with latencies of whole networks.

    Printed by `annette calibrate --json`.

    Attributes:
        platform: File that the calibrated platform was written to.
        errors: Mean absolute relative errors.
        grouping: How kinds of kernels were grouped.
        strength: How strongly coefficients were pulled towards the start.
        coefficients: What was fitted: scales by group of kinds, overheads in seconds or seconds per byte.
        networks: The networks, in the order of the table.
    """

    platform: str
    errors: CalibrationErrors
    grouping: str
    strength: float
    coefficients: dict[str, float]
    networks: list[CalibratedNetwork]
