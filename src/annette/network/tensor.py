"""Tensors: what flows between layers, described but never held."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

from annette.errors import NetworkShapeError
from annette.frozen import quick

__all__ = ["MAX_ELEMENTS", "DType", "Masking", "Tensor"]

MAX_ELEMENTS: Final = 2**62
"""No tensor may have more elements than this: byte and operation counts must stay within 64 bits."""


class DType(Enum):
    """Element types, with their width in bits."""

    FLOAT64 = ("float64", 64)
    FLOAT32 = ("float32", 32)
    FLOAT16 = ("float16", 16)
    BFLOAT16 = ("bfloat16", 16)
    FLOAT8 = ("float8", 8)
    FLOAT4 = ("float4", 4)
    INT64 = ("int64", 64)
    INT32 = ("int32", 32)
    INT16 = ("int16", 16)
    INT8 = ("int8", 8)
    INT4 = ("int4", 4)
    INT2 = ("int2", 2)
    UINT64 = ("uint64", 64)
    UINT32 = ("uint32", 32)
    UINT16 = ("uint16", 16)
    UINT8 = ("uint8", 8)
    UINT4 = ("uint4", 4)
    UINT2 = ("uint2", 2)
    BOOL = ("bool", 8)
    COMPLEX64 = ("complex64", 64)
    COMPLEX128 = ("complex128", 128)
    STRING = ("string", 64)

    def __init__(self, label: str, bits: int) -> None:
        self.label = label
        self.bits = bits

    __hash__ = object.__hash__
    """Members exist once. That of `enum.Enum` runs in Python, several times for every layer of a network."""

    @property
    def is_float(self) -> bool:
        """Whether the type holds real numbers in a floating-point format."""
        return self.label.startswith(("float", "bfloat"))


class Masking(NamedTuple):
    """What a constant hides of the scores of a softmax that it is added to, or that it chooses.

    Attributes:
        underflow: Share of its elements, from 0 to 1, that make an exponential underflow, for they are so much below
            the largest of their row.
        subnormal: Share of those that leave a subnormal number.
    """

    underflow: float
    subnormal: float


@quick
@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array that a layer reads or writes.

    Attributes:
        name: Unique within its network.
        shape: Sizes of its dimensions, each at least 1; ``()`` is a scalar.
        dtype: Element type.
        constant: Whether its values are part of the network (weights, biases) instead of flowing through it.
        learned: Whether a constant's elements count as parameters. They do not where a constant was computed from
            shapes (masks, positions), holds indices, or is another form of a constant that is already counted.
        code_bits: What an element of a constant takes where values are compressed (`annette.network.weight_code`); None
            where they are not known. No part of a tensor's identity.
        masking: What a constant hides of the scores of a softmax (`annette.network.masking`); None where its values are
            not known, or have nothing to do with a softmax. No part of a tensor's identity.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType = DType.FLOAT32
    constant: bool = False
    learned: bool = True
    code_bits: float | None = field(default=None, compare=False)
    masking: Masking | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        wrong = _what_is_wrong(self.shape)
        if wrong is not None:
            raise NetworkShapeError(f"tensor {self.name!r} has shape {self.shape}: {wrong}")

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Size in its own element type, rounded up to whole bytes."""
        return (self.elements * self.dtype.bits + 7) // 8


@lru_cache(4096)
def _what_is_wrong(shape: tuple[int, ...]) -> str | None:
    """Why no tensor has a shape; None of a possible one. Few shapes are those of thousands of tensors."""
    if any(size < 1 for size in shape):
        return "every dimension must be at least 1"
    elements = math.prod(shape)
    return f"{elements} elements overflow 64-bit counts" if elements > MAX_ELEMENTS else None
