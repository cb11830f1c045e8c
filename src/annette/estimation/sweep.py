"""One network at many sizes: batches, lengths of sequences, resolutions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from annette.errors import AnnetteError
from annette.estimation.estimator import estimate_network
from annette.network.sized import SizedNetwork
from annette.network.swept_sizes import swept_sizes
from annette.platforms import Platform, load_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from annette.estimation.estimate import Estimate
    from annette.network.inputs import Given
    from annette.network.swept_sizes import SizePoint

__all__ = ["Sweep", "SweptEstimate", "sweep"]


@dataclass(frozen=True, eq=False)
class SweptEstimate:
    """A network at one combination of sizes.

    Attributes:
        sizes: The combination.
        estimate: Its estimate; None where it has none.
        error: Why it has none; None where it has one.
    """

    sizes: SizePoint
    estimate: Estimate | None
    error: AnnetteError | None = None


@dataclass(frozen=True, eq=False)
class Sweep:
    """A network at many sizes on a platform.

    Attributes:
        network: Name of the network, as its estimates have it.
        platform: Name of the platform.
        variables: Values of each size that changes, by its name.
        points: All combinations, at least one of them with an estimate; the last variable changes fastest.
    """

    network: str
    platform: str
    variables: Mapping[str, tuple[int, ...]]
    points: tuple[SweptEstimate, ...]

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} of {len(values)}" for name, values in self.variables.items())
        return f"<Sweep of {self.network!r} on {self.platform!r}: {sizes or 'one size'}, {len(self.points)} points>"

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """The estimates of all sizes that have one, in order."""
        return tuple(point.estimate for point in self.points if point.estimate is not None)


def sweep(
    network: str | Path,
    platform: Platform | str | Path,
    *,
    batch: int | Sequence[int] | None = None,
    inputs: Mapping[str, Given | str] | None = None,
    lenient: bool = False,
    model: str | None = None,
    fallback: str = "error",
    confidence: float = 0.9,
    progress: Callable[[SweptEstimate], None] | None = None,
) -> Sweep:
    """Estimates a network at many sizes; its file is opened once.

    Args:
        network: A network file, or the name of a network of the zoo.
        platform: A loaded platform, a platform file, or the name of a known platform.
        batch: Samples processed together, one number or several.
        inputs: What is given of each input or symbol; texts may have ranges in braces, such as ``1x{32..512}``
            (`annette.network.swept_sizes`).
        lenient: As for `annette.estimate`.
        model: As for `annette.estimate`.
        fallback: As for `annette.estimate`.
        confidence: As for `annette.estimate`.
        progress: Told about each combination of sizes when it is estimated.

    Returns:
        An estimate, or why there is none, for every combination.

    Raises:
        AnnetteError: As for `annette.estimate`, if no combination of sizes can be estimated: that of the first.
        OptionError: A range is none, or there are too many combinations.

    Example:
        >>> import annette
        >>> found = annette.sweep("resnet18", "zcu102-dnndk", batch=(1, 2))
        >>> [point.sizes.values["batch"] for point in found.points]
        [1, 2]
    """
    swept = swept_sizes(batch, inputs or {})
    target = platform if isinstance(platform, Platform) else load_platform(platform)
    sized = SizedNetwork(network, lenient=lenient)
    price = partial(estimate_network, platform=target, model=model, fallback=fallback, confidence=confidence)
    points = []
    for sizes in swept.points:
        points.append(_estimated(sized, sizes, price))
        if progress is not None:
            progress(points[-1])
    first = points[0].error
    if first is not None and all(point.estimate is None for point in points):
        raise first
    name = next(point.estimate.network for point in points if point.estimate is not None)
    return Sweep(name, target.name, swept.variables, tuple(points))


def _estimated(sized: SizedNetwork, sizes: SizePoint, price: Callable[..., Estimate]) -> SweptEstimate:
    try:
        return SweptEstimate(sizes, price(sized.at(batch=sizes.batch, inputs=sizes.inputs)))
    except AnnetteError as error:
        return SweptEstimate(sizes, None, error)
