"""The walk over an ONNX graph: every operator in order, shapes and small constants carried along, layers collected.

Functions and branches are walked in place. Whatever depends on no input of the network is a constant and becomes no
layer; what follows from inputs whose values the user gave is known, but computed. What reaches no output is left out.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np
from onnx import defs

from annette.budget import require
from annette.errors import NetworkStructureError, UndecidedSizeError
from annette.network.readers.onnx import control
from annette.network.readers.onnx.expansion import Expansion, spend_on_body
from annette.network.readers.onnx.folding import empty_array, evaluate
from annette.network.readers.onnx.frame import (
    ABSENT,
    MAX_DEPTH,
    STANDARD_DOMAINS,
    Collection,
    Computed,
    Frame,
    Stored,
    require_text,
    resolved_attributes,
)
from annette.network.readers.onnx.generic import decided, meta_of_type, unsupported
from annette.network.readers.onnx.node import Node, Result
from annette.network.readers.onnx.operators import rule_for
from annette.network.readers.onnx.operators.sequences import sequence_length
from annette.network.readers.onnx.order import sorted_nodes
from annette.network.readers.onnx.standard_functions import standard_function
from annette.network.readers.onnx.tensors import ExternalData, constant_value
from annette.network.readers.onnx.validity import Complaints, call_complaint, node_complaint
from annette.network.readers.onnx.values import Meta, Value, checked_shape
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt
    from onnx import FunctionProto, GraphProto, ModelProto, NodeProto

    from annette.network.readers.onnx.branches import Branches
    from annette.network.readers.onnx.sizes import Sizes

__all__ = ["Walker"]

_UNSTATED_VERSION: Final = defs.onnx_opset_version()
"""What runtimes take where a file does not say which operator set it uses: the newest they know."""
_MAX_NODES: Final = 200_000
_SHAPE_READERS: Final = frozenset({"Shape", "Size", "SequenceLength"})
_NEVER_CONSTANT: Final = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"}
)


class Walker(Collection):
    """Walks one model.

    Args:
        model: The model without its weights.
        external: Checks and reads external data.
        complaints: Takes what breaks the standard's definitions.
        trust_stated_shapes: Whether the shapes that the file states for its tensors hold: not where the batch size
            or another stated dimension was replaced.
        branches: The way through branches that data choose.
        sizes: What is known of sizes that data decide.
        rebatch: The batch sizes that the file states and that was asked for instead, where they differ; constants
            in Reshape and Concat that hold the former are then scaled.
    """

    def __init__(
        self,
        model: ModelProto,
        external: ExternalData,
        *,
        complaints: Complaints,
        trust_stated_shapes: bool,
        branches: Branches,
        sizes: Sizes,
        rebatch: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(branches)
        self.sizes = sizes
        self._external = external
        self.complaints = complaints
        self._rebatch = rebatch
        self._functions = {(f.domain, f.name): f for f in model.functions}
        self._expansion = Expansion(self._function_of)
        self._nodes = 0
        infos = chain(model.graph.value_info, model.graph.output) if trust_stated_shapes else ()
        self._stated = {info.name: info.type for info in infos}

    def graph(self, graph: GraphProto, inputs: Iterable[Value], opsets: Mapping[str, int]) -> dict[str, Value]:
        """Walks the main graph and returns its values by name.

        Raises:
            NetworkError: The graph is malformed, or a shape cannot be determined.
        """
        frame = Frame(graph.name, {}, opsets, stated=True)
        for value in inputs:
            self.define(frame, value.name, _known_if_empty(value))
        self.initializers(graph, frame)
        self.run(graph.node, frame)
        return dict(frame.values)

    def stated(self, name: str) -> Meta | None:
        """The shape and type that the file states for a tensor of the main graph."""
        return meta_of_type(self._stated.get(name), f"tensor {name!r}")

    def initializers(self, graph: GraphProto, frame: Frame) -> None:
        """Defines a graph's stored tensors."""
        require_text((tensor.name for tensor in graph.initializer), f"graph {graph.name!r}")
        require_text((info.name for info in (*graph.input, *graph.output)), f"graph {graph.name!r}")
        for tensor in graph.initializer:
            if tensor.name in frame.values:
                raise NetworkStructureError(f"tensor {tensor.name!r} in graph {frame.graph!r} is defined twice")
            value = constant_value(tensor.name, tensor, self._external)
            value.name = value.root = self.unique(frame.prefix + tensor.name, self.names)
            frame.values[tensor.name] = value
            self._remember(value, Stored(tensor.name, tensor), frame)
        for sparse in graph.sparse_initializer:
            require_text((sparse.values.name,), f"graph {graph.name!r}")
            value = constant_value(sparse.values.name, sparse.values, self._external)
            value.shape = checked_shape(tuple(sparse.dims), f"constant {value.name!r}")
            value.data = None
            value.name = value.root = self.unique(frame.prefix + sparse.values.name, self.names)
            self.define(frame, sparse.values.name, value)

    def run(self, nodes: Sequence[NodeProto], frame: Frame) -> None:
        """Walks the nodes of one graph or function body.

        Raises:
            NetworkError: They are malformed, or a shape cannot be determined.
        """
        if frame.depth > MAX_DEPTH:
            raise NetworkStructureError(f"graph {frame.graph!r} nests functions or branches too deep")
        if frame.depth:
            spend_on_body(nodes, frame)
        self._nodes += len(nodes)
        if self._nodes > _MAX_NODES:
            raise NetworkStructureError(f"the network has more than {_MAX_NODES} nodes once functions are inlined")
        for proto in nodes:
            require_text(
                (proto.name, proto.op_type, proto.domain, *proto.input, *proto.output), f"graph {frame.graph!r}"
            )
        for proto in sorted_nodes(nodes, frame.values.keys(), frame.graph):
            self._visit(proto, frame)

    def _visit(self, proto: NodeProto, frame: Frame) -> None:
        domain = "" if proto.domain in STANDARD_DOMAINS else proto.domain
        node = Node(
            proto,
            name=frame.prefix + (proto.name or next(filter(None, proto.output), "") or proto.op_type),
            domain=domain,
            version=frame.opsets.get(domain, 1 if domain else _UNSTATED_VERSION),
            inputs=[_operand(frame, name) for name in proto.input],
            attributes=resolved_attributes(proto, frame),
            states=self.stated if frame.stated else lambda _: None,
            sizes=self.sizes,
            rebatch=self._rebatch,
        )
        function = self._function_of(proto)
        if not node.output_names:
            raise NetworkStructureError(f"{node.subject} in graph {frame.graph!r} has no outputs")
        imported = domain in frame.opsets
        if function is not None:
            self.complaints.add(call_complaint(node, function, imported=imported))
            require(f"node {node.name!r} ({proto.op_type})", steps=self._expansion.steps(function))
            control.call(self, node, function, frame)
            return
        self.complaints.add(node_complaint(node, imported=imported))
        body = standard_function(node)
        if body is not None:
            control.call(self, node, body, frame)
        elif domain == "" and proto.op_type in control.CONTROL_FLOW:
            control.CONTROL_FLOW[proto.op_type](self, node, frame)
        else:
            self._apply(node, frame)

    def _function_of(self, proto: NodeProto) -> FunctionProto | None:
        """The file's own function that a node calls; operators that annette knows are not replaced by one."""
        function = self._functions.get((proto.domain, proto.op_type))
        domain = "" if proto.domain in STANDARD_DOMAINS else proto.domain
        return None if function is None or rule_for(domain, proto.op_type) else function

    def _apply(self, node: Node, frame: Frame) -> None:
        if node.op == "Constant" and node.domain == "" and "value" in node.attributes:
            self._constant(node, frame)
            return
        if node.op == "SequenceLength" and node.domain == "":
            length = np.array(sequence_length(node), dtype=np.int64)
            self._bind(node, frame, 0, Meta((), DType.INT64), constant=True, data=length, source=None)
            return
        rule = rule_for(node.domain, node.op)
        try:
            result = rule(node) if rule is not None else unsupported(node)
        except UndecidedSizeError:
            stated = decided(node)
            if stated is None:
                raise
            result = stated
        except IndexError:  # A rule looked for a dimension that an operand does not have.
            raise node.error(f"cannot read operands of shapes {node.shapes()}") from None
        if result.note:
            self.notes[result.note] = None
        if result.items is not None:
            self._sequence(node, result, frame)
        else:
            self._outputs(node, result, frame)

    def _constant(self, node: Node, frame: Frame) -> None:
        attribute = node.attributes["value"]
        name = self.unique(frame.prefix + node.output_names[0], self.names)
        value = constant_value(name, attribute.t, self._external)
        self.define(frame, node.output_names[0], value)
        self._remember(value, Stored(node.output_names[0], attribute.t), frame)

    def _remember(self, value: Value, stored: Stored, frame: Frame) -> None:
        """Keeps where the values of a constant are, if they are not carried along; those of nested graphs are not."""
        if value.data is None and frame.stated:
            self.stored[value.name] = stored

    def _sequence(self, node: Node, result: Result, frame: Frame) -> None:
        items = result.items or ()
        if result.kind is not None:
            for item in items:
                item.name = self.unique(frame.prefix + item.name, self.names)
            if not all(item.constant for item in items):
                self._layer(node, result, list(items))
        name = self.unique(frame.prefix + node.output_names[0], self.names)
        self.define(frame, node.output_names[0], Value(name, (), DType.FLOAT32, items=items))

    def _outputs(self, node: Node, result: Result, frame: Frame) -> None:
        if result.alias is not None and node.output_names:
            value = result.alias
            if node.op == "Constant":
                value.name = self.unique(frame.prefix + node.output_names[0], self.names)
            if node.output_names[0]:
                self.define(frame, node.output_names[0], value)
        metas = result.outputs
        if len(metas) < len(node.output_names) and any(node.output_names[len(metas) :]):
            raise NetworkStructureError(
                f"node {node.name!r} ({node.op}) has {len(node.output_names)} outputs where {len(metas)} belong"
            )
        for name, meta in zip(node.output_names, metas, strict=False):
            checked_shape(meta.shape, f"output {name!r} of node {node.name!r}")
        constant, data = self._fold(node, metas)
        if constant and result.alias is None and _is_open(node):
            self.size_nodes.append(node.name)
        written = []
        for index, name in enumerate(node.output_names):
            if not name or (index == 0 and result.alias is not None):
                continue
            contents = data[index] if index < len(data) else None
            source = _source(node, metas[index]) if constant else None
            value = self._bind(node, frame, index, metas[index], constant=constant, data=contents, source=source)
            written.append(value)
            if constant and value.data is None:
                self.computed[value.name] = Computed(node, metas, index)
        if not constant and result.kind is not None:
            self._layer(node, result, [value for value in written if not value.constant])

    def _fold(self, node: Node, metas: Sequence[Meta]) -> tuple[bool, Sequence[npt.NDArray[np.generic] | None]]:
        """Whether the node's outputs are constants, and their contents where they are known."""
        if node.domain == "" and node.op in _SHAPE_READERS:
            value = node.input(0)
            if node.op == "Size":
                return True, [np.array(value.elements, dtype=np.int64)]
            selected = value.shape[slice(node.integer("start", 0), node.integer("end", len(value.shape)))]
            return True, [np.array(selected, dtype=np.int64)]
        operands = [value for value in node.inputs if value is not None]
        if not all(value.constant or value.data is not None for value in operands) or node.op in _NEVER_CONSTANT:
            return False, ()
        return all(value.constant for value in operands), evaluate(node, metas)

    def _bind(
        self,
        node: Node,
        frame: Frame,
        index: int,
        meta: Meta,
        *,
        constant: bool,
        data: npt.NDArray[np.generic] | None,
        source: Value | None,
    ) -> Value:
        name = node.output_names[index]
        value = Value(
            self.unique(frame.prefix + name, self.names),
            meta.shape,
            meta.dtype,
            constant=constant,
            data=data,
            open=_is_open(node),
        )
        if value.elements == 0:
            _known_if_empty(value)
        elif source is not None:
            value.root = source.root if value.elements == source.elements else value.name
            value.stored = source.stored if node.op != "Cast" else value.dtype
        self.define(frame, name, value)
        return value

    def _layer(self, node: Node, result: Result, outputs: list[Value]) -> None:
        self.add_layer(node.name, result, node.inputs if result.operands is None else result.operands, outputs)


def _known_if_empty(value: Value) -> Value:
    """The value, as a constant where it is empty: an empty tensor costs nothing, whatever computes it."""
    if value.elements == 0 and value.items is None:
        value.constant, value.data = True, empty_array(value.meta)
    return value


def _is_open(node: Node) -> bool:
    """Whether what a node computes depends on dimensions that the file leaves open."""
    return any(value.open for value in node.inputs if value is not None)


def _present(value: Value) -> Value | None:
    return None if value is ABSENT else value


def _source(node: Node, meta: Meta) -> Value | None:
    """The largest of the stored constants that a constant result holds in another form, in part or together, if any.

    What is larger than all of them was computed from them: a repetition, a table of differences.
    """
    roots = {value.name: value for value in node.inputs if value is not None and value.root and value.elements > 1}
    if not roots or meta.dtype in (DType.INT64, DType.BOOL):
        return None
    if math.prod(meta.shape) > sum(value.elements for value in roots.values()):
        return None
    return max(roots.values(), key=lambda value: value.elements)


def _operand(frame: Frame, name: str) -> Value | None:
    """What a node reads; it may be listed as the result of a node that has fewer."""
    if name and name not in frame.values:
        raise NetworkStructureError(
            f"graph {frame.graph!r} reads {name!r}, which the node that lists it among its outputs does not produce"
        )
    return _present(frame.values[name]) if name else None
