"""Nodes that ask for far more than they cost to write: what reads constants and folds them must count first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from onnx import TensorProto, helper
from tools.fuzz.values import within

if TYPE_CHECKING:
    from random import Random

    from onnx import GraphProto, ModelProto, NodeProto

__all__ = ["plant_bomb", "plant_calls", "plant_nest"]

_LARGE: Final = (
    0,
    1,
    2,
    1000,
    65536,
    2**20,
    2**24,
    2**28,
    2**30,
    2**31 - 1,
    2**31,
    2**32,
    2**40,
    2**53 + 1,
    2**62,
    2**63 - 1,
)
_DEEPEST: Final = 30
"""Bodies within bodies: protobuf reads a hundred messages within each other, three for each body."""
_MAKERS: Final = {
    "Tile": ("data", "sizes"),
    "Expand": ("data", "sizes"),
    "ConstantOfShape": ("sizes",),
    "Range": ("one", "one", "one"),
    "Pad": ("data", "sizes"),
    "Resize": ("data", "none", "none", "sizes"),
    "OneHot": ("data", "one", "values"),
    "TopK": ("data", "count"),
    "Split": ("data",),
    "Gather": ("data", "sizes"),
    "Slice": ("data", "sizes", "sizes", "sizes"),
    "Reshape": ("data", "sizes"),
    "Unsqueeze": ("data", "sizes"),
    "Concat": ("data",) * 40,
    "EyeLike": ("data",),
    "CumSum": ("data", "one"),
    "ScatterND": ("data", "data", "data"),
    "MatMul": ("data", "data"),
    "BitShift": ("data", "sizes"),
    "Pow": ("data", "sizes"),
    "Loop": ("one", "", "data"),
}
_ATTRIBUTES: Final[dict[str, tuple[tuple[str, Any], ...]]] = {
    "Split": (("num_outputs", 2**31), ("num_outputs", 2**53 + 1), ("num_outputs", 3)),
    "TopK": (("axis", 0), ("k", 2**40)),
    "BitShift": (("direction", "LEFT"),),
    "Concat": (("axis", 0),),
}


def plant_bomb(graph: GraphProto, dice: Random) -> None:
    """Appends one to three operators over constants, each reading the one before, and hands out the result."""
    number = len(graph.node)
    previous = ""
    for step in range(dice.randint(1, 3)):
        operator = dice.choice(tuple(_MAKERS))
        roles = _MAKERS[operator]
        inputs = [
            previous if previous and position == 0 else _constant(graph, dice, role, f"bomb{number}_{step}_{position}")
            for position, role in enumerate(roles)
        ]
        node = helper.make_node(operator, inputs, [f"bombed{number}_{step}"])
        options = _ATTRIBUTES.get(operator, ())
        if options:
            name, value = dice.choice(options)
            node.attribute.append(helper.make_attribute(name, value))
        if operator == "Loop":
            node.attribute.append(helper.make_attribute("body", _body()))
        if operator == "ConstantOfShape" and dice.random() < 0.5:
            node.attribute.append(helper.make_attribute("value", helper.make_tensor("v", TensorProto.INT64, [1], [7])))
        graph.node.append(node)
        previous = node.output[0]
    _use(graph, dice, previous)


def plant_calls(model: ModelProto, dice: Random) -> None:
    """Functions that call the next one twice: the last is called 2 to the power of their number times."""
    depth = dice.choice((3, 12, 25, 60))
    for level in range(depth):
        inner = f"laugh{level + 1}" if level < depth - 1 else "Relu"
        domain = "laughs" if level < depth - 1 else ""
        nodes = [
            helper.make_node(inner, ["x"], ["t"], domain=domain),
            helper.make_node(inner, ["t"], ["y"], domain=domain),
        ]
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("laughs", 1)]
        model.functions.append(helper.make_function("laughs", f"laugh{level}", ["x"], ["y"], nodes, opsets))
    model.opset_import.add(domain="laughs", version=1)
    _append(model.graph, helper.make_node("laugh0", [_source(model.graph)], ["laughed"], domain="laughs"))


def plant_nest(model: ModelProto, dice: Random) -> None:
    """Branches within branches, or loops within loops whose rounds multiply."""
    operator, rounds = dice.choice(("If", "Loop")), dice.choice((1, 2, 50, 2**31, 2**62))
    source = _source(model.graph)
    model.graph.initializer.append(helper.make_tensor("nest_go", TensorProto.BOOL, [], [True]))
    model.graph.initializer.append(helper.make_tensor("nest_rounds", TensorProto.INT64, [], [rounds]))
    node = helper.make_node("Relu", [source], ["nest_out"])
    for level in range(dice.choice((2, 5, 15, _DEEPEST))):
        node = _around(node, operator, level)
    _append(model.graph, node)


def _around(node: NodeProto, operator: str, level: int) -> NodeProto:
    """A node of control flow with another one in its body."""
    written = f"nested{level}"
    result = helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None)
    if operator == "If":
        body = helper.make_graph([node], f"branch{level}", [], [result])
        other = helper.make_tensor_value_info(f"other{level}", TensorProto.FLOAT, None)
        plain = helper.make_graph([helper.make_node("Relu", ["x"], [other.name])], f"plain{level}", [], [other])
        return helper.make_node("If", ["nest_go"], [written], then_branch=body, else_branch=plain)
    inputs = [
        helper.make_tensor_value_info(f"round{level}", TensorProto.INT64, []),
        helper.make_tensor_value_info(f"go{level}", TensorProto.BOOL, []),
    ]
    goes_on = helper.make_tensor_value_info(f"goes_on{level}", TensorProto.BOOL, [])
    nodes = [helper.make_node("Identity", [f"go{level}"], [goes_on.name]), node]
    body = helper.make_graph(nodes, f"loop{level}", inputs, [goes_on, result])
    return helper.make_node("Loop", ["nest_rounds", "nest_go"], [written], body=body)


def _source(graph: GraphProto) -> str:
    return graph.input[0].name if graph.input else ""


def _append(graph: GraphProto, node: NodeProto) -> None:
    """Appends a node and hands its result out."""
    graph.node.append(node)
    graph.output.append(helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None))


def _constant(graph: GraphProto, dice: Random, role: str, name: str) -> str:
    """A constant operand; integers, sizes among them the large ones."""
    if role in ("none", ""):
        return ""
    if role == "sizes":
        values = [dice.choice(_LARGE) * dice.choice((1, 1, 1, -1)) for _ in range(dice.randint(1, 4))]
    elif role == "data":
        values = list(range(dice.choice((0, 1, 2, 8, 64))))
    else:
        values = [dice.choice(_LARGE)]
    dims = [] if role == "one" else [len(values)]
    graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, dims, [within(value, 64) for value in values]))
    return name


def _body() -> GraphProto:
    """A loop's body that doubles what is carried."""
    nodes = [
        helper.make_node("Identity", ["go"], ["goes_on"]),
        helper.make_node("Concat", ["carried", "carried"], ["twice"], axis=0),
    ]
    inputs = [helper.make_tensor_value_info("round", TensorProto.INT64, []),
              helper.make_tensor_value_info("go", TensorProto.BOOL, []),
              helper.make_tensor_value_info("carried", TensorProto.INT64, None)]  # fmt: skip
    outputs = [helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
               helper.make_tensor_value_info("twice", TensorProto.INT64, None)]  # fmt: skip
    return helper.make_graph(nodes, "body", inputs, outputs)


def _use(graph: GraphProto, dice: Random, name: str) -> None:
    """Makes the result a shape that a layer needs, or an output of the model."""
    if graph.node and graph.input and dice.random() < 0.5:
        graph.node.append(helper.make_node("Reshape", [graph.input[0].name, name], [f"{name}_shaped"]))
        name = f"{name}_shaped"
    graph.output.append(helper.make_tensor_value_info(name, TensorProto.INT64, None))
