"""IR files of OpenVINO, written layer by layer: for the tests of their reader, and for damaged ones."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Ir", "Value", "convolution", "example"]

_TYPES: Final = {"FP32": "f32", "FP16": "f16", "I64": "i64", "I32": "i32", "BOOL": "boolean"}
_ARRAYS: Final = {"FP32": np.float32, "FP16": np.float16, "I64": np.int64, "I32": np.int32, "BOOL": np.bool_}


class Value(NamedTuple):
    """What a layer gives at one of its ports."""

    layer: str
    port: str
    shape: tuple[int, ...]
    precision: str


class Ir:
    """One IR: layers are added in order, each takes what others gave."""

    def __init__(self, version: str = "11") -> None:
        self.root = ET.Element("net", name="example", version=version)
        self.layers, self.edges = (ET.SubElement(self.root, tag) for tag in ("layers", "edges"))
        self.weights = b""

    def layer(
        self, kind: str, inputs: Sequence[Value] = (), outputs: Sequence[Any] = (), *, name: str = "", **data: Any
    ) -> Any:
        """Adds a layer.

        Args:
            kind: Its operator.
            inputs: What other layers gave.
            outputs: Shapes of what it gives, each alone or with a precision behind it.
            name: Its name.
            data: Its attributes; ``_minus_`` stands for a hyphen.

        Returns:
            What it gives: one `Value`, or a list of them.
        """
        number = str(len(self.layers))
        name = name or f"{kind}_{number}"
        layer = ET.SubElement(self.layers, "layer", id=number, name=name, type=kind, version="opset1")
        if data:
            ET.SubElement(layer, "data", {key.replace("_minus_", "-"): str(value) for key, value in data.items()})
        read = ET.SubElement(layer, "input") if inputs else layer
        for position, (source, port, shape, precision) in enumerate(inputs):
            _port(read, position, shape, precision)
            ends = {"from-layer": source, "from-port": port, "to-layer": number, "to-port": str(position)}
            ET.SubElement(self.edges, "edge", ends)
        written = ET.SubElement(layer, "output") if outputs else layer
        given = []
        for position, output in enumerate(outputs, start=len(inputs)):
            shape, precision = output if output and isinstance(output[-1], str) else (output, "FP32")
            _port(written, position, shape, precision)
            given.append(Value(number, str(position), tuple(shape), precision))
        return given[0] if len(given) == 1 else given

    def parameter(self, shape: Sequence[int], name: str = "data", precision: str = "FP32") -> Any:
        """Adds an input of the network."""
        text = ",".join(map(str, shape))
        return self.layer("Parameter", (), [(shape, precision)], name=name, shape=text, element_type=_TYPES[precision])

    def constant(self, shape: Sequence[int], values: Any = None, precision: str = "FP32") -> Any:
        """Adds a constant, of zeros if nothing else is said."""
        kind = _ARRAYS[precision]
        data: np.ndarray[Any, Any] = np.zeros(shape, kind) if values is None else np.array(values, kind).reshape(shape)
        offset, self.weights = len(self.weights), self.weights + data.tobytes()
        return self.layer(
            "Const", (), [(shape, precision)], element_type=_TYPES[precision], shape=", ".join(map(str, shape)),
            offset=offset, size=data.nbytes,
        )  # fmt: skip

    def integers(self, *values: int) -> Any:
        """Adds a constant of integers in one row."""
        return self.constant((len(values),), values, "I64")

    def result(self, value: Any) -> None:
        """Adds an output of the network."""
        self.layer("Result", [value])

    def content(self) -> bytes:
        """The XML."""
        return ET.tostring(self.root)

    def write(self, path: Path, *, weights: bool = True) -> Path:
        """Writes the XML and, beside it, the constants."""
        path.write_bytes(self.content())
        if weights:
            path.with_suffix(".bin").write_bytes(self.weights)
        return path


def _port(parent: ET.Element, number: int, shape: Sequence[int], precision: str) -> None:
    port = ET.SubElement(parent, "port", id=str(number), precision=precision)
    for size in shape:
        ET.SubElement(port, "dim").text = str(size)


def convolution(ir: Ir, x: Any, weights: Any, shape: Sequence[int], *, kind: str = "Convolution", **data: Any) -> Any:
    """A convolution with a stride of 1 and padding that keeps the size of maps of 3 by 3 windows."""
    how = {"strides": "1, 1", "dilations": "1, 1", "pads_begin": "1, 1", "pads_end": "1, 1", "auto_pad": "explicit"}
    return ir.layer(kind, [x, weights], [shape], **{**how, **data})


def example() -> Ir:
    """The network of the contract, as OpenVINO keeps it: batch normalization is folded, biases are additions."""
    ir = Ir()
    x = convolution(ir, ir.parameter((1, 3, 8, 8)), ir.constant((16, 3, 3, 3)), (1, 16, 8, 8))
    x = ir.layer("Add", [x, ir.constant((1, 16, 1, 1))], [(1, 16, 8, 8)], auto_broadcast="numpy")
    x = ir.layer("ReLU", [x], [(1, 16, 8, 8)])
    x, _ = ir.layer(
        "MaxPool", [x], [(1, 16, 4, 4), ((1, 16, 4, 4), "I64")], strides="2, 2", dilations="1, 1", pads_begin="0, 0",
        pads_end="0, 0", kernel="2, 2", rounding_type="floor", auto_pad="explicit", index_element_type="i64", axis="0",
    )  # fmt: skip
    x = ir.layer("Reshape", [x, ir.integers(0, -1)], [(1, 256)], special_zero="true")
    x = ir.layer("MatMul", [x, ir.constant((10, 256))], [(1, 10)], transpose_a="false", transpose_b="true")
    x = ir.layer("Add", [x, ir.constant((1, 10))], [(1, 10)])
    ir.result(ir.layer("SoftMax", [x], [(1, 10)], axis="1"))
    return ir
