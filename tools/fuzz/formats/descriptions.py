"""Networks described as JSON, in the form of the original ANNETTE and in that of MMdnn."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tools.fuzz.case import Format
from tools.fuzz.documents import encode_document, mutate_document, mutate_leaf
from tools.fuzz.oracle import read_and_estimate
from tools.fuzz.values import near

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from random import Random

__all__ = ["DescriptionFormat", "description"]

_MAP: Final = [-1, 8, 8, 16]
_OPERATORS: Final = (
    "Conv", "Conv1d", "DepthwiseConv", "ConvTranspose", "Pool", "Pool1d", "FullyConnected", "MatMul", "BatchNorm",
    "Relu", "Relu6",
    "Clip", "LeakyRelu", "Sigmoid", "Softplus", "Tanh", "LRN", "Softmax", "Add", "Sub", "Mul", "Div", "Pow",
    "RealDiv", "Concat",
    "ReduceMean", "ArgMax", "Flatten", "Reshape", "Squeeze", "Transpose", "Pad", "Slice", "Resize", "DataInput",
    "Dropout",
    "Identity", "Constant", "Shape", "Mystery",
)  # fmt: skip


class DescriptionFormat(Format):
    """Network descriptions, in both forms."""

    name: ClassVar[str] = "json"
    suffix: ClassVar[str] = ".json"

    def __init__(self, extra: Sequence[Path] = ()) -> None:
        super().__init__(extra)
        ours = (description(), _residual(), _decoder())
        users = (json.loads(path.read_bytes()) for path in self.extra)
        self._documents = tuple(json.dumps(document) for document in (*ours, *map(_mmdnn, ours), *users))

    def draw(self, dice: Random) -> Any:
        """One of the descriptions, sometimes with another operator or another size of the first map."""
        document = json.loads(dice.choice(self._documents))
        layers = document.get("layers") if isinstance(document, dict) else None
        if isinstance(layers, dict) and dice.random() < 0.3:
            layer = dice.choice(list(layers.values()))
            layer["type"] = dice.choice(_OPERATORS)
        return document

    def mutate(self, subject: Any, dice: Random) -> None:
        """Changes a value, or one layer's shapes, operator or neighbours."""
        layers = subject.get("layers") if isinstance(subject, dict) else None
        if isinstance(layers, dict) and layers and dice.random() < 0.3:
            layer = dice.choice(list(layers.values()))
            if isinstance(layer, dict):
                _change_layer(layer, list(layers), dice)
                return
        change = mutate_leaf if dice.random() < 0.4 else mutate_document
        change(subject, dice)

    def encode(self, subject: Any, dice: Random) -> bytes:
        """JSON, or nearly."""
        return encode_document(subject, dice)

    def attempt(self, file: Path, dice: Random) -> str:
        """Reads the description and estimates it."""
        return read_and_estimate(file, dice)


def _change_layer(layer: dict[str, Any], names: list[str], dice: Random) -> None:
    key = dice.choice(("type", "parents", "output_shape", "input_shape", "kernel_shape", "strides", "pads", "mode"))
    if key == "type":
        layer[key] = dice.choice(_OPERATORS)
    elif key == "parents":
        layer[key] = [dice.choice(names) for _ in range(dice.randrange(4))]
    elif key == "mode":
        layer[dice.choice(("mode", "perm", "axis", "group", "pooling_type"))] = dice.choice(
            ([0, 3, 1, 2], 1, "MAX", {}, 16)
        )
    else:
        old = layer.get(key)
        sizes = list(old) if isinstance(old, list) and old else [-1, 8, 8, 16]
        index = dice.randrange(len(sizes))
        sizes[index] = near(dice, sizes[index]) if isinstance(sizes[index], int | float) else 1
        layer[key] = sizes


def _layer(operator: str, parents: list[str], shape: list[int], **details: Any) -> dict[str, Any]:
    return {"type": operator, "parents": parents, "children": [], "output_shape": shape, **details}


def _conv(
    parent: str, read: list[int], kernel: list[int], shape: list[int], stride: int = 1, pad: int = 1
) -> dict[str, Any]:
    window = {"kernel_shape": kernel, "strides": [1, stride, stride, 1], "pads": [0, pad, pad, 0] * 2}
    return _layer("Conv", [parent], shape, input_shape=read, **window)


def _linked(layers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The document of layers, each with the children that follow from the parents."""
    for name, values in layers.items():
        for parent in values["parents"]:
            layers[parent]["children"].append(name)
    return {"name": "small", "layers": layers, "input_layers": [], "output_layers": []}


def description() -> dict[str, Any]:
    """A small classifier, as the original ANNETTE describes it."""
    pool = {"kernel_shape": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "pads": [0] * 8, "pooling_type": "MAX"}
    return _linked({
        "data": _layer("DataInput", [], [-1, 8, 8, 3]),
        "conv": _conv("data", [-1, 8, 8, 3], [3, 3, 3, 16], _MAP),
        "bn": _layer("BatchNorm", ["conv"], _MAP, input_shape=_MAP),
        "relu": _layer("Relu", ["bn"], _MAP, input_shape=_MAP),
        "pool": _layer("Pool", ["relu"], [-1, 4, 4, 16], input_shape=_MAP, **pool),
        "flat": _layer("Flatten", ["pool"], [-1, 256], input_shape=[-1, 4, 4, 16]),
        "fc": _layer("FullyConnected", ["flat"], [-1, 10], input_shape=[-1, 256]),
        "prob": _layer("Softmax", ["fc"], [-1, 10], input_shape=[-1, 10]),
    })  # fmt: skip


def _residual() -> dict[str, Any]:
    return _linked({
        "data": _layer("DataInput", [], _MAP),
        "deep": _conv("data", _MAP, [3, 3, 16, 1], _MAP) | {"type": "DepthwiseConv"},
        "sum": _layer("Add", ["deep", "data"], _MAP, input_shape=_MAP),
        "join": _layer("Concat", ["sum", "deep"], [-1, 8, 8, 32], input_shape=_MAP, axis=3),
        "turned": _layer("Transpose", ["join"], [-1, 32, 8, 8], input_shape=[-1, 8, 8, 32], perm=[0, 3, 1, 2]),
        "mean": _layer("ReduceMean", ["join"], [-1, 32], input_shape=[-1, 8, 8, 32]),
    })  # fmt: skip


def _decoder() -> dict[str, Any]:
    up = [-1, 16, 16, 16]
    return _linked({
        "data": _layer("DataInput", [], _MAP),
        "pad": _layer("Pad", ["data"], [-1, 10, 10, 16], input_shape=_MAP, pads=[0, 1, 1, 0] * 2),
        "conv": _conv("pad", [-1, 10, 10, 16], [3, 3, 16, 16], _MAP, pad=0),
        "up": _conv("conv", _MAP, [2, 2, 16, 16], up, stride=2, pad=0) | {"type": "ConvTranspose"},
        "resize": _layer("Resize", ["up"], [-1, 32, 32, 16], input_shape=up),
        "lrn": _layer("LRN", ["resize"], [-1, 32, 32, 16], input_shape=[-1, 32, 32, 16]),
    })  # fmt: skip


def _mmdnn(document: dict[str, Any]) -> dict[str, Any]:
    """A description in MMdnn's form: typed attributes, integers as texts."""
    nodes = []
    for name, layer in document["layers"].items():
        sizes = [{"size": str(size)} for size in layer["output_shape"]]
        typed: dict[str, Any] = {"_output_shapes": {"list": {"shape": [{"dim": sizes}]}}}
        for key in ("kernel_shape", "strides", "pads", "perm"):
            if key in layer:
                typed[key] = {"list": {"i": [str(item) for item in layer[key]]}}
        if layer["type"] == "Pool":
            typed["pooling_type"] = {"s": "TUFY"}
        typed |= {"group": {"i": "1"}, "use_bias": {"b": True}} if "kernel_shape" in layer else {}
        nodes.append({"name": name, "op": layer["type"], "attr": typed, "input": copy.copy(layer["parents"])})
    return {"node": nodes}
