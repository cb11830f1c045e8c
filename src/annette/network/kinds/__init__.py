"""The kinds of layer annette knows, each defined once: `Kind` says what a definition consists of.

The readers, the builder, the shape inference and the workload take everything they know of a kind from here.

To add a kind, append it to the ``KINDS`` of the module of its family (or of a new module, named in ``_FAMILIES``).
A kind that computes, moves and is shaped like others of its family is one line: a name, operations per element, a
description. Then say in each format that has it what it is called there, in one line:

- ONNX: a rule in ``RULES`` of a module of `annette.network.readers.onnx.operators`, and `writers.onnx_nodes`;
- TFLite: a rule in a table of `annette.network.readers.tflite`, and `writers.tflite`;
- the JSON descriptions: ``OPERATORS`` of `annette.network.readers.descriptions.operators`.

The builder needs nothing: ``NetworkBuilder.apply`` builds layers of any kind that says its ``shapes``.
"""

from __future__ import annotations

from typing import Final

from annette.network.kinds import convolution, elementwise, matrix, movement, normalization
from annette.network.kinds.kind import Category, Kind
from annette.network.kinds.movement import UNSUPPORTED

__all__ = ["KINDS", "SPATIAL", "UNSUPPORTED", "Category", "Kind", "kinds_in"]

_FAMILIES: Final = (convolution, matrix, elementwise, normalization, movement)

KINDS: Final[dict[str, Kind]] = {kind.name: kind for module in _FAMILIES for kind in module.KINDS}
"""Every kind by name."""


SPATIAL: Final = frozenset(name for name, kind in KINDS.items() if kind.spatial)
"""Kinds that work on feature maps, so that the layout of their operands matters."""


def kinds_in(*categories: Category) -> frozenset[str]:
    """Names of all kinds in the given categories.

    Example:
        >>> sorted(kinds_in(Category.RECURRENT))
        ['gru', 'lstm', 'rnn']
    """
    return frozenset(name for name, kind in KINDS.items() if kind.category in categories)
