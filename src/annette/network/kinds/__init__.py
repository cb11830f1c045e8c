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

from typing import TYPE_CHECKING, Final

from annette.errors import NetworkShapeError
from annette.network.kinds import (
    control,
    convolution,
    elementwise,
    matrix,
    movement,
    normalization,
    spectral,
    tabular,
)
from annette.network.kinds.kind import Category, Kind
from annette.network.kinds.movement import UNSUPPORTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.kinds.shapes import Shape
    from annette.network.layer import AttributeValue

__all__ = ["KINDS", "SPATIAL", "UNSUPPORTED", "Category", "Kind", "kinds_in", "output_shapes"]

_FAMILIES: Final = (convolution, matrix, elementwise, normalization, movement, spectral, tabular, control)

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


def output_shapes(
    kind: str,
    inputs: Sequence[Shape],
    attributes: Mapping[str, AttributeValue],
    *,
    name: str = "",
    subject: str = "",
    empty: bool = False,
) -> list[Shape]:
    """Infers the shapes a layer writes.

    Args:
        kind: A name in `annette.network.kinds.KINDS`.
        inputs: Shapes of all operands in order, constants included; feature maps N, C, …spatial….
        attributes: Canonical attributes; those that decide the shape must be there.
        name: The layer's name, for messages.
        subject: What messages begin with; the layer's name and kind where absent.
        empty: Whether a result may have sizes of 0, as tensors within files may.

    Returns:
        One shape per output.

    Raises:
        NetworkShapeError: The operands do not fit each other or the attributes, an attribute that decides the shape
            is missing, or the kind has no shape rule.
        KeyError: ``kind`` is not a kind.

    Example:
        >>> output_shapes("max_pool", [(1, 64, 112, 112)], {"kernel_shape": (2, 2), "strides": (2, 2)})
        [(1, 64, 56, 56)]
    """
    rule = KINDS[kind].shapes
    subject = subject or f"layer {name!r} ({kind})"
    if rule is None:
        raise NetworkShapeError(f"{subject}: its output shape must be stated")
    try:
        shapes = rule(inputs, attributes)
    except NetworkShapeError as error:
        raise NetworkShapeError(f"{subject}: {error}") from None
    except KeyError as error:
        raise NetworkShapeError(f"{subject} has no attribute {error}, which decides its shape") from None
    except (IndexError, ValueError):
        raise NetworkShapeError(f"{subject} cannot read operands of shapes {list(inputs)}") from None
    if not empty and any(0 in shape for shape in shapes):
        raise NetworkShapeError(f"{subject}: nothing is left of {inputs[0]}: the result would have shape {shapes[0]}")
    return shapes
