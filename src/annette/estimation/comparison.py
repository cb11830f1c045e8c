"""One network on several platforms, ranked like with like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.errors import AnnetteError, NetworkError
from annette.estimation.estimator import as_loaded, estimate_network
from annette.platforms import Platform, list_platforms, load_platform
from annette.platforms.platform import LATENCY_MEANINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from annette.estimation.estimate import Estimate
    from annette.network import Network
    from annette.network.inputs import Given

__all__ = ["Comparison", "compare_platforms"]

_REPRODUCTION: Final = "-original"
"""What the names of platforms end in that repeat the original program's figures: compared only where they are named."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Estimates of one network.

    Attributes:
        network: Name of the network.
        ranked: Estimates of device time, then those of end-to-end time, fastest first in each.
        skipped: Name of each platform that has no estimate, and why.
    """

    network: str
    ranked: tuple[Estimate, ...]
    skipped: tuple[tuple[str, str], ...] = ()


def compare_platforms(
    network: Network | str | Path,
    platforms: Sequence[Platform | str | Path] = (),
    *,
    model: str | None = None,
    batch: int | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
    fallback: str = "error",
    confidence: float = 0.9,
) -> Comparison:
    """Estimates a network on several platforms.

    Args:
        network: A loaded network, a network file, or the name of a network of the zoo.
        platforms: Loaded platforms, files, or names: an error of one is raised. Where none is named, all that are known
            are taken but reproductions of the original program; those that do not fit are skipped.
        model: Model family; None takes each platform's preference per kind.
        batch: Samples processed together; only for a network that is not loaded yet.
        inputs: Shapes and values of inputs (`annette.load_network`); as above.
        lenient: Whether an invalid ONNX file is priced nevertheless (`annette.load_network`); as above.
        fallback: ``error`` or ``roofline``, as for `annette.estimate`.
        confidence: Probability, between 0 and 1, that the intervals are meant to hold with.

    Raises:
        NetworkError: No known platform fits the network; the message says why the first one does not.
        OptionError: An argument is out of its range.
        AnnetteError: The network cannot be read, or a named platform cannot be used or has no estimate of it.

    Example:
        >>> import annette
        >>> fastest = annette.compare_platforms("resnet18", ["zcu102-dnndk", "ncs2-openvino"]).ranked[0]
        >>> fastest.platform, fastest.latency_is
        ('ncs2-openvino', 'device')
    """
    loaded = as_loaded(network, batch=batch, inputs=inputs, lenient=lenient)
    named = platforms or [entry.name for entry in list_platforms() if not entry.name.endswith(_REPRODUCTION)]
    found: list[Estimate] = []
    skipped: list[tuple[str, str]] = []
    for target in named:
        try:
            platform = target if isinstance(target, Platform) else load_platform(target)
            found.append(estimate_network(loaded, platform, model=model, fallback=fallback, confidence=confidence))
        except AnnetteError as error:
            if platforms:
                raise
            skipped.append((str(target), " ".join(str(error).split())))
    if not found:
        why = f"; {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
        raise NetworkError(f"no known platform has an estimate of network {loaded.name!r}{why}")
    found.sort(key=lambda estimate: (LATENCY_MEANINGS.index(estimate.latency_is), estimate.latency_s))
    return Comparison(loaded.name, tuple(found), tuple(skipped))
