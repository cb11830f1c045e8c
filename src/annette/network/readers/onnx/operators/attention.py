"""Scaled dot-product attention as one operator, and rotary position embeddings.

Attention has the dimensions ``batch``, ``groups`` = heads, ``in_channels`` = size of a head's queries and keys,
``in_width`` = keys, ``out_channels`` = size of a head's values, ``out_width`` = queries. Its multiply-accumulates are
those of the two products, ``batch x heads x queries x keys x (head size + value size)``, with no credit for a causal
mask, plus the input projections where the operator holds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from annette.network.kinds.matrix import attention_dimensions
from annette.network.readers.onnx.node import Result
from annette.network.readers.onnx.values import Meta

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.readers.onnx.node import Node, Rule
    from annette.network.readers.onnx.values import Value
    from annette.network.tensor import DType

__all__ = ["CONTRIB_RULES", "RULES"]


class _Heads(NamedTuple):
    """Sizes of one attention."""

    batch: int
    heads: int
    kv_heads: int
    queries: int
    keys: int
    size: int
    value_size: int

    def result(
        self, node: Node, *shapes: tuple[int, ...], dtype: DType | None = None, projection_macs: int = 0
    ) -> Result:
        """The layer, with results of the given shapes, of the first operand's element type where none is given."""
        if min(self) < 1:
            raise node.error(f"attends over operands of shape {node.shapes()}, which do not fit together")
        activations = {value.name for value in node.inputs if value is not None and not value.constant}
        dimensions, products = attention_dimensions(
            self.batch, self.heads, self.queries, self.keys, self.size, self.value_size, input_count=len(activations)
        )
        return Result(
            [Meta(shape, dtype or node.input(0).dtype) for shape in shapes],
            "attention",
            {"heads": self.heads, "kv_heads": self.kv_heads},
            operands=node.inputs,
            dimensions=dimensions,
            macs=products + projection_macs,
        )


def _split(node: Node, value: Value, heads: int) -> tuple[int, int, int]:
    """Batch, positions and head size of ``[batch, positions, heads x size]`` or ``[batch, heads, positions, size]``."""
    shape = value.shape
    if len(shape) == 4 and shape[1] == heads:
        return shape[0], shape[2], shape[3]
    if len(shape) == 3 and heads > 0 and shape[2] % heads == 0:
        return shape[0], shape[1], shape[2] // heads
    raise node.error(f"splits an operand of shape {list(shape)} into {heads} heads")


def _attention(node: Node) -> Result:
    """``ai.onnx`` Attention (operator set 23)."""
    query, key, value = (node.input(index) for index in range(3))
    flat = len(query.shape) == 3
    heads = node.integer("q_num_heads", 0) if flat else query.shape[1]
    kv_heads = node.integer("kv_num_heads", heads) if len(key.shape) == 3 else key.shape[1]
    batch, queries, size = _split(node, query, heads)
    _, keys, key_size = _split(node, key, kv_heads)
    _, _, value_size = _split(node, value, kv_heads)
    if key_size != size or heads % kv_heads:
        raise node.error(f"attends over operands of shape {node.shapes()}, which do not fit together")
    past = node.optional(4)
    keys += past.shape[2] if past is not None and len(past.shape) == 4 else 0
    attended = _Heads(batch, heads, kv_heads, queries, keys, size, value_size)
    shape = (batch, queries, heads * value_size) if flat else (batch, heads, queries, value_size)
    cache = (batch, kv_heads, keys)
    return attended.result(node, shape, (*cache, size), (*cache, value_size), (batch, heads, queries, keys))


def _packed_attention(node: Node, dtype: DType | None = None) -> Result:
    """``com.microsoft`` Attention: input projections and attention in one."""
    operand, weights = node.input(0), node.input(1)
    heads = node.integer("num_heads", 0)
    if len(operand.shape) != 3 or len(weights.shape) != 2 or heads < 1 or weights.shape[0] != operand.shape[2]:
        raise node.error(f"attends over operands of shape {node.shapes()} with {heads} heads")
    batch, queries, width = operand.shape
    sizes = node.integers("qkv_hidden_sizes") or (weights.shape[1] // 3,) * 3
    if len(sizes) != 3 or sum(sizes) != weights.shape[1] or any(size % heads for size in sizes):
        raise node.error(f"has weights of shape {list(weights.shape)} for {heads} heads")
    past = node.optional(4)
    keys = queries + (past.shape[3] if past is not None and len(past.shape) == 5 else 0)
    attended = _Heads(batch, heads, heads, queries, keys, sizes[0] // heads, sizes[2] // heads)
    shapes = (batch, queries, sizes[2]), (2, batch, heads, keys, sizes[0] // heads)
    return attended.result(node, *shapes, dtype=dtype, projection_macs=batch * queries * width * sum(sizes))


def _quantized_attention(node: Node) -> Result:
    """QAttention: the same with integer weights; its mask and past stand elsewhere."""
    result = _packed_attention(node, node.input(3).dtype)
    result.operands = [node.input(0), node.input(1), node.optional(2), node.optional(5), node.optional(8)]
    return result


def _multi_head(node: Node) -> Result:
    """``com.microsoft`` MultiHeadAttention, its operands possibly packed."""
    query, key, value = node.input(0), node.optional(1), node.optional(2)
    heads = node.integer("num_heads", 0)
    if len(query.shape) == 5:
        batch, queries, _, _, size = query.shape
        keys, value_size = queries, size
    else:
        batch, queries, size = _split(node, query, heads)
        if key is None:
            raise node.error("has neither keys nor packed queries")
        if len(key.shape) == 5:
            keys, value_size = key.shape[1], key.shape[4]
        else:
            _, keys, _ = _split(node, key, heads)
            value_size = size if value is None else _split(node, value, heads)[2]
    past = node.optional(6)
    keys += past.shape[2] if past is not None and len(past.shape) == 4 else 0
    attended = _Heads(batch, heads, heads, queries, keys, size, value_size)
    cache = (batch, heads, keys)
    return attended.result(node, (batch, queries, heads * value_size), (*cache, size), (*cache, value_size))


def _group_query(node: Node) -> Result:
    """``com.microsoft`` GroupQueryAttention: several heads share keys and values."""
    query, key = node.input(0), node.optional(1)
    heads, kv_heads = node.integer("num_heads", 0), node.integer("kv_num_heads", 0)
    packed = heads + 2 * kv_heads if key is None else heads
    if heads < 1 or kv_heads < 1 or heads % kv_heads:
        raise node.error(f"has {heads} heads over {kv_heads} heads of keys")
    batch, queries, size = _split(node, query, packed)
    past = node.optional(3)
    before = past.shape[2] if past is not None and len(past.shape) == 4 else 0
    total = node.known(6, "sequence length") if node.data(6) is not None else []
    keys = max(before, *total) if len(total) == 1 else before + queries
    attended = _Heads(batch, heads, kv_heads, queries, keys, size, size)
    cache = (batch, kv_heads, keys, size)
    return attended.result(node, (batch, queries, heads * size), cache, cache)


def _rotary(node: Node) -> Result:
    operand = node.input(0)
    if len(operand.shape) not in (3, 4):
        raise node.error(f"rotates an operand of shape {list(operand.shape)}")
    return Result([operand.meta], "rotary_embedding", operands=node.inputs)


def _gated_bias(node: Node) -> Result:
    """GatedRelativePositionBias: a bias of ``[batch, heads, queries, queries]``."""
    tokens, heads = node.input(0), node.integer("num_heads", 1)
    if len(tokens.shape) != 3:
        raise node.error(f"reads tokens of shape {list(tokens.shape)}")
    meta = Meta((tokens.shape[0], heads, tokens.shape[1], tokens.shape[1]), tokens.dtype)
    return Result([meta], "mul", operands=node.inputs[:3])


def _relative_bias(node: Node) -> Result:
    table, queries, keys = node.input(0), node.known(1, "length"), node.known(2, "length")
    if len(table.shape) != 2 or len(queries) != 1 or len(keys) != 1:
        raise node.error(f"reads operands of shape {node.shapes()}")
    meta = Meta((1, table.shape[1], queries[0], keys[0]), table.dtype)
    return Result([meta], "gather", operands=[table])


RULES: Final[Mapping[str, Rule]] = {"Attention": _attention, "RotaryEmbedding": _rotary}
"""Rules of ``ai.onnx`` by operator."""

CONTRIB_RULES: Final[Mapping[str, Rule]] = {
    "Attention": _packed_attention,
    "QAttention": _quantized_attention,
    "MultiHeadAttention": _multi_head,
    "GroupQueryAttention": _group_query,
    "RotaryEmbedding": _rotary,
    "GatedRelativePositionBias": _gated_bias,
    "RelativePositionBias": _relative_bias,
}
"""Rules of ``com.microsoft`` by operator."""
