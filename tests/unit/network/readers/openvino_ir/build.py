"""IR files made by hand."""

import xml.etree.ElementTree as ET

import numpy as np

TYPES = {"FP32": "f32", "FP16": "f16", "I64": "i64", "I32": "i32", "BOOL": "boolean"}


class Ir:
    """One IR: layers are added in order, each takes what others gave."""

    def __init__(self, version="11"):
        self.root = ET.Element("net", name="example", version=version)
        self.layers, self.edges = (ET.SubElement(self.root, tag) for tag in ("layers", "edges"))
        self.weights = b""

    def layer(self, kind, inputs=(), outputs=(), *, name="", **data):
        """Adds a layer; inputs are what this gave, outputs shapes or (shape, precision)."""
        number = str(len(self.layers))
        layer = ET.SubElement(
            self.layers, "layer", id=number, name=name or f"{kind}_{number}", type=kind, version="opset1"
        )
        if data:
            ET.SubElement(layer, "data", {key.replace("_minus_", "-"): str(value) for key, value in data.items()})
        given = []
        for position, (source, port, shape, precision) in enumerate(inputs):
            if not position:
                read = ET.SubElement(layer, "input")
            self._port(read, position, shape, precision)
            ET.SubElement(
                self.edges,
                "edge",
                {"from-layer": source, "from-port": port, "to-layer": number, "to-port": str(position)},
            )
        for position, output in enumerate(outputs):
            if not position:
                written = ET.SubElement(layer, "output")
            shape, precision = output if output and isinstance(output[-1], str) else (output, "FP32")
            self._port(written, position + len(inputs), shape, precision)
            given.append((number, str(position + len(inputs)), shape, precision))
        return given[0] if len(given) == 1 else given

    def parameter(self, shape, name="data", precision="FP32"):
        return self.layer(
            "Parameter",
            (),
            [(shape, precision)],
            name=name,
            shape=",".join(map(str, shape)),
            element_type=TYPES[precision],
        )

    def constant(self, shape, values=None, precision="FP32"):
        kind = {"FP32": np.float32, "FP16": np.float16, "I64": np.int64, "I32": np.int32, "BOOL": np.bool_}[precision]
        data = np.zeros(shape, kind) if values is None else np.array(values, kind).reshape(shape)
        offset, self.weights = len(self.weights), self.weights + data.tobytes()
        return self.layer(
            "Const", (), [(shape, precision)], element_type=TYPES[precision], shape=", ".join(map(str, shape)),
            offset=offset, size=data.nbytes,
        )  # fmt: skip

    def integers(self, *values):
        return self.constant((len(values),), values, "I64")

    def result(self, value):
        self.layer("Result", [value])

    def write(self, path, *, weights=True):
        path.write_bytes(ET.tostring(self.root))
        if weights:
            path.with_suffix(".bin").write_bytes(self.weights)
        return path

    @staticmethod
    def _port(parent, number, shape, precision):
        port = ET.SubElement(parent, "port", id=str(number), precision=precision)
        for size in shape:
            ET.SubElement(port, "dim").text = str(size)


def convolution(ir, x, weights, shape, *, kind="Convolution", **data):
    """A convolution with a stride of 1 and padding that keeps the size of maps of 3 by 3 windows."""
    how = {"strides": "1, 1", "dilations": "1, 1", "pads_begin": "1, 1", "pads_end": "1, 1", "auto_pad": "explicit"}
    return ir.layer(kind, [x, weights], [shape], **{**how, **data})


def example():
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
