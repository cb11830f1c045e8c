"""Small TFLite files, written field by field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from annette.network.tflite_schema import IDENTIFIER, OPERATORS, OPTIONS, TABLES
from annette.network.writers.flatbuffer import encode

INT8, INT32, FLOAT32 = 9, 2, 0


@dataclass
class File:
    """Collects tensors and operators; ``content`` encodes them."""

    tensors: list[dict[str, Any]] = field(default_factory=list)
    operators: list[dict[str, Any]] = field(default_factory=list)
    codes: list[dict[str, Any]] = field(default_factory=list)
    buffers: list[dict[str, Any]] = field(default_factory=lambda: [{}])
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    extra_graphs: list[dict[str, Any]] = field(default_factory=list)

    def tensor(self, name, shape, dtype=INT8, data=None, **fields) -> int:
        values = {"name": name, "shape": tuple(shape), "type": dtype, **fields}
        if data is not None:
            kind = {INT8: np.int8, INT32: np.int32, FLOAT32: np.float32}[dtype]
            self.buffers.append({"data": np.asarray(data, dtype=kind).reshape(-1).view(np.uint8)})
            values["buffer"] = len(self.buffers) - 1
        self.tensors.append(values)
        return len(self.tensors) - 1

    def input(self, name, shape, dtype=INT8) -> int:
        self.inputs.append(self.tensor(name, shape, dtype))
        return self.inputs[-1]

    def weights(self, name, shape) -> int:
        return self.tensor(name, shape, data=np.ones(shape))

    def integers(self, name, values) -> int:
        return self.tensor(name, np.shape(values), INT32, values)

    def operator(self, name, inputs, outputs, options="", custom="", **fields) -> None:
        code = OPERATORS.index(name)
        self.codes.append({"builtin_code": code, "deprecated_builtin_code": min(code, 127), "custom_code": custom})
        values = {"opcode_index": len(self.codes) - 1, "inputs": tuple(inputs), "outputs": tuple(outputs)}
        if options:
            values |= {"builtin_options_type": OPTIONS.index(options), "builtin_options": (options, fields)}
        self.operators.append(values)

    def content(self) -> bytes:
        main = {
            "tensors": self.tensors,
            "operators": self.operators,
            "inputs": tuple(self.inputs),
            "outputs": tuple(self.outputs),
        }
        model = {
            "version": 3,
            "operator_codes": self.codes,
            "subgraphs": [main, *self.extra_graphs],
            "buffers": self.buffers,
        }
        return encode(model, "Model", TABLES, IDENTIFIER)

    def write(self, path):
        path.write_bytes(self.content())
        return path


def conv_file(**options) -> File:
    """A 3x3 convolution of 8 x 8 x 4 to 16 channels, with a bias."""
    file = File()
    image = file.input("image", (1, 8, 8, 4))
    weights = file.weights("weights", (16, 3, 3, 4))
    bias = file.tensor("bias", (16,), INT32, np.zeros(16))
    fields = {"padding": 0, "stride_h": 1, "stride_w": 1, **options}
    result = file.tensor("result", (1, 8 // fields["stride_h"], 8 // fields["stride_w"], 16))
    file.operator("CONV_2D", [image, weights, bias], [result], "Conv2D", **fields)
    file.outputs = [result]
    return file
