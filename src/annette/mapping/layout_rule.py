"""What is known of a runtime's memory layouts: what kernels of some kinds read and write, and which copies it saves."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from annette.documents import OPTIONAL, Document, convert, located
from annette.errors import MappingError
from annette.kept import Recent
from annette.mapping.condition import compile_condition
from annette.mapping.condition_fields import KERNEL_FIELDS, layout_condition
from annette.mapping.precision import precision_in

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from annette.mapping.condition import Condition
    from annette.mapping.kernel import Kernel
    from annette.network import Network
    from annette.network.layer import Workload

__all__ = ["MAP_RANK", "Layout", "LayoutDescription", "LayoutRule", "Way"]

MAP_RANK: Final = 4
"""Dimensions of feature maps, which alone have another layout."""

_MOST_KNOWN: Final = 16_384
"""Kernels of which is remembered what the rules say: those of a search space, some megabytes at most."""


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


class Way(NamedTuple):
    """How a kernel deals with layouts.

    Attributes:
        reads: Layout of its feature maps; plain of a kernel without a rule.
        writes: Layout of its result.
        narrow: Whether it computes on numbers that are narrower than the platform's.
        ruled: Whether it has a rule.
        maps_only: Whether it reads nothing but feature maps.
    """

    reads: Layout
    writes: Layout
    narrow: bool
    ruled: bool
    maps_only: bool


@dataclass(frozen=True)
class LayoutDescription:
    """What is known of the layouts of a runtime.

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
        channels_last: Whether the blocked layout is channels last: then nothing moves where a transposition from
            channels last ends in maps that others read in it, or one makes tokens of the positions of a map in it.
    """

    rules: tuple[LayoutRule, ...] = field(default=())
    to_blocked: str = "reorder_input"
    to_plain: str = "reorder_output"
    transposes: bool = True
    copies_residuals: bool = field(default=False, metadata=OPTIONAL)
    copies_lines: bool = field(default=True, metadata=OPTIONAL)
    follows_most: bool = field(default=False, metadata=OPTIONAL)
    narrow_copies: str | None = field(default=None, metadata=OPTIONAL)
    channels_last: bool = field(default=False, metadata=OPTIONAL)

    def rule(self, kernel: Kernel, network: Network) -> LayoutRule | None:
        """The rule that counts for a kernel of a network."""
        for rule in self._rules_of_kind.get(kernel.kind, ()):
            if rule.holds(kernel, network):
                return rule
        return None

    def way(self, kernel: Kernel, network: Network) -> Way:
        """What the rule that counts for a kernel of a network says."""
        rule, narrow = self.rule(kernel, network), bool(precision_in(kernel.kind))
        maps_only = all(len(network.tensors[tensor].shape) == MAP_RANK for tensor in kernel.inputs)
        if rule is None:
            return Way(Layout.PLAIN, Layout.PLAIN, narrow, ruled=False, maps_only=maps_only)
        return Way(rule.reads, rule.writes, narrow, ruled=True, maps_only=maps_only)

    @cached_property
    def known_ways(self) -> Recent[Hashable, tuple[Way, Workload]]:
        """What rules said of kernels before, as long as their workloads are held."""
        return Recent(_MOST_KNOWN)

    @cached_property
    def _rules_of_kind(self) -> dict[str, list[LayoutRule]]:
        by_kind: dict[str, list[LayoutRule]] = {}
        for rule in self.rules:
            for kind in dict.fromkeys(rule.kinds):
                by_kind.setdefault(kind, []).append(rule)
        return by_kind


class _LayoutRuleFile(Document, frozen=True):
    kinds: tuple[str, ...]
    reads: Layout
    writes: Layout
    when: list[str]
