"""Profile matching: which layers of the network did each profiled kernel run?

In the order of how much they prove: the layers that the runtime itself names; the part of the graph between the
tensors that it reads and writes; a layer of the same name. Never by position. What the runtime put in by itself
(layout changes, copies) is marked as added; what nothing explains stays without layers and lowers the matched share.

Reports of vendors' tools have names, types and times only: `to_entries` leads their names back to layers.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.bench.backend import ProfileEntry
from annette.bench.records import KernelRecord, midmean
from annette.errors import BackendRunError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annette.network import Network

__all__ = ["ADDED", "ProfileMatch", "ReportedKernel", "layers_between", "match_profile", "number", "to_entries"]

ADDED = "added"
"""Key in a profile entry's ``info`` by which a backend says that the runtime put the kernel in by itself."""

_OWN_PARTS: Final = re.compile(r"[@+].*$|/(?:WithoutBiases|fused|Fused_Add_)$")
"""What compilers append to the name of a layer."""
_OWN_PREFIX: Final = re.compile(r"^subgraph(?:\d+:\s*|_)")
"""What they put in front of it: the part of the network that a device runs."""
_CUT: Final = "..."
"""End of a name that was too long for its column."""
_INSERTED: Final = re.compile(r"(?:<|^)?(?:injected|reorder|copy|convert|permute|receive-tensor|loop)", re.IGNORECASE)
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class ProfileMatch:
    """Profiled kernels with their layers.

    Attributes:
        kernels: One record per profile entry, in order of execution.
        matched_share: Share of the profiled time whose layers are known or that the runtime added; NaN where the
            profile has no time in it.
        unmatched: Names of the entries that nothing explains.
        not_run: Names of the layers that no kernel claims: folded away, views, or lost.
    """

    kernels: tuple[KernelRecord, ...]
    matched_share: float
    unmatched: tuple[str, ...]
    not_run: tuple[str, ...]


def match_profile(network: Network, entries: Sequence[ProfileEntry]) -> ProfileMatch:
    """Finds the layers of each profiled kernel.

    Args:
        network: The network that was sent to the runtime.
        entries: What the runtime reported.
    """
    names = {layer.name for layer in network.layers}
    kernels = []
    for entry in entries:
        layers = _layers(network, names, entry)
        kernels.append(
            KernelRecord(
                name=entry.name,
                operator=entry.operator,
                layers=layers,
                latency_s=midmean(entry.latency_s),
                samples_s=entry.latency_s,
                added=not layers and ADDED in entry.info,
                info={key: value for key, value in entry.info.items() if key != ADDED},
            )
        )
    total_s = math.fsum(kernel.latency_s for kernel in kernels)
    known_s = math.fsum(kernel.latency_s for kernel in kernels if kernel.layers or kernel.added)
    claimed = {layer for kernel in kernels for layer in kernel.layers}
    return ProfileMatch(
        kernels=tuple(kernels),
        matched_share=known_s / total_s if total_s > 0 else math.nan,
        unmatched=tuple(kernel.name for kernel in kernels if not kernel.layers and not kernel.added),
        not_run=tuple(layer.name for layer in network.layers if layer.name not in claimed),
    )


def layers_between(network: Network, inputs: Iterable[str], outputs: Iterable[str]) -> tuple[str, ...]:
    """The layers between tensors: everything that ``outputs`` need and that does not lie behind ``inputs``.

    Args:
        network: The network.
        inputs: Tensors at which the search stops.
        outputs: Tensors from which it starts, backwards.

    Returns:
        Names of layers in topological order; empty where the search runs into an input of the network that is not
        among ``inputs``, for then the tensors do not bound a region.
    """
    border = set(inputs)
    needed: set[str] = set()
    stack = [tensor for tensor in outputs if tensor not in border]
    while stack:
        tensor = stack.pop()
        producer = network.producers.get(tensor)
        if producer is None:
            if tensor in network.inputs:
                return ()
            continue
        if producer.name in needed:
            continue
        needed.add(producer.name)
        stack.extend(operand for operand in network.activations[producer.name] if operand not in border)
    return tuple(layer.name for layer in network.layers if layer.name in needed)


def _layers(network: Network, names: set[str], entry: ProfileEntry) -> tuple[str, ...]:
    named = {layer for layer in entry.layers if layer in names}
    if named:
        return tuple(layer.name for layer in network.layers if layer.name in named)
    if entry.outputs:
        computed = layers_between(network, entry.inputs, entry.outputs)
        if computed:
            return computed
    return (entry.name,) if entry.name in names and ADDED not in entry.info else ()


@dataclass(frozen=True, slots=True)
class ReportedKernel:
    """One row of a report.

    Attributes:
        name: As reported.
        operator: Its type, where the report has one.
        latency_s: Its time, in seconds.
        execution: How it was done, where the report says so.
        executed: Whether it ran; some reports list what did not.
    """

    name: str
    operator: str
    latency_s: float
    execution: str = ""
    executed: bool = True


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
