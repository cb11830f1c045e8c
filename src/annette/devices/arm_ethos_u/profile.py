"""Gives the layers of the network to the kernels of Vela's report, by the operators of the file that they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.bench.backend import ProfileEntry
from annette.bench.profile_matching import ADDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.devices.arm_ethos_u.vela_report import VelaKernel, VelaReport
    from annette.network import Network

__all__ = ["profile_entries"]


def profile_entries(
    report: VelaReport, operators: Sequence[tuple[str, ...]], network: Network
) -> tuple[ProfileEntry, ...]:
    """The kernels of a report with their layers, in order of execution.

    Kernels that share a layer become one entry: Vela takes some operators apart (a softmax, a mean), and the lowering
    some layers (a layer normalisation); what is measured of such a layer is all of it.

    Args:
        report: Vela's report.
        operators: For each operator of the file, the layers that it runs; none where the lowering inserted it.
        network: The network that these layers belong to.
    """
    order = {layer.name: position for position, layer in enumerate(network.layers)}
    entries = []
    for kernels in _joined(report.kernels, operators):
        layers = sorted({name for kernel in kernels for name in _layers(kernel, operators)}, key=order.__getitem__)
        entries.append(_entry(kernels, tuple(layers), len(operators), report.clock_hz))
    rest = report.cycles - sum(kernel.cycles for kernel in report.kernels)
    if rest > 0:  # Of a file with several graphs, Vela reports the operations of one.
        entries.append(ProfileEntry("not in the report", "", (rest / report.clock_hz,), info={"cycles": str(rest)}))
    return tuple(entries)


def _layers(kernel: VelaKernel, operators: Sequence[tuple[str, ...]]) -> list[str]:
    return [name for position in kernel.operators if 0 <= position < len(operators) for name in operators[position]]


def _joined(kernels: Sequence[VelaKernel], operators: Sequence[tuple[str, ...]]) -> list[list[VelaKernel]]:
    """Kernels in groups that share no layer, each at the place of its first kernel."""
    groups: list[list[VelaKernel]] = []
    place: dict[str, int] = {}
    for kernel in kernels:
        layers = _layers(kernel, operators)
        met = sorted({place[name] for name in layers if name in place})
        if not met:
            groups.append([kernel])
            place.update(dict.fromkeys(layers, len(groups) - 1))
            continue
        first, *others = met
        groups[first].append(kernel)
        for other in others:
            groups[first] += groups[other]
            groups[other] = []
        place.update({name: first for name, position in place.items() if position in others})
        place.update(dict.fromkeys(layers, first))
    return [group for group in groups if group]


def _entry(kernels: Sequence[VelaKernel], layers: tuple[str, ...], count: int, clock_hz: float) -> ProfileEntry:
    """One entry; added by the compiler or the lowering where none of its ``count`` operators runs a layer."""
    main = max(kernels, key=lambda kernel: kernel.cycles)
    cycles = sum(kernel.cycles for kernel in kernels)
    info = {"cycles": str(cycles), **main.info}
    if len(kernels) > 1:
        info["parts"] = str(len(kernels))
    if not layers and all(0 <= position < count for kernel in kernels for position in kernel.operators):
        info |= {ADDED: "1", "kind": "_".join(main.operations).lower()}
    return ProfileEntry(
        name=main.name,
        operator="+".join(operation for kernel in kernels for operation in kernel.operations),
        latency_s=(cycles / clock_hz,),
        layers=layers,
        input_shapes=(main.input_shape,) if main.input_shape else (),
        output_shapes=(main.output_shape,) if main.output_shape else (),
        info=info,
    )
