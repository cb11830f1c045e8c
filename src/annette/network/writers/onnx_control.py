"""Loops as ONNX's operator, for benchmarks."""

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


RULES: Final[dict[str, Callable[[Lowering, Layer], None]]] = {"loop": _loop}
"""Rules by kind."""
