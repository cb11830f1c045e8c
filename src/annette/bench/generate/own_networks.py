"""Cases for a user's own networks: their kernels, alone and in company, and the like of them; never a whole network.

Which kernels: those that bring the networks' time nearest to what is measured (`annette.bench.nearness`), with times
guessed by a roofline. What a network takes as a whole is not measured: it would say of this network only.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.bench.generate.generator import BYTES_PER_S, LAYER_S, OPS_PER_S, expected_compilation_s, expected_s
from annette.bench.generate.variation import varied
from annette.bench.named_backends import backend_class, open_backend
from annette.bench.nearness import NEAR, PlannedSizes, kernel_sizes, most_lacking
from annette.bench.plan import Case, Plan
from annette.bench.records import Purpose
from annette.devices.registry import devices
from annette.errors import OptionError
from annette.mapping.kernel import KernelTable
from annette.mapping.precision import Precision, is_narrow
from annette.mapping.rules import preset
from annette.network.excerpt import excerpt
from annette.network.graph_json import graph_digest
from annette.network.quantization import is_quantizable, quantized
from annette.references import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from annette.bench.measurement import Settings
    from annette.mapping.kernel import FloatArray, Kernel
    from annette.mapping.model import MappingModel
    from annette.network import Layer, Network

__all__ = ["known_mapping", "with_own_networks"]

GROUP: Final = "for"
"""What groups of such cases begin with."""

_WAYS: Final = ("static-uint8", "dynamic")
"""Ways in which networks in floating point are quantised for plans of integers: the commonest two."""

_EVEN: Final = 1.5
"""Octaves that are added to all distances: how much it counts that a kernel itself is measured, also where the plan has
one like it. Half of it is the distance that counts as none."""

_MOST_KERNELS: Final = 400
_VARIATIONS: Final = ((2**0.5, 2**-0.5), (2**-0.5, 2**0.5))
"""Factors on positions and channels: half an octave up and down, against each other."""

_CONVERSIONS: Final = ("dequantize", "dynamic_quantize")

_MOST_OF_A_KERNEL: Final = 0.25
"""Share of the time for the networks that one kernel takes at the most; it is measured alone at least."""

_MOST_COMPANY: Final = 60
"""Layers of a kernel in company, at the most."""
_MOST_READERS: Final = 2
_MOST_EVICTED_BYTES: Final = 64 << 20
_MOST_EVICTED_OPS: Final = 4_000_000_000
"""What is between two runs, at the most: past these, plans and features see no more (`annette.models.features`)."""

_PRECISIONS: Final = {"npu": Precision(8, 8)}


@dataclass(frozen=True, eq=False)
class _Subject:
    """A user's network, as it will be measured.

    Attributes:
        label: What the user calls it.
        digest: Of the network as it was given (`annette.network.graph_json.graph_digest`).
        network: The network, quantised where the plan is for integers.
        original: The network before; its layers have the same names.
        way: How it was quantised; empty where it was not.
    """

    label: str
    digest: str
    network: Network
    original: Network
    way: str = ""


@dataclass(frozen=True, eq=False)
class _Piece:
    """One kernel of a subject."""

    subject: _Subject
    kernels: Sequence[Kernel]
    position: int
    busy_ops: float

    @property
    def kernel(self) -> Kernel:
        return self.kernels[self.position]


def known_mapping(backend: str, options: Mapping[str, Any]) -> MappingModel:
    """What runs as one kernel on a backend, as far as that is known before anything is measured.

    Args:
        backend: Its name.
        options: Its options; what they say of the device counts where the backend is usable here.

    Raises:
        OptionError: There is no such backend, or it has no such option.
    """
    family = next((device for device in devices() if backend in device.backends), None)
    known = None
    if family is not None and family.mapping is not None:
        usable = backend_class(backend).available().usable
        environment = open_backend(backend, options).environment() if usable else {}
        known = resolve(family.mapping)(environment)
    return known or preset("generic")


def with_own_networks(
    plan: Plan,
    networks: Mapping[str, Network],
    *,
    mapping: MappingModel,
    target: str,
    share: float,
    budget_s: float | None,
    settings: Settings,
) -> Plan:
    """A plan part of which is about somebody's networks.

    Args:
        plan: What is measured otherwise.
        networks: The networks by what the user calls them, at least one.
        mapping: What runs as one kernel.
        target: What kind of runtime it is for (`annette.bench.generate.generate_plan`).
        share: Share of the time that is for them, more than 0 and less than 1.
        budget_s: Device time that the whole is cut to, seconds; None leaves the plan as it is and adds to it.
        settings: How the cases will be measured, for their expected times.

    Raises:
        OptionError: The share is out of its range, or nothing of the networks can be cut out.
    """
    if not 0.0 < share < 1.0:
        raise OptionError(f"a share of {share:g} of the time for networks of yours is not between 0 and 1")
    limit_s = share * budget_s if budget_s is not None else share / (1.0 - share) * plan.expected_s
    subjects = [subject for label, network in networks.items() for subject in _subjects(label, network, target)]
    precision = _PRECISIONS.get(target, Precision())
    others = plan if budget_s is None else plan.within(budget_s - limit_s)
    planned = PlannedSizes.of((case.network for case in others.cases), mapping, precision)
    own: list[Case] = []
    used_s = 0.0
    for found in _cases(subjects, planned, mapping, precision, target, settings):
        costs_s = list(accumulate(case.expected_s for case in found))
        cases = [case for case, cost_s in zip(found, costs_s, strict=True) if cost_s <= _MOST_OF_A_KERNEL * limit_s]
        cases = cases or found[:1]
        cost_s = sum(case.expected_s for case in cases)
        if used_s + cost_s <= limit_s or not own:
            own += cases
            used_s += cost_s
    if not own:
        raise OptionError(f"nothing can be cut out of {', '.join(networks)}: there is no kernel that is not all of it")
    rest = plan if budget_s is None else plan.within(max(budget_s - used_s, 1e-9))
    ranked = [((place + 0.5) / len(cases), n, case) for n, cases in enumerate((rest.cases, own))
              for place, case in enumerate(cases)]  # fmt: skip
    ranked.sort(key=lambda entry: entry[:2])
    return Plan(f"{plan.name}-for-{len(networks)}-networks", tuple(case for _, _, case in ranked))


def _subjects(label: str, network: Network, target: str) -> list[_Subject]:
    """The network as the plan's kind has it."""
    digest = graph_digest(network)
    plain = network.replaced(variants=())
    if target != "cpu-int8" or is_narrow(network):
        return [_Subject(label, digest, plain, plain)]
    ways = [way for way in _WAYS if is_quantizable(plain, way)]
    return [_Subject(label, digest, quantized(plain, way), plain, way) for way in ways]


def _cases(
    subjects: Sequence[_Subject],
    planned: PlannedSizes,
    mapping: MappingModel,
    precision: Precision,
    target: str,
    settings: Settings,
) -> Iterator[list[Case]]:
    """The cases of each kernel, the most wanted kernels first."""
    pieces: list[_Piece] = []
    tables, weights = [], []
    for subject in subjects:
        kernels = mapping.apply(subject.network)
        chosen = [place for place, kernel in enumerate(kernels) if kernel.layers and not kernel.free]
        if not chosen:
            continue
        table = KernelTable.from_kernels([kernels[place] for place in chosen], subject.network, precision)
        guessed_s = np.maximum(table["ops"] / OPS_PER_S, table.bytes / BYTES_PER_S) + LAYER_S
        busy_ops = float(table["network_busy_ops"][0])
        pieces += [_Piece(subject, kernels, place, busy_ops) for place in chosen]
        tables.append(table)
        weights.append(guessed_s / guessed_s.sum())
    if not pieces:
        return
    table = KernelTable.concatenate(tables)
    sizes, kinds = kernel_sizes(table), table.kinds.tolist()
    distances = np.empty(len(pieces))
    for kind, rows in table.rows_by_kind.items():
        distances[rows], _ = planned.nearest(kind, sizes[rows])
    lacks = most_lacking(kinds, sizes, np.concatenate(weights), distances + _EVEN, _MOST_KERNELS)
    seen: set[tuple[str, str]] = set()  # layers that were in the company of another kernel
    for number, lack in enumerate(lacks):
        same = np.flatnonzero((table.kinds == kinds[lack.row]) & (_apart(sizes, lack.row) <= NEAR)).tolist()
        made_for = dict.fromkeys((pieces[row].subject.label, pieces[row].subject.digest) for row in same)
        name = f"{GROUP}-{pieces[lack.row].subject.digest[:8]}/{number:03d}-{kinds[lack.row]}"
        found = [
            made
            for made in _networks(pieces[lack.row], name, alone=target != "npu")
            if pieces[lack.row].kernel.kind in {kernel.kind for kernel in mapping.apply(made.network)}
        ]
        if any((pieces[row].subject.digest, pieces[row].kernel.anchor.name) in seen for row in same):
            found = [each for each in found if each.purpose is not Purpose.CHAIN]
        companies = (each.network.layers for each in found if each.purpose is Purpose.CHAIN)
        seen.update((pieces[lack.row].subject.digest, layer.name) for layers in companies for layer in layers)
        if found:
            yield [_case(each, kinds[lack.row], tuple(made_for), target, settings) for each in found]


def _apart(sizes: FloatArray, row: int) -> FloatArray:
    """Distance of all rows from one, octaves."""
    apart: FloatArray = np.sqrt(((sizes - sizes[row]) ** 2).sum(axis=1))
    return apart


@dataclass(frozen=True, eq=False)
class _Made:
    """A network of a case, and what is between its runs."""

    network: Network
    purpose: Purpose
    evicted_bytes: int = 0
    evicted_ops: int = 0


def _networks(piece: _Piece, name: str, *, alone: bool) -> Iterator[_Made]:
    """The kernel alone, with its neighbours in the place that it has in the network, and at sizes around its own."""
    network = piece.subject.network
    own = _with_conversions({layer.name for layer in piece.kernel.layers}, network)
    company = _with_conversions(_company(piece), network)
    if alone and not _is_whole(own, piece):
        yield _Made(excerpt(network, own, f"{name}/alone"), Purpose.MICRO_KERNEL)
    if company > own and not _is_whole(company, piece):
        held = int(min(4 * network.constant_elements, _MOST_EVICTED_BYTES)) if alone else 0
        waits = int(min(piece.busy_ops, _MOST_EVICTED_OPS)) if held else 0
        yield _Made(excerpt(network, company, f"{name}/company"), Purpose.CHAIN, held, waits)
    if alone:
        yield from (_Made(each, Purpose.MICRO_KERNEL) for each in _variations(piece, own, name))


def _variations(piece: _Piece, own: set[str], name: str) -> Iterator[Network]:
    """The kernel's anchor at other sizes, quantised as the network was."""
    original, way = piece.subject.original, piece.subject.way
    anchor = original.layers_by_name.get(piece.kernel.anchor.name)
    if anchor is None:
        return
    layers = (anchor, *_activations(original, anchor, own))
    for number, (positions, channels) in enumerate(_VARIATIONS):
        made = varied(original, layers, positions, channels, f"{name}/varied{number}")
        if made is not None and (not way or is_quantizable(made, way)):
            yield quantized(made, way) if way else made


def _with_conversions(layers: set[str], network: Network) -> set[str]:
    """The layers and what makes integers of numbers, or the reverse, before them: without it, others would run."""
    producers = network.producers
    read = {tensor for name in layers for tensor in network.layers_by_name[name].inputs if tensor in producers}
    return layers | {producers[tensor].name for tensor in read if producers[tensor].kind in _CONVERSIONS}


def _activations(network: Network, anchor: Layer, own: set[str]) -> list[Layer]:
    """The activations of the same kernel that follow its anchor one after the other."""
    found = []
    layer = anchor
    while len(readers := network.consumers.get(layer.outputs[0], ())) == 1:
        layer = readers[0]
        if layer.name not in own or len(layer.inputs) != 1 or len(layer.outputs) != 1:
            break
        found.append(layer)
    return found


def _is_whole(layers: set[str], piece: _Piece) -> bool:
    """Whether layers are all of the network that runs."""
    runs = {layer.name for kernel in piece.kernels if not kernel.free for layer in kernel.layers}
    return runs <= layers


def _company(piece: _Piece) -> set[str]:
    """The layers of a kernel, of what it reads from and of what reads it, through views; as many as are allowed."""
    network = piece.subject.network
    owner = {layer.name: kernel for kernel in piece.kernels for layer in kernel.layers}
    found = dict.fromkeys(layer.name for layer in piece.kernel.layers)

    def add(kernel: Kernel) -> None:
        found.update(dict.fromkeys(layer.name for layer in kernel.layers))

    def before(kernel: Kernel) -> list[Kernel]:
        return [owner[network.producers[t].name] for t in kernel.inputs if t in network.producers]

    def after(kernel: Kernel) -> list[Kernel]:
        readers = (reader for t in kernel.outputs for reader in network.consumers.get(t, ()))
        return list(islice((owner[reader.name] for reader in readers), _MOST_READERS))

    for step in (before, after):
        waiting = step(piece.kernel)
        while waiting:
            kernel = waiting.pop(0)
            if len(found) + len(kernel.layers) > _MOST_COMPANY:
                break
            if kernel.free and any(layer.name not in found for layer in kernel.layers):
                waiting += step(kernel)
            add(kernel)
    return set(found)


def _case(made: _Made, kind: str, made_for: tuple[tuple[str, str], ...], target: str, settings: Settings) -> Case:
    network = made.network
    seconds = (
        expected_compilation_s(network)
        if target == "npu"
        else expected_s(network, made.purpose, settings, made.evicted_bytes, made.evicted_ops)
    )
    return Case(
        id=f"{made.purpose}/{network.name}",
        purpose=made.purpose,
        group=f"{GROUP}/{kind}",
        network=network,
        expected_s=seconds,
        evicted_bytes=made.evicted_bytes,
        evicted_ops=made.evicted_ops,
        made_for=made_for,
    )
