"""From the inputs a file declares to concrete shapes: symbolic dimensions bound by a batch size or given shapes.

With another batch size than the file's, constants that hold the old one are scaled where it is clear how: exporters
write the batch size that they saw into the targets of Reshape nodes. Scaling those is a guess at what the network
means, so the reader checks the outcome: `check_scaled` compares it with the network as the file has it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from annette.errors import NetworkFormatError, NetworkShapeError, OptionError, nearest
from annette.network.inputs import DeclaredInput, InputValue, given_text
from annette.network.readers.onnx.frame import require_text
from annette.network.readers.onnx.given import given_array, split_given
from annette.network.readers.onnx.suggestions import OpenDimensions, shown
from annette.network.readers.onnx.values import MAX_RANK, Value, checked_shape, dtype_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from onnx import ValueInfoProto

    from annette.network.inputs import Given
    from annette.network.network import Network
    from annette.network.readers.onnx.suggestions import Dim

__all__ = ["Binding", "bind_inputs", "check_scaled", "declared_inputs", "repeated_constant", "rescaled_target"]

_PLAIN_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_NO_BATCH: Final = ("seq", "len", "time", "frame", "token", "height", "width", "chan", "feat", "sampl", "pos", "num")
"""What is in the names of dimensions that are no batch, though they may stand first."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Concrete inputs.

    Attributes:
        values: One value per activation fed in.
        batch: Number of samples processed together.
        rebatched_from: The batch size that the file itself states, where another one was asked for; else 0.
        changed: Whether a dimension that the file states was replaced.
        symbols: The sizes given to symbolic dimensions.
        notes: Assumptions made, one sentence each.
        open: Dimensions that nothing binds: nothing else holds then.
    """

    values: list[Value]
    batch: int
    rebatched_from: int = 0
    changed: bool = False
    symbols: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    open: OpenDimensions | None = None


def bind_inputs(
    inputs: Iterable[ValueInfoProto], *, batch: int | None, given: Mapping[str, Given], path: str
) -> Binding:
    """Gives every input a concrete shape, and some their contents.

    What is ``given`` goes first, of inputs or of single dimensions by their symbol. ``batch`` sets the dimensions whose
    name has "batch" in it, or dimension 0 of every input where no dimension has such a name; a batch size that the file
    states is replaced. Where nothing else stays open, the batch is 1, with a note. A symbol bound once is bound
    everywhere, and in sums with others; bound to 0 by its symbol, inputs that have it are empty.

    Args:
        inputs: The activations that the file declares.
        batch: Batch size asked for, or None for the file's own.
        given: Shapes and values asked for, by input name; sizes by the symbol of a dimension.
        path: The file, for messages.

    Raises:
        NetworkShapeError: A dimension is not positive, or is bound to two sizes.
        NetworkFormatError: An input is not a tensor.
        OptionError: ``given`` names what the file does not have, or has another rank or a value that the input cannot
            hold, or ``batch`` is not positive.
    """
    if batch is not None and batch < 1:
        raise OptionError(f"--batch {batch}: a batch holds at least 1 sample")
    declared = {info.name: _dims(info, number, path) for number, info in enumerate(inputs)}
    dtypes = {name: dtype for name, (_, dtype) in declared.items()}
    dims = {name: shape for name, (shape, _) in declared.items()}
    symbols = _bound_symbols(dims, given)
    given = {name: each for name, each in given.items() if name not in symbols}
    unknown = [name for name in given if name not in dims]
    if unknown:
        raise OptionError(
            f"--input {unknown[0]}: {path} has no such input; it has {', '.join(map(repr, dims)) or 'none'}"
            f"{nearest(unknown[0], dims)}"
        )
    shapes, contents = split_given(given, dims, dtypes)
    changed = False
    for name, shape in shapes.items():
        changed |= _apply_shape(name, dims, shape, symbols)
    stated = _apply_batch(dims, batch, symbols, exempt=set(shapes))
    _add_sums(dims, symbols)
    notes = _assume_batch(dims, symbols, {shape[0] for shape in shapes.values() if len(shape) > 1})
    for name, shape_ in dims.items():
        dims[name] = None if shape_ is None else [symbols.get(d, d) if isinstance(d, str) else d for d in shape_]
    if any(shape_ is None or any(isinstance(dim, str) for dim in shape_) for shape_ in dims.values()):
        _refuse_shapes_with_commas(dims, contents)
        return Binding([], batch or 1, open=OpenDimensions(dims, path))
    values = _values(dims, declared, contents, path)
    if batch is None:
        batch = next((symbols[s] for s in symbols if "batch" in s.lower()), None)
    if batch is None:
        batch = next((value.shape[0] for value in values if value.shape), 1)
    return Binding(values, batch, rebatched_from=stated, changed=changed or bool(stated), symbols=symbols, notes=notes)


def _refuse_shapes_with_commas(dims: Mapping[str, Sequence[Dim] | None], contents: Mapping[str, InputValue]) -> None:
    """Refuses contents of an input of open size that are as many numbers as it has dimensions: a shape was meant."""
    for name, value in contents.items():
        shape = dims[name] or ()
        if any(isinstance(dim, str) for dim in shape) and len(value.numbers) == len(shape) > 1:
            written = "x".join(f"{number:g}" for number in value.numbers)
            raise OptionError(
                f"--input {name}={value.text}: these are contents of an input whose shape, {shown(shape)}, is open; "
                f"a shape is written {written}"
            )


def _values(
    dims: Mapping[str, Sequence[Dim] | None],
    declared: Mapping[str, tuple[Sequence[Dim] | None, int]],
    contents: Mapping[str, InputValue],
    path: str,
) -> list[Value]:
    """What is fed in, from dimensions that are all bound."""
    values = []
    for name, (shape, element) in declared.items():
        loose = shape is None or any(isinstance(dim, str) for dim in shape)
        dtype = dtype_of(element, f"input {name!r}")
        values.append(Value(name, _concrete(name, dims[name], shape, path), dtype, open=loose))
        if name in contents:
            values[-1].data = given_array(contents[name], values[-1])
    return values


def declared_inputs(inputs: Iterable[ValueInfoProto], path: str) -> dict[str, DeclaredInput]:
    """What a file says of its inputs, by name: sizes, symbols of open ones, and whether they are real numbers.

    Raises:
        NetworkFormatError: An input is not a tensor.
    """
    found: dict[str, DeclaredInput] = {}
    for number, info in enumerate(inputs):
        dims, element = _dims(info, number, path)
        dtype = dtype_of(element, f"input {info.name!r}")
        found[info.name] = DeclaredInput(None if dims is None else tuple(dims), dtype.is_float)
    return found


def _dims(info: ValueInfoProto, number: int, path: str) -> tuple[list[Dim] | None, int]:
    tensor = info.type.tensor_type
    if not info.type.HasField("tensor_type"):
        raise NetworkFormatError(
            f"input {info.name!r} of {path} is not a tensor: sequences, maps and optional values cannot be estimated"
        )
    if not tensor.HasField("shape"):
        return None, tensor.elem_type
    if len(tensor.shape.dim) > MAX_RANK:
        raise NetworkShapeError(
            f"input {info.name!r} of {path} has {len(tensor.shape.dim)} dimensions: no runtime takes more than "
            f"{MAX_RANK}"
        )
    dims: list[Dim] = []
    require_text((info.name, *(dim.dim_param for dim in tensor.shape.dim)), path)
    for position, dim in enumerate(tensor.shape.dim):
        if dim.HasField("dim_value"):
            dims.append(int(dim.dim_value))
        else:
            named = dim.dim_param not in ("", "?", "None", "-1")
            dims.append(dim.dim_param if named else f"?{number}.{position}")
    # Some exporters write -1 for an unknown batch size.
    if dims and dims[0] == -1:
        dims[0] = f"?{number}.0"
    return dims, tensor.elem_type


def _apply_shape(name: str, dims: dict[str, list[Dim] | None], shape: tuple[int, ...], symbols: dict[str, int]) -> bool:
    """Sets one input's shape; says whether that replaces a size which the file states."""
    known = dims[name]
    text = "x".join(map(str, shape))
    if any(size < 1 for size in shape):
        raise NetworkShapeError(f"--input {name}={text}: every dimension must be at least 1")
    changed = False
    if known is not None:
        if len(known) != len(shape):
            raise OptionError(f"--input {name}={text}: the input has {len(known)} dimensions, {shown(known)}")
        for dim, size in zip(known, shape, strict=True):
            if isinstance(dim, str):
                if symbols.setdefault(dim, size) != size:
                    raise NetworkShapeError(
                        f"--input {name}={text}: dimension {dim!r} is bound to {symbols[dim]} already, not {size}"
                    )
            else:
                changed |= dim != size
    dims[name] = list(shape)
    return changed


def _apply_batch(
    dims: dict[str, list[Dim] | None], batch: int | None, symbols: dict[str, int], *, exempt: set[str]
) -> int:
    """Binds the batch size; returns the one that it replaces, 0 if none."""
    if batch is None:
        return 0
    free = {name: shape for name, shape in dims.items() if shape and name not in exempt}
    named = {d for shape in free.values() if shape for d in shape if isinstance(d, str) and "batch" in d.lower()}
    if named:
        for symbol in named:
            symbols.setdefault(symbol, batch)
        return 0
    first = [shape[0] for shape in free.values() if shape]
    for dim in first:
        if isinstance(dim, str):
            symbols.setdefault(dim, batch)
    stated = next((dim for dim in first if isinstance(dim, int)), batch)
    if stated == batch or any(isinstance(dim, str) for dim in first):
        return 0
    for shape in free.values():
        if shape and shape[0] == stated:
            shape[0] = batch
    return stated


def _add_sums(dims: Mapping[str, Sequence[Dim] | None], symbols: dict[str, int]) -> None:
    """Binds symbols that exporters compose of others: ``past_sequence_length + 1``."""
    for symbol in {dim for shape in dims.values() for dim in shape or () if isinstance(dim, str)} - symbols.keys():
        parts = [part.strip() for part in symbol.split("+")]
        sizes = [int(part) if _PLAIN_NUMBER.fullmatch(part) else symbols.get(part) for part in parts]
        if len(parts) > 1 and None not in sizes:
            symbols[symbol] = sum(size for size in sizes if size is not None)


def _assume_batch(
    dims: Mapping[str, Sequence[Dim] | None], symbols: dict[str, int], sizes: set[int]
) -> tuple[str, ...]:
    """Binds the batch size where nothing else is open: to what the shapes that were given begin with, or to 1."""
    if any(shape is None for shape in dims.values()):
        return ()
    known = {name: shape for name, shape in dims.items() if shape is not None}
    loose = {dim for shape in known.values() for dim in shape if isinstance(dim, str) and dim not in symbols}
    named = {dim for shape in known.values() for dim in shape if isinstance(dim, str) and "batch" in dim.lower()}
    first = {
        shape[0]
        for shape in known.values()
        if len(shape) > 1 and isinstance(shape[0], str) and not any(part in shape[0].lower() for part in _NO_BATCH)
    }
    batch = loose & (named or first)
    if not batch or loose - batch:
        return ()
    size = sizes.pop() if len(sizes) == 1 else 1
    symbols.update(dict.fromkeys(batch, size))
    name = next(name for name, shape in known.items() if any(dim in batch for dim in shape))
    return (f"the batch of input {name!r}, {shown(known[name])}, is open: taken as {size} (--batch N sets it)",)


def _bound_symbols(dims: Mapping[str, Sequence[Dim] | None], given: Mapping[str, Given]) -> dict[str, int]:
    """Sizes given to dimensions by their symbol, as in ``--input seq=128``; a name of an input is that input."""
    symbols = {dim for shape in dims.values() for dim in shape or () if isinstance(dim, str)}
    sizes: dict[str, int] = {}
    for name, each in given.items():
        if name not in symbols or name in dims:
            continue
        if isinstance(each, InputValue) or len(each) != 1 or each[0] < 0:
            raise OptionError(f"--input {name}={given_text(each)}: the size of a dimension is one number, such as 128")
        sizes[name] = each[0]
    return sizes


def _concrete(name: str, shape: Sequence[Dim] | None, stated: Sequence[Dim] | None, path: str) -> tuple[int, ...]:
    """The shape of an input; a dimension of 0, as of a cache that is empty, only where the file does not deny it."""
    sizes: list[Any] = list(shape or ())
    least = [0 if isinstance(dim, str) or dim == 0 else 1 for dim in stated or ()] or [1] * len(sizes)
    if any(size < bound for size, bound in zip(sizes, least, strict=True)):
        raise NetworkShapeError(f"input {name!r} of {path} has shape {sizes}: every dimension must be at least 1")
    return checked_shape(tuple(sizes), f"input {name!r} of {path}")


def rescaled_target(shape: tuple[int, ...], target: list[int], old: int, new: int) -> list[int]:
    """A Reshape target for the new batch size, the target itself where nothing speaks for a change.

    Args:
        shape: Shape of the operand, its batch dimension already of the new size.
        target: What the file states; at most one dimension is -1.
        old: The file's batch size.
        new: The batch size asked for.

    Example:
        >>> rescaled_target((4, 3, 8, 8), [1, 192], 1, 4)
        [4, 192]
        >>> rescaled_target((50, 4, 1, 128), [50, 1, 128], 1, 4)
        [50, 4, 128]
    """
    at = _batch_position(shape, target, old, new)
    if at is None or target[at] * new % old:
        return target
    scaled = [*target[:at], target[at] * new // old, *target[at + 1 :]]
    elements = math.prod(shape)
    if -1 not in target:
        return scaled if math.prod(scaled) == elements else target
    rest = math.prod(size for size in scaled if size != -1)
    return scaled if target[at] == old and rest and elements % rest == 0 else target


def _batch_position(shape: tuple[int, ...], target: list[int], old: int, new: int) -> int | None:
    """Where in the target the batch stands: behind as many elements as in the operand, else in front."""
    for i, size in enumerate(shape):
        if size != new:
            continue
        before = math.prod(shape[:i])
        for j, wanted in enumerate(target):
            if wanted == old and -1 not in target[:j] and math.prod(target[:j]) == before:
                return j
    return 0 if target and target[0] > 0 and shape and shape[0] % new == 0 else None


def repeated_constant(value: Value, *, first: int, old: int) -> tuple[int, ...]:
    """The shape of a constant (a class token, say) that is joined to every sample of a larger batch."""
    if value.constant and value.shape and value.shape[0] == old:
        return (first, *value.shape[1:])
    return value.shape


def check_scaled(path: str, network: Network, stated: Network, old: int) -> None:
    """Refuses a network whose work did not grow with its batch size.

    Args:
        path: The file, for messages.
        network: At the new batch size.
        stated: As the file has it.
        old: The file's batch size.

    Raises:
        NetworkShapeError: The multiply-accumulates are not those of ``stated``, scaled.
    """
    new = network.batch
    if network.macs * old != stated.macs * new:
        raise NetworkShapeError(
            f"{path} is fixed to batch {old} and cannot run with --batch {new}: its multiply-accumulates would go from "
            f"{stated.macs} to {network.macs}; export the model with a symbolic batch dimension"
        )
