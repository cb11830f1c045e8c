"""From canonical layers to ONNX operators."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from annette.errors import UnsupportedOperatorError
from annette.network.kinds import Category, kinds_in
from annette.network.onnx_names import FUNCTIONS, REDUCTIONS, operator_name
from annette.network.tensor import DType
from annette.network.writers.onnx_quantized import (
    INTEGER_OPERATORS,
    QUANTIZED_RULES,
    dynamic_recurrent,
    is_integer_product,
    is_quantized_product,
    quantized_number,
    quantized_product,
    with_real_operands,
)
from annette.network.writers.weights import NUMPY_DTYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from annette.network.layer import Layer
    from annette.network.network import Network

__all__ = ["ONNX_DTYPES", "OPERATORS", "Lowering"]

ONNX_DTYPES: Final = {dtype: helper.np_dtype_to_tensor_dtype(numpy) for dtype, numpy in NUMPY_DTYPES.items()}
"""Element types of activations and constants that can be written."""

_WINDOW: Final = ("kernel_shape", "strides", "pads")

_PARAMETERS: Final = {
    **dict.fromkeys(("leaky_relu", "thresholded_relu", "elu", "celu"), ("alpha",)),
    "hard_sigmoid": ("alpha", "beta"),
}

OPERATORS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    **dict.fromkeys(("conv", "grouped_conv", "depthwise_conv"), ("Conv", (*_WINDOW, "dilations"))),
    "conv_transpose": ("ConvTranspose", (*_WINDOW, "dilations", "output_padding")),
    "max_pool": ("MaxPool", (*_WINDOW, "dilations", "ceil_mode")),
    "average_pool": ("AveragePool", (*_WINDOW, "ceil_mode", "count_include_pad")),
    "lp_pool": ("LpPool", (*_WINDOW, "p")),
    "global_average_pool": ("GlobalAveragePool", ()),
    "global_max_pool": ("GlobalMaxPool", ()),
    **{kind: (operator_name(kind), _PARAMETERS.get(kind, ())) for kind in FUNCTIONS - {"gelu", "mish"}},
    "identity": ("Identity", ()),
    "mean": ("Mean", ()),
    "prelu": ("PRelu", ()),
    "copy": ("Identity", ()),
    "batch_norm": ("BatchNormalization", ("epsilon",)),
    "instance_norm": ("InstanceNormalization", ("epsilon",)),
    "lp_norm": ("LpNormalization", ("axis", "p")),
    "lrn": ("LRN", ("size", "alpha", "beta", "bias")),
    "softmax": ("Softmax", ("axis",)),
    "log_softmax": ("LogSoftmax", ("axis",)),
    "arg_max": ("ArgMax", ("axis", "keepdims")),
    "concat": ("Concat", ("axis",)),
    "transpose": ("Transpose", ("perm",)),
}  # fmt: skip
"""Kinds that are one operator of the same operands, and the attributes taken over under the same name."""

_REDUCTIONS: Final = {kind: operator_name(kind) for kind in REDUCTIONS} | {
    "reduce_log_sum_exp": "ReduceLogSumExp",
    "reduce_norm": "ReduceL2",  # The commonest of those that are read as one kind.
}
_GROUPED: Final = kinds_in(Category.CONVOLUTION)

Rule: TypeAlias = "Callable[[Lowering, Layer], None]"


class Lowering:
    """Collects the operators of a network, and the small constants they need.

    Args:
        network: What is lowered.
        opset: Version of the ONNX operator set, at least 17.
        further: Rules of kinds that this module has none for.

    Attributes:
        domains: Operator sets of those operators that are not ONNX's own.
        kept: Constants of the network that operators hold as attributes, or not at all.
        nodes: Operators so far.
        constants: Initializers that carry shapes, axes and limits.
        tensors: The network's tensors, and the constants that are dequantized for a layer.
    """

    def __init__(self, network: Network, opset: int, further: Mapping[str, Rule] | None = None) -> None:
        self.network = network
        self.opset = opset
        self.tensors = dict(network.tensors)
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.domains: set[str] = set()
        self.kept: set[str] = set()
        self._further = further or {}

    def add(self, layer: Layer) -> None:
        """Lowers one layer.

        Raises:
            UnsupportedOperatorError: Its kind cannot be written, or an attribute that its operator needs is missing.
        """
        rule = _RULES.get(layer.kind)
        layer = with_real_operands(self, layer)
        try:
            if is_quantized_product(self, layer):
                quantized_product(self, layer, _attributes(layer))
            elif is_integer_product(self, layer):
                self._integer_product(layer)
            elif rule is not None:
                rule(self, layer)
            elif layer.kind in OPERATORS:
                self._simple(layer)
            elif layer.kind in self._further:
                self._further[layer.kind](self, layer)
            else:
                raise UnsupportedOperatorError(f"layer {layer.name!r} ({layer.kind}) cannot be written as ONNX")
        except KeyError as error:
            raise UnsupportedOperatorError(
                f"layer {layer.name!r} ({layer.kind}) has no attribute {error}, without which it cannot be written"
            ) from None

    def node(
        self, operator: str, layer: Layer, inputs: Sequence[str], *, operator_set: str = "", **attributes: Any
    ) -> None:
        """Appends an operator that writes the layer's outputs."""
        node = helper.make_node(operator, inputs, layer.outputs, layer.name, domain=operator_set or None, **attributes)
        self.nodes.append(node)
        if operator_set:
            self.domains.add(operator_set)

    def integers(self, layer: Layer, label: str, values: Sequence[int] | npt.NDArray[np.int64]) -> str:
        """Appends a constant of integers and returns its name."""
        return self.constant(layer, label, np.asarray(values, dtype=np.int64))

    def number(self, layer: Layer, label: str, value: float) -> str:
        """Appends a constant scalar of the element type of the layer's result and returns its name."""
        dtype = self.tensors[layer.outputs[0]].dtype
        return self.constant(layer, label, np.asarray(value, dtype=dtype.label))

    def dequantized(self, layer: Layer, tensor: str, scale: float, zero_point: int = 0) -> str:
        """Appends the dequantization of a constant of integers for a layer and returns the result's name."""
        factor = self.constant(layer, f"{tensor}.scale", np.array(scale, dtype=np.float32))
        zero = self.constant(layer, f"{tensor}.zero", np.array(zero_point, self.tensors[tensor].dtype.label))
        name = f"{tensor}_of_{layer.name}"
        self.tensors[name] = replace(self.tensors[tensor], name=name, dtype=DType.FLOAT32)
        return self.dequantization(name, tensor, factor, zero)

    def dequantization(self, name: str, integers: str, scale: str, zero: str) -> str:
        """Appends a dequantization of that name and returns it."""
        self.nodes.append(helper.make_node("DequantizeLinear", [integers, scale, zero], [name], name))
        return name

    def _integer_product(self, layer: Layer) -> None:
        """The zero point of the operand comes from where it was quantised, if it does."""
        producer = self.network.producers.get(layer.inputs[0])
        zero = [producer.outputs[2]] if producer is not None and producer.kind == "dynamic_quantize" else [""]
        if self.tensors[layer.inputs[1]].dtype is DType.UINT8:
            zero.append(self.constant(layer, "weights.zero", np.array(128, np.uint8)))
        operands = [*layer.inputs[:2], *(zero if any(zero) else [])]
        self.node(INTEGER_OPERATORS[layer.kind], layer, operands, **_attributes(layer))

    def constant(self, layer: Layer, label: str, values: npt.NDArray[Any]) -> str:
        """Appends a constant that belongs to a layer and returns its name."""
        name = f"{layer.name}.{label}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def _simple(self, layer: Layer) -> None:
        self.node(OPERATORS[layer.kind][0], layer, layer.inputs, **_attributes(layer))


def _attributes(layer: Layer) -> dict[str, Any]:
    """Attributes of a layer's operator that are called as the layer's are, and a convolution's groups."""
    keys = OPERATORS[layer.kind][1] if layer.kind in OPERATORS else ()
    named: dict[str, Any] = {key: layer.attributes[key] for key in keys if key in layer.attributes}
    return {**named, "group": layer.attributes.get("groups", 1)} if layer.kind in _GROUPED else named


def _product(to: Lowering, layer: Layer) -> None:
    if "equation" in layer.attributes:
        to.node("Einsum", layer, layer.inputs, equation=layer.attributes["equation"])
    elif layer.kind == "matmul":
        to.node("MatMul", layer, layer.inputs)
    else:
        _fully_connected(to, layer)


def _fully_connected(to: Lowering, layer: Layer) -> None:
    source, weights = (to.tensors[name].shape for name in layer.inputs[:2])
    # A reader does not say which way round the weights lie; where both ways fit, either is as good.
    transposed = int(bool(layer.attributes.get("transposed_weights")) or weights[0] != source[-1])
    if len(source) == 2 and (transposed or len(layer.inputs) > 2):
        to.node("Gemm", layer, layer.inputs, transB=transposed)
    elif not transposed and len(layer.inputs) == 2:
        to.node("MatMul", layer, layer.inputs)
    else:
        raise UnsupportedOperatorError(
            f"layer {layer.name!r} (fully_connected) has a bias or transposed weights for operands of rank "
            f"{len(source)}: ONNX has no one operator for it"
        )


def _arithmetic(to: Lowering, layer: Layer) -> None:
    """Two operands, or one and a number."""
    inputs = list(layer.inputs)
    if "scalar" in layer.attributes:
        number = to.number(layer, "scalar", float(layer.attributes["scalar"]))  # type: ignore[arg-type]
        number = quantized_number(to, layer, number)
        inputs.insert(0 if layer.attributes.get("scalar_first") else 1, number)
    # Of real numbers, ONNX knows the remainder of C's fmod only.
    attributes: dict[str, Any] = (
        {"fmod": 1} if layer.kind == "mod" and to.tensors[layer.outputs[0]].dtype.is_float else {}
    )
    to.node(layer.kind.capitalize(), layer, inputs, **attributes)


def _where(to: Lowering, layer: Layer) -> None:
    inputs = list(layer.inputs)
    for position, key in ((1, "scalar_true"), (2, "scalar_false")):
        if key in layer.attributes:
            inputs.insert(position, to.number(layer, key, float(layer.attributes[key])))  # type: ignore[arg-type]
    to.node("Where", layer, inputs)


def _gather(to: Lowering, layer: Layer) -> None:
    """A constant index is no operand; where a reader has not kept its value, it is the first."""
    inputs, axis = list(layer.inputs), int(layer.attributes["axis"])  # type: ignore[arg-type]
    if len(inputs) == 1:
        source, result = (to.tensors[name].shape for name in (layer.inputs[0], layer.outputs[0]))
        shape = result[axis : axis + len(result) - len(source) + 1]
        inputs.append(to.integers(layer, "index", np.full(shape, layer.attributes.get("index", 0))))
    to.node("Gather", layer, inputs, axis=axis)


def _layer_norm(to: Lowering, layer: Layer) -> None:
    axes: Any = layer.attributes["axes"]
    rank = len(to.tensors[layer.inputs[0]].shape)
    if tuple(axes) != tuple(range(axes[0], rank)):
        raise UnsupportedOperatorError(f"layer {layer.name!r} (layer_norm) normalizes {axes}, which are not the last")
    to.node("LayerNormalization", layer, layer.inputs, axis=axes[0], epsilon=layer.attributes.get("epsilon", 1e-5))


def _clip(to: Lowering, layer: Layer) -> None:
    """A limit that is missing is none."""
    limits = [
        to.number(layer, key, float(layer.attributes[key])) if key in layer.attributes else ""  # type: ignore[arg-type]
        for key in ("min", "max")
    ]
    to.node("Clip", layer, [layer.inputs[0], *limits])


def _cast(to: Lowering, layer: Layer) -> None:
    to.node("Cast", layer, layer.inputs, to=ONNX_DTYPES[to.tensors[layer.outputs[0]].dtype])


def _reduce(to: Lowering, layer: Layer) -> None:
    axes: Any = layer.attributes["axes"]
    keep = layer.attributes.get("keepdims", 1)
    if layer.kind == "reduce_sum" or to.opset >= 18:
        to.node(_REDUCTIONS[layer.kind], layer, [layer.inputs[0], to.integers(layer, "axes", axes)], keepdims=keep)
    else:
        to.node(_REDUCTIONS[layer.kind], layer, layer.inputs, axes=axes, keepdims=keep)


def _split(to: Lowering, layer: Layer) -> None:
    axis = int(layer.attributes["axis"])  # type: ignore[arg-type]
    sizes = [to.tensors[name].shape[axis] for name in layer.outputs]
    to.node("Split", layer, [layer.inputs[0], to.integers(layer, "split", sizes)], axis=axis)


def _slice(to: Lowering, layer: Layer) -> None:
    """Where each part ends follows from where it starts and how much there is of it."""
    keys = ("starts", "axes", "steps")
    starts, axes, steps = (tuple(map(int, layer.attributes[key])) for key in keys)  # type: ignore[arg-type]
    source, result = (to.tensors[name].shape for name in (layer.inputs[0], layer.outputs[0]))
    ends = []
    for start, axis, step in zip(starts, axes, steps, strict=True):
        first = min(start + source[axis] if start < 0 else start, source[axis] - 1)
        end = first + result[axis] * step
        ends.append(end if end >= 0 else end - source[axis])
    values = {"starts": starts, "ends": ends, "axes": axes, "steps": steps}
    to.node("Slice", layer, [layer.inputs[0], *(to.integers(layer, key, value) for key, value in values.items())])


def _pad(to: Lowering, layer: Layer) -> None:
    pads: Any = layer.attributes["pads"]
    mode = layer.attributes.get("mode", "constant")
    inputs = [layer.inputs[0], to.integers(layer, "pads", pads)]
    if mode == "constant":
        inputs.append(to.number(layer, "value", float(layer.attributes.get("value", 0.0))))  # type: ignore[arg-type]
    to.node("Pad", layer, inputs, mode=mode)


def _shaped(to: Lowering, layer: Layer) -> None:
    """Operators whose second operand is the shape of the result, and transpositions that move sizes of 1 only."""
    if layer.kind == "reshape" and "perm" in layer.attributes:
        to.node("Transpose", layer, layer.inputs, perm=layer.attributes["perm"])
        return
    shape = to.integers(layer, "shape", to.tensors[layer.outputs[0]].shape)
    to.node(operator_name(layer.kind), layer, [layer.inputs[0], shape])


def _tile(to: Lowering, layer: Layer) -> None:
    repeats: Any = layer.attributes["repeats"]
    to.node("Tile", layer, [layer.inputs[0], to.integers(layer, "repeats", repeats)])


def _resize(to: Lowering, layer: Layer) -> None:
    mode = layer.kind.removeprefix("resize_")
    sizes = to.integers(layer, "sizes", to.tensors[layer.outputs[0]].shape)
    coordinates = layer.attributes.get("coordinates", "asymmetric" if mode == "nearest" else "half_pixel")
    attributes: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": coordinates}
    if mode == "nearest":
        attributes["nearest_mode"] = layer.attributes.get("rounding", "floor")
    to.node("Resize", layer, [layer.inputs[0], "", "", sizes], **attributes)


def _rearrange(to: Lowering, layer: Layer) -> None:
    attributes: dict[str, Any] = {"blocksize": layer.attributes["block_size"]}
    if layer.kind == "depth_to_space":
        attributes["mode"] = layer.attributes.get("mode", "DCR")
    to.node(operator_name(layer.kind), layer, layer.inputs, **attributes)


_LENGTHS_AT: Final = 4
"""Where the lengths of the sequences stand among the operands of LSTM, GRU and RNN."""


def _recurrent(to: Lowering, layer: Layer) -> None:
    attributes: dict[str, Any] = {"hidden_size": layer.attributes["hidden_size"]}
    attributes["direction"] = "bidirectional" if layer.attributes.get("directions", 1) == 2 else "forward"
    if layer.kind == "gru":
        attributes["linear_before_reset"] = 1
    if to.tensors[layer.inputs[1]].dtype in (DType.INT8, DType.UINT8):
        dynamic_recurrent(to, layer, attributes)
        return
    inputs = list(layer.inputs)
    if "steps" in layer.attributes:
        sequence = to.tensors[layer.inputs[0]].shape
        lengths = np.full(
            sequence[0 if layer.attributes.get("batch_first") else 1], layer.attributes["steps"], np.int32
        )
        inputs.insert(_LENGTHS_AT, to.constant(layer, "lengths", lengths))
    to.node(layer.kind.upper(), layer, inputs, **attributes)


_RULES: Final[dict[str, Rule]] = {
    **QUANTIZED_RULES,
    **dict.fromkeys(("fully_connected", "matmul"), _product),
    **dict.fromkeys(("add", "sub", "mul", "div", "pow", "mod", "max", "min"), _arithmetic),
    "where": _where,
    "gather": _gather,
    "layer_norm": _layer_norm,
    "clip": _clip,
    "cast": _cast,
    **dict.fromkeys(_REDUCTIONS, _reduce),
    "split": _split,
    "slice": _slice,
    "pad": _pad,
    **dict.fromkeys(("reshape", "expand"), _shaped),
    "tile": _tile,
    **dict.fromkeys(("resize_nearest", "resize_linear", "resize_cubic"), _resize),
    **dict.fromkeys(("depth_to_space", "space_to_depth"), _rearrange),
    **dict.fromkeys(("lstm", "gru", "rnn"), _recurrent),
}
