"""Loops and branches as ONNX's operators, for benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from onnx import TensorProto, helper

from annette.network.writers.onnx_nodes import ONNX_DTYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.network.layer import Layer
    from annette.network.writers.onnx_nodes import Lowering

__all__ = ["RULES"]


def _loop(to: Lowering, layer: Layer) -> None:
    """Every round copies the condition and adds a constant to each state, as often as the layer says."""
    rounds = to.constant(layer, "rounds", np.array(layer.attributes["rounds"], dtype=np.int64))
    one = to.number(layer, "one", 1.0)
    condition = f"{layer.name}.condition"
    nodes = [helper.make_node("Identity", [condition], [f"{condition}.next"], f"{condition}.copy")]
    inputs = [
        helper.make_tensor_value_info(f"{layer.name}.round", TensorProto.INT64, []),
        helper.make_tensor_value_info(condition, TensorProto.BOOL, []),
    ]
    outputs = [helper.make_tensor_value_info(f"{condition}.next", TensorProto.BOOL, [])]
    for name in layer.inputs:
        tensor = to.tensors[name]
        state: Any = (ONNX_DTYPES[tensor.dtype], tensor.shape)
        current = f"{layer.name}.{name}"
        inputs.append(helper.make_tensor_value_info(current, *state))
        for step in range(int(layer.attributes["additions"])):  # type: ignore[arg-type]
            following = f"{layer.name}.{name}.{step}"
            nodes.append(helper.make_node("Add", [current, one], [following], following))
            current = following
        outputs.append(helper.make_tensor_value_info(current, *state))
    body = helper.make_graph(nodes, f"{layer.name}.body", inputs, outputs)
    to.node("Loop", layer, [rounds, "", *layer.inputs], body=body)


def _branch(to: Lowering, layer: Layer) -> None:
    """Each branch adds a constant to what the one before gave, as often as the layer says; the other one twice as much.

    The condition is an input: what is known when the file is loaded would be decided then.
    """
    current, condition = layer.inputs
    state: Any = (ONNX_DTYPES[to.tensors[current].dtype], to.tensors[current].shape)
    constants = [to.number(layer, "one", 1.0), to.number(layer, "two", 2.0)]
    count = int(layer.attributes["branches"])  # type: ignore[arg-type]
    for number in range(count):
        name = f"{layer.name}.{number}"
        bodies = []
        for way, constant in zip(("then", "else"), constants, strict=True):
            nodes, value = [], current
            for step in range(int(layer.attributes["additions"])):  # type: ignore[arg-type]
                following = f"{name}.{way}.{step}"
                nodes.append(helper.make_node("Add", [value, constant], [following], following))
                value = following
            bodies.append(helper.make_graph(nodes, f"{name}.{way}", [], [helper.make_tensor_value_info(value, *state)]))
        result = layer.outputs[0] if number == count - 1 else f"{name}.result"
        ways = {"then_branch": bodies[0], "else_branch": bodies[1]}
        to.nodes.append(helper.make_node("If", [condition], [result], name, **ways))
        current = result


RULES: Final[dict[str, Callable[[Lowering, Layer], None]]] = {"loop": _loop, "branch": _branch}
"""Rules by kind."""
