"""What conditions can look at.

Of a node (its kernel's anchor layer, unless it says kernel): every field of `annette.network.Dimensions`, every
number of `annette.network.Workload`, ``attributes.NAME`` and ``attributes.NAME.INDEX`` of the layer, and the fields of
`NODE_FIELDS`. Of an activation or a constant, by its name: the fields of `TENSOR_FIELDS` and ``shape.INDEX``. Of a
kernel, in conditions of layout rules: `KERNEL_FIELDS`.
"""

from __future__ import annotations

import math
import operator
import re
from typing import TYPE_CHECKING, Final, TypeAlias

from annette.errors import MappingError, nearest
from annette.mapping.access import REPEATING_WALKS, access_of, grows_by_whole_factors
from annette.mapping.condition import Condition
from annette.mapping.kernel import ACTIVATION_CODES
from annette.mapping.precision import dtype_precision, shared_half_constants
from annette.mapping.transposition import matrix_order
from annette.network import KINDS, Category, Dimensions
from annette.network.links import CONSTANT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.mapping.condition import FieldValue, Getter, Reference
    from annette.mapping.grouping import Grouping
    from annette.mapping.kernel import Kernel
    from annette.network import Layer, Network, Tensor

__all__ = [
    "KERNEL_FIELDS",
    "NODE_FIELDS",
    "TENSOR_FIELDS",
    "layout_condition",
    "node_field",
    "pattern_getter",
    "tensor_field",
]

NodeField: TypeAlias = "Callable[[Grouping, int], FieldValue | None]"
TensorField: TypeAlias = "Callable[[Grouping, str], FieldValue | None]"
KernelField: TypeAlias = "Callable[[Kernel, Network], int]"

_WORKLOAD: Final = (
    "ops", "macs", "bytes", "input_elements", "weight_elements", "output_elements", "input_bytes", "weight_bytes",
    "output_bytes",
)  # fmt: skip


_SHAPE: Final = operator.attrgetter("shape")
_DTYPE: Final = operator.attrgetter("dtype.label")


def _consumers(state: Grouping, group: int) -> int:
    return sum(reader < len(state.layers) for reader in state.readers[group])


def _reader_kinds(state: Grouping, group: int) -> tuple[str, ...]:
    return tuple(state.layers[reader].kind for reader in state.readers[group] if reader < len(state.layers))


def _origins(layer: Layer, network: Network) -> tuple[str, ...]:
    read = network.activations.get(layer.name, layer.inputs)
    return tuple(sorted({kind for tensor in read for kind in network.origins.get(tensor, ())}))


def _activations(layer: Layer, network: Network) -> list[Tensor]:
    return [network.tensors[tensor] for tensor in layer.inputs if not network.tensors[tensor].constant]


def _moves_data(layer: Layer, network: Network) -> bool:
    """Whether the elements change their order in memory; a transpose that only moves sizes of 1 does not."""
    if layer.kind != "transpose":
        return KINDS[layer.kind].category is not Category.VIEW
    if not layer.inputs:
        return False
    permutation = layer.attributes.get("perm")
    shape = network.tensors[layer.inputs[0]].shape
    if not isinstance(permutation, tuple):
        permutation = tuple(range(len(shape)))[::-1]
    moved = [axis for axis in permutation if shape[int(axis)] > 1]
    return moved != sorted(moved)


def _broadcasts(layer: Layer, network: Network) -> bool:
    written = network.tensors[layer.outputs[0]].elements
    return any(tensor.elements < written for tensor in _activations(layer, network))


def _outer_size(layer: Layer, network: Network) -> int:
    """Product of the sizes before the axis; 1 where the axis is the outermost that is not 1."""
    operands = layer.outputs if layer.kind == "concat" else layer.inputs[:1]
    dimensions = layer.workload.dimensions
    elements = math.prod(network.tensors[tensor].elements for tensor in operands)
    return elements // max(1, dimensions.axis_size * dimensions.inner_size)


def _walk(layer: Layer, network: Network) -> int:
    return access_of(layer, network).walk


def _weights_constant(layer: Layer, network: Network) -> bool:
    return len(layer.inputs) > 1 and network.tensors[layer.inputs[1]].constant


def _of_layer(read: Callable[[Layer, Network], FieldValue | None]) -> NodeField:
    return lambda state, group: read(state.anchor(group), state.network)


def _of_operand(read: Callable[[Tensor], FieldValue | None]) -> NodeField:
    """Of the layer's first operand; missing where it has none."""
    return _of_layer(lambda layer, network: read(network.tensors[layer.inputs[0]]) if layer.inputs else None)


def _of_result(read: Callable[[Tensor], FieldValue | None]) -> NodeField:
    """Of the layer's first result."""
    return _of_layer(lambda layer, network: read(network.tensors[layer.outputs[0]]))


def _rank(tensor: Tensor) -> int:
    return len(tensor.shape)


def _layer_kinds(state: Grouping, group: int) -> tuple[str, ...]:
    return tuple(state.layers[position].kind for position in sorted(state.members.get(group) or (group,)))


NODE_FIELDS: Final[dict[str, tuple[str, NodeField]]] = {
    "kind": ("kind of the kernel", lambda state, group: state.kind[group]),
    "layer_kinds": ("kinds of all layers in the kernel", _layer_kinds),
    "layer_count": ("layers in the kernel", lambda state, group: len(state.members.get(group) or (group,))),
    "follower_kinds": (
        "what runs along with the kernel's anchor",
        lambda state, group: tuple(layer.kind for layer in state.followers.get(group, ())),
    ),
    "consumers": ("layers outside the kernel that read its results", _consumers),
    "reader_kinds": ("kinds of the layers outside the kernel that read its results", _reader_kinds),
    "origins": (
        "kinds of the nearest layers before it that do more than element-wise work; ``input`` where it is fed",
        _of_layer(_origins),
    ),
    "is_output": (
        "whether the network hands a result of the kernel out",
        lambda state, group: len(state.layers) in state.readers[group],
    ),
    "is_free": ("whether an earlier rule says that the kernel costs nothing", lambda state, group: group in state.free),
    "operand_count": (
        "operands of the layer, constants and numbers included",
        lambda state, group: len(state.operands[group]),
    ),
    "constant_count": (
        "constants and numbers among the operands",
        lambda state, group: state.operands[group].count(CONSTANT),
    ),
    "weights_constant": ("whether the second operand is a constant", _of_layer(_weights_constant)),
    "shared_half_constants": (
        "whether a constant of 16-bit floating point has other readers too",
        _of_layer(lambda layer, network: bool(shared_half_constants(layer, network))),
    ),
    "broadcasts": ("whether an activation is smaller than the result", _of_layer(_broadcasts)),
    "moves_data": ("whether elements change their order in memory", _of_layer(_moves_data)),
    "has_activation": (
        "whether an activation runs along with the kernel's anchor",
        lambda state, group: (
            group in state.followers and any(layer.kind in ACTIVATION_CODES for layer in state.followers[group])
        ),
    ),
    "has_residual": (
        "whether a second activation is added to the anchor's result",
        lambda state, group: (
            group in state.followers
            and any(
                layer.kind == "add" and layer.workload.dimensions.input_count > 1 for layer in state.followers[group]
            )
        ),
    ),
    "matrix_order": (
        "how a transposition leaves matrices, a word of `annette.mapping.transposition`",
        _of_layer(matrix_order),
    ),
    "outer_size": ("product of the sizes before the layer's axis", _of_layer(_outer_size)),
    "walk": ("which loop goes through memory, a number of `annette.mapping.access`", _of_layer(_walk)),
    "input_shape": ("shape of the first operand", _of_operand(_SHAPE)),
    "output_shape": ("shape of the first result", _of_result(_SHAPE)),
    "input_rank": ("number of dimensions of the first operand", _of_operand(_rank)),
    "output_rank": ("number of dimensions of the first result", _of_result(_rank)),
    "input_dtype": ("element type of the first operand", _of_operand(_DTYPE)),
    "output_dtype": ("element type of the first result", _of_result(_DTYPE)),
    "channels_last": (
        "whether the network stores feature maps channels last",
        lambda state, _: state.network.channels_last,
    ),
}
"""Fields of nodes beside dimensions, workload and attributes: meaning and how to read them."""


def _of_tensor(read: Callable[[Tensor], FieldValue | None]) -> TensorField:
    return lambda state, name: read(state.tensor(name))


def _written_by(state: Grouping, name: str) -> str:
    producer = state.network.producers.get(name)
    if producer is not None:
        return producer.kind
    return "constant" if state.tensor(name).constant else "input"


TENSOR_FIELDS: Final[dict[str, tuple[str, TensorField]]] = {
    "elements": ("number of elements", _of_tensor(operator.attrgetter("elements"))),
    "rank": ("number of dimensions", _of_tensor(_rank)),
    "shape": ("sizes of the dimensions", _of_tensor(_SHAPE)),
    "dtype": ("element type", _of_tensor(_DTYPE)),
    "size_bytes": ("size in the tensor's own element type", _of_tensor(operator.attrgetter("size_bytes"))),
    "written_by": (
        "kind of the layer that writes it; ``input`` where it is fed, ``constant`` where it is one",
        _written_by,
    ),
    "origins": (
        "kinds of the nearest layers up to the one that writes it that do more than element-wise work; "
        "``input`` where it is fed",
        lambda state, name: state.network.origins.get(name, ()),
    ),
    "read_by": ("layers that read it", lambda state, name: len(state.network.consumers.get(name, ()))),
}
"""Fields of activations and constants: meaning and how to read them."""

_ATTRIBUTE: Final = re.compile(r"attributes\.([A-Za-z_][A-Za-z0-9_]*?)(?:\.(\d+))?")


def node_field(field: str) -> NodeField:
    """How to read a field of a node.

    Raises:
        MappingError: There is no such field; the message has the nearest ones.
    """
    if field in NODE_FIELDS:
        return NODE_FIELDS[field][1]
    if field in Dimensions._fields:
        index = Dimensions._fields.index(field)
        return lambda state, group: state.anchor(group).workload.dimensions[index]
    if field in _WORKLOAD:
        number = operator.attrgetter(field)
        return lambda state, group: number(state.anchor(group).workload)
    attribute = _ATTRIBUTE.fullmatch(field)
    if attribute:
        name, item = attribute[1], attribute[2]
        return lambda state, group: _item(state.anchor(group).attributes.get(name), item)
    known = (*NODE_FIELDS, *Dimensions._fields, *_WORKLOAD)
    raise MappingError(f"a node has no field {field!r}{nearest(field, known)}")


def tensor_field(field: str) -> TensorField:
    """How to read a field of an activation or a constant.

    Raises:
        MappingError: There is no such field; the message has the nearest ones.
    """
    if field in TENSOR_FIELDS:
        return TENSOR_FIELDS[field][1]
    if re.fullmatch(r"shape\.\d+", field):
        item = field.split(".")[1]
        return lambda state, name: _item(state.tensor(name).shape, item)
    raise MappingError(f"a tensor has no field {field!r}{nearest(field, TENSOR_FIELDS)}")


def _item(value: FieldValue | None, item: str | None) -> FieldValue | None:
    if item is None or value is None:
        return value
    return value[int(item)] if isinstance(value, tuple) and int(item) < len(value) else None


def pattern_getter(reference: Reference, nodes: Mapping[str, int]) -> Getter:
    """How to read a reference of a rule's condition from a grouping and what a pattern has bound in it.

    Args:
        reference: A field of a node, a constant or an activation.
        nodes: Position of each node of the pattern; other names are tensors.

    Returns:
        Called with the grouping, the group bound to each node, and the tensor bound to each name.
    """
    if reference.at in nodes:
        index, of_node = nodes[reference.at], node_field(reference.field)
        return lambda state, bound, _: of_node(state, bound[index])
    at, of_tensor = reference.at, tensor_field(reference.field)
    return lambda state, _, tensors: of_tensor(state, tensors[at])


def _dimension(index: int) -> KernelField:
    return lambda kernel, _: kernel.anchor.workload.dimensions[index]


def _channels_per_group(index: int) -> KernelField:
    def field(kernel: Kernel, _: Network) -> int:
        dimensions = kernel.anchor.workload.dimensions
        return dimensions[index] // dimensions.groups

    return field


def _input_alignment(kernel: Kernel, network: Network) -> int:
    """Greatest common divisor of the channels of all feature maps read; 0 where none is."""
    shapes = [network.tensors[tensor].shape for tensor in kernel.inputs]
    return math.gcd(*(shape[1] for shape in shapes if len(shape) == 4))


def _kernel_rank(kernel: Kernel, network: Network) -> int:
    """Dimensions of the first tensor that the kernel reads; 0 where it reads none."""
    return len(network.tensors[kernel.inputs[0]].shape) if kernel.inputs else 0


def _output_rank(kernel: Kernel, network: Network) -> int:
    """Dimensions of the first tensor that the kernel writes; 0 where it writes none."""
    return len(network.tensors[kernel.outputs[0]].shape) if kernel.outputs else 0


def _reads_dequantized(kernel: Kernel, network: Network) -> int:
    """1 if the kernel reads activations and all of them were dequantized just before, else 0."""
    producers = [network.producers.get(tensor) for tensor in kernel.inputs]
    return int(bool(producers) and all(each is not None and each.kind == "dequantize" for each in producers))


def _float_weights(kernel: Kernel, network: Network) -> int:
    """1 if the weights of the kernel's anchor are constant and no constant of it is of integers, else 0."""
    if not _weights_constant(kernel.anchor, network):
        return 0
    for name in kernel.anchor.inputs:
        tensor = network.tensors[name]
        if tensor.constant and dtype_precision(tensor.dtype) == "int8":
            return 0
    return 1


def _half_precision(kernel: Kernel, network: Network) -> int:
    """1 if the kernel writes floating-point numbers of 16 bits, else 0."""
    return int(any(dtype_precision(network.tensors[tensor].dtype) in ("fp16", "bf16") for tensor in kernel.outputs))


def _shared_half_constants(kernel: Kernel, network: Network) -> int:
    """1 if the kernel's anchor reads a constant of 16-bit floating point that others read too, else 0."""
    return int(bool(shared_half_constants(kernel.anchor, network)))


def _narrow_result(kernel: Kernel, network: Network) -> int:
    """1 if the kernel writes integers of 8 bits, else 0."""
    return int(any(dtype_precision(network.tensors[tensor].dtype) == "int8" for tensor in kernel.outputs))


def _equal_shapes(kernel: Kernel, network: Network) -> int:
    """1 if all activations read have the same shape, else 0."""
    return int(len({network.tensors[tensor].shape for tensor in kernel.inputs}) == 1)


def _whole_factors(kernel: Kernel, network: Network) -> int:
    """1 if height and width, and nothing else, become whole multiples of what they were, else 0."""
    sizes = (network.tensors[tensors[0]].shape for tensors in (kernel.inputs, kernel.outputs) if tensors)
    return int(grows_by_whole_factors(*sizes)) if kernel.inputs and kernel.outputs else 0


def _repeats_elements(kernel: Kernel, network: Network) -> int:
    """1 if each element of a map is repeated and none is looked up, else 0."""
    return int(kernel.anchor.kind == "resize_nearest" and access_of(kernel.anchor, network).walk in REPEATING_WALKS)


KERNEL_FIELDS: Final[dict[str, KernelField]] = {
    **{name: _dimension(index) for index, name in enumerate(Dimensions._fields)},
    "in_channels_per_group": _channels_per_group(Dimensions._fields.index("in_channels")),
    "out_channels_per_group": _channels_per_group(Dimensions._fields.index("out_channels")),
    "input_alignment": _input_alignment,
    "rank": _kernel_rank,
    "output_rank": _output_rank,
    "equal_shapes": _equal_shapes,
    "reads_dequantized": _reads_dequantized,
    "float_weights": _float_weights,
    "half_precision": _half_precision,
    "shared_half_constants": _shared_half_constants,
    "narrow_result": _narrow_result,
    "whole_factors": _whole_factors,
    "repeats_elements": _repeats_elements,
}
"""Fields of kernels in conditions of layout rules: dimensions of the anchor and what the functions above say."""


def layout_condition(line: str) -> Condition:
    """Reads a condition of a layout rule.

    Raises:
        MappingError: It is none, or looks at something else than a field of ``kernel``.
    """
    condition = Condition.parse(line)
    for reference in condition.references:
        if reference.at != "kernel" or reference.field not in KERNEL_FIELDS:
            raise MappingError(f"layout condition {line!r}: {reference} is not one of {', '.join(KERNEL_FIELDS)}")
    return condition
