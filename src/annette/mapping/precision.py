"""Precision: the width of the numbers that a platform, and each kernel on it, computes with.

A kernel's precision follows from its tensors: it is that of the narrowest activation that the kernel reads or writes. A
platform prices kernels of its own precision under their plain kind, ``conv``, and all others under the kind with their
precision behind it, ``conv@int8``, so that models of several precisions stand side by side
(docs/decisions/precision-in-the-kind.md). Positions, masks and other integers of 16 bits or more say nothing of what is
computed and have no precision. Numbers of 64 bits, which exporters leave behind a factor that was a Python number, are
one of their own: runtimes on processors compute with them, several times slower than with 32 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta

from annette.documents import OPTIONAL
from annette.network import DType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from annette.network import Layer, Network, Tensor

__all__ = [
    "PRECISIONS",
    "Precision",
    "dtype_precision",
    "is_narrow",
    "kind_of",
    "narrowest",
    "narrowest_type",
    "precision_in",
    "shared_half_constants",
    "with_precision",
]

PRECISIONS: Final[Mapping[str, int]] = {"fp64": 64, "fp32": 32, "fp16": 16, "bf16": 16, "fp8": 8, "int8": 8, "int4": 4}
"""Bits of the numbers that a precision computes with, by its name."""

_BY_DTYPE: Final[Mapping[DType, str]] = {
    DType.FLOAT64: "fp64",
    DType.FLOAT16: "fp16",
    DType.BFLOAT16: "bf16",
    DType.FLOAT8: "fp8",
    DType.INT8: "int8",
    DType.UINT8: "int8",
    DType.INT4: "int4",
    DType.UINT4: "int4",
}
_BY_BITS: Final[Mapping[int, str]] = {32: "fp32", 16: "fp16", 8: "int8", 4: "int4"}
_MARK: Final = "@"


@dataclass(frozen=True, slots=True)
class Precision:
    """Width of the numbers a platform computes with.

    Attributes:
        activation_bits: Bits per element of an activation.
        weight_bits: Bits per element of a constant.
        name: What the precision is called, where the bits do not say (``bf16``); else ``fp32``, ``fp16``, ``int8``.
        converts: Narrower precisions, or others as wide, that the platform's tools turn into its own: networks of these
            run as if they were of the platform's precision.
    """

    activation_bits: Annotated[int, Meta(ge=1, le=64)] = 32
    weight_bits: Annotated[int, Meta(ge=1, le=64)] = 32
    name: str | None = field(default=None, metadata=OPTIONAL)
    converts: tuple[str, ...] = field(default=(), metadata=OPTIONAL)

    @property
    def label(self) -> str:
        """Its name, by its bits where none is given."""
        return self.name or _BY_BITS.get(self.activation_bits, f"{self.activation_bits}-bit")

    def takes(self, precision: str) -> bool:
        """Whether a kernel of a precision runs as one of the platform's own.

        So do kernels of wider numbers where the platform's are narrower than 32 bits: whoever prices a network of fp32
        on a platform of int8 means the network as it will be there.

        Args:
            precision: A name of `PRECISIONS`; empty for none.
        """
        if precision in ("", self.label) or precision in self.converts:
            return True
        return self.activation_bits < min(PRECISIONS.get(precision, 0), 32)


def dtype_precision(dtype: DType) -> str:
    """The precision of numbers of a type; empty for those of 32 bits, and of indices."""
    return _BY_DTYPE.get(dtype, "")


def narrowest(tensors: Iterable[Tensor]) -> str:
    """The precision of the narrowest of some tensors; empty where none has one."""
    return narrowest_type(tensor.dtype for tensor in tensors)


def narrowest_type(dtypes: Iterable[DType]) -> str:
    """The precision of the narrowest of some element types; empty where none has one."""
    names = {_BY_DTYPE.get(dtype, "") for dtype in dtypes} - {""}
    return min(names, key=lambda name: (PRECISIONS[name], name)) if names else ""


def shared_half_constants(layer: Layer, network: Network) -> list[str]:
    """Names of the constants of 16-bit floating point that a layer reads and others too.

    A runtime that computes in 32 bits may convert these in every run; zero biases of networks that were never trained
    are often one tensor.
    """
    tensors = network.tensors
    halves = [name for name in layer.inputs if tensors[name].dtype is DType.FLOAT16 and tensors[name].constant]
    return [name for name in dict.fromkeys(halves) if len(network.consumers.get(name, ())) > 1]


def is_narrow(network: Network) -> bool:
    """Whether any activation of a network has a precision other than 32 bits."""
    return not _BY_DTYPE.keys().isdisjoint(network.activation_dtypes)


def with_precision(kind: str, precision: str) -> str:
    """The kind of a kernel of a precision that is not the platform's own.

    Example:
        >>> with_precision("conv", "int8")
        'conv@int8'
    """
    return f"{kind}{_MARK}{precision}" if precision and _MARK not in kind else kind


def kind_of(kind: str) -> str:
    """A kind without its precision: ``conv`` of ``conv@int8``."""
    return kind.partition(_MARK)[0]


def precision_in(kind: str) -> str:
    """The precision that stands in a kind; empty for a kind of the platform's own."""
    return kind.partition(_MARK)[2]
