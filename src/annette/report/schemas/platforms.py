"""Documents of platforms and how they come about, and of backends."""

from __future__ import annotations

from typing import Annotated, Literal

from annette.report.schemas.base import (
    FloatAbove0,
    FloatFrom0,
    IntFrom0,
    IntFrom1,
    ReportDocument,
    ReportPart,
    Share,
    doc,
)
from annette.report.schemas.evaluations import AgreementPart  # noqa: TC001 - annotations are read at run time

__all__ = [
    "AdaptedKind",
    "BackendOption",
    "BackendsDocument",
    "CalibratedNetwork",
    "CalibrationDocument",
    "CalibrationErrors",
    "ConversionDocument",
    "DroppedRows",
    "FitDocument",
    "FittedKind",
    "ListedBackend",
    "ListedPlatform",
    "MappingCandidate",
    "MappingChoice",
    "NewKind",
    "OverheadsPart",
    "PlatformsDocument",
    "TransferDocument",
    "TransferErrors",
    "TransferFactors",
    "TransferStrength",
]


class OverheadsPart(ReportPart, frozen=True):
    """What runs and kernels cost beside their work."""

    per_run_s: Annotated[FloatFrom0, doc("What every run costs beside its kernels.")]
    per_kernel_s: Annotated[FloatFrom0, doc("What every kernel costs beside its work.")]
    profiler_s: Annotated[FloatFrom0, doc("What the profiler adds to every kernel; subtracted before fitting.")]
    runs: Annotated[IntFrom0, doc("Number of whole runs these come from.")]
    per_input_s: Annotated[FloatFrom0, doc("What every input of the network costs, however few bytes it has.")]
    per_output_s: Annotated[FloatFrom0, doc("What every output of the network costs, likewise.")]
    spread_s: Annotated[FloatFrom0, doc("Standard deviation of what short runs cost beside their kernels.")]
    several_s: Annotated[FloatFrom0, doc("What every run of more than one kernel costs, however many they are.")]
    first_s: Annotated[FloatFrom0, doc("What a profile says of a run's first kernel too much; subtracted, too.")]
    per_round_s: Annotated[FloatFrom0 | None, doc("What every round of a loop costs; null where none was measured.")]
    per_round_value_s: Annotated[FloatFrom0 | None, doc("What every value costs that a round is handed or gives.")]
    per_branch_s: Annotated[FloatFrom0 | None, doc("What it costs to choose and enter a branch.")]
    per_size_node_s: Annotated[FloatFrom0 | None, doc("What a node costs that computes with sizes a file leaves open.")]


class FittedKind(ReportPart, frozen=True):
    """One kind of kernel that has models now."""

    kind: Annotated[str, doc("Kind of kernel.")]
    rows: Annotated[IntFrom1, doc("Measured kernels of that kind.")]
    best: Annotated[str, doc("Family with the least cross-validated error.")]
    mape: Annotated[
        dict[str, FloatFrom0], doc("Cross-validated mean absolute error of each family, relative to the measurement.")
    ]


class DroppedRows(ReportPart, frozen=True):
    """Measurements left out for one reason."""

    reason: Annotated[str, doc("Why.")]
    rows: Annotated[list[str], doc("Which.")]


class MappingCandidate(ReportPart, frozen=True):
    """One mapping that was compared."""

    name: Annotated[str, doc("A preset, or learned.")]
    pairs: Annotated[AgreementPart, doc("Adjacent layers that both ran: are they in one kernel?")]
    removed: Annotated[AgreementPart, doc("Layers: does the runtime leave them out?")]
    copies: Annotated[AgreementPart, doc("Activations: does the runtime put in a copy?")]


class MappingChoice(ReportPart, frozen=True):
    """Why a mapping was taken."""

    name: Annotated[str, doc("Name of the mapping: a preset's, or learned.")]
    reason: Annotated[str, doc("Why it was taken.")]
    networks: Annotated[IntFrom0, doc("Benchmark networks it was compared on.")]
    candidates: Annotated[
        list[MappingCandidate], doc("What was compared, the one taken first; learned rules on networks held out.")
    ]


class FitDocument(ReportDocument, frozen=True, tag="annette/fit/1"):
    """A fitted platform and what happened on the way.

    Printed by `annette fit --json`.
    """

    platform: Annotated[str, doc("Name of the platform.")]
    file: Annotated[str, doc("Where it was written.")]
    device: Annotated[str, doc("What it runs on.")]
    runtime: Annotated[str, doc("What it runs with.")]
    mapping: Annotated[str, doc("Name of its mapping.")]
    paired_share: Annotated[
        Share | None,
        doc("Share of the measured kernels that were paired with predicted ones; null where nothing had to be paired."),
    ]
    overheads: Annotated[
        OverheadsPart | None, doc("What was found beside the kernels themselves. Null where none were looked for.")
    ]
    kinds: Annotated[list[FittedKind], doc("What was fitted, one entry per kind of kernel.")]
    unfitted: Annotated[dict[str, IntFrom0], doc("Kinds with too few measurements, with their number.")]
    dropped: Annotated[list[DroppedRows], doc("Measurements that were left out.")]
    mapping_choice: Annotated[MappingChoice, doc("Why the mapping was taken.")]
    device_family: Annotated[str | None, doc("Device family that recognised the datasets; null where none did.")]
    road: Annotated[str, doc("How the platform came about, as a sentence.")]


class TransferErrors(ReportPart, frozen=True):
    """Errors before and after."""

    before: Annotated[FloatFrom0, doc("Of the platform that it was adapted from.")]
    left_out: Annotated[
        FloatFrom0,
        doc("Of adaptations that saw neither the kernel's network nor its configuration, choices included."),
    ]


class TransferFactors(ReportPart, frozen=True):
    """Factors on time."""

    overall: Annotated[FloatAbove0, doc("On everything.")]
    computing: Annotated[FloatAbove0, doc("On the time of operations, on top.")]
    moving: Annotated[FloatAbove0, doc("On the time of bytes, on top.")]
    starting: Annotated[FloatAbove0, doc("On the time that every kernel takes, on top.")]


class TransferStrength(ReportPart, frozen=True):
    """How far factors may differ."""

    sides: Annotated[FloatFrom0, doc("Of computing, moving and starting.")]
    kinds: Annotated[FloatFrom0, doc("Of kinds of kernels.")]


class AdaptedKind(ReportPart, frozen=True):
    """One kind that was measured and adapted."""

    kind: Annotated[str, doc("Kind of kernel.")]
    kernels: Annotated[IntFrom1, doc("Measured kernels of that kind.")]
    factor: Annotated[FloatAbove0, doc("Factor on everything and on this kind together.")]
    way: Annotated[
        Literal["factors", "trees", "anew"],
        doc(
            "How the kind came to its model: the starting platform's with factors on time, with trees on what these "
            "leave over, or fitted anew."
        ),
    ]
    family: Annotated[str, doc("Family that this started from, or that was fitted.")]
    before: Annotated[FloatFrom0, doc("Error of the platform that it was adapted from.")]
    left_out: Annotated[FloatFrom0, doc("Error of adaptations that did not see the kernel.")]


class NewKind(ReportPart, frozen=True):
    """One kind that was fitted anew."""

    kind: Annotated[str, doc("Kind of kernel.")]
    kernels: Annotated[IntFrom1, doc("Measured kernels of that kind.")]
    family: Annotated[str, doc("Family with the least cross-validated error.")]
    left_out: Annotated[FloatFrom0, doc("That error.")]


class TransferDocument(ReportDocument, frozen=True, tag="annette/transfer/1", rename={"from_": "from"}):
    """A platform adapted from another one.

    Printed by `annette fit --from --json`.
    """

    platform: Annotated[str, doc("Name of the adapted platform.")]
    file: Annotated[str, doc("Where it was written.")]
    from_: Annotated[str, doc("Name of the platform that it was adapted from.")]
    kernels: Annotated[IntFrom1, doc("Measured kernels that it was adapted with.")]
    errors: Annotated[TransferErrors, doc("Mean absolute error of these kernels, relative to the measurement.")]
    factors: Annotated[
        TransferFactors, doc("Factors on time that were found for the models that the starting platform prefers.")
    ]
    strength: Annotated[
        TransferStrength, doc("How far factors were allowed to differ, as standard deviations of their logarithms.")
    ]
    kinds: Annotated[list[AdaptedKind], doc("Kinds that were measured and adapted.")]
    new_kinds: Annotated[list[NewKind], doc("Kinds that the starting platform has no fitted model of: fitted anew.")]
    dropped: Annotated[list[DroppedRows], doc("Measurements that were left out.")]


class CalibrationErrors(ReportPart, frozen=True):
    """Mean absolute relative errors of a calibration."""

    before: Annotated[FloatFrom0, doc("Of the platform as it was.")]
    fitted: Annotated[FloatFrom0, doc("Of the calibrated platform, on the networks that it was calibrated with.")]
    left_out: Annotated[FloatFrom0, doc("On networks that were left out of the calibration.")]


class CalibratedNetwork(ReportPart, frozen=True):
    """One network of a calibration."""

    network: Annotated[str, doc("Its name.")]
    measured_s: Annotated[FloatFrom0, doc("Its measured latency.")]
    before_s: Annotated[FloatFrom0, doc("Estimate of the platform as it was.")]
    fitted_s: Annotated[FloatFrom0, doc("Estimate of the calibrated platform.")]
    left_out_s: Annotated[FloatFrom0, doc("Estimate of a calibration without it.")]
    scale: Annotated[
        FloatAbove0,
        doc(
            "Factor by which `measured_s` was brought to the speed that the machine had in the platform's campaign; 1 "
            "where it is as measured."
        ),
    ] = 1.0


class CalibrationDocument(ReportDocument, frozen=True, tag="annette/calibration/1"):
    """A platform calibrated with latencies of whole networks.

    Printed by `annette calibrate --json`.
    """

    platform: Annotated[str, doc("File that the calibrated platform was written to.")]
    errors: Annotated[CalibrationErrors, doc("Mean absolute relative errors.")]
    grouping: Annotated[str, doc("How kinds of kernels were grouped.")]
    strength: Annotated[float, doc("How strongly coefficients were pulled towards the start.")]
    coefficients: Annotated[
        dict[str, float], doc("What was fitted: scales by group of kinds, overheads in seconds or seconds per byte.")
    ]
    networks: Annotated[list[CalibratedNetwork], doc("The networks, in the order of the table.")]


class ListedPlatform(ReportPart, frozen=True):
    """One platform that can be named."""

    name: Annotated[str, doc("Name to use with `--platform`.")]
    description: Annotated[str, doc("One line.")]
    device: Annotated[str, doc("What it runs on.")]
    runtime: Annotated[str, doc("What it runs with.")]
    latency_is: Annotated[str, doc("What its headline latency measures: `device` or `end_to_end`.")]
    preferred_family: Annotated[str, doc("Family of layer models that is used unless another is asked for.")]
    precisions: Annotated[list[str], doc("Precisions that it was fitted on, its own first.")]
    kinds: Annotated[list[str], doc("Kinds of kernel it has a model for.")]
    origin: Annotated[str, doc("`catalogue`, or the folder of the user's file.")]


class PlatformsDocument(ReportDocument, frozen=True, tag="annette/platforms/1"):
    """The platforms that can be named.

    Printed by `annette platforms list --json`. `annette platforms show --json` prints a document of schema
    `annette/platform-summary/1`: the platform file without the parameters of its models (see
    [platform-format.md](platform-format.md)).
    """

    platforms: Annotated[list[ListedPlatform], doc("All platforms that can be named, sorted by name.")]


class BackendOption(ReportPart, frozen=True):
    """One option of a backend."""

    name: Annotated[str, doc("Name of the option.")]
    type: Annotated[str, doc("`int`, `float`, `str` or `bool`.")]
    default: Annotated[str | float | bool, doc("Its default.")]
    help: Annotated[str, doc("What it does.")]


class ListedBackend(ReportPart, frozen=True):
    """One backend."""

    name: Annotated[str, doc("Name on the command line.")]
    usable: Annotated[bool, doc("Whether it can be used here.")]
    reason: Annotated[str, doc("Version found, or what is missing.")]
    install: Annotated[str, doc("The line that installs what is missing; empty where nothing is.")]
    options: Annotated[list[BackendOption], doc("Its options.")]
    file_formats: Annotated[list[str], doc("Suffixes of files that it measures as they are.")]


class BackendsDocument(ReportDocument, frozen=True, tag="annette/backends/1"):
    """The backends.

    Printed by `annette backends --json`.
    """

    backends: Annotated[list[ListedBackend], doc("All backends, built-in ones first.")]


class ConversionDocument(ReportDocument, frozen=True, tag="annette/conversion/1"):
    """A platform made from somebody else's published models.

    Printed by `annette import --json` where the layout holds models instead of measurements.
    """

    platform: Annotated[str, doc("Path of the platform file.")]
    kinds: Annotated[int, doc("Kinds of kernel that have models.")]
