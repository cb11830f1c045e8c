"""Functions, branches and loops, walked in place.

A branch is taken where its condition is known; where data choose it, the walk's way through the branches says which
(`annette.network.readers.onnx.branches`). A loop is unrolled where its number of iterations is known. Every iteration
becomes layers of its own, so that a loop counts as often as it runs.
"""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.budget import spend
from annette.errors import NetworkStructureError, UnsupportedOperatorError
from annette.network.loop import BRANCH, Loop
from annette.network.readers.onnx.frame import ABSENT, MAX_DEPTH, Collection, Frame, opset_versions, require_text
from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.repetition import Rounds
from annette.network.readers.onnx.values import NUMPY_NAMES, Value
from annette.network.tensor import DType
from annette.number_text import counted_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping, Sequence

    from onnx import FunctionProto, GraphProto

    from annette.network.readers.onnx.frame import PendingLayer
    from annette.network.readers.onnx.node import Node

__all__ = ["CONTROL_FLOW", "call", "deciding_options"]

_MAX_ITERATIONS: Final = 4096
_MOST_DECIDING: Final = 16


def call(walker: Collection, node: Node, function: FunctionProto, frame: Frame) -> None:
    """Walks a function's body with the caller's operands.

    Raises:
        NetworkStructureError: Functions call each other in a circle, or an output is missing.
    """
    if frame.depth >= MAX_DEPTH:
        raise NetworkStructureError(f"function {function.name!r} calls itself, or functions nest too deep")
    operands = [*node.inputs, *[None] * (len(function.input) - len(node.inputs))]
    arguments = {default.name: default for default in function.attribute_proto}
    arguments.update(node.attributes)
    opsets = opset_versions(function.opset_import, f"function {function.name!r}")
    require_text((function.name, *function.input, *function.output), f"function {function.name!r}")
    inner = Frame(
        function.name,
        {name: value or ABSENT for name, value in zip(function.input, operands, strict=False)},
        {**frame.opsets, **opsets},
        prefix=f"{walker.unique(node.name, walker.layer_names)}/",
        depth=frame.depth + 1,
        arguments=arguments,
        encoded_bytes=function.ByteSize(),
        site=_site(node, frame),
    )
    walker.run(function.node, inner)
    results = _results(node, list(function.output), inner)
    for name, value in zip(node.output_names, results, strict=False):
        # A runtime that inlines the body keeps the caller's name for what the body computes.
        if name and value.name.startswith(inner.prefix):
            value.name = walker.unique(frame.prefix + name, walker.names)
    _return(walker, node, results, frame)


def _branch(walker: Collection, node: Node, frame: Frame) -> None:
    condition = node.input(0)
    taken = _flag(condition)
    walker.needed.append(condition)
    if not condition.constant or condition.open:
        walker.loops.append(Loop(node.name, BRANCH, 1, len(node.output_names)))
    if taken is None:
        options = deciding_options(walker, condition)
        taken = walker.branches.choose(node.name, condition, options, site=_site(node, frame))
    body = _body(node, "then_branch" if taken else "else_branch")
    results = _walk_body(walker, node, body, {}, frame, prefix=f"{walker.unique(node.name, walker.layer_names)}/")
    _return(walker, node, results, frame)


def _loop(walker: Collection, node: Node, frame: Frame) -> None:
    """Unrolls a Loop whose number of iterations is known."""
    body = _body(node, "body")
    trips = node.data(0)
    running = _flag(node.inputs[1]) if node.has(1) else True
    walker.needed += [value for value in node.inputs[:2] if value is not None]
    if node.has(0) and (trips is None or trips.size != 1):
        raise _endless(walker, node, node.inputs[0])
    limit = None if trips is None else node.known(0, "number of rounds")[0]
    carried: list[Value | None] = list(node.inputs[2:])
    if len(body.input) != 2 + len(carried) or len(body.output) < 1 + len(carried):
        raise NetworkStructureError(f"node {node.name!r} (Loop) has a body that does not fit its operands")
    prefix = walker.unique(node.name, walker.layer_names)
    scanned: list[list[Value]] = [[] for _ in body.output[1 + len(carried) :]]
    count = 0
    rounds = Rounds(
        walker,
        prefix,
        walk=_walk_round(walker, node, body, frame, prefix),
        begin=lambda number, states: [
            _number(f"{prefix}/{number}/step", number, DType.INT64),
            _number(f"{prefix}/{number}/condition", 1, DType.BOOL),
            *states,
        ],
        carried=lambda results: results[1 : len(node.inputs) - 1],
    )
    ahead: list[list[Value]] = []
    condition = node.optional(1)
    full: bool | None = None
    if running is None and limit is not None:
        running = True  # it may run no round at all, as rarely as a while loop does
    while running and (limit is None or count < limit):
        if count >= _MAX_ITERATIONS:
            raise _endless(walker, node, None)
        results = ahead.pop(0) if ahead else rounds.walked(count, carried)
        running, condition = _flag(results[0]), results[0]
        walker.needed.append(condition)
        if running is None and limit is not None:
            full = _runs_in_full(walker, node, frame, condition, limit) if full is None else full
            running = full
        carried = list(results[1 : 1 + len(carried)])
        for collected, value in zip(scanned, results[1 + len(carried) :], strict=True):
            collected.append(value)
        count += 1
        if not ahead and running and limit is not None and limit <= _MAX_ITERATIONS:
            ahead = rounds.copied(limit)
    if running is None and (limit is None or count < limit):
        raise _endless(walker, node, condition)
    stacked = [_stack(walker, node, values, 0, f"{prefix}/result{i}") for i, values in enumerate(scanned)]
    _note_rounds(walker, node, count, len(body.output) - 1)
    _return(walker, node, [value or ABSENT for value in (*carried, *stacked)], frame)


def _walk_round(
    walker: Collection, node: Node, body: GraphProto, frame: Frame, prefix: str
) -> Callable[[int, Sequence[Value | None]], list[Value]]:
    """Walks a round of a loop, by its number and what its body is given."""
    names = [info.name for info in body.input]

    def walk(number: int, given: Sequence[Value | None]) -> list[Value]:
        values = dict(zip(names, given, strict=True))
        return _walk_body(walker, node, body, values, frame, prefix=f"{prefix}/{number}/")

    return walk


def _note_rounds(walker: Collection, node: Node, count: int, values: int) -> None:
    """Keeps what the layers of a loop leave out; unrolled, they are those of a network without one."""
    if count > 1:
        walker.loops.append(Loop(node.name, node.op, count, values))
        walker.notes[f"{node.op} {node.name!r} counts as the layers of its {counted_text(count, 'round')}"] = None


def _runs_in_full(walker: Collection, node: Node, frame: Frame, condition: Value, limit: int) -> bool:
    """Whether a loop that data may end early runs as often as it can; else it ends after its first round."""
    if limit > _MAX_ITERATIONS:
        raise _endless(walker, node, condition)
    ways = (f"all {limit} rounds", "first round only")
    options = deciding_options(walker, condition)
    return walker.branches.choose(node.name, condition, options, site=_site(node, frame), ways=ways)


def _scan(walker: Collection, node: Node, frame: Frame) -> None:
    """Unrolls a Scan: the length of its sequences says how often it runs."""
    body = _body(node, "body")
    states = len(node.inputs) - node.integer("num_scan_inputs", 0)
    fits = 0 <= states < len(node.inputs) == len(body.input) and states <= len(body.output)
    if node.version < 9 or not fits:
        raise NetworkStructureError(f"node {node.name!r} (Scan) has a body that does not fit its operands")
    prefix = walker.unique(node.name, walker.layer_names)
    axes = node.integers("scan_input_axes") or (0,) * (len(node.inputs) - states)
    pieces = [
        _unstack(walker, node, node.input(states + i), axis, f"{prefix}/operand{i}") for i, axis in enumerate(axes)
    ]
    if len({len(piece) for piece in pieces}) != 1 or len(pieces) != len(node.inputs) - states:
        raise node.error(f"scans sequences of different lengths: {node.shapes()}")
    carried: list[Value | None] = list(node.inputs[:states])
    scanned: list[list[Value]] = [[] for _ in body.output[states:]]
    rounds = Rounds(
        walker,
        prefix,
        walk=_walk_round(walker, node, body, frame, prefix),
        begin=lambda number, states: [*states, *(piece[number] for piece in pieces)],
        carried=lambda results: results[:states],
    )
    ahead: list[list[Value]] = []
    total = len(pieces[0])
    for count in range(total):
        ahead = ahead or rounds.copied(total)
        results = ahead.pop(0) if ahead else rounds.walked(count, carried)
        carried = list(results[:states])
        for collected, value in zip(scanned, results[states:], strict=True):
            collected.append(value)
    out = node.integers("scan_output_axes") or (0,) * len(scanned)
    stacked = [
        _stack(walker, node, values, axis, f"{prefix}/result{i}")
        for i, (values, axis) in enumerate(zip(scanned, out, strict=False))
    ]
    _note_rounds(walker, node, total, len(pieces) + len(body.output))
    _return(walker, node, [value or ABSENT for value in (*carried, *stacked)], frame)


def _sequence_map(walker: Collection, node: Node, frame: Frame) -> None:
    """Walks the body once for every tensor of a sequence; further operands are sequences alike, or tensors for all."""
    body = _body(node, "body")
    operands = [value for value in node.inputs if value is not None]
    first = operands[0].items if operands else None
    lengths = {len(value.items) for value in operands if value.items is not None}
    if first is None or len(body.input) != len(operands) or len(operands) < len(node.inputs):
        raise NetworkStructureError(f"node {node.name!r} (SequenceMap) has a body that does not fit its operands")
    if len(lengths) > 1:
        raise node.error(f"maps sequences of different lengths: {sorted(lengths)}")
    prefix = walker.unique(node.name, walker.layer_names)
    names = [info.name for info in body.input]
    found: list[list[Value]] = [[] for _ in body.output]
    for count in range(len(first)):
        values = {
            name: value if value.items is None else value.items[count]
            for name, value in zip(names, operands, strict=True)
        }
        results = _walk_body(walker, node, body, values, frame, prefix=f"{prefix}/{count}/")
        for collected, value in zip(found, results, strict=True):
            collected.append(value)
    sequences = [
        Value(walker.unique(f"{prefix}/result{i}", walker.names), (), DType.FLOAT32, items=tuple(values))
        for i, values in enumerate(found)
    ]
    _note_rounds(walker, node, len(first), len(operands) + len(found))
    _return(walker, node, sequences, frame)


CONTROL_FLOW: Final[Mapping[str, Callable[[Collection, Node, Frame], None]]] = {
    "If": _branch,
    "Loop": _loop,
    "Scan": _scan,
    "SequenceMap": _sequence_map,
}
"""Operators that hold graphs."""


def _endless(walker: Collection, node: Node, decides: Value | None) -> UnsupportedOperatorError:
    """The error for a number of rounds that is not known, where ``decides`` depends on data, or is too large."""
    if decides is None:
        return UnsupportedOperatorError(
            f"node {node.name!r} ({node.op}) repeats a graph more than {_MAX_ITERATIONS} times; export the model for a "
            "shorter sequence, or as an LSTM, GRU or RNN operator"
        )
    options = deciding_options(walker, decides)
    how = f"give it with {options}" if options else "export the model with the loop unrolled"
    return UnsupportedOperatorError(
        f"node {node.name!r} ({node.op}) repeats a graph as often as data says that is only known at run time; {how}, "
        "or as an LSTM, GRU or RNN operator"
    )


def deciding_options(walker: Collection, value: Value | None) -> str:
    """What on the command line would fix a value: empty where it depends on more than a few numbers.

    Args:
        walker: The walk so far.
        value: What decides: a condition or a number of rounds.
    """
    producers: dict[str, PendingLayer] = {out.name: layer for layer in walker.layers for out in layer.outputs}
    waiting = [] if value is None else [value]
    seen: set[str] = set()
    sources: dict[str, Value] = {}
    while waiting:
        current = waiting.pop()
        if current.name in seen or current.constant:
            continue
        seen.add(current.name)
        layer = producers.get(current.name)
        if layer is None:
            sources[current.name] = current
        else:
            waiting.extend(layer.operands)
    small = all(
        each.dtype.label in NUMPY_NAMES and each.elements <= (1 if each.dtype.is_float else _MOST_DECIDING)
        for each in sources.values()
    )
    if not sources or not small:
        return ""
    return " ".join(f"--input {name}={_form(each)}" for name, each in sorted(sources.items()))


def _form(value: Value) -> str:
    return "VALUE" if not value.shape else "[" + ",".join(["VALUE"] * value.elements) + "]"


def _body(node: Node, name: str) -> GraphProto:
    attribute = node.attributes.get(name)
    if attribute is None or not attribute.HasField("g"):
        raise NetworkStructureError(f"node {node.name!r} ({node.op}) has no {name}")
    return attribute.g


def _walk_body(
    walker: Collection, node: Node, body: GraphProto, values: Mapping[str, Value | None], frame: Frame, *, prefix: str
) -> list[Value]:
    """Walks a nested graph once and returns its outputs."""
    inner = Frame(
        body.name,
        ChainMap({name: value or ABSENT for name, value in values.items()}, *_maps(frame)),
        frame.opsets,
        prefix=prefix,
        depth=frame.depth + 1,
        arguments=frame.arguments,
        encoded_bytes=body.ByteSize(),
        site=_site(node, frame),
    )
    walker.initializers(body, inner)
    walker.run(body.node, inner)
    return _results(node, [info.name for info in body.output], inner)


def _site(node: Node, frame: Frame) -> str:
    """Where a node stands in the file: by what it gives, whose names are unique in every graph."""
    return f"{frame.site}/{'|'.join(node.output_names)}"


def _maps(frame: Frame) -> Sequence[MutableMapping[str, Value]]:
    """What a nested graph sees of the graphs around it, the innermost first; shared, for there may be thousands."""
    return frame.values.maps if isinstance(frame.values, ChainMap) else [frame.values]


def _results(node: Node, names: Sequence[str], inner: Frame) -> list[Value]:
    missing = [name for name in names if name not in inner.values]
    if missing:
        raise NetworkStructureError(f"node {node.name!r} ({node.op}): its body gives no value for {missing[0]!r}")
    return [inner.values[name] for name in names]


def _return(walker: Collection, node: Node, results: Sequence[Value], frame: Frame) -> None:
    for index, output in enumerate(node.output_names):
        if output and index >= len(results):
            raise NetworkStructureError(f"node {node.name!r} ({node.op}) gives no value for its output {output!r}")
        if output:
            walker.define(frame, output, results[index])


def _flag(value: Value | None) -> bool | None:
    """A condition's truth where it is known."""
    if value is None or value.data is None or value.data.size != 1:
        return None
    return bool(value.data.reshape(-1)[0])


def _number(name: str, number: int, dtype: DType) -> Value:
    kind = np.bool_ if dtype is DType.BOOL else np.int64
    return Value(name, (), dtype, constant=True, data=np.array(number, dtype=kind))


def _stack(walker: Collection, node: Node, values: list[Value], axis: int, name: str) -> Value:
    """What every iteration gave, joined along a new axis."""
    if not values:
        raise node.error("runs zero times and joins what it never computed")
    first = values[0]
    at = node.axis(axis, len(first.shape) + 1)
    if any(value.shape != first.shape or value.items is not None for value in values):
        raise node.error("gives results of another shape in every iteration")
    constant = all(value.constant for value in values)
    shape = (*first.shape[:at], len(values), *first.shape[at:])
    left_open = any(value.open for value in values)
    result = Value(walker.unique(name, walker.names), shape, first.dtype, constant=constant, open=left_open)
    if not constant:
        walker.add_layer(name, Result(kind="concat", attributes={"axis": at}), values, [result])
    return result


def _unstack(walker: Collection, node: Node, sequence: Value, axis: int, name: str) -> list[Value]:
    """A sequence cut into one part for every iteration."""
    at = node.axis(axis, len(sequence.shape))
    count = sequence.shape[at]
    if count > _MAX_ITERATIONS:
        raise _endless(walker, node, None)
    shape = (*sequence.shape[:at], *sequence.shape[at + 1 :])
    spend(f"node {node.name!r} ({node.op})", steps=6 * count, size_bytes=count * (400 + 4 * len(name)))
    parts = [
        Value(
            walker.unique(f"{name}[{i}]", walker.names),
            shape,
            sequence.dtype,
            constant=sequence.constant,
            open=sequence.open,
        )
        for i in range(count)
    ]
    if not sequence.constant and parts:
        walker.add_layer(name, Result(kind="split", attributes={"axis": at}), [sequence], parts)
    return parts
