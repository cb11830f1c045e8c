"""What a plan is made of: recipes, each of which draws any number of networks of one group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from annette.bench.records import Purpose
from annette.errors import NetworkShapeError
from annette.network.tensor import DType
from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annette.bench.generate.sampler import Sampler
    from annette.network import Tensor

__all__ = ["Block", "CaseBuilder", "Draw", "Recipe", "micro"]


class CaseBuilder(FoldingBuilder):
    """Builds a small network with any number of inputs."""

    def feed(self, shape: Sequence[int], dtype: DType = DType.FLOAT32) -> Tensor:
        """Declares one more input.

        Args:
            shape: Without the batch.
            dtype: Element type.
        """
        return self.input(self.unique_name("input"), (self.batch, *shape), dtype)

    def host(self, shape: tuple[int, int, int], activation: str = "relu") -> Tensor:
        """A feature map of the given channels, height and width that a cheap convolution has just written.

        What follows it runs in the layout that convolutions write.
        """
        channels, height, width = shape
        x = self.feed((16, height, width))
        y = self.conv(x, channels, 1, name="host")
        return self.activation(y, activation) if activation else y

    def interleave(self, x: Tensor, groups: int) -> Tensor:
        """The channel shuffle: channels of a feature map taken from its groups in turn.

        Raises:
            NetworkShapeError: The groups do not divide the channels.
        """
        batch, channels, height, width = x.shape
        if channels % groups:
            raise NetworkShapeError(f"{groups} groups do not divide {channels} channels")
        y = self.reshape(x, (batch, groups, channels // groups, height, width))
        return self.reshape(self.transpose(y, (0, 2, 1, 3, 4)), x.shape)


Draw: TypeAlias = "Callable[[Sampler, CaseBuilder], object]"
"""Adds layers to a builder (what it returns does not count).

Raises `annette.errors.NetworkError` where what was drawn does not fit together.
"""

Block: TypeAlias = "Callable[[Sampler, CaseBuilder, Tensor], Tensor]"
"""Adds layers behind a feature map and returns their result; raises as a `Draw` does."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Draws the networks of one group.

    Attributes:
        purpose: Why they are measured.
        group: Kind, layout and alignment of what they are about.
        count: How many the full plan has.
        draw: Draws one.
        most_ops: Operations of one, at the most.
        most_bytes: Bytes of one tensor, at the most.
        sweep: The dimension that its cases sweep; such a group is drawn as a whole, whatever the preset. Empty for
            cases that are drawn at random.
    """

    purpose: Purpose
    group: str
    count: int
    draw: Draw
    most_ops: int = 400_000_000
    most_bytes: int = 13_000_000
    sweep: str = ""


def micro(group: str, count: int, draw: Draw) -> Recipe:
    """A recipe for one layer in the company it needs."""
    return Recipe(Purpose.MICRO_KERNEL, group, count, draw)
