"""Documents of campaigns, measured networks and datasets."""

from __future__ import annotations

from typing import Annotated

from annette.report.schemas.base import Digest, FloatFrom0, Interval, IntFrom0, ReportDocument, ReportPart, Share, doc

__all__ = [
    "BenchDocument",
    "BenchPlanDocument",
    "CalmPart",
    "CheckDocument",
    "CheckedWorkloadPart",
    "ComparedNetwork",
    "DatasetComparisonDocument",
    "DatasetDocument",
    "ImportDocument",
    "MeasuredKernelPart",
    "MeasuredNetworkPart",
    "MeasurementDocument",
    "SweepPart",
]


class BenchDocument(ReportDocument, frozen=True, tag="annette/bench/1"):
    """A campaign and the dataset it filled.

    Printed by `annette bench --json`.
    """

    dataset: Annotated[str, doc("Path of the dataset.")]
    backend: Annotated[str, doc("Name of the backend.")]
    plan: Annotated[str, doc("Name of the plan: preset, target and seed.")]
    plan_digest: Annotated[str, doc("Identity of the plan, 32 hexadecimal digits.")]
    rows: Annotated[IntFrom0, doc("Runs in the dataset, earlier ones included.")]
    measured: Annotated[IntFrom0, doc("Cases measured now.")]
    skipped: Annotated[IntFrom0, doc("Cases that the dataset had already.")]
    failed: Annotated[IntFrom0, doc("Cases that failed now; recorded with their reasons.")]
    statuses: Annotated[
        dict[str, int],
        doc("Number of runs by what they say of themselves: `ok`, `unstable`, `too-short`, `drifted`, `failed`."),
    ]
    digest: Annotated[Digest, doc("SHA-256 of what was measured: equal for two campaigns that measured the same.")]
    matched_share: Annotated[
        float | None, doc("Share of the profiled time that was matched to layers; null without profiles.")
    ]
    device_s: Annotated[FloatFrom0, doc("Time that the measuring process spent on the cases.")]


class BenchPlanDocument(ReportDocument, frozen=True, tag="annette/bench-plan/1"):
    """What a campaign would measure.

    Printed by `annette bench --dry-run --json`.
    """

    plan: Annotated[str, doc("Name of the plan.")]
    plan_digest: Annotated[str, doc("Identity of the plan, 32 hexadecimal digits.")]
    cases: Annotated[IntFrom0, doc("Number of cases.")]
    expected_s: Annotated[FloatFrom0, doc("Expected device time.")]
    counts: Annotated[dict[str, int], doc("Number of cases by purpose and group.")]


class CheckedWorkloadPart(ReportPart, frozen=True):
    """A reference workload of a check."""

    name: Annotated[str, doc("`arithmetic`, `cache`, `memory` or `tiny kernels`.")]
    feels: Annotated[str, doc("What it is, and what disturbs it.")]
    calm_s: Annotated[FloatFrom0, doc("What it takes undisturbed.")]
    spread: Annotated[FloatFrom0, doc("By how much the slowest tenth of the visits took longer, relative.")]
    calm: Annotated[Share, doc("Share of the visits that took at most 3 % longer.")]
    error: Annotated[FloatFrom0, doc("Relative error, in the mean, of what any three visits say.")]


class CheckDocument(ReportDocument, frozen=True, tag="annette/bench-check/1"):
    """How calm a machine is.

    Printed by `annette bench --check --json`.
    """

    backend: Annotated[str, doc("Name of the backend.")]
    verdict: Annotated[str, doc("`calm`, `disturbed` (go on; intervals are wider) or `too disturbed` (wait).")]
    index: Annotated[Share, doc("Share of all visits that took at most 3 % longer than the undisturbed one.")]
    expected_error: Annotated[
        FloatFrom0, doc("Relative error to be expected of a time from three visits, or three rounds of a network.")
    ]
    causes: Annotated[list[str], doc("What disturbs, one sentence each.")]
    stolen: Annotated[
        Share | None, doc("Share of the processors' time that the hypervisor gave to others; null where unknown.")
    ]
    busy: Annotated[
        Share | None, doc("Share of the time in which the other processors worked; null where there are none.")
    ]
    clock_hz: Annotated[Interval | None, doc("Lowest and highest clock that was seen; null where it is not known.")]
    rounds: Annotated[IntFrom0, doc("Processes that the workloads were timed in.")]
    duration_s: Annotated[FloatFrom0, doc("How long the check took.")]
    workloads: Annotated[list[CheckedWorkloadPart], doc("The reference workloads that the backend can run.")]


class MeasuredKernelPart(ReportPart, frozen=True):
    """One executed kernel."""

    name: Annotated[str, doc("The runtime's name.")]
    operator: Annotated[str, doc("The runtime's type.")]
    layers: Annotated[list[str], doc("Layers of the network that it ran.")]
    added: Annotated[bool, doc("Whether the runtime put it in by itself.")]
    latency_s: Annotated[FloatFrom0, doc("Median over the rounds.")]


class MeasurementDocument(ReportDocument, frozen=True, tag="annette/measurement/1"):
    """A measured network.

    Printed by `annette measure --json`; with several networks, a list of these.
    """

    network: Annotated[str, doc("The network, as it was named.")]
    backend: Annotated[str, doc("Name of the backend.")]
    batch: Annotated[IntFrom0, doc("Samples processed together.")]
    environment: Annotated[
        dict[str, str], doc("What the measurement depends on: runtime, version, device, precision, threads, …")
    ]
    latency_s: Annotated[
        FloatFrom0,
        doc("Mean of the shorter half of the rounds' medians: of three the two shortest, of two the shorter."),
    ]
    rounds_s: Annotated[list[FloatFrom0], doc("Median of each usable round.")]
    statuses: Annotated[list[str], doc("What each round says of itself.")]
    remeasurement_spread: Annotated[
        float | None, doc("Mean distance of the rounds from `latency_s`, relative to it; null for a single round.")
    ]
    standard_error: Annotated[
        float | None,
        doc("Relative standard error of `latency_s`, from how far the next longer round is; null for a single round."),
    ]
    precision: Annotated[
        float | None, doc("Standard error that was asked for (`--precision`), reached or not; null where none was.")
    ]
    matched_share: Annotated[
        float | None, doc("Share of the profiled time that was matched to layers; null without a profile.")
    ]
    notes: Annotated[list[str], doc("What was assumed of the network, and sizes that its data decided in a run.")]
    host_operators: Annotated[
        str, doc("Operators that the device leaves to its host and the time does not count; mostly empty.")
    ]
    kernels: Annotated[list[MeasuredKernelPart], doc("Executed kernels, in order of execution.")]


class SweepPart(ReportPart, frozen=True):
    """One layer at several sizes."""

    name: Annotated[str, doc("Group of the plan.")]
    dimension: Annotated[str, doc("The size that is swept, such as `out_channels`.")]
    kind: Annotated[str, doc("Kind of the layer.")]
    fixed: Annotated[dict[str, int], doc("Sizes other than 1 that all points have in common.")]
    sizes: Annotated[list[int], doc("The swept size of each point, ascending.")]
    latency_s: Annotated[list[FloatFrom0], doc("Time at each size.")]
    of_kernels: Annotated[
        bool, doc("Whether the times are those of the kernel that ran the layer, or of the whole network.")
    ]
    left_out: Annotated[IntFrom0, doc("Points that failed, or were unstable or drifted.")]


class MeasuredNetworkPart(ReportPart, frozen=True):
    """One measured network."""

    network: Annotated[str, doc("The network, as it was named.")]
    latency_s: Annotated[
        FloatFrom0,
        doc("Mean of the shorter half of the rounds' medians: of three the two shortest, of two the shorter."),
    ]
    rounds_s: Annotated[list[FloatFrom0], doc("Median of each usable round.")]
    remeasurement_spread: Annotated[
        float | None, doc("Mean distance of the rounds from `latency_s`, relative to it; null for a single round.")
    ]
    matched_share: Annotated[
        float | None,
        doc("Smallest share of the profiled time of a round that was matched to layers; null without profiles."),
    ]


class CalmPart(ReportPart, frozen=True):
    """How calm the machine was, from cases that were visited more than once."""

    index: Annotated[Share, doc("Share of the visits that took at most 3 % longer than the shortest of their case.")]
    error: Annotated[
        FloatFrom0, doc("Relative standard error of the time that a case's visits are joined to; median of the cases.")
    ]
    rounds_apart: Annotated[
        FloatFrom0, doc("By how much the two calmest rounds of visits differ in all cases together, relative.")
    ]
    level_error: Annotated[
        FloatFrom0, doc("Relative standard error that all joined times have in common; intervals of a fit contain it.")
    ]
    cases: Annotated[IntFrom0, doc("Cases of 50 µs and more that were visited more than once.")]


class BoardPart(ReportPart, frozen=True):
    """One board of a cluster: a machine of its own, whose visits, calm moments and speed are not mixed with others'."""

    board: Annotated[str, doc("Its name; empty for the machine of a campaign without a cluster.")]
    runs: Annotated[IntFrom0, doc("Number of its runs.")]
    cases: Annotated[IntFrom0, doc("Number of cases that it has visited.")]
    reference_s: Annotated[
        FloatFrom0 | None, doc("Time of the reference workload at its calm moments; null where it was not timed.")
    ]
    calm: Annotated[CalmPart | None, doc("How calm it was; null where no visits tell.")]


class DatasetDocument(ReportDocument, frozen=True, tag="annette/dataset-content/1"):
    """What a dataset holds.

    Printed by `annette dataset --json`.
    """

    dataset: Annotated[str, doc("Path of the dataset.")]
    rows: Annotated[IntFrom0, doc("Number of runs.")]
    digest: Annotated[Digest, doc("SHA-256 of what was measured: equal for two campaigns that measured the same.")]
    environment: Annotated[dict[str, str], doc("What the measurements depend on; empty where there are none.")]
    statuses: Annotated[
        dict[str, int],
        doc("Number of runs by what they say of themselves: `ok`, `unstable`, `too-short`, `drifted`, `failed`."),
    ]
    purposes: Annotated[dict[str, int], doc("Number of runs by purpose.")]
    calm: Annotated[
        CalmPart | None,
        doc("How calm the machine was, or the boards of a cluster together were; null where no visits tell."),
    ]
    boards: Annotated[list[BoardPart], doc("The boards of a cluster that measured; none where no cluster did.")]
    sweeps: Annotated[list[SweepPart], doc("How the time of a layer follows one of its sizes.")]
    networks: Annotated[list[MeasuredNetworkPart], doc("Whole networks that were measured.")]


class ComparedNetwork(ReportPart, frozen=True):
    """One network in both datasets."""

    network: Annotated[str, doc("The network, as it was named.")]
    first_s: Annotated[FloatFrom0, doc("Latency in the first dataset.")]
    second_s: Annotated[FloatFrom0, doc("Latency in the second dataset.")]
    difference: Annotated[float, doc("Second over first, less 1.")]


class DatasetComparisonDocument(ReportDocument, frozen=True, tag="annette/dataset-comparison/1"):
    """Two datasets against each other.

    Printed by `annette dataset DATASET OTHER --json`.
    """

    first: Annotated[str, doc("Path of the first dataset.")]
    second: Annotated[str, doc("Path of the second dataset.")]
    mean_difference: Annotated[FloatFrom0, doc("Mean of the absolute differences.")]
    largest_difference: Annotated[FloatFrom0, doc("Largest absolute difference.")]
    environment: Annotated[
        dict[str, list[str]],
        doc("What the two depend on and do not have in common: the value in the first, and in the second."),
    ]
    networks: Annotated[list[ComparedNetwork], doc("Networks that both have.")]


class ImportDocument(ReportDocument, frozen=True, tag="annette/import/1"):
    """A dataset made from a table of somebody else's measurements.

    Printed by `annette import --json`.
    """

    dataset: Annotated[str, doc("Path of the dataset.")]
    runs: Annotated[IntFrom0, doc("Runs in it.")]
    kernels: Annotated[IntFrom0, doc("Measured kernels of all runs.")]
