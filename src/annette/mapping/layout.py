"""Memory layouts: which kernels a runtime runs in a blocked layout, and where it has to change layouts in between.

Runtimes for CPUs store feature maps in blocks of channels (NCHW16c and the like) where that is faster. Some kernels ask
for the blocked layout, some take what they get, the others need the plain one; wherever a tensor comes in the wrong
layout the runtime adds a kernel that copies it. These copies take 5 to 10 % of some networks, and a kernel takes
another time in another layout: both are predicted here, from rules that are data like the fusion rules.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from annette.documents import convert, plain
from annette.errors import MappingError
from annette.mapping.layout_rule import Layout, LayoutDescription, LayoutRule
from annette.mapping.layout_walk import LayoutWalk
from annette.mapping.one_kernel import KIND_OF

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.mapping.kernel import Kernel
    from annette.network import Network

__all__ = ["Layout", "LayoutModel", "LayoutRule"]


@dataclass(frozen=True)
class LayoutModel(LayoutDescription):
    """Adds the copies between layouts to a list of kernels, and marks the kernels that run blocked."""

    def apply(self, kernels: Sequence[Kernel], network: Network) -> tuple[Kernel, ...]:
        """Marks and adds kernels.

        Args:
            kernels: Kernels of the network, in topological order.
            network: Where their tensors are described.

        Returns:
            The kernels with the copies in between, each before its first reader, in topological order.
        """
        walk = LayoutWalk(self, network)
        if (self.transposes or self.channels_last) and "transpose" in map(KIND_OF, kernels):
            walk.look_for_transpositions(kernels)
        for kernel in kernels:
            walk.visit(kernel)
        walk.finish()
        return tuple(walk.result)

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
