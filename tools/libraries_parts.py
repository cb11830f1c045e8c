"""What the networks of public libraries for the third list that nobody tuned for have in common.

A library is loaded when its first network is made, so that one that is not there costs its own networks only.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from export_networks import Job

Tensor = torch.Tensor
PICTURE = (3, 224, 224)
MOST_OUTPUTS = 6


def at(path: str) -> Any:
    """What a library has under a dotted name."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def tensors(given: Any) -> Iterator[Tensor]:
    """The tensors of numbers in what a model gives, in their order."""
    if torch.is_tensor(given):
        yield given
    elif isinstance(given, Mapping):
        yield from tensors(list(given.values()))
    elif isinstance(given, Sequence) and not isinstance(given, str):
        for each in given:
            yield from tensors(each)


class Called(nn.Module):
    """A model called as its library means it, which gives tensors only, at most the first six."""

    def __init__(self, model: nn.Module, call: Callable[..., Any]) -> None:
        super().__init__()
        self.model, self.call = model, call

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Its outputs in their order."""
        return tuple(tensors(self.call(self.model, *inputs)))[:MOST_OUTPUTS]


def plain(model: nn.Module, *inputs: Tensor) -> Any:
    """Calls a model with its inputs by position."""
    return model(*inputs)


def job(make: Callable[[], nn.Module], *inputs: Tensor, call: Callable[..., Any] = plain) -> Job:
    """How to make a network, and its inputs.

    Args:
        make: Makes the library's model.
        inputs: Its inputs by position.
        call: Calls the model with the inputs, where that is more than ``model(*inputs)``.
    """
    return functools.partial(lambda: Called(make(), call)), inputs


def rand(*shape: int) -> Tensor:
    """One example of random numbers from 0 to 1."""
    return torch.rand(1, *shape)


def maker(path: str, *given: Any, **values: Any) -> Callable[[], nn.Module]:
    """Makes a library's model with these settings, when it is asked to."""
    return lambda: at(path)(*given, **values)


def made(path: str, *shape: int, **values: Any) -> Job:
    """A library's model with these settings, on one image, volume or signal of this shape."""
    return job(maker(path, **values), rand(*shape))
