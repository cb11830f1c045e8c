"""Platforms made of what was measured."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from annette.bench.dataset import Dataset
from annette.fitting import fit_extra
from annette.fitting.request import FitRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from annette.fitting.request import FitReport

__all__ = ["fit", "open_datasets"]


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
