"""Suites of networks with published latencies, and what the paper says of its own estimates of such networks.

A device family states them (`annette.devices.device.Device.suites`): an object by the suite's name, of which
`PublishedSuite` says what it holds. Nothing but figures and names is in there; networks are those of the zoo.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import Meta

from annette.devices.registry import devices
from annette.documents import Count, Document, Finite, convert
from annette.errors import OptionError, PluginError

if TYPE_CHECKING:
    from annette.estimation import Estimate
    from annette.platforms import Platform

__all__ = ["PAPER", "PaperFigure", "PublishedSuite", "comparable_s", "published_suites"]

PAPER: Final = "Wess et al., ANNETTE, IEEE Access 9, 2021, doi:10.1109/ACCESS.2020.3047259, abstract"
"""Where the paper's figures are stated; those of single networks are in its tables only."""


class PaperFigure(Document, frozen=True):
    """One figure that the paper states.

    Attributes:
        model: Family of models that it is of.
        figure: What it is: the mean absolute relative error, or Spearman's rank correlation.
        value: The figure; errors are shares (0.05 is 5 %).
        networks: How many networks it is over.
    """

    model: str
    figure: Literal["mape", "spearman"]
    value: Finite
    networks: Count


class _Latency(Document, frozen=True):
    network: str
    latency_ms: Annotated[float, Meta(gt=0, le=1e6)]


class PublishedSuite(Document, frozen=True):
    """Networks with latencies that somebody published.

    Attributes:
        title: What was measured, where and how.
        sources: Where latencies and networks are from, with their licences.
        devices: Devices of platforms that may be compared (`annette.platforms.Platform.device`).
        latency_is: ``device`` or ``end_to_end``: what the latencies contain.
        remarks: How this differs from what the paper did.
        platform_remarks: By the name of a platform, what it has seen of these latencies.
        paper: What the paper states of its own estimates.
        networks: Names of the zoo, each with its latency in milliseconds.
    """

    title: str
    sources: list[str]
    devices: list[str]
    latency_is: Literal["device", "end_to_end"]
    remarks: list[str]
    platform_remarks: dict[str, str]
    paper: list[PaperFigure]
    networks: list[_Latency]

    def notes_for(self, platform: Platform) -> tuple[str, ...]:
        """What to know when a platform is compared with these latencies, one sentence each.

        Raises:
            OptionError: The platform is of another device.
        """
        if platform.device not in self.devices:
            raise OptionError(
                f"platform {platform.name!r} is of {platform.device!r}, and the suite's latencies are published for "
                f"{', '.join(map(repr, self.devices))}: they do not compare; --measure measures the networks anew"
            )
        own = self.platform_remarks.get(platform.name)
        what = "end to end" if self.latency_is == "end_to_end" else "on the device alone"
        compared = () if platform.latency_is == self.latency_is else (f"estimates are those {what}, as the latencies",)
        return (self.title, *self.sources, *self.remarks, *([own] if own else []), *compared)


@cache
def published_suites() -> dict[str, PublishedSuite]:
    """All such suites by name.

    Raises:
        PluginError: An installed device family states one that is none.
    """
    suites: dict[str, PublishedSuite] = {}
    for device in devices():
        for name, stated in (device.suites() if device.suites is not None else {}).items():
            suites.setdefault(name, convert(stated, PublishedSuite, error=PluginError))
    return suites


def comparable_s(estimate: Estimate, latency_is: str | None) -> float:
    """The part of an estimate that a latency is to be compared with.

    Args:
        estimate: The estimate.
        latency_is: What the latency contains, ``device`` or ``end_to_end``; None takes the platform's headline figure.

    Raises:
        OptionError: The platform cannot tell it.
    """
    if latency_is is None or latency_is == estimate.latency_is:
        return estimate.latency_s
    if latency_is == "device":
        return estimate.device_latency_s
    if estimate.end_to_end_latency_s is None:
        raise OptionError(f"platform {estimate.platform!r} does not say what the host adds to a run")
    return estimate.end_to_end_latency_s
