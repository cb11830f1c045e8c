"""Estimates held against measurements."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from annette.evaluation import evaluation
from annette.evaluation.suites import is_dataset, listed_networks, recorded_truths, remarks_on, slowed_networks
from annette.platforms import Platform, load_platform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.errors import AnnetteError
    from annette.evaluation.evaluation import Evaluation
    from annette.evaluation.truth import Truth

__all__ = ["evaluate"]


def evaluate(
    platform: Platform | str | Path,
    suite: str | Path | Sequence[Truth],
    *,
    truth: Path | str | None = None,
    calibrated: bool = True,
    model: str | None = None,
    fallback: str = "error",
    name: str = "",
    notes: Sequence[str] = (),
) -> Evaluation:
    """Compares a platform's estimates with measured latencies.

    Args:
        platform: A loaded platform, a platform file, or the name of a known platform.
        suite: Name of a suite, a table of networks, perhaps with latencies (``.csv``, ``.json``), a dataset of whole
            networks, or the networks themselves.
        truth: Dataset that `measure` has filled, with the latencies of networks that come without.
        calibrated: Whether measured times are brought to the speed that the machine had when it was benchmarked.
        model: Model family; None takes the platform's preference per kind.
        fallback: ``error`` leaves out networks with kinds that the platform has no model for, and says so; ``roofline``
            prices them roughly.
        name: What to call a suite that is given as networks.
        notes: What to know about the measurements; kept with the results.

    Returns:
        Errors per network and per kind of kernel, for every model family.

    Raises:
        OptionError: There is no such suite, it has no networks, or they were measured in a way that does not compare.
        NetworkError: No network of the table can be read; where some can, notes name the others.
        DatasetError: The dataset cannot be read.
        PlatformError: The platform cannot be found or used.
    """
    target = platform if isinstance(platform, Platform) else load_platform(platform)
    if isinstance(suite, (str, Path)):
        if truth is None and is_dataset(Path(suite)):
            truth = suite
        unread: dict[str, AnnetteError] = {}
        suite, name = listed_networks(str(suite), unread), name or str(suite)
        notes = (*notes, *remarks_on(unread))
    if truth is not None:
        suite, remarks = recorded_truths(target, suite, Path(truth), calibrated=calibrated)
        notes = (*notes, *remarks)
    notes = (*notes, *slowed_networks(suite))
    return evaluation.evaluate(target, suite, suite=name, model=model, fallback=fallback, notes=notes)
