"""What reports of all kinds come to: kernels with a name, a type and a time."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.bench.backend import ProfileEntry
from annette.bench.profile_matching import ADDED
from annette.errors import BackendRunError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network import Network

__all__ = ["ReportedKernel", "number", "to_entries"]

_OWN_PARTS: Final = re.compile(r"[@+].*$|/(?:WithoutBiases|fused|Fused_Add_)$")
"""What compilers append to the name of a layer."""
_OWN_PREFIX: Final = re.compile(r"^subgraph(?:\d+:\s*|_)")
"""What they put in front of it: the part of the network that a device runs."""
_CUT: Final = "..."
"""End of a name that was too long for its column."""
_INSERTED: Final = re.compile(r"(?:<|^)?(?:injected|reorder|copy|convert|permute|receive-tensor|loop)", re.IGNORECASE)
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class ReportedKernel:
    """One row of a report.

    Attributes:
        name: As reported.
        operator: Its type, where the report has one.
        latency_s: Its time, in seconds.
        execution: How it was done, where the report says so.
    """

    name: str
    operator: str
    latency_s: float
    execution: str = ""


def to_entries(kernels: Sequence[ReportedKernel], network: Network) -> tuple[ProfileEntry, ...]:
    """Reported kernels as profile entries; a name that a compiler has extended is led back to its layer.

    Args:
        kernels: In order of execution.
        network: The network that was run.
    """
    known = network.layers_by_name
    entries = []
    for kernel in kernels:
        name = _layer_name(kernel.name, known)
        info = {"execution": kernel.execution} if kernel.execution else {}
        if name not in known and (_INSERTED.search(kernel.operator) or _INSERTED.match(kernel.name)):
            info |= {ADDED: "1", "kind": (kernel.operator or "copy").lower()}
        entries.append(
            ProfileEntry(
                name=kernel.name,
                operator=kernel.operator,
                latency_s=(kernel.latency_s,),
                layers=(name,) if name in known else (),
                info=info,
            )
        )
    return tuple(entries)


def _layer_name(reported: str, known: Mapping[str, object]) -> str:
    """The layer that a kernel is named after, or the name as it is where there is none."""
    short = _OWN_PREFIX.sub("", reported)
    for name in (reported, short, _OWN_PARTS.sub("", short)):
        if name in known:
            return name
    if reported.endswith(_CUT):
        fitting = [name for name in known if name.startswith(short.removesuffix(_CUT))]
        if len(fitting) == 1:
            return fitting[0]
    return reported


def number(text: str, what: str, line: str) -> float:
    """A finite number that is not negative.

    Args:
        text: Where it stands.
        what: What it is, for the message.
        line: The line it is from, for the message.

    Raises:
        BackendRunError: It is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise BackendRunError(f"{what} is {text!r}, not a time, in line {line.strip()[:_SHOWN]!r} of the report")
    return value
