"""What datasets were measured in, and whether they may be fitted together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from annette.bench.importing.collection import origin_of
from annette.errors import FitError
from annette.mapping.kernel import Precision
from annette.platforms import Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.bench.dataset import Dataset

__all__ = ["PRECISIONS", "benchmark_sources", "common_environment", "platform_fields", "precision_of"]

PRECISIONS: Final[Mapping[str, int]] = {"fp32": 32, "fp16": 16, "bf16": 16, "int8": 8}
"""Bits of the numbers that a precision computes with, by its name in datasets."""


def benchmark_sources(datasets: Sequence[Dataset]) -> tuple[Source, ...]:
    """The datasets as sources of a platform, for its provenance; of imported ones, the tables behind them.

    Args:
        datasets: What the platform was fitted on.

    Raises:
        DatasetError: What a dataset says about its tables is damaged.
    """
    sources: list[Source] = []
    for dataset in datasets:
        measured = Source(
            title=f"benchmark dataset of {dataset.count()} runs",
            location="measured with annette bench",
            licence="CC0-1.0",
            sha256=dataset.digest(),
        )
        origin = origin_of(dataset)
        sources += [measured] if origin is None else origin.sources
    return tuple(sources)


def common_environment(datasets: Sequence[Dataset], precision: str | None = None) -> dict[str, str]:
    """The one environment of all datasets.

    Args:
        datasets: What is to be fitted together.
        precision: One of `PRECISIONS`, for datasets that do not say; None if they do.

    Raises:
        FitError: There is none, there are several, or the precision is missing, unknown or contradicted.
    """
    environments = [environment for dataset in datasets for environment in dataset.environments()]
    if not environments:
        raise FitError("the datasets are empty: nothing was measured")
    first = environments[0]
    for other in environments[1:]:
        for key in sorted(first.keys() | other.keys()):
            if first.get(key) != other.get(key):
                raise FitError(
                    f"the datasets were measured in different environments: {key} is {first.get(key)!r} in one "
                    f"and {other.get(key)!r} in another; fit them apart"
                )
    measured = first.get("precision")
    known = ", ".join(PRECISIONS)
    if measured is None and precision is None:
        raise FitError(f"the datasets do not say which precision they were measured in: state --precision ({known})")
    if measured is not None and precision is not None and precision != measured:
        raise FitError(f"precision {precision!r} was stated, but the datasets were measured in {measured!r}")
    name = precision or measured or ""
    if name not in PRECISIONS:
        raise FitError(f"precision {name!r} is not known, so bytes cannot be counted; known: {known}")
    return {**first, "precision": name}


def platform_fields(environment: Mapping[str, str]) -> dict[str, Any]:
    """What an environment says of a platform that is fitted to its measurements: device, runtime and threads."""
    return {
        "device": environment.get("device", environment.get("cpu", "unknown device")),
        "runtime": f"{environment.get('runtime', '?')} {environment.get('runtime_version', '')}".strip(),
        "threads": int(environment.get("threads", "1")),
    }


def precision_of(environment: Mapping[str, str]) -> Precision:
    """Width of the numbers in an environment that `common_environment` returned."""
    bits = PRECISIONS[environment["precision"]]
    return Precision(bits, bits)
