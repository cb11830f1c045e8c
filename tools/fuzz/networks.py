"""Small networks of layers of all kinds, which the project's writers turn into sound files."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from annette.network.builder import NetworkBuilder
from annette.network.tensor import DType

if TYPE_CHECKING:
    from annette.network import Network

__all__ = ["small_networks"]


def _classifier() -> Network:
    net = NetworkBuilder("classifier")
    x = net.input("image", (1, 3, 16, 16))
    x = net.activation(net.batch_norm(net.conv(x, 8, 3, stride=2, padding=1)), "relu6")
    y = net.depthwise_conv(x, 3, padding=1)
    x = net.concat([net.add(x, y), net.activation(y, "sigmoid")])
    x = net.max_pool(x, 2, stride=2)
    return net.build(net.softmax(net.fully_connected(net.flatten(net.global_average_pool(x)), 10)))


def _gates() -> Network:
    net = NetworkBuilder("gates")
    x = net.conv(net.input("x", (1, 4, 6, 6)), 8, 1, groups=2)
    gate = net.activation(net.conv(net.global_average_pool(x), 8, 1), "hard_sigmoid")
    x = net.mul(x, gate)
    for name in ("leaky_relu", "hard_swish", "silu", "gelu", "mish", "tanh", "elu"):
        x = net.activation(x, name)
    return net.build(net.average_pool(net.prelu(x), 3, stride=1, padding=1))


def _attention() -> Network:
    net = NetworkBuilder("attention")
    x = net.input("tokens", (1, 4, 8))
    query, keys = net.split_heads(x, 2), net.split_heads(x, 2, keys=True)
    scores = net.softmax(net.div(net.matmul(query, keys), 2.0))
    y = net.transpose(net.matmul(scores, net.split_heads(x, 2)), (0, 2, 1, 3))
    x = net.layer_norm(net.add(x, net.reshape(y, (1, 4, 8))))
    return net.build(net.add(x, net.fully_connected(net.activation(net.fully_connected(x, 16), "gelu"), 8)))


def _recurrent() -> Network:
    net = NetworkBuilder("recurrent")
    x = net.input("x", (5, 1, 4))
    x = net.reshape(net.lstm(x, 4), (5, 1, 4))
    return net.build(net.rnn(net.reshape(net.gru(x, 4, bidirectional=True), (5, 1, 8)), 3))


def _decoder() -> Network:
    net = NetworkBuilder("decoder")
    x = net.input("x", (1, 8, 4, 4))
    x = net.relu(net.conv_transpose(x, 8, 2, stride=2))
    x = net.resize(x, scale=(2, 2), mode="nearest")
    x = net.depth_to_space(net.space_to_depth(x, 2), 2)
    return net.build(net.resize(net.conv(net.pad(x, (0, 0, 1, 1, 0, 0, 1, 1)), 4, 3), scale=(2, 2), mode="linear"))


def _movement() -> Network:
    net = NetworkBuilder("movement")
    x = net.input("x", (1, 6, 4, 4))
    first, second = net.split(x, 2)
    x = net.concat([second, net.transpose(net.transpose(first, (0, 2, 3, 1)), (0, 3, 1, 2))])
    x = net.roll(net.slice(x, [0], [4], [1]), 1, 2)
    x = net.tile(net.expand(net.gather(x, 0, axis=1), (1, 4, 4)), (1, 2, 1))
    return net.build(net.reshape(x, (2, 16)), net.reduce("reduce_max", x, [-1]))


def _arithmetic() -> Network:
    net = NetworkBuilder("arithmetic")
    x = net.input("x", (2, 3, 4, 4))
    y = net.sub(net.pow(x, 2.0), net.unary("sqrt", net.unary("abs", x)))
    y = net.maximum(net.clip(y, -1.0, 1.0), net.minimum(x, y))
    y = net.scale_by_constant(net.add_constant(y, (3, 1, 1)), (1,))
    y = net.local_response_norm(net.instance_norm(y))
    return net.build(net.cast(net.reduce("reduce_mean", y, [2, 3], keep=False), DType.FLOAT16), net.global_max_pool(x))


def _embedding() -> Network:
    net = NetworkBuilder("embedding")
    x = net.embedding(net.input("ids", (1, 4), DType.INT64), 16, 8)
    return net.build(net.fully_connected(net.reduce("reduce_sum", x, [1], keep=False), 4))


@cache
def small_networks() -> tuple[Network, ...]:
    """Networks of a few layers each; together they have most kinds of layer."""
    makers = (_classifier, _gates, _attention, _recurrent, _decoder, _movement, _arithmetic, _embedding)
    return tuple(make() for make in makers)
