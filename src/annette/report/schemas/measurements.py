"""Documents of campaigns, measured networks and datasets."""

from __future__ import annotations

from annette.report.schemas.base import (
    Digest,
    FloatFrom0,
    IntFrom0,
    ReportDocument,
    ReportPart,
)

__all__ = [
    "BenchDocument",
    "BenchPlanDocument",
    "ComparedNetwork",
    "DatasetComparisonDocument",
    "DatasetDocument",
    "MeasuredKernelPart",
    "MeasuredNetworkPart",
    "MeasurementDocument",
    "SweepPart",
]


class BenchDocument(ReportDocument, frozen=True, tag="annette/bench/1"):
    """A campaign and the dataset it filled.

    Printed by `annette bench --json`.

    Attributes:
        dataset: Path of the dataset.
        backend: Name of the backend.
        plan: Name of the plan: preset, target and seed.
        plan_digest: Identity of the plan, 32 hexadecimal digits.
        rows: Runs in the dataset, earlier ones included.
        measured: Cases measured now.
        skipped: Cases that the dataset had already.
        failed: Cases that failed now; recorded with their reasons.
        statuses: Number of runs by what they say of themselves: `ok`, `unstable`, `too-short`, `drifted`, `failed`.
        digest: SHA-256 of what was measured: equal for two campaigns that measured the same.
        matched_share: Share of the profiled time that was matched to layers; null without profiles.
        device_s: Time that the measuring process spent on the cases.
    """

    dataset: str
    backend: str
    plan: str
    plan_digest: str
    rows: IntFrom0
    measured: IntFrom0
    skipped: IntFrom0
    failed: IntFrom0
    statuses: dict[str, int]
    digest: Digest
    matched_share: float | None
    device_s: FloatFrom0


class BenchPlanDocument(ReportDocument, frozen=True, tag="annette/bench-plan/1"):
    """What a campaign would measure.

    Printed by `annette bench --dry-run --json`.

    Attributes:
        plan: Name of the plan.
        plan_digest: Identity of the plan, 32 hexadecimal digits.
        cases: Number of cases.
        expected_s: Expected device time.
        counts: Number of cases by purpose and group.
    """

    plan: str
    plan_digest: str
    cases: IntFrom0
    expected_s: FloatFrom0
    counts: dict[str, int]


class MeasuredKernelPart(ReportPart, frozen=True):
    """One executed kernel.

    Attributes:
        name: The runtime's name.
        operator: The runtime's type.
        layers: Layers of the network that it ran.
        added: Whether the runtime put it in by itself.
        latency_s: Median over the rounds.
    """

    name: str
    operator: str
    layers: list[str]
    added: bool
    latency_s: FloatFrom0


class MeasurementDocument(ReportDocument, frozen=True, tag="annette/measurement/1"):
    """A measured network.

    Printed by `annette measure --json`; with several networks, a list of these.

    Attributes:
        network: The network, as it was named.
        backend: Name of the backend.
        batch: Samples processed together.
        environment: What the measurement depends on: runtime, version, device, precision, threads, …
        latency_s: Median over the rounds of each round's median.
        rounds_s: Median of each usable round.
        statuses: What each round says of itself.
        remeasurement_spread: Mean distance of the rounds from `latency_s`, relative to it; null for a single round.
        matched_share: Share of the profiled time that was matched to layers; null without a profile.
        host_operators: Operators that the device leaves to its host and the time does not count; mostly empty.
        kernels: Executed kernels, in order of execution.
    """

    network: str
    backend: str
    batch: IntFrom0
    environment: dict[str, str]
    latency_s: FloatFrom0
    rounds_s: list[FloatFrom0]
    statuses: list[str]
    remeasurement_spread: float | None
    matched_share: float | None
    host_operators: str
    kernels: list[MeasuredKernelPart]


class SweepPart(ReportPart, frozen=True):
    """One layer at several sizes.

    Attributes:
        name: Group of the plan.
        dimension: The size that is swept, such as `out_channels`.
        kind: Kind of the layer.
        fixed: Sizes other than 1 that all points have in common.
        sizes: The swept size of each point, ascending.
        latency_s: Time at each size.
        of_kernels: Whether the times are those of the kernel that ran the layer, or of the whole network.
        left_out: Points that failed, or were unstable or drifted.
    """

    name: str
    dimension: str
    kind: str
    fixed: dict[str, int]
    sizes: list[int]
    latency_s: list[FloatFrom0]
    of_kernels: bool
    left_out: IntFrom0


class MeasuredNetworkPart(ReportPart, frozen=True):
    """One measured network.

    Attributes:
        network: The network, as it was named.
        latency_s: Median over the rounds of each round's median.
        rounds_s: Median of each usable round.
        remeasurement_spread: Mean distance of the rounds from `latency_s`, relative to it; null for a single round.
        matched_share: Smallest share of the profiled time of a round that was matched to layers; null without profiles.
    """

    network: str
    latency_s: FloatFrom0
    rounds_s: list[FloatFrom0]
    remeasurement_spread: float | None
    matched_share: float | None


class DatasetDocument(ReportDocument, frozen=True, tag="annette/dataset-content/1"):
    """What a dataset holds.

    Printed by `annette dataset --json`.

    Attributes:
        dataset: Path of the dataset.
        rows: Number of runs.
        digest: SHA-256 of what was measured: equal for two campaigns that measured the same.
        environment: What the measurements depend on; empty where there are none.
        statuses: Number of runs by what they say of themselves: `ok`, `unstable`, `too-short`, `drifted`, `failed`.
        purposes: Number of runs by purpose.
        sweeps: How the time of a layer follows one of its sizes.
        networks: Whole networks that were measured.
    """

    dataset: str
    rows: IntFrom0
    digest: Digest
    environment: dict[str, str]
    statuses: dict[str, int]
    purposes: dict[str, int]
    sweeps: list[SweepPart]
    networks: list[MeasuredNetworkPart]


class ComparedNetwork(ReportPart, frozen=True):
    """One network in both datasets.

    Attributes:
        network: The network, as it was named.
        first_s: Latency in the first dataset.
        second_s: Latency in the second dataset.
        difference: Second over first, less 1.
    """

    network: str
    first_s: FloatFrom0
    second_s: FloatFrom0
    difference: float


class DatasetComparisonDocument(ReportDocument, frozen=True, tag="annette/dataset-comparison/1"):
    """Two datasets against each other.

    Printed by `annette dataset DATASET OTHER --json`.

    Attributes:
        first: Path of the first dataset.
        second: Path of the second dataset.
        mean_difference: Mean of the absolute differences.
        largest_difference: Largest absolute difference.
        environment: What the two depend on and do not have in common: the value in the first, and in the second.
        networks: Networks that both have.
    """

    first: str
    second: str
    mean_difference: FloatFrom0
    largest_difference: FloatFrom0
    environment: dict[str, list[str]]
    networks: list[ComparedNetwork]
