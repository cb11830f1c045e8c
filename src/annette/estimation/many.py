"""Many networks on one platform: a stream in, a stream out, one that cannot be estimated costs no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from annette.errors import OptionError
from annette.estimation.estimator import check_options
from annette.estimation.stream import Estimated, estimated_here
from annette.platforms import Platform, load_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from annette.estimation.estimate import Estimate
    from annette.network import Network
    from annette.network.inputs import Given

__all__ = ["Estimated", "estimate_many"]

_T = TypeVar("_T")


@overload
def estimate_many(
    networks: Iterable[Network | str | Path],
    platform: Platform | str | Path,
    *,
    model: str | None = None,
    batch: int | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
    fallback: str = "error",
    confidence: float = 0.9,
    keep: None = None,
    jobs: int = 1,
) -> Iterator[Estimated[Estimate]]: ...


@overload
def estimate_many(
    networks: Iterable[Network | str | Path],
    platform: Platform | str | Path,
    *,
    model: str | None = None,
    batch: int | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
    fallback: str = "error",
    confidence: float = 0.9,
    keep: Callable[[Estimate], _T],
    jobs: int = 1,
) -> Iterator[Estimated[_T]]: ...


def estimate_many(
    networks: Iterable[Network | str | Path],
    platform: Platform | str | Path,
    *,
    model: str | None = None,
    batch: int | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
    fallback: str = "error",
    confidence: float = 0.9,
    keep: Callable[[Estimate], Any] | None = None,
    jobs: int = 1,
) -> Iterator[Estimated[Any]]:
    """Estimates how long each of many networks takes on a platform, one after the other, in the order given.

    Networks are taken as they are needed, up to 16 ahead, and forgotten once they are estimated, so that a generator of
    a million takes no more memory than one of a hundred. Each is estimated as `annette.estimate` would, but kernels of
    several networks are priced together, equal ones once.

    Args:
        networks: Loaded networks, network files, or names of networks of the zoo; any iterable, finite or not.
        platform: A loaded platform, a platform file, or the name of a known platform.
        model: Model family; None takes the platform's preference per kind.
        batch: Samples processed together; only for networks that are not loaded yet.
        inputs: Shapes and values of inputs (`annette.load_network`); only for networks that are not loaded yet.
        lenient: Whether invalid ONNX files are priced nevertheless (`annette.load_network`); as above.
        fallback: ``error`` refuses kinds that the platform has no model for, ``roofline`` prices them roughly.
        confidence: Probability, between 0 and 1, that the intervals are meant to hold with.
        keep: What is kept of each estimate, made where the estimate was made; None keeps all of it, which holds the
            network's layers, too: whoever collects the results of a large job keeps what is needed of them.
        jobs: Number of processes. More than one takes files and names only, and needs a ``keep`` that can be carried
            between processes, as its results.

    Returns:
        An iterator over what became of each network; what is wrong with one is in its place.

    Raises:
        PlatformError: The platform cannot be found or used.
        OptionError: An argument is out of its range.

    Example:
        >>> import annette
        >>> for each in annette.estimate_many(["resnet18", "resnet81"], "zcu102-dnndk", keep=lambda e: e.latency_s):
        ...     print(each.network, each.value and each.value > 0, each.error and "resnet18" in str(each.error))
        resnet18 True None
        resnet81 None True
    """
    target = platform if isinstance(platform, Platform) else load_platform(platform)
    check_options(target, model, fallback, confidence)
    if jobs < 1:
        raise OptionError(f"{jobs} processes cannot estimate anything: use at least 1")
    if jobs > 1 and keep is None:
        raise OptionError("estimates stay in the process that makes them: say with 'keep' what several jobs send back")
    how = {"model": model, "fallback": fallback, "confidence": confidence}
    reading = {"batch": batch, "inputs": inputs, "lenient": lenient}
    if jobs > 1 and keep is not None:
        from annette.estimation.processes import estimated_in_processes  # noqa: PLC0415 - slow, and one process does without

        return estimated_in_processes(networks, platform, how, reading, keep, jobs)
    return estimated_here(enumerate(networks), target, how, reading, keep or _whole)


def _whole(found: Estimate) -> Estimate:
    return found
