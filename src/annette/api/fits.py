"""Platforms made of what was measured."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from annette.bench.dataset import Dataset
from annette.bench.importing.collection import digest_of
from annette.bench.importing.table import NetworkLatency, TableOptions, read_network_table
from annette.errors import OptionError
from annette.evaluation.suites import is_dataset, measured_networks
from annette.fitting import fit_extra
from annette.fitting.request import FitRequest
from annette.network.load import load_network
from annette.network.network import Network
from annette.platforms import Platform, Source, load_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from annette.fitting.calibration import CalibrationReport
    from annette.fitting.request import FitReport
    from annette.fitting.transfer import TransferReport

__all__ = ["calibrate", "fit", "open_datasets", "transfer"]


@contextmanager
def open_datasets(paths: Sequence[Path | str]) -> Iterator[list[Dataset]]:
    """Opens the datasets of benchmarks for reading, and closes them together.

    Raises:
        DatasetError: One cannot be read.
    """
    with ExitStack() as stack:
        yield [stack.enter_context(Dataset.open(Path(path))) for path in paths]


def fit(
    datasets: Sequence[Path | str],
    *,
    name: str,
    description: str = "",
    precision: str | None = None,
    mapping: str = "auto",
    seed: int = 0,
    progress: Callable[[str, int], None] | None = None,
) -> FitReport:
    """Fits a platform to the datasets of benchmarks.

    Args:
        datasets: Files that `benchmark` has filled, all in the same environment.
        name: The platform's name.
        description: One sentence for people.
        precision: Numbers computed with (fp32, fp16, bf16, int8), where the datasets do not say.
        mapping: Which layers run as one kernel: ``auto``, ``learned`` or the name of a preset.
        seed: For everything random; the same datasets and seed give the same platform.
        progress: Told about each kind of kernel and its number of rows before it is fitted.

    Returns:
        The platform and how good each kind's models are; `annette.platforms.dump_platform` writes it to a file.

    Raises:
        DatasetError: A dataset cannot be read.
        FitError: What fitting needs is not installed, or the datasets are empty or differ in environment.
        OptionError: There is no such mapping.
    """
    with fit_extra():
        from annette.fitting.platform import fit_platform
    request = FitRequest(
        name=name, description=description, mapping=mapping, precision=precision, seed=seed, progress=progress
    )
    with open_datasets(datasets) as opened:
        return fit_platform(opened, request)


def transfer(
    datasets: Sequence[Path | str],
    start: Platform | Path | str,
    *,
    name: str,
    description: str = "",
    precision: str | None = None,
    seed: int = 0,
) -> TransferReport:
    """Adapts a platform to a similar device by a few kernels measured there.

    Args:
        datasets: Files that `benchmark` has filled, all in the same environment; 8 different kernels are enough.
        start: The platform to start from: loaded, a file, or the name of a known one.
        name: The new platform's name.
        description: One sentence for people.
        precision: Numbers computed with (fp32, fp16, bf16, int8), where the datasets do not say.
        seed: For everything random; the same datasets and seed give the same platform.

    Returns:
        The platform, and how well it does on kernels that the adaptation did not see.

    Raises:
        DatasetError: A dataset cannot be read.
        FitError: What fitting needs is not installed, or there are too few kernels, or they do not compare.
        PlatformError: The platform cannot be found or used.
    """
    with fit_extra():
        from annette.fitting.transfer import transfer_platform
    target = start if isinstance(start, Platform) else load_platform(start)
    with open_datasets(datasets) as opened:
        return transfer_platform(opened, target, name=name, description=description, precision=precision, seed=seed)


def calibrate(
    measured: Path | str | Iterable[tuple[Network | Path | str, float]],
    platform: Platform | Path | str,
    *,
    name: str,
    times: str | None = None,
    columns: Mapping[str, str] | None = None,
    ignored: Iterable[str] = (),
) -> CalibrationReport:
    """Adjusts a platform to whole networks whose times are known.

    Args:
        measured: At least 5 networks with their times: a table (``.csv``, docs/calibration.md), a dataset that
            `measure` has filled, whose times are brought to the speed of the platform's campaign, or pairs of a network
            (loaded, a file, a name of the zoo) and its time in seconds.
        platform: Where to start from: loaded, a file, or the name of a known one.
        name: Name of the calibrated platform.
        times: What the times are: ``device`` or ``end_to_end``; None takes what the platform's are.
        columns: The table's names of our columns, where they differ; of a table only.
        ignored: Columns of the table to pass over; of a table only.

    Returns:
        The calibrated platform with its sources, and its errors on networks that the calibration did not see.

    Raises:
        DatasetError: The table or the dataset cannot be read.
        FitError: There are fewer than 5 networks, or what fitting needs is not installed.
        NetworkError: A network cannot be read.
        OptionError: Columns are named for what is no table, or the networks were measured otherwise than the platform.
        PlatformError: The platform cannot be found or used.
        UnsupportedKernelError: A network needs a kind that the platform has no model for.
    """
    with fit_extra():
        from annette.fitting import calibration
    start = platform if isinstance(platform, Platform) else load_platform(platform)
    options = TableOptions(dict(columns or {}), frozenset(ignored))
    path = Path(measured) if isinstance(measured, (str, Path)) else None
    scales: tuple[float, ...] = ()
    if path is not None and not is_dataset(path):
        pairs = read_network_table(path, options)
    elif options.rename or options.ignore:
        raise OptionError("columns are renamed and ignored in a table; what is given here is none")
    elif isinstance(measured, (str, Path)):
        pairs, scales = _recorded_pairs(Path(measured), start)
    else:
        pairs = _given_pairs(measured)
    report = calibration.calibrate(
        start,
        [(pair.network, pair.latency_s) for pair in pairs],
        measured=times,
        names=[pair.name for pair in pairs],
    )
    where, digest = ("given by a program", None) if path is None else (path.name, digest_of(path))
    source = Source(f"latency of {len(pairs)} networks", where, "not stated", sha256=digest)
    provenance = replace(report.platform.provenance, sources=(*report.platform.provenance.sources, source))
    platform = replace(report.platform, name=name, provenance=provenance)
    return replace(report, platform=platform, scales=scales)


def _recorded_pairs(path: Path, platform: Platform) -> tuple[list[NetworkLatency], tuple[float, ...]]:
    """The networks of a dataset, and the factors by which their times were brought to the platform's speed."""
    found = [
        (NetworkLatency(truth.name, truth.network, truth.latency_s), truth.scale)
        for truth in measured_networks(path, platform, elsewhere=True)
        if truth.latency_s is not None
    ]
    return [pair for pair, _ in found], tuple(scale for _, scale in found)


def _given_pairs(measured: Iterable[tuple[Network | Path | str, float]]) -> list[NetworkLatency]:
    loaded = [(each if isinstance(each, Network) else load_network(each), time_s) for each, time_s in measured]
    return [NetworkLatency(network.name, network, time_s) for network, time_s in loaded]
