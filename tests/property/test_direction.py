"""Less work is not dearer, and names and the order in a file mean nothing: on every shipped platform.

Where a device really takes longer for less, that is listed here by platform and kind of layer, with the reason;
`tools/direction.py` looks at the whole zoo, docs/evaluation.md shows what it found.
"""

import random
from functools import cache
from typing import NamedTuple

import pytest

import annette
from annette.errors import UnsupportedKernelError, UnsupportedOperatorError
from annette.network.builder import NetworkBuilder
from annette.testing.variants import (
    listed_otherwise,
    renamed,
    results_reversed,
    reversed_names,
    scrambled_names,
    shorter,
    without,
)

EQUAL = 1e-9
TOLERANCE = 0.005
"""Forests that know whether an activation runs along differ by so much for one convolution of a network of fifty."""

PLATFORMS = [entry.name for entry in annette.list_platforms() if not entry.name.endswith("-original")]
"""Those that reproduce the original's parameters are left out: what they say is what was published."""

NETWORKS = (
    "squeezenet1_1", "mobilenet_v2", "mobilenet_v3_small", "resnet18", "googlenet", "shufflenet_v2_x0_5",
    "yolov4_tiny", "nasbench101:seed1", "nasbench101:seed3",
)  # fmt: skip
LAYERS = 6
"""Layers of each network that are left out, one at a time."""


class Truth(NamedTuple):
    """Something less that costs more.

    Attributes:
        platforms: What names of platforms begin with.
        kinds: Kinds of the layer that is left out; empty means all.
        growth: The most that it makes a network dearer.
        reason: Why that is so.
    """

    platforms: str
    kinds: frozenset[str]
    growth: float
    reason: str


_PARTS = frozenset({"sigmoid", "tanh", "softplus", "erf", "add", "mul", "div", "pow"})
_CONVOLUTIONS = frozenset({"conv", "depthwise_conv", "grouped_conv", "fully_connected"})
TRUTHS = (
    Truth(
        "ethos-u", frozenset(), 0.25,
        "cascades, stripes, staged weights and maps are decided anew for the shorter network: Vela's own estimate "
        "grows by 24.9 % where openpose_lightweight loses a depthwise convolution",
    ),
    Truth(
        "zcu102", _CONVOLUTIONS, 0.08,
        "a convolution takes its activation, a sum and a pool along; without it each of them goes over memory",
    ),
    Truth(
        "ncs2", frozenset({"max_pool", "conv", "relu"}), 0.09,
        "the compiler keeps what it tries (a tensor on chip, a sum beside a convolution) where all later stages still "
        "have room, so that one stage less at the end may undo it everywhere; and a rectifier on its own goes over "
        "memory: 0.48 ms for 401,408 elements in the published counters",
    ),
    *(
        Truth(
            platform, _PARTS, 0.08,
            "what is left of an operator that the runtime recognises (GELU, SiLU, mish) is kernels of its own",
        )
        for platform in ("epyc", "xeon", "zcu102")
    ),
)  # fmt: skip


@cache
def _network(name):
    return annette.load_network(name)


def _latency_s(network, platform):
    """The headline, or None where the platform has no model for a kind of the network."""
    try:
        return annette.estimate(network, platform).latency_s
    except (UnsupportedKernelError, UnsupportedOperatorError):
        return None


def _allowed(platform, kind):
    listed = [truth for truth in TRUTHS if platform.startswith(truth.platforms)]
    return max((truth.growth for truth in listed if not truth.kinds or kind in truth.kinds), default=TOLERANCE)


def _smaller(network, name):
    drawn = list(network.layers)
    random.Random(name).shuffle(drawn)
    smaller = ((layer.kind, f"without {layer.name}", without(network, layer.name)) for layer in drawn)
    found = [case for case in smaller if case[2] is not None][:LAYERS]
    rest = shorter(network)
    return found if rest is None else [*found, (network.layers[-1].kind, "without its last layer", rest)]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_network_without_a_layer_is_not_dearer(platform):
    wrong = []
    compared = 0
    target = annette.load_platform(platform)
    for name in NETWORKS:
        whole = _latency_s(_network(name), target)
        for kind, what, smaller in _smaller(_network(name), name) if whole is not None else ():
            latency_s = _latency_s(smaller, target)
            if latency_s is None:  # what is left of a recognised operator has no model
                continue
            compared += 1
            if latency_s > whole * (1 + _allowed(platform, kind)):
                wrong.append(f"{name} {what} ({kind}): {latency_s / whole - 1:+.2%}")
    assert compared > 40
    assert wrong == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_names_and_order_mean_nothing(platform):
    target = annette.load_platform(platform)
    compared = 0
    for seed, name in enumerate(NETWORKS):
        network = _network(name)
        whole = _latency_s(network, target)
        if whole is None:
            continue
        for other in (
            renamed(network, reversed_names(network)),
            renamed(network, scrambled_names(seed)),
            listed_otherwise(network, seed),
        ):
            assert _latency_s(other, target) == pytest.approx(whole, rel=EQUAL), name
            compared += 1
    assert compared >= 15


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_order_of_results_means_nothing_but_to_vela(platform):
    """Vela walks back from its results, one after the other: its own estimate moves by as much as ours."""
    network = _network("yolov4_tiny")
    assert len(network.outputs) == 2
    whole, other = (annette.estimate(each, platform).latency_s for each in (network, results_reversed(network)))
    assert other == pytest.approx(whole, rel=0.01 if platform.startswith("ethos-u") else EQUAL)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_twice_the_work_is_not_cheaper(platform):
    target = annette.load_platform(platform)
    for name, half, whole in (
        ("mobilenet_v1", {"width": 0.5}, {"width": 1.0}),
        ("mobilenet_v2", {"resolution": 112}, {"resolution": 224}),
        ("densenet121", {"growth": 16}, {"growth": 32}),
        ("nasbench101:seed1", {"channels": 64}, {"channels": 128}),
        ("resnet18", {"batch": 1}, {"batch": 2}),
    ):
        if "batch" in half and platform.startswith("ethos-u"):
            continue  # its operators take one sample; what Vela makes of several is not known
        less, more = (_latency_s(annette.network.zoo.build(name, **options), target) for options in (half, whole))
        assert (less is None) == (more is None)
        assert less is None or less < more, name


@pytest.mark.parametrize("platform", ["kirin970-tvm", "snapdragon835-tvm"])
@pytest.mark.parametrize("activation", ["gelu", "mish", "silu"])
def test_what_is_left_of_a_decomposed_activation_joins_the_convolution(platform, activation):
    net = NetworkBuilder("block")
    network = net.build(net.activation(net.conv(net.input("x", (1, 64, 56, 56)), 64, 3, padding=1), activation))
    whole = annette.estimate(network, platform).latency_s
    for layer in network.layers[1:]:
        assert annette.estimate(without(network, layer.name), platform).latency_s <= whole * (1 + EQUAL), layer.name


def test_a_scale_alone_runs_on_the_dpu():
    net = NetworkBuilder("block")
    pooled = net.max_pool(net.input("x", (1, 64, 56, 56)), 3, stride=1, padding=1)
    network = net.build(net.conv(net.scale_by_constant(pooled, (64, 1, 1)), 64, 1))
    kernels = annette.estimate(network, "zcu102-dnndk").kernels
    assert [kernel.kind for kernel in kernels] == ["max_pool", "batch_norm", "conv"]
