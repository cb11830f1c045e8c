"""What became of each piece of a candidate on a platform: its kernels, its amounts, and the state of what it wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from annette.errors import OptionError
from annette.estimation.mapped import describe_kernels
from annette.mapping.kernel import busy_ops_of
from annette.spaces.row_store import AROUND
from annette.spaces.space import OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Sequence

    from annette.estimation.mapped import MappedKernels
    from annette.mapping.kernel import Kernel
    from annette.network import Layer
    from annette.platforms import Platform
    from annette.spaces.asked import Asked
    from annette.spaces.row_store import RowStore
    from annette.spaces.space import Built

    State: TypeAlias = tuple[Hashable, ...]

__all__ = ["AMOUNTS", "INSIDE", "OPEN", "Candidate", "Content", "OpenPiece", "attributed"]

OPEN: Final = "open"
INSIDE: Final = "inside"
"""What states begin with: of a tensor that its reader may share a kernel with, and of one that exists in a kernel only.
"""
_OUTSIDE: Final = ("outside",)
_END: Final = ("end",)

AMOUNTS: Final = ("weight_bytes", "ops", "busy_ops", "kernels", "input_bytes", "inputs", "output_bytes", "outputs")
"""What adds up over the pieces of a candidate: bytes of constants, operations, operations that pass between two runs
of a kernel, kernels on the device, and what is carried between host and device."""


class Content(NamedTuple):
    """What became of a piece.

    Attributes:
        rows: Numbers of its kernels in a `RowStore`, ascending; those that cost nothing are left out.
        amounts: Its share of `AMOUNTS`.
        state: What others find of the tensor it writes: `OPEN` where that is for its reader to decide, `INSIDE` where
            several readers share a kernel with it.
        operands: The same of what it reads, now that it is decided; None where rules join both, even if the kernel
            falls apart later.
        copies: Kinds of the copies of each operand that were made for it.
        reads: Whether rules join the layer that writes the result with one that reads the operand.
    """

    rows: tuple[int, ...]
    amounts: tuple[float, ...]
    state: State
    operands: tuple[State | None, ...]
    copies: tuple[tuple[str, ...], ...]
    reads: tuple[bool, ...]


class OpenPiece(Exception):  # noqa: N818 - a signal within the package, which reaches no user
    """Pieces ran in one kernel with their readers, though their codes are not among those that may.

    Attributes:
        codes: The codes.
    """

    def __init__(self, codes: Collection[int]) -> None:
        super().__init__(codes)
        self.codes = codes


@dataclass(frozen=True)
class Candidate:
    """A candidate that was built and mapped.

    Attributes:
        built: Its network.
        codes: Code of each slot (`annette.spaces.space.Pieces`).
        sources: The slots that each slot reads.
        mapped: Its kernels.
        group_of: Group that rules put each layer into, in the order of ``built.network.layers``.
        group_kinds: Kind of each group; None of what is none.
        kinds: All kinds of layers and groups that there were while rules were applied.
    """

    built: Built
    codes: Sequence[int]
    sources: Sequence[tuple[int, ...]]
    mapped: MappedKernels
    group_of: Sequence[int]
    group_kinds: Sequence[str | None]
    kinds: frozenset[str]

    @classmethod
    def of(
        cls, built: Built, codes: Sequence[int], sources: Sequence[tuple[int, ...]], platform: Platform
    ) -> Candidate:
        """Maps a candidate.

        Raises:
            OptionError: The space names another number of layers than the network has.
        """
        network = built.network
        if len(built.owners) != len(network.layers):
            raise OptionError(
                f"network {network.name!r} has {len(network.layers)} layers, but its space names {len(built.owners)}"
            )
        grouping, kernels = platform.mapping.apply_in_steps(network)
        mapped = describe_kernels(platform, network, kernels)
        return cls(built, codes, sources, mapped, grouping.group_of, grouping.kind, frozenset(grouping.by_kind))


def attributed(
    candidate: Candidate, store: RowStore, asked: Asked, open_codes: Collection[int]
) -> tuple[Content | None, ...]:
    """Finds what became of the pieces of a candidate.

    Args:
        candidate: The candidate.
        store: Takes kernels that were not seen before.
        asked: What the platform's rules look at.
        open_codes: Codes of pieces that may run in one kernel with their reader.

    Returns:
        What became of each slot; None where the candidate has none.

    Raises:
        OptionError: The space's description of the candidate does not fit its network.
        OpenPiece: A piece of another code does.
    """
    return _Attribution(candidate, store, asked, open_codes).contents()


class _Attribution:
    """Hands the kernels of a network to the slots of its pieces; layers go by their positions."""

    def __init__(self, candidate: Candidate, store: RowStore, asked: Asked, open_codes: Collection[int]) -> None:
        network, mapped = candidate.built.network, candidate.mapped
        self._network, self._mapped, self._asked = network, mapped, asked
        self._sources, self._codes = candidate.sources, candidate.codes
        self._owners = candidate.built.owners
        self._used = sorted(set(self._owners))
        self._position = {layer.name: position for position, layer in enumerate(network.layers)}
        self._kernel_of = {self._position[layer.name]: kernel for kernel in mapped.kernels for layer in kernel.layers}
        # Groups and not kernels: a group may fall apart into several of these.
        self._group_of, self._group_kinds = candidate.group_of, candidate.group_kinds
        self._written: dict[int, str] = {}
        self._writer: dict[int, int] = {}
        self._reading: dict[int, list[int]] = {}
        self._find_tensors_between()
        self._closed_states: dict[int, State] = {}
        self._states = self._states_between(open_codes)
        self._rows: dict[int, list[int]] = {slot: [] for slot in self._used}
        self._on_device = dict.fromkeys(self._used, 0)
        self._busy_ops = dict.fromkeys(self._used, 0.0)
        self._copies: dict[tuple[int, int], list[str]] = {}
        self._hand_out(store)

    def _find_tensors_between(self) -> None:
        """The tensor that each slot writes for others, the layer that does, and the layers of others that read it."""
        links, owners = self._network.links, self._owners
        for position, (slot, reads, producers) in enumerate(zip(owners, links.reads, links.producers, strict=True)):
            for tensor, producer in zip(reads, producers, strict=True):
                if producer < 0 or owners[producer] == slot:
                    continue
                maker = owners[producer]
                if self._written.setdefault(maker, tensor) != tensor:
                    raise OptionError(f"slot {maker} of network {self._network.name!r} writes more than one tensor")
                if maker not in self._sources[slot]:
                    raise OptionError(
                        f"layer {self._network.layers[position].name!r} of network {self._network.name!r} reads slot "
                        f"{maker}, which its space does not say"
                    )
                self._writer[maker] = producer
                self._reading.setdefault(maker, []).append(position)

    def _hand_out(self, store: RowStore) -> None:
        """A kernel goes to the slot where it is decided, a copy to the first slot that needs it."""
        mapped = self._mapped
        numbers = store.numbers(mapped)
        costs = (~mapped.free).tolist()
        on_device = (~mapped.free & ~mapped.on_host).tolist()
        busy_ops = busy_ops_of(mapped.table.values).tolist()
        for place, kernel in enumerate(mapped.kernels):
            slot = self._decided_at(kernel) if kernel.layers else self._copied_for(kernel, place)
            self._busy_ops[slot] += busy_ops[place]
            if costs[place]:
                self._rows[slot].append(numbers[place])
                self._on_device[slot] += on_device[place]

    def _decided_at(self, kernel: Kernel) -> int:
        """The slot of a kernel's last layer, or that of its reader where that might have joined."""
        slot = max([self._slot(layer) for layer in kernel.layers])
        open_ = self._states[slot][0] == OPEN and self._written[slot] in kernel.outputs
        return self._owners[self._reading[slot][0]] if open_ else slot

    def _slot(self, layer: Layer) -> int:
        return self._owners[self._position[layer.name]]

    def _copied_for(self, copy: Kernel, place: int) -> int:
        """The first slot that reads what was copied in the way of the kernel that the copy was made for.

        A copy is made for the first kernel that needs it. Which one runs first may depend on what it is fused with;
        which stands first among the slots does not.
        """
        tensor = copy.inputs[0]
        readers = self._network.consumers.get(tensor, ())
        if not readers:
            return self._slot(self._network.producers[tensor])
        following = (k for k in self._mapped.kernels[place + 1 :] if k.layers and tensor in k.inputs)
        blocked = next((kernel.blocked for kernel in following), None)
        alike = [r for r in readers if blocked is None or self._kernel_of[self._position[r.name]].blocked == blocked]
        slot = min(self._slot(reader) for reader in alike or readers)
        producer = self._network.producers.get(tensor)
        maker = None if producer is None else self._slot(producer)
        if maker is not None and maker != slot and self._written.get(maker) == tensor:
            self._copies.setdefault((slot, self._sources[slot].index(maker)), []).append(copy.kind)
        return slot

    def contents(self) -> tuple[Content | None, ...]:
        """What became of each slot."""
        amounts = self._amounts()
        found: list[Content | None] = [None] * len(self._sources)
        for slot in self._used:
            sources = self._sources[slot]
            found[slot] = Content(
                tuple(sorted(self._rows[slot])),
                amounts[slot],
                self._states[slot],
                tuple(self._decided(source, slot) for source in sources),
                tuple(tuple(sorted(self._copies.get((slot, place), ()))) for place in range(len(sources))),
                tuple(self._reads(source, slot) for source in sources),
            )
        return tuple(found)

    def _states_between(self, open_codes: Collection[int]) -> dict[int, State]:
        """What others find of the tensor that each slot writes."""
        states: dict[int, State] = {}
        opened: set[int] = set()
        for slot in self._used:
            if slot not in self._written:
                states[slot] = _END
                continue
            group, reading = self._group_of[self._writer[slot]], self._reading[slot]
            alone = len({self._owners[position] for position in reading}) == 1
            joined = alone and any(self._group_of[position] == group for position in reading)
            if joined and self._codes[slot] not in open_codes:
                opened.add(self._codes[slot])
            # A kernel that no rule ever joins with a reader is as it is, whoever reads it.
            may_be = joined or (alone and self._group_kinds[group] in self._asked.joined)
            open_ = may_be and self._codes[slot] in open_codes
            states[slot] = (OPEN, *self._described(slot)) if open_ else self._closed(slot)
        if opened:
            raise OpenPiece(opened)
        return states

    def _closed(self, slot: int) -> State:
        """Shape, type and layout of what a slot writes, and what rules may ask about the kernel that wrote it."""
        state = self._closed_states.get(slot)
        if state is None:
            kernel = self._kernel_of[self._writer[slot]]
            state = (INSIDE, *self._described(slot))
            if self._written[slot] in kernel.outputs:
                state = ("", *state[1:], kernel.blocked, kernel.free, self._asked.writer(kernel.kind))
            self._closed_states[slot] = state
        return state

    def _described(self, slot: int) -> State:
        """Shape and element type of what a slot writes, and what rules may ask about where it comes from."""
        name = self._written[slot]
        tensor = self._network.tensors[name]
        origins = () if self._asked.origins == frozenset() else self._network.origins.get(name, ())
        return tensor.shape, tensor.dtype.label, self._asked.seen(origins)

    def _decided(self, source: int, slot: int) -> State | None:
        """What became of an operand that a slot reads; None where rules join the layers that write both."""
        if source == OUTSIDE:
            return _OUTSIDE
        if slot in self._written and self._group_of[self._writer[source]] == self._group_of[self._writer[slot]]:
            return None
        return self._closed(source)

    def _reads(self, source: int, slot: int) -> bool:
        """Whether rules join the layer that writes the result of a slot with one of its own that reads an operand."""
        if source == OUTSIDE or slot not in self._written:
            return False
        group = self._group_of[self._writer[slot]]
        reading = self._reading[source]
        return any(self._owners[each] == slot and self._group_of[each] == group for each in reading)

    def _amounts(self) -> dict[int, tuple[float, ...]]:
        network, mapped = self._network, self._mapped
        counted: set[str] = set()
        elements, ops = dict.fromkeys(self._used, 0), dict.fromkeys(self._used, 0)
        for layer, slot, reads in zip(network.layers, self._owners, network.links.reads, strict=True):
            ops[slot] += layer.workload.ops
            for tensor in layer.inputs if len(reads) < len(layer.inputs) else ():
                if network.tensors[tensor].constant and tensor not in counted:
                    counted.add(tensor)
                    elements[slot] += network.tensors[tensor].elements
        total = max(1, sum(elements.values()))
        bytes_each = float(mapped.table.values[0, AROUND[0]]) / total
        first, last, traffic = self._used[0], self._used[-1], mapped.traffic
        return {
            slot: (
                bytes_each * elements[slot],
                float(ops[slot]),
                self._busy_ops[slot],
                float(self._on_device[slot]),
                traffic.input_bytes if slot == first else 0.0,
                float(traffic.inputs) if slot == first else 0.0,
                traffic.output_bytes if slot == last else 0.0,
                float(traffic.outputs) if slot == last else 0.0,
            )
            for slot in self._used
        }
