"""What flows along the edges while a graph is walked: shapes, element types, and small known contents."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.errors import NetworkFormatError, NetworkShapeError
from annette.network.tensor import MAX_ELEMENTS, DType, Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

__all__ = ["DTYPES", "MAX_RANK", "NUMPY_NAMES", "ONNX_TYPES", "Meta", "Value", "dtype_of"]

DTYPES: Final[Mapping[int, DType]] = {
    1: DType.FLOAT32,
    2: DType.UINT8,
    3: DType.INT8,
    4: DType.UINT16,
    5: DType.INT16,
    6: DType.INT32,
    7: DType.INT64,
    8: DType.STRING,
    9: DType.BOOL,
    10: DType.FLOAT16,
    11: DType.FLOAT64,
    12: DType.UINT32,
    13: DType.UINT64,
    14: DType.COMPLEX64,
    15: DType.COMPLEX128,
    16: DType.BFLOAT16,
    17: DType.FLOAT8,
    18: DType.FLOAT8,
    19: DType.FLOAT8,
    20: DType.FLOAT8,
    21: DType.UINT4,
    22: DType.INT4,
    23: DType.FLOAT4,
    24: DType.FLOAT8,
    25: DType.UINT2,
    26: DType.INT2,
}
"""Element types by the number of ``TensorProto.DataType``."""

ONNX_TYPES: Final[Mapping[DType, int]] = {
    dtype: min(number for number, other in DTYPES.items() if other is dtype) for dtype in set(DTYPES.values())
}
"""The inverse of `DTYPES`; formats that annette does not tell apart map to the first."""

_NOT_IN_NUMPY: Final = {"bfloat16", "float8", "float4", "int4", "uint4", "int2", "uint2", "string"}
NUMPY_NAMES: Final = frozenset(dtype.label for dtype in DType) - _NOT_IN_NUMPY
"""NumPy's names of the element types that it has."""


MAX_RANK: Final = 64
"""No runtime takes tensors of more dimensions."""


class Meta(NamedTuple):
    """Shape and element type of an operator's result; a dimension may be 0 here."""

    shape: tuple[int, ...]
    dtype: DType


@dataclass(slots=True, eq=False, repr=False)
class Value:
    """One tensor while the graph is walked.

    Attributes:
        name: Unique in the network that is being built.
        shape: Concrete sizes; 0 occurs in empty tensors, which cost nothing and feed no layer.
        dtype: Element type that operators see.
        constant: Whether it depends on no input of the network.
        data: Its contents, where they are known (it is constant, or follows from inputs whose values were given), small
            and needed for shapes.
        root: Name of the initializer whose values it holds in another form, empty if it is none.
        stored: Element type in the file, where that is narrower: quantized weights behind DequantizeLinear.
        items: The members, where it is a sequence of tensors.
        open: Whether it depends on an input that the file leaves dimensions of open: a runtime that takes the file as
            it is computes it in every run, even where it is known here.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    _: KW_ONLY
    constant: bool = False
    data: npt.NDArray[np.generic] | None = None
    root: str = ""
    items: tuple[Value, ...] | None = None
    open: bool = False
    stored: DType = field(init=False)

    def __post_init__(self) -> None:
        self.stored = self.dtype

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def meta(self) -> Meta:
        """Shape and element type."""
        return Meta(self.shape, self.dtype)

    def tensor(self, *, learned: bool = True) -> Tensor:
        """The tensor of the network that describes this value.

        Raises:
            NetworkShapeError: A dimension is 0, or the size overflows 64-bit counts.
        """
        return Tensor(self.name, self.shape, self.stored, constant=self.constant, learned=learned)

    def __repr__(self) -> str:
        return f"Value({self.name!r}, {self.shape}, {self.dtype.label})"


def dtype_of(number: int, what: str) -> DType:
    """The element type of a ``TensorProto.DataType`` number.

    Raises:
        NetworkFormatError: There is no such type; ``what`` says where the number stands.
    """
    dtype = DTYPES.get(number)
    if dtype is None:
        raise NetworkFormatError(f"{what} has element type {number}, which ONNX does not define")
    return dtype


def checked_shape(dims: tuple[int, ...], what: str) -> tuple[int, ...]:
    """Refuses shapes that no tensor has.

    Raises:
        NetworkShapeError: A dimension is negative, or there are too many elements or dimensions.
    """
    if len(dims) > MAX_RANK:
        raise NetworkShapeError(f"{what} has {len(dims)} dimensions: no runtime takes more than {MAX_RANK}")
    if any(size < 0 for size in dims):
        raise NetworkShapeError(f"{what} has shape {list(dims)}: a dimension is negative")
    if math.prod(size or 1 for size in dims) > MAX_ELEMENTS:
        raise NetworkShapeError(f"{what} has shape {list(dims)}: its number of elements overflows 64-bit counts")
    return dims
