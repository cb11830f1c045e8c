"""One network on one platform: map, price, sum. `estimate` takes both as objects, files or names."""

from __future__ import annotations

import math
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annette.errors import AnnetteError, ModelError, OptionError, UnsupportedOperatorError, nearest
from annette.estimation.batches import repeated, single_sample
from annette.estimation.estimate import Coverage, Estimate
from annette.estimation.mapped import map_network
from annette.estimation.out_of_range import out_of_range
from annette.estimation.pricing import FALLBACK_METHOD, price, price_ahead
from annette.estimation.rounds import ends_with_rounds, rounds_notes
from annette.estimation.uncertainty import network_bounds
from annette.estimation.variants import over_branches, over_sizes, ways_through
from annette.mapping.kernel import LEFT_TO_HOST
from annette.models.base import families
from annette.network import UNSUPPORTED, Network
from annette.network.load import load_network
from annette.number_text import confidence_text, counted_text
from annette.plain_text import shortened
from annette.platforms import Platform, load_platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from annette.estimation.estimate import Prices
    from annette.estimation.mapped import MappedNetwork
    from annette.mapping.kernel import Kernel
    from annette.network.inputs import Given

__all__ = [
    "FALLBACKS", "as_loaded", "check_options", "estimate", "estimate_network", "estimate_together", "find_kernels",
    "prepare",
]  # fmt: skip

FALLBACKS: Final = ("error", "roofline")
"""What to do with a kind of kernel that the platform has no model for."""


def estimate(
    network: Network | str | Path | object,
    platform: Platform | str | Path,
    *,
    model: str | None = None,
    batch: int | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
    example_inputs: Any = None,
    fallback: str = "error",
    confidence: float = 0.9,
) -> Estimate:
    """Estimates how long a network takes on a platform.

    Args:
        network: A loaded network, a network file, the name of a network of the zoo, or a model of PyTorch, ONNX, Keras
            or OpenVINO in memory (`annette.load_network`).
        platform: A loaded platform, a platform file, or the name of a known platform.
        model: Model family; None takes the platform's preference per kind.
        batch: Samples processed together; only for a network that is not loaded yet.
        inputs: Shapes and values of inputs (`annette.load_network`); only for a network that is not loaded yet.
        lenient: Whether an invalid ONNX file is priced nevertheless (`annette.load_network`); as above.
        example_inputs: What a ``torch.nn.Module`` is called with; only for these.
        fallback: ``error`` refuses kinds that the platform has no model for, ``roofline`` prices them roughly.
        confidence: Probability, between 0 and 1, that the intervals are meant to hold with.

    Returns:
        The estimate; ``latency_s`` is the headline, ``kernels`` the breakdown.

    Raises:
        NetworkError: The network cannot be read or used.
        PlatformError: The platform cannot be found or used.
        UnsupportedKernelError: The platform has no model for a kind in the network.
        ModelError: The network costs nothing on the platform, or more than can be counted.
        OptionError: An argument is out of its range.

    Example:
        >>> import annette
        >>> annette.estimate("resnet50", "ncs2-openvino").latency_s > 0
        True
    """
    loaded = as_loaded(network, batch=batch, inputs=inputs, lenient=lenient, example_inputs=example_inputs)
    target = platform if isinstance(platform, Platform) else load_platform(platform)
    return estimate_network(loaded, target, model=model, fallback=fallback, confidence=confidence)


def find_kernels(
    network: Network | str | Path,
    platform: Platform | str | Path,
    *,
    batch: int | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
) -> tuple[Kernel, ...]:
    """Says which layers of a network run as one kernel on a platform, and which rules say so; nothing is priced.

    Args:
        network: A loaded network, a network file, or the name of a network of the zoo.
        platform: A loaded platform, a platform file, or the name of a known platform.
        batch: Samples processed together; only for a network that is not loaded yet.
        inputs: Shapes and values of inputs (`annette.load_network`); only for a network that is not loaded yet.
        lenient: Whether an invalid ONNX file is read nevertheless (`annette.load_network`); as above.

    Returns:
        The kernels in the order of execution, those that cost nothing included.

    Raises:
        NetworkError: The network cannot be read or used.
        PlatformError: The platform cannot be found or used.
        OptionError: An argument is out of its range.

    Example:
        >>> import annette
        >>> stem = annette.find_kernels("resnet18", "ncs2-openvino")[1]
        >>> [layer.kind for layer in stem.layers]
        ['conv', 'relu']
    """
    loaded = as_loaded(network, batch=batch, inputs=inputs, lenient=lenient)
    target = platform if isinstance(platform, Platform) else load_platform(platform)
    return tuple(target.mapping.apply(loaded))


def as_loaded(
    network: Network | str | Path | object,
    *,
    batch: int | None,
    inputs: Mapping[str, Given] | None,
    lenient: bool,
    example_inputs: Any = None,
) -> Network:
    """A network as it is, or read as `annette.load_network` does.

    Raises:
        OptionError: A loaded network is to be read in some way.
        NetworkError: The network cannot be read or used.
    """
    if not isinstance(network, Network):
        return load_network(network, batch=batch, inputs=inputs, lenient=lenient, example_inputs=example_inputs)
    if batch is not None or inputs or lenient or example_inputs is not None:
        raise OptionError(
            "batch, inputs, lenient and example_inputs say how a network is read; this one is loaded already"
        )
    return network


def estimate_network(
    network: Network,
    platform: Platform,
    *,
    model: str | None = None,
    fallback: str = "error",
    confidence: float = 0.9,
) -> Estimate:
    """Estimates how long a network takes on a platform.

    The mapping model groups the layers into kernels, the layer models price the kernels, the platform's overheads
    are added: "stacked models" (Wess et al., IEEE Access 2021, section III). Where the runtime takes the samples of a
    batch one by one, one sample is estimated.

    Args:
        network: What is estimated.
        platform: Where.
        model: Model family: ``mixed``, ``statistical``, ``refined-roofline`` or ``roofline``; None takes the
            platform's preference per kind. A kind that lacks the family uses the next simpler one and says so.
        fallback: ``error`` refuses a kind that the platform has no model for; ``roofline`` prices it roughly, marked.
        confidence: Probability, between 0 and 1, that the intervals are meant to hold with.

    Returns:
        The estimate, with every kernel and where its price came from; where data choose what runs, that of the dearest
        way through the network, its interval spanning all, and the least and the largest of sizes that data decide.

    Raises:
        OptionError: An argument is out of its range.
        UnsupportedOperatorError: The network has an operator that no reader knows and ``fallback`` is ``error``.
        UnsupportedKernelError: A kind has no model and ``fallback`` is ``error``.
        ModelError: The network costs nothing on the platform, or more than can be counted.
    """
    how = partial(estimate_network, platform=platform, model=model, fallback=fallback, confidence=confidence)
    if network.branches:
        return over_branches(network, how)
    if network.extremes:
        return over_sizes(network, lambda each: how(each.replaced(extremes=())))
    _check(fallback, confidence)
    one = _computed(network, platform)
    if one is not network:
        of_one = estimate_network(one, platform, model=model, fallback=fallback, confidence=confidence)
        return repeated(of_one, network.batch)
    if fallback == "error":
        _refuse_unknown_operators(network, map_network(platform, network).kernels, platform)
    return estimate_together(network, platform, model=model, fallback=fallback, confidence=confidence)


def _computed(network: Network, platform: Platform) -> Network:
    """One sample of a network where the runtime takes the samples of a batch one by one; else the network."""
    one = single_sample(network) if platform.batch_is == "one_by_one" and network.batch > 1 else None
    return network if one is None else one


def prepare(
    networks: Iterable[Network], platform: Platform, *, model: str | None, fallback: str, confidence: float
) -> None:
    """Does what many networks have in common before `estimate_network` is asked for each, with the same arguments.

    What is wrong with a network is left for `estimate_network` to say.

    Args:
        networks: Those that will be estimated next.
        platform: Where.
        model: Model family, or None.
        fallback: ``error`` or ``roofline``.
        confidence: Probability for the intervals.
    """
    mapped = []
    for network in networks:
        with suppress(AnnetteError):
            ways = ways_through(network) if network.branches else (network,)
            mapped += [map_network(platform, _computed(way, platform)) for way in ways if not way.extremes]
    price_ahead(mapped, platform, family=model, fallback=fallback, confidence=confidence)


def estimate_together(
    network: Network,
    platform: Platform,
    *,
    model: str | None = None,
    fallback: str = "error",
    confidence: float = 0.9,
) -> Estimate:
    """Estimates one way through a network, all samples together, with whatever operators: as `estimate_network`.

    Args:
        network: What is estimated; of its branches, those that it was read with.
        platform: Where.
        model: Model family, or None for the platform's preference per kind.
        fallback: ``error`` or ``roofline``.
        confidence: Probability, between 0 and 1, that the intervals are meant to hold with.

    Raises:
        OptionError: An argument is out of its range.
        UnsupportedKernelError: A kind has no model and ``fallback`` is ``error``.
        ModelError: The network costs nothing on the platform, or more than can be counted.
    """
    check_options(platform, model, fallback, confidence)
    mapped = map_network(platform, network)
    table, on_host = mapped.table, mapped.on_host
    prices = price(mapped, platform, family=model, fallback=fallback, confidence=confidence)
    nested_s = platform.overhead.nested_s(network)
    with np.errstate(over="ignore"):  # a total that cannot be counted is refused below
        device_s = float(prices.latency_s[~on_host].sum()) + (nested_s or 0.0)
        device_s += platform.overhead.device_s(mapped.run_on_device)
    host_s = platform.overhead.host_s(mapped.traffic)
    end_to_end_s = None if host_s is None else device_s + float(prices.latency_s[on_host].sum()) + host_s
    latency_s = end_to_end_s if platform.latency_is == "end_to_end" and end_to_end_s is not None else device_s
    _refuse_impossible(latency_s, end_to_end_s, network, platform, mapped.kernels)
    counted = ~on_host if latency_s == device_s else np.ones(len(table), dtype=bool)
    bounds = network_bounds(platform, model, confidence, table, prices, counted, latency_s)
    return Estimate(
        network=network.name,
        platform=platform.name,
        model=model or platform.preferred_family,
        batch=network.batch,
        latency_s=latency_s,
        latency_is=platform.latency_is,
        device_latency_s=device_s,
        end_to_end_latency_s=end_to_end_s,
        interval_s=None if bounds is None else ends_with_rounds(latency_s, bounds, network.loops, known=nested_s),
        confidence=confidence,
        coverage=_coverage(mapped, prices),
        notes=(
            *(*network.notes, *mapped.conversions),
            *_remarks(mapped, prices, platform),
            *(*rounds_notes(network.loops, platform.name, known=nested_s), *mapped.host_notes),
            *_unstated(bounds, confidence, platform),
        ),
        mapped=mapped.kernels,
        table=table,
        prices=prices,
        basis=(network, platform),
    )


def _refuse_impossible(
    latency_s: float, end_to_end_s: float | None, network: Network, platform: Platform, kernels: Sequence[Kernel]
) -> None:
    """An estimate is a finite, positive time, or an error that says why there is none."""
    if not math.isfinite(latency_s) or not math.isfinite(end_to_end_s or 0.0):
        raise ModelError(
            f"the kernels of network {network.name!r} on platform {platform.name!r} take longer than can be counted: "
            "check its largest dimensions (annette inspect), or the platform's overheads"
        )
    if latency_s > 0:
        return
    kinds = ", ".join(sorted({layer.kind for layer in network.layers}))
    why = "its layers run as no kernel" if all(kernel.free for kernel in kernels) else "its kernels take no time"
    raise ModelError(
        f"network {network.name!r} costs nothing on platform {platform.name!r}, so there is no time to estimate: "
        f"{why} there ({kinds})"
    )


def check_options(platform: Platform, model: str | None, fallback: str, confidence: float) -> None:
    """Refuses what no network could be estimated with.

    Raises:
        OptionError: The platform has no such models at all, or an argument is out of its range.
    """
    _check(fallback, confidence)
    _check_offered(model, platform)


def _check(fallback: str, confidence: float) -> None:
    if fallback not in FALLBACKS:
        raise OptionError(f"unknown fallback {fallback!r}: use one of {', '.join(FALLBACKS)}")
    if not 0 < confidence < 1:
        raise OptionError(f"confidence {confidence} is not between 0 and 1")


def _check_offered(model: str | None, platform: Platform) -> None:
    if model is None:
        return
    held = {family for kinds in platform.models.values() for family in kinds}
    if model in held:
        return
    known = families()
    if model not in known:
        raise OptionError(f"unknown model family {model!r}{nearest(model, known)}; known: {', '.join(known)}")
    offered = ", ".join(family for family in known if family in held)
    raise OptionError(f"platform {platform.name!r} has no {model!r} models at all; it has: {offered}")


def _refuse_unknown_operators(network: Network, kernels: Sequence[Kernel], platform: Platform) -> None:
    run = (kernel for kernel in kernels if LEFT_TO_HOST not in kernel.rules)
    unknown = [layer for kernel in run for layer in kernel.layers if layer.kind == UNSUPPORTED]
    if unknown:
        operator, *others = dict.fromkeys(str(layer.attributes.get("operator", "?")) for layer in unknown)
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        also = f"; nor {'are' if others[1:] else 'is'} {shortened(', '.join(map(repr, others)))}" if others else ""
        where = f"layer {unknown[0].name!r}{more} in network {network.name!r} is operator {operator!r}"
        reason = unknown[0].attributes.get("reason")
        if reason:
            raise UnsupportedOperatorError(f"{where}, which {reason}")
        # The name of an operator within a domain of somebody's own says nothing about the kinds here.
        like = "" if "." in operator else nearest(operator.lower(), platform.models)
        raise UnsupportedOperatorError(
            f"{where}, which is not known{like}{also}; use --fallback roofline to price it roughly"
        )


def _unstated(bounds: tuple[float, float] | None, confidence: float, platform: Platform) -> list[str]:
    if bounds is not None or platform.intervals is None:
        return []
    stated = confidence_text(confidence)
    return [f"no interval is stated at {stated}: the errors of platform {platform.name!r} are not known so far"]


def _coverage(mapped: MappedNetwork, prices: Prices) -> Coverage:
    if prices.fitted.all():
        return Coverage(1.0, 1.0, 1.0)
    ops = mapped.table["ops"]
    total, total_s, costs = float(ops.sum()), float(prices.latency_s.sum()), ~mapped.free
    return Coverage(
        ops=float(ops[prices.fitted].sum()) / total if total else 1.0,
        kernels=float(prices.fitted[costs].mean()) if costs.any() else 1.0,
        latency=min(1.0, float(prices.latency_s[prices.fitted].sum()) / total_s) if total_s else 1.0,
    )


def _remarks(mapped: MappedNetwork, prices: Prices, platform: Platform) -> list[str]:
    """What the user must not overlook of the prices, one sentence each."""
    remarks = []
    table = mapped.table
    if not prices.fitted.all():
        unfitted = [(str(table.kinds[row]), prices.methods[row]) for row in np.flatnonzero(~prices.fitted).tolist()]
        rough = sorted({kind for kind, method in unfitted if method == FALLBACK_METHOD})
        assumed = sorted({kind for kind, method in unfitted if method != FALLBACK_METHOD})
        if assumed:
            remarks.append(f"{', '.join(assumed)}: priced by assumption, not by measurements of this platform")
        if rough:
            remarks.append(f"no fitted model for {', '.join(rough)}: priced roughly by a fallback roofline")
    strange = out_of_range(mapped.kernels, table, prices)
    if strange.kernels:
        remarks.append(strange.text)
    if prices.at_peak.any():
        peak = f"{(platform.peak_ops_per_s or 0.0) / 1e9:.4g} Gops/s"
        priced = counted_text(int(prices.at_peak.sum()), "kernel")
        remarks.append(f"{priced} priced at the device's peak, {peak}: models promise more")
    return remarks
