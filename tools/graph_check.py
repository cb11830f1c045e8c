"""Compares what annette reads from ONNX files with what onnx itself infers: shapes of tensors, and MACs.

Usage: ``python tools/graph_check.py FILE|FOLDER…`` (needs onnx). A line for each file of which annette's shapes or MACs
differ, then how many tensors and files were compared. Shapes are compared of every tensor that both know by name and of
which onnx knows every size; MACs of files whose every product onnx's shapes describe, by its operators' definitions.
Files that annette does not read are left out (``tools/corpus_status.py`` names them).
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
from corpus_status import files_in

from annette.errors import AnnetteError
from annette.network.load import load_network

if TYPE_CHECKING:
    from annette.network import Network

Shapes = dict[str, tuple[int, ...]]

WITHOUT = frozenset(
    ("Attention", "DeformConv", "DFT", "Einsum", "GRU", "If", "LSTM", "Loop", "RNN", "Scan", "STFT", "SequenceMap",
     "CausalConvWithState", "LinearAttention", "SVMClassifier", "SVMRegressor", "LinearClassifier", "LinearRegressor",
     "Linear", "FlexAttention", "MatMulNBits")
)  # fmt: skip
"""Operators with products that are not counted here; a file with one of them has only its shapes compared."""


def inferred(model: onnx.ModelProto) -> Shapes:
    """Shapes of all tensors of which onnx knows every size."""
    whole = onnx.shape_inference.infer_shapes(model, data_prop=True)
    shapes: Shapes = {each.name: tuple(each.dims) for each in whole.graph.initializer}
    for value in (*whole.graph.input, *whole.graph.value_info, *whole.graph.output):
        kind = value.type.tensor_type
        if value.type.HasField("tensor_type") and kind.HasField("shape"):
            sizes = kind.shape.dim
            if all(size.HasField("dim_value") for size in sizes):
                shapes[value.name] = tuple(size.dim_value for size in sizes)
    return shapes


def macs_of(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Multiply-accumulates of one node.

    Raises:
        KeyError: A shape is not known.
    """
    options = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    if node.op_type in {"Conv", "ConvInteger", "QLinearConv"}:
        weights = shapes[node.input[3 if node.op_type == "QLinearConv" else 1]]
        return math.prod(shapes[node.output[0]]) * math.prod(weights[1:])
    if node.op_type == "ConvTranspose":
        weights = shapes[node.input[1]]
        return math.prod(shapes[node.input[0]]) * math.prod(weights[1:])
    if node.op_type == "Gemm":
        left = shapes[node.input[0]]
        return math.prod(shapes[node.output[0]]) * left[0 if options.get("transA", 0) else 1]
    if node.op_type in {"MatMul", "MatMulInteger", "QLinearMatMul"}:
        return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    return 0


def expected_macs(model: onnx.ModelProto, shapes: Shapes) -> int | None:
    """Multiply-accumulates of a file; None where they cannot be counted here."""
    own = {(function.domain, function.name) for function in model.functions}
    if any(node.op_type in WITHOUT or (node.domain, node.op_type) in own for node in model.graph.node):
        return None
    try:
        return sum(macs_of(node, shapes) for node in model.graph.node)
    except KeyError:
        return None


def differences(model: onnx.ModelProto, network: Network) -> tuple[list[str], int, bool]:
    """What differs, how many shapes were compared, and whether MACs were."""
    shapes = inferred(model)
    both = {name: tensor.shape for name, tensor in network.tensors.items() if name in shapes}
    found = [
        f"{name} is {list(shape)}, onnx says {list(shapes[name])}"
        for name, shape in both.items()
        if tuple(shape) != shapes[name]
    ]
    macs = expected_macs(model, shapes)
    if macs is not None and macs != network.macs:
        found.append(f"{network.macs} MACs, by onnx's shapes {macs}")
    return found, len(both), macs is not None


def checked(file: Path) -> tuple[list[str], int, bool] | None:
    """The differences of a file; None where annette or onnx does not read it."""
    try:
        network = load_network(file)
        model: Any = onnx.load(file)
        return differences(model, network)
    except (AnnetteError, onnx.shape_inference.InferenceError):
        return None


def main() -> int:
    """Runs the tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, help="files and folders")
    files = [file for file in files_in(parser.parse_args().paths) if file.suffix == ".onnx"]
    compared = tensors = counted = wrong = 0
    for file in files:
        result = checked(file)
        if result is None:
            continue
        found, shapes, macs = result
        compared, tensors, counted, wrong = compared + 1, tensors + shapes, counted + macs, wrong + bool(found)
        if found:
            sys.stdout.write(f"{file.parent.name}/{file.name}: {'; '.join(found)}\n")
    sys.stdout.write(
        f"{compared} of {len(files)} files compared, {tensors} shapes, MACs of {counted}; {wrong} files differ\n"
    )
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
