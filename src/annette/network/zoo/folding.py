"""A builder that writes convolutions as they are deployed, or as they were trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.network.builder import NetworkBuilder
from annette.network.building.graph import pair

if TYPE_CHECKING:
    from annette.network.building.convolution import Padding, Size
    from annette.network.tensor import Tensor

__all__ = ["FoldingBuilder", "make_divisible"]


def make_divisible(value: float, divisor: int = 8) -> int:
    """The multiple of ``divisor`` nearest to ``value``, but never more than 10 % below it (the MobileNets' rule)."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


class FoldingBuilder(NetworkBuilder):
    """Builds networks whose convolutions are followed by batch normalization in training.

    Args:
        name: The network's name.
        batch: Number of samples.
        batch_norm: False folds each batch normalization that follows a convolution into that convolution's weights
            and bias, as exporters and runtimes do; True keeps it as a layer of its own, as trained.
    """

    def __init__(self, name: str, batch: int = 1, *, batch_norm: bool = False) -> None:
        super().__init__(name, batch=batch)
        self.keeps_batch_norm = batch_norm

    def image(self, resolution: Size) -> Tensor:
        """The input: a batch of RGB images, ``image``, of one side or of a height and a width."""
        return self.input("image", (self.batch, 3, *pair(resolution)))

    def conv_norm(
        self,
        x: Tensor,
        filters: int,
        kernel: Size = 1,
        *,
        stride: Size = 1,
        padding: Padding = "half",
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = False,
        activation: str = "",
        epsilon: float = 1e-5,
        name: str = "",
    ) -> Tensor:
        """A convolution, its batch normalization, and perhaps an activation.

        Args:
            x: The operand.
            filters: Output channels.
            kernel: Taps.
            stride: Distance between positions.
            padding: As in `NetworkBuilder.conv`.
            dilation: Distance between taps.
            groups: Groups of channels.
            bias: Whether the convolution has a bias of its own beside the normalization's shift.
            activation: As in `NetworkBuilder.activation`; none where empty.
            epsilon: Added to the variance.
            name: Prefix of the layers' names.

        Returns:
            The result.

        Raises:
            NetworkShapeError: The kernel does not fit, or ``groups`` do not divide the channels.
        """
        y = self.conv(
            x,
            filters,
            kernel,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=bias or not self.keeps_batch_norm,
            name=name or "conv",
        )
        if self.keeps_batch_norm:
            y = self.batch_norm(y, epsilon=epsilon, name=f"{name or 'conv'}/norm")
        return self.activation(y, activation, name=f"{name or 'conv'}/{activation}") if activation else y

    def squeeze_excite(
        self, x: Tensor, channels: int, *, activation: str = "relu", gate: str = "sigmoid", name: str = "se"
    ) -> Tensor:
        """Squeeze and excitation (Hu et al., arXiv:1709.01507) through ``channels`` channels."""
        with self.scope(name):
            y = self.global_average_pool(x)
            y = self.activation(self.conv(y, channels, 1, name="reduce"), activation)
            y = self.activation(self.conv(y, x.shape[1], 1, name="expand"), gate)
            return self.mul(x, y)

    def classifier(self, x: Tensor, classes: int) -> Tensor:
        """Mean over all positions and one fully connected layer."""
        return self.fully_connected(self.flatten(self.global_average_pool(x)), classes, name="classifier")
