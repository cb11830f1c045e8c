"""Small datasets, written by the project: kernels swept over their sizes, a chain, whole networks, a failure."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from tools.fuzz.networks import small_networks

from annette.bench.dataset import Dataset
from annette.bench.plan import Case, Plan
from annette.bench.records import KernelRecord, Purpose, Run, Status
from annette.bench.sweeps import SWEEP
from annette.network.builder import NetworkBuilder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from annette.network import Network

__all__ = ["measured_run", "sound_datasets", "write_dataset"]

_ENVIRONMENTS: Final[tuple[dict[str, str], ...]] = (
    {"runtime": "command", "command": "run {model}", "device": "board", "precision": "fp32", "threads": "1"},
    {"runtime": "onnxruntime", "runtime_version": "1.20.0", "cpu": "EPYC", "precision": "fp32", "threads": "2"},
    {
        "runtime": "vela",
        "runtime_version": "5.0.0",
        "device": "ethos-u55-128",
        "precision": "int8",
        "times": "estimated",
    },
    {"runtime": "openvino", "device": "CPU", "precision": "fp32", "threads": "1"},
)
_SIZES: Final = (4, 8, 12, 16, 24, 32, 48, 64)
_FEW_SIZES: Final = (4, 8)


def _convolution(channels: int) -> Network:
    net = NetworkBuilder(f"conv{channels}")
    return net.build(net.conv(net.input("x", (1, channels, 8, 8)), channels, 3, padding=1))


def _pooling(channels: int) -> Network:
    net = NetworkBuilder(f"pool{channels}")
    return net.build(net.max_pool(net.input("x", (1, channels, 8, 8)), 2, stride=2))


def measured_run(
    case: str,
    purpose: Purpose,
    network: Network,
    environment: Mapping[str, str] = _ENVIRONMENTS[0],
    **changes: object,
) -> Run:
    """A run as a campaign would record it: every layer a kernel, with a time that follows from its operations.

    Args:
        case: Its identity.
        purpose: Why it was measured.
        network: What was measured.
        environment: Where; by default on a device behind a command.
        **changes: Fields with other values.
    """
    kernels = tuple(
        KernelRecord(
            layer.name, layer.kind, (layer.name,), _time_s(layer.workload.ops), (_time_s(layer.workload.ops),) * 3
        )
        for layer in network.layers
    )
    total_s = math.fsum(kernel.latency_s for kernel in kernels)
    values = {
        "round": 0,
        "details": {"group": "fuzz", "settings": "none"},
        "status": Status.OK,
        "reason": "",
        "started_unix_s": 1.7e9,
        "duration_s": 0.1,
        "latency_s": total_s,
        "samples_s": (total_s, total_s * 1.01, total_s * 0.99),
        "reference_s": (1e-3, 1.01e-3),
        "kernels": kernels,
        "matched_share": 1.0,
    }
    described = {"case": case, "purpose": purpose, "network": network, "environment": environment}
    return Run(**{**values, **described, **changes})  # type: ignore[arg-type]


def _time_s(ops: float) -> float:
    return 1e-6 + float(ops) * 1e-10


def _runs(environment: Mapping[str, str], sizes: Sequence[int]) -> Iterator[Run]:
    for channels in sizes:
        details = {"group": "sweep", SWEEP: "conv-channels", "settings": "none"}
        yield measured_run(
            f"conv{channels}", Purpose.MICRO_KERNEL, _convolution(channels), environment, details=details
        )
        yield measured_run(f"pool{channels}", Purpose.MICRO_KERNEL, _pooling(channels), environment)
    gates, network = small_networks()[1], small_networks()[0]
    yield measured_run("chain", Purpose.CHAIN, gates, environment, status=Status.UNSTABLE, reason="its samples scatter")
    for number in range(3):
        yield measured_run("network", Purpose.NETWORK, network, environment, round=number)
    nothing = {"latency_s": math.nan, "samples_s": (), "kernels": (), "matched_share": math.nan}
    yield measured_run(
        "failed", Purpose.MICRO_KERNEL, _pooling(3), environment, status=Status.FAILED, reason="no memory", **nothing
    )


def write_dataset(path: Path, environment: Mapping[str, str] = _ENVIRONMENTS[0], sizes: Sequence[int] = _SIZES) -> None:
    """Writes a dataset of some twenty runs, which a platform can be fitted to, with the plan that they come from.

    Args:
        path: Where to.
        environment: What they were measured in; by default a device behind a command.
        sizes: Channels of the layers that are swept.
    """
    runs = list(_runs(environment, sizes))
    cases = {run.case: Case(run.case, run.purpose, "fuzz", run.network, 0.1) for run in runs}
    plan = Plan("fuzz", tuple(cases.values()))
    with Dataset.create(path) as dataset:
        dataset.add_plan(plan.digest(), plan.to_text())
        for run in runs:
            dataset.add(run)


@cache
def sound_datasets() -> tuple[bytes, ...]:
    """A small dataset for each of a few environments, and one that a platform can be fitted to, as files' bytes."""
    contents = []
    with TemporaryDirectory(prefix="annette-fuzz-") as folder:
        for number, environment in enumerate((*_ENVIRONMENTS, _ENVIRONMENTS[0])):
            path = Path(folder) / f"{number}.dataset"
            write_dataset(path, environment, _FEW_SIZES if number < len(_ENVIRONMENTS) else _SIZES)
            contents.append(path.read_bytes())
    return tuple(contents)
