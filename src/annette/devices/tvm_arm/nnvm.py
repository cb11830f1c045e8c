"""The five networks of TVM's 2018 auto-tuning post, as its script built them with ``nnvm.testing``.

They differ from their namesakes in the zoo: resnet18 is the pre-activation variant with a projection in every stage,
which the published layers confirm one by one (all 207 convolutions of the five networks are rows of TopHub's tables).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.errors import OptionError, nearest
from annette.network.builder import NetworkBuilder

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.network import Network
    from annette.network.tensor import Tensor

__all__ = ["NETWORKS", "nnvm_network"]

NETWORKS: Final = ("resnet18", "mobilenet", "vgg16", "squeezenet_v1.1", "densenet121")
"""Names as the post writes them."""


def nnvm_network(name: str) -> Network:
    """Builds one of the networks for one image of 224 x 224.

    Args:
        name: One of `NETWORKS`.

    Raises:
        OptionError: There is no such network.
    """
    if name not in _BUILD:
        raise OptionError(
            f"nnvm.testing has no network {name!r} here{nearest(name, _BUILD)}; known: {', '.join(_BUILD)}"
        )
    net = NetworkBuilder(f"nnvm-{name}", source_format="nnvm")
    x = _BUILD[name](net, net.input("data", (1, 3, 224, 224)))
    return net.build(net.softmax(x, axis=1))


def _norm_relu(net: NetworkBuilder, x: Tensor) -> Tensor:
    return net.relu(net.batch_norm(x))


def _conv_norm_relu(net: NetworkBuilder, x: Tensor, filters: int, kernel: int, stride: int = 1) -> Tensor:
    x = net.conv(x, filters, kernel, stride=stride, padding="half", bias=False)
    return _norm_relu(net, x)


def _classifier(net: NetworkBuilder, x: Tensor) -> Tensor:
    return net.fully_connected(net.flatten(net.global_average_pool(x)), 1000)


def _resnet18(net: NetworkBuilder, x: Tensor) -> Tensor:
    x = net.max_pool(_conv_norm_relu(net, net.batch_norm(x), 64, 7, 2), 3, stride=2, padding=1)
    for stage, width in enumerate((64, 128, 256, 512)):
        for unit in range(2):
            stride = 2 if stage and unit == 0 else 1
            active = _norm_relu(net, x)
            shortcut = net.conv(active, width, 1, stride=stride, bias=False) if unit == 0 else x
            inner = _conv_norm_relu(net, active, width, 3, stride)
            x = net.add(net.conv(inner, width, 3, padding=1, bias=False), shortcut)
    return _classifier(net, _norm_relu(net, x))


def _mobilenet(net: NetworkBuilder, x: Tensor) -> Tensor:
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    x = _conv_norm_relu(net, x, 32, 3, 2)
    for width, stride in plan:
        x = _norm_relu(net, net.depthwise_conv(x, 3, stride=stride, bias=False))
        x = _conv_norm_relu(net, x, width, 1)
    return _classifier(net, x)


def _vgg16(net: NetworkBuilder, x: Tensor) -> Tensor:
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            x = net.relu(net.conv(x, width, 3, padding=1))
        x = net.max_pool(x, 2, stride=2)
    x = net.flatten(x)
    for _ in range(2):
        x = net.relu(net.fully_connected(x, 4096))
    return net.fully_connected(x, 1000)


def _squeezenet(net: NetworkBuilder, x: Tensor) -> Tensor:
    x = net.max_pool(net.relu(net.conv(x, 64, 3, stride=2, padding=1)), 3, stride=2)
    for position, (squeeze, expand) in enumerate(
        ((16, 64),) * 2 + ((32, 128),) * 2 + ((48, 192),) * 2 + ((64, 256),) * 2
    ):
        if position in (2, 4):
            x = net.max_pool(x, 3, stride=2)
        x = net.relu(net.conv(x, squeeze, 1))
        x = net.concat([net.relu(net.conv(x, expand, 1)), net.relu(net.conv(x, expand, 3, padding=1))])
    return net.flatten(net.global_average_pool(net.relu(net.conv(x, 1000, 1))))


def _densenet121(net: NetworkBuilder, x: Tensor) -> Tensor:
    x = net.max_pool(_conv_norm_relu(net, x, 64, 7, 2), 3, stride=2, padding=1)
    for stage, count in enumerate((6, 12, 24, 16)):
        for _ in range(count):
            inner = _conv_norm_relu(net, _norm_relu(net, x), 128, 1)
            x = net.concat([x, net.conv(inner, 32, 3, padding=1, bias=False)])
        x = _norm_relu(net, x)
        if stage < 3:
            x = net.conv(x, x.shape[1] // 2, 1, bias=False)
            x = net.average_pool(x, 2, stride=2)
    return _classifier(net, x)


_BUILD: Final[dict[str, Callable[[NetworkBuilder, Tensor], Tensor]]] = {
    "resnet18": _resnet18,
    "mobilenet": _mobilenet,
    "vgg16": _vgg16,
    "squeezenet_v1.1": _squeezenet,
    "densenet121": _densenet121,
}
