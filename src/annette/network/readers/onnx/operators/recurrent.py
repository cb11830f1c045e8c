"""LSTM, GRU and plain recurrent layers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.network.kinds.matrix import GATES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.readers.onnx.node import Node, Result, Rule

__all__ = ["CONTRIB_RULES", "RULES"]


def _recurrent(kind: str, node: Node) -> Result:
    sequence, weights, recurrence = node.input(0), node.input(1), node.input(2)
    if len(sequence.shape) != 3 or len(weights.shape) != 3 or len(recurrence.shape) != 3:
        raise node.error(
            f"reads {list(sequence.shape)} with weights {list(weights.shape)} and {list(recurrence.shape)}; each "
            "must have three dimensions"
        )
    batch_first = node.integer("layout", 0) == 1
    directions = 2 if node.text("direction", "forward") == "bidirectional" else 1
    # Dynamic-quantized layers store their weights transposed, so that both orders are accepted.
    hidden = node.integer("hidden_size", min(recurrence.shape[1:]))
    wanted = {GATES[kind] * hidden, sequence.shape[2]}
    if hidden < 1 or weights.shape[0] != directions or set(weights.shape[1:]) != wanted:
        raise node.error(
            f"reads {list(sequence.shape)} with hidden size {hidden}, {directions} directions and weights "
            f"{list(weights.shape)}, which do not fit together"
        )
    attributes = {"hidden_size": hidden, "directions": directions, "batch_first": batch_first}
    result = node.layer(kind, sequence, attributes=attributes)
    result.operands = [*node.inputs[:4], *node.inputs[5:8]]
    return result


RULES: Final[Mapping[str, Rule]] = {
    "LSTM": partial(_recurrent, "lstm"),
    "GRU": partial(_recurrent, "gru"),
    "RNN": partial(_recurrent, "rnn"),
}
"""Rules of ``ai.onnx`` by operator."""

CONTRIB_RULES: Final[Mapping[str, Rule]] = {"DynamicQuantizeLSTM": partial(_recurrent, "lstm")}
"""Rules of ``com.microsoft`` by operator."""
