"""The network while it is being mapped: groups of layers that become kernels.

A group is named by the position of its last layer, so that positions stay a topological order while groups are
merged into their last member. Only a group whose result is also read outside can break that order; `merge` then
checks that no cycle arises and moves the groups that have to come later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.errors import MappingError, NetworkShapeError
from annette.mapping.kernel import Kernel
from annette.network.links import CONSTANT, SCALAR
from annette.network.tensor import Tensor
from annette.network.workload import describe_layer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from annette.network import AttributeValue, Layer, Network

__all__ = ["Grouping"]

_NUMBER: Final = Tensor("number", (), constant=True)


class Grouping:
    """Groups of layers, at first one group a layer.

    Lists are indexed by the position of a layer or by a group, which is the position of its last layer.

    Attributes:
        network: What is mapped.
        links: Its edges.
        layers: Its layers.
        group_of: The group of each layer; the last entry, -1, stands for the outside world.
        kind: Kind of each group, None where it was merged into another.
        readers: Layers that read a group's results from outside it; the number of layers stands for the network's
            outputs.
        operands: Producers of the operands of each group's anchor.
        names: Tensors of ``operands``; `SCALAR` stands for a number.
        by_kind: Groups that have or had each kind, in no order.
        members: Layers of each group of several layers, in no order.
        anchors: Anchor of each group whose anchor is not the layer at its own position.
        followers: Logical layers fused to the anchor of each group.
        rules: Rules that formed each group.
        free: Groups that cost nothing.
        changes: How often a group has been changed.
    """

    __slots__ = (
        "_changed", "_handed_out", "_rank", "anchors", "by_kind", "changes", "followers", "free", "group_of", "kind",
        "layers", "links", "members", "names", "network", "operands", "readers", "rules",
    )  # fmt: skip

    def __init__(self, network: Network) -> None:
        links = network.links
        self.network = network
        self.links = links
        self.layers = network.layers
        self.group_of = list(range(len(network.layers)))
        self.group_of.append(-1)
        self.kind: list[str | None] = list(links.kinds)
        self.readers = list(links.readers)
        self.operands = list(links.operands)
        self.names = list(links.operand_names)
        self.by_kind = {kind: list(positions) for kind, positions in links.by_kind.items()}
        self.members: dict[int, list[int]] = {}
        self.anchors: dict[int, Layer] = {}
        self.followers: dict[int, list[Layer]] = {}
        self.rules: dict[int, list[str]] = {}
        self.free: set[int] = set()
        self.changes = 0
        self._changed: dict[str, int] = {}
        self._rank: list[int] | None = None
        self._handed_out = frozenset(network.outputs)

    def anchor(self, group: int) -> Layer:
        """The layer whose dimensions describe a group."""
        return self.anchors.get(group) or self.layers[group]

    def tensor(self, name: str) -> Tensor:
        """A tensor by its name in ``names``; a number is a constant of one element."""
        return self.network.tensors[name] if name != SCALAR else _NUMBER

    def candidates(self, kinds: Iterable[str]) -> Sequence[int]:
        """Groups that may have one of the given kinds, ascending; whether they still do is for the caller to see."""
        by_kind = self.by_kind
        by_wanted_kind = [by_kind[kind] for kind in kinds if kind in by_kind]
        if len(by_wanted_kind) == 1:
            return sorted(by_wanted_kind[0])
        return sorted({group for groups in by_wanted_kind for group in groups})

    def is_news(self, kinds: frozenset[str], since: int) -> bool:
        """Whether a group of one of some kinds has been changed since ``changes`` was ``since``; -1 is ever.

        A pattern that matched nowhere can only match where such a group has changed.
        """
        if since < 0:
            return True
        for kind, when in self._changed.items():  # noqa: SIM110 - a generator would cost as much as the loop
            if when > since and kind in kinds:
                return True
        return False

    def is_read_by(self, group: int, reader: int) -> bool:
        """Whether one other group alone reads what a group writes."""
        group_of, reading = self.group_of, self.readers[group]
        for each in reading:
            if group_of[each] != reader:
                return False
        return bool(reading)

    def crosses(self, taken: Collection[int]) -> set[int] | None:
        """Looks for what would come between groups if they ran as one.

        Returns:
            The groups outside that depend on ``taken`` and stand before the last of them, or None where one of
            ``taken`` depends on such a group: merging them would make a cycle.
        """
        rank, group_of = self._ranks(), self.group_of
        last = max(rank[group] for group in taken)
        later: set[int] = set()
        open_ = list(taken)
        while open_:
            for reader in self.readers[open_.pop()]:
                group = group_of[reader]
                if group < 0 or group in later or rank[group] > last:
                    continue
                if group in taken:
                    continue
                later.add(group)
                open_.append(group)
        for group in later:
            if any(group_of[reader] in taken for reader in self.readers[group]):
                return None
        return later

    def merge(self, taken: Sequence[int], anchor: int, kind: str, rule: str, *, later: set[int] | None = None) -> None:
        """Makes one group of several.

        Args:
            taken: The groups, the last one being the one that all others feed.
            anchor: The group among them whose anchor describes the result.
            kind: Kind of the result.
            rule: Name of the rule that says so.
            later: What `crosses` returned, where a result of any but the last is read outside too.
        """
        into = taken[-1]
        members, followers, rules = self.members, self.followers, self.rules
        if later is not None:
            self._reorder(taken, later)
            outside = {reader for group in taken for reader in self.readers[group]}
            self.readers[into] = tuple(sorted(r for r in outside if self.group_of[r] not in taken))
        layer = self.anchors.get(anchor) or self.layers[anchor]
        joined = followers.get(anchor, [])
        names: list[str] = []
        positions: list[int] = []
        for group in taken:
            names += rules.get(group, ())
            positions += members.get(group) or (group,)
            if group != anchor:
                joined.append(self.anchors.get(group) or self.layers[group])
                joined += followers.get(group, ())
            if group != into:
                for position in members.get(group) or (group,):
                    self.group_of[position] = into
                self.kind[group] = None
        names.append(rule)
        rules[into] = names
        members[into] = positions
        followers[into] = joined
        if anchor != into:
            self.anchors[into] = layer
            self.operands[into] = self.operands[anchor]
            self.names[into] = self.names[anchor]
        self.free.discard(into)
        self._set_kind(into, kind)

    def recognise(
        self,
        group: int,
        kind: str,
        rule: str,
        *,
        attributes: dict[str, AttributeValue],
        described_by: Layer | None,
    ) -> None:
        """Gives a group another kind and an anchor of that kind that reads and writes what the group does.

        Args:
            group: The group, already merged.
            kind: A kind of layer.
            rule: Name of the rule that says so, for a group of one layer; `merge` has noted it otherwise.
            attributes: The new anchor's attributes.
            described_by: A layer whose dimensions and multiply-accumulates it takes over; by default they follow
                from what it reads and writes.

        Raises:
            MappingError: The layers cannot be one of that kind, or the attributes make no sense.
        """
        tensors = self.network.tensors
        positions = sorted(self.members.get(group) or (group,))
        sources = self._inputs(group)
        constants = dict.fromkeys(t for p in positions for t in self.layers[p].inputs if tensors[t].constant)
        known = described_by is not None
        try:
            anchor = describe_layer(
                kind,
                self.layers[group].name,
                inputs=[tensors[tensor] for tensor in (*sources, *constants)],
                outputs=[tensors[tensor] for tensor in self._outputs(group)],
                attributes=attributes,
                channels_last=self.network.channels_last,
                dimensions=described_by.workload.dimensions if described_by is not None else None,
                macs=sum(self.layers[p].workload.macs for p in positions) if known else None,
            )
        except (NetworkShapeError, TypeError, ValueError) as error:
            raise MappingError(
                f"rule {rule!r} takes layer {self.layers[group].name!r} and those before it for {kind!r}, "
                f"which does not fit: {error}"
            ) from error
        self.anchors[group] = anchor
        self.operands[group] = (*sources.values(), *(CONSTANT for _ in constants))
        self.names[group] = (*sources, *constants)
        self.followers[group] = []
        self.members[group] = positions
        self.rules.setdefault(group, [rule])
        self._set_kind(group, kind)

    def release(self, group: int, rule: str) -> None:
        """Marks a group as one that costs nothing."""
        self.free.add(group)
        self.rules.setdefault(group, []).append(rule)
        self._set_kind(group, str(self.kind[group]))

    def rename(self, group: int, kind: str) -> None:
        """Gives a group another kind of kernel; its anchor stays."""
        self._set_kind(group, kind)

    def groups(self) -> list[int]:
        """The groups in topological order."""
        groups = [group for group, kind in enumerate(self.kind) if kind is not None]
        if self._rank is not None:
            groups.sort(key=self._rank.__getitem__)
        return groups

    def kernels(self) -> tuple[Kernel, ...]:
        """The groups as kernels, in topological order."""
        return tuple([self._kernel(group) for group in self.groups()])

    def _kernel(self, group: int) -> Kernel:
        layer, rules = self.layers[group], self.rules.get(group, ())
        if group not in self.members:
            reads, free = self.links.reads[group], group in self.free
            kind = self.kind[group] or layer.kind
            return Kernel(layer.name, kind, layer, (layer,), reads, layer.outputs, tuple(rules), free, ())
        anchor, layers = self.anchors.get(group) or layer, self.layers
        positions = self.members[group]
        positions.sort()
        return Kernel(
            anchor.name,
            self.kind[group] or anchor.kind,
            anchor,
            tuple([layers[position] for position in positions]),
            tuple(self._inputs(group)),
            self._outputs(group),
            tuple(rules),
            group in self.free,
            tuple(self.followers[group]),
        )

    def _inputs(self, group: int) -> dict[str, int]:
        """Activations that a group reads from outside, each once, with their producers."""
        all_reads, all_producers, group_of = self.links.reads, self.links.producers, self.group_of
        producer_of: dict[str, int] = {}
        for position in sorted(self.members.get(group) or (group,)):
            reads = all_reads[position]
            for index, producer in enumerate(all_producers[position]):
                if producer < 0 or group_of[producer] != group:
                    producer_of[reads[index]] = producer
        return producer_of

    def _outputs(self, group: int) -> tuple[str, ...]:
        """Activations that a group writes for the outside; a result that nobody reads is written too."""
        layer = self.layers[group]
        if len(layer.outputs) == 1 and self.readers[group] is self.links.readers[group]:
            return layer.outputs  # nobody outside reads what the others write
        positions = sorted(self.members.get(group) or (group,))
        inside = {self.layers[position].name for position in positions}
        results = [tensor for position in positions for tensor in self.layers[position].outputs]
        return tuple(tensor for tensor in results if self._leaves(tensor, inside))

    def _leaves(self, tensor: str, inside: set[str]) -> bool:
        """Whether a tensor is read outside a set of layers, handed out, or read by nobody."""
        consumers = self.network.consumers.get(tensor, ())
        return not consumers or tensor in self._handed_out or any(c.name not in inside for c in consumers)

    def _set_kind(self, group: int, kind: str) -> None:
        self.changes += 1
        self._changed[kind] = self.changes
        if self.kind[group] != kind:
            self.kind[group] = kind
            self.by_kind.setdefault(kind, []).append(group)

    def _ranks(self) -> list[int]:
        if self._rank is None:
            self._rank = list(range(len(self.kind)))
        return self._rank

    def _reorder(self, taken: Collection[int], later: set[int]) -> None:
        """Moves the groups of ``later`` behind the merged group, keeping all other order."""
        rank = self._ranks()
        if not later:
            return
        into = max(taken, key=rank.__getitem__)
        moved = [into, *sorted(later, key=rank.__getitem__)]
        first, last = min(rank[group] for group in moved), rank[into]
        between = [g for g, kind in enumerate(self.kind) if kind is not None and first <= rank[g] <= last]
        stay = sorted((g for g in between if g not in later and g not in taken), key=rank.__getitem__)
        slots = sorted(rank[group] for group in {*between, *moved})
        for group, slot in zip([*stay, *moved], slots, strict=False):
            rank[group] = slot
