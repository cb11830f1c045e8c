"""What the networks written by hand for the lists that nobody tuned for have in common.

Convolutions before batch normalizations, which change nothing until they are trained, take He's initialisation, so that
activations keep their size.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from export_networks import Job


def keep_size(model: nn.Module) -> nn.Module:
    """Gives convolutions without bias, which a normalization follows, weights that keep the size of activations."""
    for module in model.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d) and module.bias is None:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return model


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, normalization and rectifier."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def written(made: dict[str, tuple[Callable[[], nn.Module], tuple[torch.Tensor, ...]]]) -> dict[str, Job]:
    """Jobs of networks written here, by their names in the lists."""
    return {
        f"written_{name}": (functools.partial(lambda make: keep_size(make()), make), inputs)
        for name, (make, inputs) in made.items()
    }
