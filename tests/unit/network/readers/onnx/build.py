"""Small ONNX models in the textual syntax, written to files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import parser

from annette.network.readers.onnx import read_onnx

if TYPE_CHECKING:
    from pathlib import Path

    from annette.network import Layer, Network


def model(graph: str, *, opset: int = 17, contrib: bool = False, functions: str = "") -> onnx.ModelProto:
    domains = f'"" : {opset}' + (', "com.microsoft" : 1' if contrib else "") + (', "local" : 1' if functions else "")
    text = f"<ir_version: 8, opset_import: [{domains}]>\n{graph}\n{functions}"
    return parser.parse_model(text)


def save(folder: Path, proto: onnx.ModelProto, name: str = "net.onnx") -> Path:
    path = folder / name
    path.write_bytes(proto.SerializeToString())
    return path


def read(
    folder: Path, graph: str, *, opset: int = 17, contrib: bool = False, functions: str = "", **options
) -> Network:
    return read_onnx(save(folder, model(graph, opset=opset, contrib=contrib, functions=functions)), **options)


def only(network: Network, kind: str) -> Layer:
    (layer,) = (layer for layer in network.layers if layer.kind == kind)
    return layer


def kinds(network: Network) -> list[str]:
    return [layer.kind for layer in network.layers]
