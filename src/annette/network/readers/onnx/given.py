"""What was said of an input by one number: whether it is its size or its value, and the value as its type holds it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from annette.errors import NetworkShapeError, OptionError
from annette.network.inputs import MOST_NUMBERS, InputValue
from annette.network.readers.onnx.values import NUMPY_NAMES, dtype_of
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from annette.network.inputs import Given
    from annette.network.readers.onnx.suggestions import Dim
    from annette.network.readers.onnx.values import Value

__all__ = ["given_array", "split_given"]


def split_given(
    given: Mapping[str, Given], dims: Mapping[str, Sequence[Dim] | None], dtypes: Mapping[str, int]
) -> tuple[dict[str, tuple[int, ...]], dict[str, InputValue]]:
    """Tells shapes from values.

    A plain number is the value of an input without dimensions, and the size of one with a single dimension; where that
    is a single whole number by the file, it could be either, and brackets must say which.

    Args:
        given: By input name.
        dims: Dimensions of every input; None where the file states none.
        dtypes: ``TensorProto.DataType`` of every input.

    Returns:
        Shapes and values by input name; a value of a list has the list's length as its shape.

    Raises:
        OptionError: A number could be a size as well as a value, or an input has more dimensions than a list.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    values: dict[str, InputValue] = {}
    for name, each in given.items():
        known = dims[name]
        if isinstance(each, InputValue):
            values[name] = each
            if known is None or (len(known) == 1 and len(each.numbers) > 0):
                shapes[name] = (len(each.numbers),)
        elif known is not None and not known and len(each) == 1:
            values[name] = InputValue(each)
        else:
            _refuse_ambiguous(name, each, known, dtypes[name])
            shapes[name] = tuple(each)
    return shapes, values


def _refuse_ambiguous(name: str, shape: tuple[int, ...], known: Sequence[Dim] | None, dtype: int) -> None:
    if known is None or list(known) != [1] or len(shape) != 1 or shape == (1,):
        return
    if not dtype_of(dtype, f"input {name!r}").is_float:
        raise OptionError(
            f"--input {name}={shape[0]}: input {name!r} holds 1 number by the file, so {shape[0]} could be its value "
            f"or another size; {name}=[{shape[0]}] is the value, and another size takes another export"
        )


def given_array(given: InputValue, value: Value) -> npt.NDArray[np.generic]:
    """A value as the input's type holds it.

    Args:
        given: What was given.
        value: The input, its shape concrete.

    Raises:
        OptionError: The input holds another number of elements, or none of these.
    """
    what = f"--input {value.name}={_cut(given.text)}"
    count = len(given.numbers)
    if count > MOST_NUMBERS:
        raise OptionError(f"{what}: a value has at most {MOST_NUMBERS} numbers")
    if count != math.prod(value.shape):
        raise OptionError(
            f"{what}: input {value.name!r} has shape {list(value.shape)}, that is {math.prod(value.shape)} numbers, "
            f"not {count}"
        )
    label = value.dtype.label
    if label not in NUMPY_NAMES or value.dtype in (DType.COMPLEX64, DType.COMPLEX128):
        raise OptionError(f"{what}: values of type {label} cannot be given")
    try:
        array = np.array([_element(number, label) for number in given.numbers], dtype=label)
    except (OverflowError, ValueError, TypeError):
        raise OptionError(f"{what}: input {value.name!r} is of type {label}, which cannot hold that") from None
    if array.size != math.prod(value.shape):
        raise NetworkShapeError(f"{what} does not fit shape {list(value.shape)}")
    return array.reshape(value.shape)


def _element(number: bool | int | float, label: str) -> bool | int | float:
    """The number itself, or an error where its type would change it."""
    if label == "bool":
        if number not in (0, 1):
            raise ValueError(number)
        return bool(number)
    if "float" in label:
        return float(number)
    if isinstance(number, float):
        raise TypeError(number)
    info = np.iinfo(label)
    if not info.min <= int(number) <= info.max:
        raise OverflowError(number)
    return int(number)


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
