"""The builder that recipes fill."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network.tensor import DType
from annette.network.zoo.folding import FoldingBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network import Tensor

__all__ = ["CaseBuilder"]


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
