"""What ONNX Runtime's graph optimizations make of a network on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.mapping.rules import preset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.mapping.model import MappingModel

__all__ = ["known_mapping"]


def known_mapping(environment: Mapping[str, str]) -> MappingModel:
    """The rules that are known, which are the same for all processors and versions so far."""
    del environment
    return preset("onnxruntime-cpu")
