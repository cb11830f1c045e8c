"""From tables to what fitting reads: runs for datasets, samples for layer models, pairs for calibration."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annette.bench.importing.kernel import kernel_network
from annette.bench.records import KernelRecord, Purpose, Run, Status
from annette.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annette.bench.importing.kernel import MeasuredKernel
    from annette.network import Network

__all__ = ["NetworkLatency", "kernel_runs", "measured_run", "network_runs"]


@dataclass(frozen=True, slots=True)
class NetworkLatency:
    """A whole network and its measured time.

    Attributes:
        name: What the table calls it.
        network: The network.
        latency_s: Measured time, seconds.
    """

    name: str
    network: Network
    latency_s: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.latency_s) and self.latency_s > 0):
            raise DatasetError(f"network {self.name!r} has latency {self.latency_s}: it must be positive seconds")


def kernel_runs(kernels: Iterable[MeasuredKernel], environment: Mapping[str, str]) -> list[Run]:
    """One run for each measured kernel: a network that is that kernel, profiled.

    Args:
        kernels: From a layer table; repeated measurements of one kernel stay apart.
        environment: What the measurements depend on: ``device``, ``runtime``, ``precision``, ….

    Returns:
        Runs whose case is ``network/kernel``, with a number where that repeats.

    Raises:
        DatasetError: A kernel cannot be built.
    """
    seen: Counter[str] = Counter()
    runs = []
    for kernel in kernels:
        network = kernel_network(kernel)
        case = f"{kernel.network}/{kernel.name}"
        seen[case] += 1
        case = case if seen[case] == 1 else f"{case}#{seen[case]}"
        record = KernelRecord(
            name=kernel.name,
            operator="+".join(stage.kind for stage in kernel.stages),
            layers=tuple(layer.name for layer in network.layers),
            latency_s=kernel.latency_s,
            samples_s=(kernel.latency_s,),
        )
        runs.append(measured_run(case, Purpose.MICRO_KERNEL, network, environment, kernels=(record,)))
    return runs


def network_runs(pairs: Sequence[NetworkLatency], environment: Mapping[str, str]) -> list[Run]:
    """One run for each network: a time and no profile.

    Args:
        pairs: From a network table.
        environment: As for `kernel_runs`.
    """
    counts = Counter(pair.name for pair in pairs)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise DatasetError(f"network {repeated[0]!r} stands in the table {counts[repeated[0]]} times: give names")
    return [
        replace(
            measured_run(pair.name, Purpose.NETWORK, pair.network, environment, kernels=()),
            latency_s=pair.latency_s,
            samples_s=(pair.latency_s,),
            matched_share=math.nan,
        )
        for pair in pairs
    ]


def measured_run(
    case: str,
    purpose: Purpose,
    network: Network,
    environment: Mapping[str, str],
    *,
    kernels: tuple[KernelRecord, ...],
) -> Run:
    """A run that was measured elsewhere: usable, once, without samples of the whole network.

    Args:
        case: Its identity.
        purpose: Why it was measured.
        network: What was measured.
        environment: What the measurement depends on.
        kernels: What the profile shows.
    """
    return Run(
        case=case,
        round=0,
        purpose=purpose,
        network=network,
        environment=environment,
        details={"imported": "measured elsewhere"},
        status=Status.OK,
        reason="",
        started_unix_s=0.0,
        duration_s=float(np.sum([kernel.latency_s for kernel in kernels])),
        latency_s=math.nan,
        samples_s=(),
        reference_s=(),
        kernels=kernels,
        matched_share=1.0,
    )
