"""Products of integers whose speed depends on which of their operands have a sign.

Instructions that multiply bytes take an unsigned byte with a signed one (``vpdpbusd`` of x86). A library that has a
loop for that pair only does all others in a slower way: ONNX Runtime's, on a core with these instructions, multiplies
uint8 by int8 about 2.5 times as fast as uint8 by uint8, and more than ten times as fast as int8 by anything, for which
it has no loop but the plain one (``MlasGemmQuantGetDispatch``, onnxruntime/core/mlas/lib/qgemm.h). Such products are
kernels of their own, ``unsigned_conv@int8``, so that models see them apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from annette.errors import MappingError
from annette.mapping.precision import kind_of
from annette.network.tensor import DType

if TYPE_CHECKING:
    from annette.mapping.one_kernel import Kernel
    from annette.network import Network

__all__ = ["OperandType", "integer_type", "unmarked"]

_MARKS: Final = ("unsigned_", "signed_")
_TYPES: Final = {dtype.label for dtype in (DType.INT8, DType.UINT8)}


@dataclass(frozen=True)
class OperandType:
    """Products that are kernels of their own where an operand has a certain element type.

    Attributes:
        kinds: Kinds of kernel, without precision.
        operand: Which of the two operands; 0 is the first.
        type: Its element type, ``int8`` or ``uint8``.
        mark: What then stands before the kind, ``unsigned_`` or ``signed_``.

    Raises:
        MappingError: A value is none of these.
    """

    kinds: tuple[str, ...]
    operand: int
    type: str
    mark: str

    def __post_init__(self) -> None:
        if self.operand not in (0, 1) or self.type not in _TYPES or self.mark not in _MARKS:
            raise MappingError(
                f"'integers': operand {self.operand}, type {self.type[:80]!r}, mark {self.mark[:80]!r}: wanted are "
                f"0 or 1, {' or '.join(sorted(_TYPES))}, {' or '.join(_MARKS)}"
            )

    def marked(self, kernel: Kernel) -> Kernel:
        """A kernel under the kind of such products."""
        return replace(kernel, kind=f"{self.mark}{kernel.kind}")

    def applies(self, kernel: Kernel, network: Network, unsigned: bool) -> bool:
        """Whether a kernel is such a product.

        Args:
            kernel: The kernel.
            network: Where its tensors are described.
            unsigned: As of `integer_type`.
        """
        if kind_of(kernel.kind) not in self.kinds or len(kernel.anchor.inputs) <= self.operand:
            return False
        name = kernel.anchor.inputs[self.operand]
        producer = network.producers.get(name)
        if producer is not None and producer.kind == "dequantize" and producer.inputs:
            name = producer.inputs[0]
        return integer_type(name, network, unsigned) == self.type


def integer_type(tensor: str, network: Network, unsigned: bool) -> str:
    """The element type of a tensor as the runtime will have it.

    Args:
        tensor: Its name.
        network: Where it is described.
        unsigned: Whether the runtime makes a quantisation to int8 one to uint8 where one dequantization alone reads it.
    """
    label = network.tensors[tensor].dtype.label
    producer = network.producers.get(tensor)
    if label != "int8" or not unsigned or producer is None or producer.kind != "quantize":
        return label
    readers = network.consumers.get(tensor, ())
    if len(readers) != 1 or tensor in network.outputs or readers[0].kind != "dequantize":
        return label
    result = readers[0].outputs[0]
    return "uint8" if len(network.consumers.get(result, ())) + (result in network.outputs) == 1 else label


def unmarked(kind: str) -> str:
    """A kind without what `OperandType` puts before it.

    Example:
        >>> unmarked("unsigned_conv@int8")
        'conv@int8'
    """
    for mark in _MARKS:
        kind = kind.removeprefix(mark)
    return kind
