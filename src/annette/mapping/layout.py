"""Memory layouts: which kernels a runtime runs in a blocked layout, and where it has to change layouts in between.

Runtimes for CPUs store feature maps in blocks of channels (NCHW16c and the like) where that is faster. Some kernels ask
for the blocked layout, some take what they get, the others need the plain one; wherever a tensor comes in the wrong
layout the runtime adds a kernel that copies it. These copies take 5 to 10 % of some networks, and a kernel takes
another time in another layout: both are predicted here, from rules that are data like the fusion rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from annette.documents import OPTIONAL, Document, convert, located, plain
from annette.errors import MappingError
from annette.mapping.condition import compile_condition
from annette.mapping.condition_fields import KERNEL_FIELDS, layout_condition
from annette.mapping.copied import copy_of
from annette.mapping.kernel import Kernel, revised
from annette.mapping.precision import dtype_precision, kind_of, precision_in, with_precision
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Mapping, Sequence

    from annette.mapping.condition import Condition
    from annette.network import Network, Tensor

__all__ = ["Layout", "LayoutModel", "LayoutRule"]

_MAP_RANK: Final = 4
_WIDE: Final = frozenset(each for each in DType if not dtype_precision(each))
_TO_LAST: Final = (0, 2, 3, 1)
_TO_FIRST: Final = (0, 3, 1, 2)
_TOKENS_TO_FIRST: Final = (0, 2, 1)


class Layout(StrEnum):
    """How a kernel deals with layouts."""

    PLAIN = "plain"
    BLOCKED = "blocked"
    SAME = "same"


@dataclass(frozen=True)
class LayoutRule:
    """How kernels of some kinds deal with layouts.

    Attributes:
        kinds: Kinds of kernel it is about.
        reads: Layout that it needs its feature maps in; ``same`` runs blocked if all of them are written so, else plain
            (a copy that was made for another reader does not count: what runs must not depend on what came before).
        writes: Layout of its result; ``same`` is the one it runs in.
        when: Conditions on the kernel, such as ``kernel.out_channels % 16 == 0``; all must hold.
    """

    kinds: tuple[str, ...]
    reads: Layout
    writes: Layout
    when: tuple[Condition, ...] = ()

    def holds(self, kernel: Kernel, network: Network) -> bool:
        """Whether all conditions hold for a kernel of a network."""
        for check in self._checks:  # noqa: SIM110 - all() over a generator takes twice as long
            if not check(kernel, network):
                return False
        return True

    @cached_property
    def _checks(self) -> tuple[Callable[..., bool], ...]:
        return tuple(compile_condition(each, lambda reference: KERNEL_FIELDS[reference.field]) for each in self.when)

    def to_json(self) -> dict[str, Any]:
        """The rule as plain JSON values."""
        return {
            "kinds": list(self.kinds),
            "reads": self.reads.value,
            "writes": self.writes.value,
            "when": [str(condition) for condition in self.when],
        }

    @classmethod
    def from_json(cls, data: Any) -> LayoutRule:
        """Reads a rule.

        Raises:
            MappingError: It is ill-formed.
        """
        read = convert(data, _LayoutRuleFile, error=MappingError)
        with located("$.when", error=MappingError):
            return cls(read.kinds, read.reads, read.writes, tuple(map(layout_condition, read.when)))


@dataclass(frozen=True)
class LayoutModel:
    """Adds the copies between layouts to a list of kernels, and marks the kernels that run blocked.

    Attributes:
        rules: The first rule that names a kernel's kind and whose conditions hold counts; a kernel without one reads
            and writes plain.
        to_blocked: Kind of the kernels that copy from plain to blocked.
        to_plain: Kind of the kernels that copy from blocked to plain.
        transposes: Whether a copy also does the transposition between channels first and channels last next to it.
        copies_residuals: Whether a residual that comes in the plain layout is copied; else it is not added inside the
            kernel, but by a plain one behind it.
        copies_lines: Whether a map of a single position or a single channel is copied, too, although channels first and
            channels last are the same to it.
        narrow_copies: Kind of the kernels that copy integers of 8 bits, whose other layout is channels last; those that
            are dequantized are copied before that. None where all numbers have the same layouts.
        follows_most: Whether a kernel that reads ``same`` runs blocked where half of its maps or more are written so;
            the others are then copied.
    """

    rules: tuple[LayoutRule, ...] = field(default=())
    to_blocked: str = "reorder_input"
    to_plain: str = "reorder_output"
    transposes: bool = True
    copies_residuals: bool = field(default=False, metadata=OPTIONAL)
    copies_lines: bool = field(default=True, metadata=OPTIONAL)
    follows_most: bool = field(default=False, metadata=OPTIONAL)
    narrow_copies: str | None = field(default=None, metadata=OPTIONAL)

    def apply(self, kernels: Sequence[Kernel], network: Network) -> tuple[Kernel, ...]:
        """Marks and adds kernels.

        Args:
            kernels: Kernels of the network, in topological order.
            network: Where their tensors are described.

        Returns:
            The kernels with the copies in between, each before its first reader, in topological order.
        """
        walk = _Walk(self, network)
        if self.transposes and any(kernel.kind == "transpose" for kernel in kernels):
            walk.look_for_transposed_inputs(kernels)
        for kernel in kernels:
            walk.visit(kernel)
        walk.finish()
        return tuple(walk.result)

    def rule(self, kernel: Kernel, network: Network) -> LayoutRule | None:
        """The rule that counts for a kernel of a network."""
        for rule in self._rules_of_kind.get(kernel.kind, ()):
            if rule.holds(kernel, network):
                return rule
        return None

    @cached_property
    def asking(self) -> frozenset[str]:
        """Kinds of kernel whose rules have conditions."""
        return frozenset(kind for rule in self.rules if rule.when for kind in rule.kinds)

    @cached_property
    def _rules_of_kind(self) -> dict[str, list[LayoutRule]]:
        by_kind: dict[str, list[LayoutRule]] = {}
        for rule in self.rules:
            for kind in dict.fromkeys(rule.kinds):
                by_kind.setdefault(kind, []).append(rule)
        return by_kind

    def to_json(self) -> dict[str, Any]:
        """The model as plain JSON values."""
        usual = {each.name: each.default for each in fields(self) if each.metadata}
        return {name: value for name, value in plain(self).items() if name not in usual or value != usual[name]}

    @classmethod
    def from_json(cls, data: Any) -> LayoutModel:
        """Reads a model.

        Raises:
            MappingError: It is ill-formed.
        """
        return convert(data, cls, error=MappingError)


class _LayoutRuleFile(Document, frozen=True):
    kinds: tuple[str, ...]
    reads: Layout
    writes: Layout
    when: list[str]


class _Walk:
    """One pass over the kernels, with the layouts in which each tensor exists so far."""

    def __init__(self, model: LayoutModel, network: Network) -> None:
        self.result: list[Kernel] = []
        self._model = model
        self._network = network
        self._blocked: set[str] = set()
        self._written_blocked: set[str] = set()
        self._plain: set[str] = set(network.inputs)
        self._absorbed: set[str] = set()
        self._last: set[str] = set()
        self._handed_out = frozenset(network.outputs)
        self._maps = {name for name, tensor in network.tensors.items() if len(tensor.shape) == _MAP_RANK}
        # Where all numbers are of one width, what a rule looks at follows from workloads and shapes.
        self._known: dict[Hashable, LayoutRule | None] | None = {} if network.dtypes <= _WIDE else None

    def _rule(self, kernel: Kernel) -> LayoutRule | None:
        """The rule that counts for a kernel; kernels of equal sizes are looked at once."""
        known, shapes = self._known, self._network.tensors
        if known is None or kernel.kind not in self._model.asking:
            return self._model.rule(kernel, self._network)
        key = (
            kernel.kind,
            id(kernel.anchor.workload),
            tuple([shapes[tensor].shape for tensor in kernel.inputs]),
            tuple([shapes[tensor].shape for tensor in kernel.outputs]),
        )
        if key not in known:
            known[key] = self._model.rule(kernel, self._network)
        return known[key]

    def look_for_transposed_inputs(self, kernels: Sequence[Kernel]) -> None:
        """Finds the transpositions from channels last that the copies to the blocked layout do on the way."""
        readers: dict[str, list[Kernel]] = {}
        for kernel in kernels:
            for tensor in kernel.inputs:
                readers.setdefault(tensor, []).append(kernel)
        for kernel in kernels:
            if kernel.kind == "transpose" and len(kernel.layers) == 1 and not kernel.free:
                result = self._channels_first(kernel, readers)
                if result is not None and self._all_read_blocked(result, readers.get(result, ())):
                    self._absorbed.add(kernel.name)

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
        reads = [rule.reads if rule is not None else Layout.PLAIN for rule in rules]
        return len(reads) == len(readers) and all(layout is Layout.BLOCKED for layout in reads)

    def visit(self, kernel: Kernel) -> None:
        if kernel.name in self._absorbed:
            kernel = replace(kernel, free=True, rules=(*kernel.rules, "layout"))
        if kernel.free:
            self._view(kernel)
            return
        rule, maps = self._rule(kernel), kernel.inputs
        if not self._maps.issuperset(maps):
            maps = tuple([tensor for tensor in maps if tensor in self._maps])
        if rule is None and self._transposed_copy(kernel):
            return
        reads = rule.reads if rule is not None else Layout.PLAIN
        narrow = bool(precision_in(kernel.kind))
        added = reads is Layout.BLOCKED and not self._model.copies_residuals and not narrow
        if added and self._falls_apart(kernel, maps):
            return
        if self._last and reads is Layout.BLOCKED and not narrow:
            self._leave_channels_last(maps)
        if reads is Layout.SAME:
            reads = self._same(maps, narrow=narrow) if len(maps) == len(kernel.inputs) else Layout.PLAIN
        writes = rule.writes if rule is not None else Layout.PLAIN
        if writes is Layout.SAME:
            writes = reads
        self._provide_all(maps if reads is Layout.BLOCKED else kernel.inputs, reads)
        blocked = reads is Layout.BLOCKED or writes is Layout.BLOCKED
        self.result.append(revised(kernel, blocked=True) if blocked else kernel)
        self._record(kernel.outputs, writes)
        if self._model.narrow_copies and writes is Layout.BLOCKED:
            follows = rule is not None and rule.reads is Layout.SAME and not self._last.isdisjoint(maps)
            if narrow or follows:
                self._last.update(kernel.outputs)

    def _leave_channels_last(self, maps: Sequence[str]) -> None:
        """Floating-point kernels in blocks do not read what is channels last: it is made plain first."""
        for tensor in self._last.intersection(maps):
            self._provide(tensor, Layout.PLAIN)
            self._blocked.discard(tensor)

    def _same(self, maps: Sequence[str], *, narrow: bool) -> Layout:
        """The layout of a kernel that takes what it gets; one of integers knows channels last only."""
        there = self._last if narrow else self._written_blocked
        if maps and there.issuperset(maps):
            return Layout.BLOCKED
        blocked = sum([tensor in there for tensor in maps])
        enough = 2 * blocked >= len(maps) if self._model.follows_most else blocked == len(maps)
        return Layout.BLOCKED if blocked and enough else Layout.PLAIN

    def _falls_apart(self, kernel: Kernel, maps: Sequence[str]) -> bool:
        """A residual that comes in the plain layout is not added inside the kernel, but by a plain one behind it."""
        if len(kernel.layers) < 2 or self._blocked.issuperset(maps):
            return False
        plain = [tensor for tensor in maps if tensor not in self._blocked]
        position = next((i for i, layer in enumerate(kernel.layers) if layer is kernel.anchor), 0)
        own = {tensor for layer in kernel.layers[: position + 1] for tensor in layer.inputs}
        residual = [tensor for tensor in plain if tensor not in own]
        if not residual:
            return False
        cut = next(i for i, layer in enumerate(kernel.layers) if not set(residual).isdisjoint(layer.inputs))
        head, tail = kernel.layers[:cut], kernel.layers[cut:]
        reads = {tensor for layer in head for tensor in layer.inputs}
        self.visit(
            replace(
                kernel,
                layers=head,
                inputs=tuple(tensor for tensor in kernel.inputs if tensor in reads),
                outputs=head[-1].outputs,
                followers=tuple(layer for layer in head if layer is not kernel.anchor),
            )
        )
        for layer in tail:
            inputs = self._network.activations[layer.name]
            self.visit(Kernel(layer.name, layer.kind, layer, (layer,), inputs, layer.outputs, kernel.rules))
        return True

    def finish(self) -> None:
        """The network hands its outputs out plain."""
        for tensor in self._network.outputs:
            self._provide(tensor, Layout.PLAIN)

    def _view(self, kernel: Kernel) -> None:
        if kind_of(kernel.kind) == "dequantize":  # done by its readers
            self.result.append(kernel)
            return
        for tensor in kernel.inputs:
            self._provide(tensor, Layout.PLAIN)
        self.result.append(kernel)
        self._record(kernel.outputs, Layout.PLAIN)

    def _transposed_copy(self, kernel: Kernel) -> bool:
        """A transposition of a blocked map to channels last is done by the copy to the plain layout."""
        if not (self._model.transposes and kernel.kind == "transpose" and kernel.inputs):
            return False
        source = kernel.inputs[0]
        if kernel.anchor.attributes.get("perm") != _TO_LAST or source not in self._blocked or source in self._plain:
            return False
        self.result.append(replace(kernel, kind=self._model.to_plain, rules=(*kernel.rules, "layout")))
        self._record(kernel.outputs, Layout.PLAIN)
        return True

    def _record(self, tensors: Collection[str], layout: Layout) -> None:
        if layout is Layout.BLOCKED:
            self._blocked.update(tensors)
            self._written_blocked.update(tensors)
        else:
            self._plain.update(tensors)

    def _provide_all(self, tensors: Sequence[str], layout: Layout) -> None:
        if not (self._blocked if layout is Layout.BLOCKED else self._plain).issuperset(tensors):
            for tensor in tensors:
                self._provide(tensor, layout)

    def _provide(self, tensor: str, layout: Layout) -> None:
        have, other = (self._blocked, self._plain) if layout is Layout.BLOCKED else (self._plain, self._blocked)
        if tensor in have or tensor not in other:
            return
        have.add(tensor)
        described = self._network.tensors[tensor]
        if not self._model.copies_lines and _is_line(described, channels_last=self._network.channels_last):
            return
        kind = self._model.to_blocked if layout is Layout.BLOCKED else self._model.to_plain
        narrow = self._narrow_source(tensor, layout)
        if narrow is not None:
            tensor, kind = narrow.name, with_precision(str(self._model.narrow_copies), "int8")
            described = narrow
        name = f"{tensor}:{kind}"
        if any(earlier.name == name for earlier in self.result[-4:]):
            return
        copied = copy_of(described, name, channels_last=self._network.channels_last)
        self.result.append(Kernel(name, kind, copied, (), (tensor,), (tensor,), ("layout",)))

    def _narrow_source(self, tensor: str, layout: Layout) -> Tensor | None:
        """The integers that are copied instead of a tensor: itself, or what it is dequantized from."""
        if self._model.narrow_copies is None:
            return None
        producer = self._network.producers.get(tensor)
        source = producer.inputs[:1] if producer is not None and producer.kind == "dequantize" else ()
        if source and layout is Layout.PLAIN and tensor in self._last:
            (tensor,) = source
        described = self._network.tensors[tensor]
        return described if dtype_precision(described.dtype) == "int8" else None


def _is_line(tensor: Tensor, *, channels_last: bool) -> bool:
    """Whether a map has one position or one channel only."""
    channel = -1 if channels_last else 1
    channels = tensor.shape[channel] if len(tensor.shape) > 1 else 1
    return channels == 1 or tensor.elements == channels * tensor.shape[0]
