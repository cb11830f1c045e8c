"""One pass over kernels in topological order that follows the layout of each tensor and adds the copies in between."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from annette.mapping.copied import copy_of
from annette.mapping.kernel import Kernel, revised
from annette.mapping.layout_rule import MAP_RANK, Layout
from annette.mapping.precision import dtype_precision, kind_of, with_precision
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping, Sequence

    from annette.mapping.layout_rule import LayoutDescription, Way
    from annette.network import Network, Tensor

__all__ = ["LayoutWalk"]

_SIDE_BY_SIDE: Final = ("concat", "split", "slice")
"""Kinds that a runtime may leave out where parts lie one behind another, as those of plain maps of one sample do."""

_PLAIN, _BLOCKED, _SAME = Layout
_SHAPE: Final = attrgetter("shape")
_WIDE: Final = frozenset(each for each in DType if not dtype_precision(each))
_TO_LAST: Final = (0, 2, 3, 1)
_TO_FIRST: Final = (0, 3, 1, 2)
_TOKENS_TO_FIRST: Final = (0, 2, 1)


class LayoutWalk:
    """One pass over the kernels, with the layouts in which each tensor exists so far."""

    def __init__(self, model: LayoutDescription, network: Network) -> None:
        self.result: list[Kernel] = []
        self._model = model
        self._network = network
        self._described = network.tensors.__getitem__
        self._blocked: set[str] = set()
        self._written_blocked: set[str] = set()
        self._plain: set[str] = set(network.inputs)
        self._absorbed: set[str] = set()
        self._last: set[str] = set()
        self._made_last: set[str] = set()
        self._tokens: set[str] = set()
        self._handed_out = frozenset(network.outputs)
        # Where all numbers are of one width, what a rule looks at follows from workloads and shapes.
        self._alike = network.dtypes <= _WIDE

    def _way(self, kernel: Kernel) -> Way:
        """How a kernel deals with layouts; kernels of equal sizes, in whatever network, are looked at once."""
        if not self._alike:
            return self._model.way(kernel, self._network)
        key: Hashable = kernel.kind, id(kernel.anchor.workload)
        if len(kernel.layers) > 1:
            read, written = map(self._described, kernel.inputs), map(self._described, kernel.outputs)
            key = key, tuple(map(_SHAPE, read)), tuple(map(_SHAPE, written))
        known = self._model.known_ways.get(key)
        if known is None:
            # It holds the workload, so that no other can have its identity while the key is in use.
            known = self._model.way(kernel, self._network), kernel.anchor.workload
            self._model.known_ways.put(key, known)
        return known[0]

    def look_for_transpositions(self, kernels: Sequence[Kernel]) -> None:
        """Finds the transpositions between channels first and channels last that copies do on the way, or nobody.

        Those from channels last end in maps that others read blocked; of those of tokens, the view is found that makes
        tokens of the positions of a map.
        """
        readers: dict[str, list[Kernel]] = {}
        for kernel in kernels:
            for tensor in kernel.inputs:
                readers.setdefault(tensor, []).append(kernel)
        for kernel in kernels:
            if kernel.kind == "transpose" and len(kernel.layers) == 1 and not kernel.free:
                result = self._channels_first(kernel, readers)
                if result is not None and self._all_read_blocked(result, readers.get(result, ())):
                    self._absorbed.add(kernel.name)
                    if self._model.channels_last:
                        self._made_last.add(result)
                elif self._model.channels_last and self._reads_tokens(kernel, readers):
                    self._tokens.add(kernel.inputs[0])

    def _reads_tokens(self, kernel: Kernel, readers: Mapping[str, Sequence[Kernel]]) -> bool:
        """Whether a transposition alone reads what a view made of a map by joining its rows."""
        tensor = kernel.inputs[0]
        made_by = self._network.producers.get(tensor)
        if kernel.anchor.attributes.get("perm") != _TOKENS_TO_FIRST or made_by is None or len(readers[tensor]) != 1:
            return False
        shapes = self._network.tensors[made_by.inputs[0]].shape, self._network.tensors[tensor].shape
        return len(shapes[0]) == len(_TO_LAST) and shapes[0][:2] == shapes[1][:2] and tensor not in self._handed_out

    def _channels_first(self, kernel: Kernel, readers: Mapping[str, Sequence[Kernel]]) -> str | None:
        """The feature map, channels first, that a transposition makes: its result, or its result's only view."""
        result, permutation = kernel.outputs[0], kernel.anchor.attributes.get("perm")
        if permutation == _TO_FIRST:
            return result
        follower = readers.get(result, ())
        if permutation != _TOKENS_TO_FIRST or len(follower) != 1 or not follower[0].free:
            return None
        if result in self._handed_out:
            return None
        view = follower[0].outputs[0]
        shapes = self._network.tensors[result].shape, self._network.tensors[view].shape
        return view if len(shapes[1]) == len(_TO_FIRST) and shapes[0][:2] == shapes[1][:2] else None

    def _all_read_blocked(self, tensor: str, readers: Sequence[Kernel]) -> bool:
        if not readers or tensor in self._handed_out:
            return False
        rules = (self._model.rule(kernel, self._network) for kernel in readers if not kernel.free)
        reads = [rule.reads if rule is not None else _PLAIN for rule in rules]
        return len(reads) == len(readers) and all(layout is _BLOCKED for layout in reads)

    def visit(self, kernel: Kernel) -> None:
        """Adds the next kernel behind the copies that it needs."""
        if self._absorbed and kernel.name in self._absorbed:
            kernel = revised(kernel, free=True, rule="layout")
        if kernel.free and not self._moves_in_blocks(kernel):
            self._view(kernel)
            return
        kernel = revised(kernel, free=False) if kernel.free else kernel
        way = self._way(kernel)
        moved = kernel.kind == "transpose" and (not way.ruled or self._model.channels_last)
        if not moved or not self._transposed_copy(kernel):
            self._run(kernel, way)

    def _maps_of(self, kernel: Kernel) -> Sequence[str]:
        """The feature maps that a kernel reads."""
        tensors = self._network.tensors
        return [tensor for tensor in kernel.inputs if len(tensors[tensor].shape) == MAP_RANK]

    def _run(self, kernel: Kernel, way: Way) -> None:
        """Adds a kernel that is no view, and the copies of what it reads."""
        reads, writes, narrow = way.reads, way.writes, way.narrow
        maps = kernel.inputs if way.maps_only else self._maps_of(kernel)
        if reads is _BLOCKED and not narrow:
            if not (self._model.copies_residuals or len(kernel.layers) < 2 or self._blocked.issuperset(maps)):
                parts = self._taken_apart(kernel, maps)
                if parts:
                    for part in parts:
                        self.visit(part)
                    return
            if self._last:
                self._leave_channels_last(maps)
        if reads is _SAME:
            reads = self._same(maps, narrow=narrow) if way.maps_only else _PLAIN
        if writes is _SAME:
            writes = reads
        needed, there = (maps, self._blocked) if reads is _BLOCKED else (kernel.inputs, self._plain)
        if not there.issuperset(needed):
            for tensor in needed:
                self._provide(tensor, reads)
        blocked = reads is _BLOCKED or writes is _BLOCKED
        self.result.append(revised(kernel, blocked=True) if blocked else kernel)
        self._record(kernel.outputs, writes)
        if self._model.narrow_copies and writes is _BLOCKED:
            follows = way.reads is _SAME and not self._last.isdisjoint(maps)
            if narrow or follows:
                self._last.update(kernel.outputs)

    def _moves_in_blocks(self, kernel: Kernel) -> bool:
        """Whether a layer that is a view of plain maps has blocked ones, whose parts do not lie one behind another."""
        if kernel.kind not in _SIDE_BY_SIDE:
            return False
        way = self._way(kernel)
        follows = way.reads is _SAME and way.maps_only
        return follows and self._same(kernel.inputs, narrow=False) is _BLOCKED

    def _leave_channels_last(self, maps: Sequence[str]) -> None:
        """Floating-point kernels in blocks do not read what is channels last: it is made plain first."""
        for tensor in self._last.intersection(maps):
            self._provide(tensor, _PLAIN)
            self._blocked.discard(tensor)

    def _same(self, maps: Sequence[str], *, narrow: bool) -> Layout:
        """The layout of a kernel that takes what it gets; one of integers knows channels last only."""
        there = self._last if narrow else self._written_blocked
        if maps and there.issuperset(maps):
            return _BLOCKED
        blocked = sum([tensor in there for tensor in maps])
        enough = 2 * blocked >= len(maps) if self._model.follows_most else blocked == len(maps)
        return _BLOCKED if blocked and enough else _PLAIN

    def _taken_apart(self, kernel: Kernel, maps: Sequence[str]) -> Sequence[Kernel]:
        """The kernels that run instead of one to which a residual comes in the plain layout; empty where it stays.

        Such a residual is not added inside the kernel, but by a plain one behind it.
        """
        plain = [tensor for tensor in maps if tensor not in self._blocked]
        position = next((i for i, layer in enumerate(kernel.layers) if layer is kernel.anchor), 0)
        own = {tensor for layer in kernel.layers[: position + 1] for tensor in layer.inputs}
        residual = [tensor for tensor in plain if tensor not in own]
        if not residual:
            return ()
        cut = next(i for i, layer in enumerate(kernel.layers) if not set(residual).isdisjoint(layer.inputs))
        head, tail = kernel.layers[:cut], kernel.layers[cut:]
        reads = {tensor for layer in head for tensor in layer.inputs}
        first = replace(
            kernel,
            layers=head,
            inputs=tuple(tensor for tensor in kernel.inputs if tensor in reads),
            outputs=head[-1].outputs,
            followers=tuple(layer for layer in head if layer is not kernel.anchor),
        )
        activations = self._network.activations
        rest = [
            Kernel(layer.name, layer.kind, layer, (layer,), activations[layer.name], layer.outputs, kernel.rules)
            for layer in tail
        ]
        return (first, *rest)

    def finish(self) -> None:
        """The network hands its outputs out plain."""
        for tensor in self._network.outputs:
            self._provide(tensor, _PLAIN)

    def _view(self, kernel: Kernel) -> None:
        if kind_of(kernel.kind) == "dequantize":  # done by its readers
            self.result.append(kernel)
            return
        tokens = not self._tokens.isdisjoint(kernel.outputs) and self._is_in_blocks(kernel.inputs)
        if not tokens:
            for tensor in kernel.inputs:
                self._provide(tensor, _PLAIN)
        self.result.append(kernel)
        blocked = tokens or not self._made_last.isdisjoint(kernel.outputs)
        self._record(kernel.outputs, _BLOCKED if blocked else _PLAIN)

    def _is_in_blocks(self, tensors: Sequence[str]) -> bool:
        """Whether the first of some tensors exists in the blocked layout only."""
        return bool(tensors) and tensors[0] in self._blocked and tensors[0] not in self._plain

    def _transposed_copy(self, kernel: Kernel) -> bool:
        """Of a blocked map, a transposition to channels last is done by the copy to the plain layout.

        If blocked means channels last, one that makes tokens of positions moves nothing.
        """
        permutation = kernel.anchor.attributes.get("perm")
        if permutation is None or not self._is_in_blocks(kernel.inputs):
            return False
        if permutation == _TOKENS_TO_FIRST and not self._tokens.isdisjoint(kernel.inputs):
            self.result.append(revised(kernel, free=True, rule="layout"))
        elif permutation == _TO_LAST and self._model.transposes:
            self.result.append(revised(kernel, kind=self._model.to_plain, rule="layout"))
        else:
            return False
        self._record(kernel.outputs, _PLAIN)
        return True

    def _record(self, tensors: Collection[str], layout: Layout) -> None:
        if layout is _BLOCKED:
            self._blocked.update(tensors)
            self._written_blocked.update(tensors)
        else:
            self._plain.update(tensors)

    def _provide(self, tensor: str, layout: Layout) -> None:
        have, other = (self._blocked, self._plain) if layout is _BLOCKED else (self._plain, self._blocked)
        if tensor in have or tensor not in other:
            return
        have.add(tensor)
        described = self._network.tensors[tensor]
        if not self._model.copies_lines and _is_line(described, channels_last=self._network.channels_last):
            return
        kind = self._model.to_blocked if layout is _BLOCKED else self._model.to_plain
        narrow = self._narrow_source(tensor, layout)
        if narrow is not None:
            tensor, kind = narrow.name, with_precision(str(self._model.narrow_copies), "int8")
            described = narrow
        name = f"{tensor}:{kind}"
        if name in [earlier.name for earlier in self.result[-4:]]:
            return
        copied = copy_of(described, name, channels_last=self._network.channels_last)
        self.result.append(Kernel(name, kind, copied, (), (tensor,), (tensor,), ("layout",)))

    def _narrow_source(self, tensor: str, layout: Layout) -> Tensor | None:
        """The integers that are copied instead of a tensor: itself, or what it is dequantized from."""
        if self._model.narrow_copies is None:
            return None
        producer = self._network.producers.get(tensor)
        source = producer.inputs[:1] if producer is not None and producer.kind == "dequantize" else ()
        if source and layout is _PLAIN and tensor in self._last:
            (tensor,) = source
        described = self._network.tensors[tensor]
        return described if dtype_precision(described.dtype) == "int8" else None


def _is_line(tensor: Tensor, *, channels_last: bool) -> bool:
    """Whether a map has one position or one channel only."""
    channel = -1 if channels_last else 1
    channels = tensor.shape[channel] if len(tensor.shape) > 1 else 1
    return channels == 1 or tensor.elements == channels * tensor.shape[0]
