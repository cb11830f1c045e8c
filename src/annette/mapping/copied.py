"""Layers that copy a tensor, as runtimes add them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from annette.network import Layer, Tensor, describe_layer

if TYPE_CHECKING:
    from annette.network.layer import Workload

__all__ = ["copy_of"]


def copy_of(tensor: Tensor, name: str, *, channels_last: bool) -> Layer:
    """A layer that reads a tensor and writes it again, in another layout or place.

    Args:
        tensor: What is copied.
        name: Of the layer.
        channels_last: Whether the network stores feature maps with their channels last.
    """
    workload = _workload(replace(tensor, name="copied"), channels_last)
    return Layer(name, "copy", (tensor.name,), (tensor.name,), workload)


@lru_cache(maxsize=4096)  # Networks repeat their shapes, and so do the networks of a search.
def _workload(tensor: Tensor, channels_last: bool) -> Workload:
    return describe_layer("copy", tensor.name, inputs=[tensor], outputs=[tensor], channels_last=channels_last).workload
