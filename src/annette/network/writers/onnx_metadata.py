"""What is known of nodes, written into the ONNX file that they stand in: Netron and the exporters' tools show it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import ModelProto, external_data_helper

from annette.atomic import write_whole
from annette.errors import NetworkFormatError, OptionError
from annette.files import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onnx import GraphProto, NodeProto

__all__ = ["annotate_onnx"]

_LEAST_IR: int = 10
"""Nodes have ``metadata_props`` from this version of ONNX's format on (ONNX 1.16, onnx.proto)."""


def annotate_onnx(source: str | Path, target: str | Path, facts: Mapping[str, Mapping[str, str]]) -> int:
    """Copies an ONNX file and tells its nodes what is known of them, in their ``metadata_props``.

    Operators, weights and names stay as they are. The version of the file's format is raised to 10, which
    ``metadata_props`` of nodes need; what a node was told before is replaced.

    Args:
        source: The file.
        target: Where to; in the folder of ``source`` where that has external data, since they are found from there.
        facts: Keys and values of each node, by the name of a tensor that it writes.

    Returns:
        How many nodes were told something.

    Raises:
        NetworkFormatError: ``source`` cannot be read, or is not an ONNX file.
        OptionError: ``target`` cannot be written, or lies in another folder than the external data.
    """
    origin, destination = Path(source), Path(target)
    with open_regular(origin, error=NetworkFormatError) as file:
        content = file.read()
    model = ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise NetworkFormatError(f"{str(origin)!r} is not an ONNX file: {error}") from error
    del content
    if destination.parent.resolve() != origin.parent.resolve() and _has_external_data(model):
        raise OptionError(
            f"{str(origin)!r} has external data, which are found from its own folder: write the copy to "
            f"{str(origin.with_name(destination.name))!r} instead of {str(destination)!r}"
        )
    told = 0
    for node in _nodes(model.graph):
        known = next((facts[output] for output in node.output if output in facts), None)
        if known is not None:
            _tell(node, known)
            told += 1
    model.ir_version = max(model.ir_version, _LEAST_IR)
    try:
        write_whole(destination, model.SerializeToString())
    except OSError as error:
        raise OptionError(f"cannot write {str(destination)!r}: {error.strerror or error}") from error
    return told


def _tell(node: NodeProto, known: Mapping[str, str]) -> None:
    before = {entry.key: entry.value for entry in node.metadata_props}
    del node.metadata_props[:]
    for key, value in (before | dict(known)).items():
        node.metadata_props.add(key=key, value=value)


def _nodes(graph: GraphProto) -> Iterable[NodeProto]:
    """Nodes of a graph and of the graphs within it, without recursion."""
    graphs = [graph]
    while graphs:
        current = graphs.pop()
        for node in current.node:
            yield node
            for attribute in node.attribute:
                graphs += [attribute.g] if attribute.HasField("g") else []
                graphs += attribute.graphs


def _has_external_data(model: ModelProto) -> bool:
    return any(external_data_helper.uses_external_data(tensor) for tensor in model.graph.initializer)
