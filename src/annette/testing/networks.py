"""Random networks for property tests: valid directed acyclic graphs of the layers that networks are made of.

Needs hypothesis, which tests have and users need not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from annette.network.builder import NetworkBuilder
from annette.network.network import Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn

    from annette.network.tensor import Tensor

__all__ = ["networks", "reordered"]

_ACTIVATIONS: Final = (
    "relu", "relu6", "leaky_relu", "sigmoid", "hard_sigmoid", "hard_swish", "silu", "gelu", "gelu_tanh", "mish", "tanh",
)  # fmt: skip


def _conv(draw: DrawFn, net: NetworkBuilder, x: Tensor, _: Sequence[Tensor]) -> Tensor:
    channels = x.shape[1]
    groups = draw(st.sampled_from((1, 1, 2, channels)))
    filters = channels if groups > 1 else draw(st.sampled_from((4, 8)))
    kernel = draw(st.sampled_from((1, 3)))
    return net.conv(x, filters, kernel, padding="half", groups=groups, bias=draw(st.booleans()))


def _activation(draw: DrawFn, net: NetworkBuilder, x: Tensor, _: Sequence[Tensor]) -> Tensor:
    return net.activation(x, draw(st.sampled_from(_ACTIVATIONS)))


def _sum(draw: DrawFn, net: NetworkBuilder, x: Tensor, others: Sequence[Tensor]) -> Tensor:
    y = draw(st.sampled_from([other for other in others if other.shape == x.shape]))
    return net.add(x, y) if draw(st.booleans()) else net.mul(y, x)


def _join(draw: DrawFn, net: NetworkBuilder, x: Tensor, others: Sequence[Tensor]) -> Tensor:
    y = draw(st.sampled_from([other for other in others if other.shape[2:] == x.shape[2:]]))
    return net.conv(net.concat([x, y]), 8, 1)


def _gate(draw: DrawFn, net: NetworkBuilder, x: Tensor, _: Sequence[Tensor]) -> Tensor:
    squeezed = net.conv(net.global_average_pool(x), x.shape[1], 1)
    return net.mul(x, net.activation(squeezed, draw(st.sampled_from(("sigmoid", "hard_sigmoid")))))


def _constant(draw: DrawFn, net: NetworkBuilder, x: Tensor, _: Sequence[Tensor]) -> Tensor:
    shape = (x.shape[1], 1, 1) if draw(st.booleans()) else (1,)
    return net.add_constant(x, shape) if draw(st.booleans()) else net.scale_by_constant(x, shape)


def _layer_norm(draw: DrawFn, net: NetworkBuilder, x: Tensor, _: Sequence[Tensor]) -> Tensor:
    if draw(st.booleans()):
        return net.layer_norm(x)
    centred = net.sub(x, net.reduce("reduce_mean", x, [-1]))
    variance = net.reduce("reduce_mean", net.pow(centred, 2.0), [-1])
    return net.div(centred, net.unary("sqrt", net.add(variance, 1e-5)))


def _shuffle(_: DrawFn, net: NetworkBuilder, x: Tensor, __: Sequence[Tensor]) -> Tensor:
    batch, channels, height, width = x.shape
    y = net.reshape(x, (batch, 2, channels // 2, height, width))
    return net.reshape(net.transpose(y, (0, 2, 1, 3, 4)), x.shape)


def _plain(draw: DrawFn, net: NetworkBuilder, x: Tensor, _: Sequence[Tensor]) -> Tensor:
    choice = draw(st.sampled_from(("batch_norm", "max_pool", "identity", "softmax", "split", "pad")))
    if choice == "split":
        first, second = net.split(x, 2)
        return net.concat([second, first])
    if choice == "max_pool":
        return net.max_pool(x, 3, stride=1, padding=1)
    if choice == "pad":
        return net.conv(net.pad(x, (0, 0, 1, 1, 0, 0, 1, 1)), 4, 3)
    return {"batch_norm": net.batch_norm, "identity": net.identity, "softmax": net.softmax}[choice](x)


_STEPS: Final = (_conv, _conv, _activation, _activation, _sum, _sum, _join, _gate, _constant, _layer_norm, _shuffle,
                 _plain, _plain)  # fmt: skip


@st.composite
def networks(draw: DrawFn, *, max_steps: int = 14) -> Network:
    """Strategy: small networks with branches, residual sums, gates, decomposed operators and unread results.

    Args:
        draw: Given by hypothesis.
        max_steps: Upper limit of building steps; a step makes one to about eight layers.

    Returns:
        The strategy of networks.
    """
    net = NetworkBuilder("random", source_format="random")
    tensors = [net.input("x", (1, 4, 6, 6))]
    for _ in range(draw(st.integers(1, max_steps))):
        behind = draw(st.integers(1, min(3, len(tensors))))
        step = draw(st.sampled_from(_STEPS))
        tensors.append(step(draw, net, tensors[-behind], tensors))
    handed_out = draw(st.sets(st.integers(1, len(tensors) - 1), max_size=2)) | {len(tensors) - 1}
    return net.build(*(tensors[index] for index in sorted(handed_out)))


def reordered(network: Network, order: Sequence[int], prefix: str) -> Network:
    """The same network with its layers given in another order and everything renamed.

    Args:
        network: The network.
        order: A permutation of its layers' positions.
        prefix: Put in front of the name of every layer and tensor.

    Returns:
        A network that computes the same.
    """
    layers = [
        replace(
            layer,
            name=prefix + layer.name,
            inputs=tuple(prefix + tensor for tensor in layer.inputs),
            outputs=tuple(prefix + tensor for tensor in layer.outputs),
        )
        for layer in (network.layers[position] for position in order)
    ]
    return Network(
        name=network.name,
        layers=layers,
        tensors={prefix + name: replace(tensor, name=prefix + name) for name, tensor in network.tensors.items()},
        inputs=[prefix + tensor for tensor in network.inputs],
        outputs=[prefix + tensor for tensor in network.outputs],
        batch=network.batch,
        channels_last=network.channels_last,
        source_format=network.source_format,
    )
