"""What must hold whatever stands in a file: messages and reports that can be shown, estimates that are numbers."""

from __future__ import annotations

import json
import math
import re
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import annette
from annette.errors import AnnetteError, NetworkError, OptionError
from annette.estimation.comparison import Comparison
from annette.estimation.estimator import estimate_network
from annette.network.load import load_network
from annette.plain_text import MAX_MESSAGE_LENGTH
from annette.report.estimates import (
    comparison_document,
    estimate_document,
    network_document,
    print_comparison,
    print_estimate,
    print_network,
)
from annette.report.page import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from random import Random

    from annette.estimation import Estimate
    from annette.network import Network
    from annette.platforms import Platform

__all__ = [
    "Violation",
    "check_document",
    "check_error",
    "check_estimate",
    "check_network",
    "check_printed",
    "estimate_somewhere",
    "platforms",
    "read_and_estimate",
    "refused_with",
]

_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys and what reorders text; lines of a report end in a newline."""
_BATCHES = (1, 2, 3, 64, 2**31, 2**63)


class Violation(Exception):  # noqa: N818 - what it reports is no error of the program that raises it
    """Something was accepted, or said, that must not be.

    Args:
        kind: What it is, for the figures: ``estimate``, ``message`` or ``report``.
        what: What is wrong, without numbers: findings with the same words are one.
        detail: The numbers.
    """

    def __init__(self, kind: str, what: str, detail: str = "") -> None:
        super().__init__(f"{what}: {detail}" if detail else what)
        self.kind = kind
        self.what = what


@cache
def platforms() -> tuple[Platform, ...]:
    """The shipped platforms, loaded."""
    return tuple(annette.load_platform(entry.name) for entry in annette.list_platforms() if entry.origin == "catalogue")


def check_error(error: AnnetteError) -> None:
    """A message is one line that can be printed."""
    message = str(error)
    name = type(error).__name__
    if not message.strip():
        raise Violation("message", f"a {name} without a word")
    if not message.isprintable():
        raise Violation("message", f"a {name} with control characters", ascii(message)[:300])
    if len(message) > MAX_MESSAGE_LENGTH:
        raise Violation("message", f"a {name} of more than {MAX_MESSAGE_LENGTH} characters", message[:300])


@contextmanager
def refused_with(*kinds: type[AnnetteError]) -> Iterator[None]:
    """What is read may be refused with errors of some kinds: those that callers are told of."""
    try:
        yield
    except AnnetteError as error:
        if not isinstance(error, kinds):
            raise Violation("message", f"a file is refused with {type(error).__name__}", str(error)) from error
        raise


def check_estimate(estimate: Estimate) -> None:
    """An estimate is finite and positive, and so is everything that it consists of."""
    where = f"on {estimate.platform}"
    if not (math.isfinite(estimate.latency_s) and estimate.latency_s > 0):
        what = "0" if estimate.latency_s == 0 else "negative" if estimate.latency_s < 0 else "not finite"
        kinds = ", ".join(sorted({kernel.kind for kernel in estimate.mapped})[:3])
        raise Violation("estimate", f"the latency of {kinds} is {what}", f"{estimate.latency_s} s {where}")
    for total_s in (estimate.device_latency_s, estimate.end_to_end_latency_s):
        if total_s is not None and not (math.isfinite(total_s) and total_s >= 0):
            raise Violation("estimate", "a total is not finite, or negative", f"{total_s} s {where}")
    if estimate.interval_s is not None:
        lower_s, upper_s = estimate.interval_s
        if not (0 <= lower_s <= upper_s < math.inf):
            raise Violation("estimate", "the interval is not one of finite times", f"{estimate.interval_s} {where}")
    for kernel in estimate.kernels:
        about = f"{kernel.latency_s} s, {kernel.interval_s}, {kernel.utilisation}, {kernel.bytes} bytes"
        bounds = kernel.interval_s or (0.0, 0.0)
        numbers = (kernel.latency_s, *bounds, kernel.utilisation, kernel.bytes, kernel.ops)
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise Violation("estimate", "a number of a kernel is not finite, or negative", f"{about} {where}")


def check_network(network: Network) -> None:
    """Layers have work that can be counted."""
    for layer in network.layers:
        if layer.workload.ops < 0 or layer.workload.bytes < 0:
            raise Violation("estimate", f"a layer of kind {layer.kind} has negative work", repr(layer.workload))
    if not network.layers or not all(size >= 1 for tensor in network.tensors.values() for size in tensor.shape):
        raise Violation("estimate", "a network without layers, or with dimensions below 1")


def check_document(document: Any) -> None:
    """A document is JSON that a pipe takes: no NaN, no infinity, no lone surrogate."""
    try:
        json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:
        raise Violation("report", f"a document {document.get('schema')} is no JSON", str(error)) from error


def check_printed(show: Callable[[Page], object]) -> None:
    """What is printed are lines without control characters, which a pipe takes."""
    lines: list[str] = []
    show(Page(200, lines.append))
    for line in lines:
        line.encode()
        plain = re.sub("\x1b\\[[0-9;]*m", "", line)
        if _CONTROL.search(plain):
            raise Violation("report", "a printed line has control characters", ascii(line)[:300])


def read_and_estimate(file: Path, dice: Random) -> str:
    """What ``annette inspect``, ``estimate`` and ``compare`` do with a network file."""
    batch = dice.choice(_BATCHES) if dice.random() < 0.15 else None
    inputs = {dice.choice(("x", "image", "data")): (1, 3, 8, 8)} if dice.random() < 0.03 else None
    with refused_with(NetworkError, OptionError):
        network = load_network(file, batch=batch, inputs=inputs, lenient=dice.random() < 0.5)
    return estimate_somewhere(network, dice, platforms())


def estimate_somewhere(network: Network, dice: Random, targets: Iterable[Platform]) -> str:
    """Estimates a network on one or two platforms and renders what comes out.

    Raises:
        AnnetteError: No platform took it.
    """
    check_network(network)
    repr(network)
    chosen = dice.sample(list(targets), 1 if dice.random() < 0.75 else 2)
    if dice.random() < 0.1:
        _inspect(network, dice.choice(chosen))
    estimates = []
    refusal: AnnetteError | None = None
    for platform in chosen:
        options: dict[str, Any] = {"fallback": "roofline" if dice.random() < 0.7 else "error"}
        if dice.random() < 0.1:
            options |= {"model": dice.choice(("mixed", "statistical", "refined-roofline", "roofline"))}
        if dice.random() < 0.1:
            options |= {"confidence": dice.choice((1e-9, 0.5, 0.999999))}
        try:
            estimates.append(estimate_network(network, platform, **options))
        except AnnetteError as error:
            refusal = error
    for estimate in estimates:
        check_estimate(estimate)
        document = estimate_document(estimate)
        check_document(document)
        everything = dice.random() < 0.5
        check_printed(partial(_print_estimate, document, everything))
    if len(estimates) > 1:
        compared = comparison_document(Comparison(network.name, tuple(estimates)))
        check_document(compared)
        check_printed(lambda page: print_comparison(compared, page=page))
    if refusal is not None:
        check_error(refusal)
        if not estimates:
            raise refusal
    return "estimated"


def _print_estimate(document: dict[str, Any], everything: bool, page: Page) -> None:
    print_estimate(document, everything=everything, page=page)


def _inspect(network: Network, platform: Platform) -> None:
    document = network_document(network, platform.mapping.apply(network))
    check_document(document)
    check_printed(lambda page: print_network(document, everything=True, page=page))
