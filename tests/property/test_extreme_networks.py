"""Any network of any kinds and sizes has a finite, positive estimate on every platform, or an error that says why."""

import math
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annette.errors import AnnetteError, NetworkShapeError
from annette.estimation.estimator import estimate_network
from annette.network.kinds import KINDS, output_shapes
from annette.network.network import Network
from annette.network.tensor import DType, Tensor
from annette.network.workload import describe_layer
from annette.platforms.store import list_platforms, load_platform

_SIZES = st.one_of(
    st.sampled_from((1, 1, 2, 3, 7, 8, 16, 24, 32, 64)),
    st.sampled_from((128, 507, 1000, 2048, 65_535, 65_536)),
    st.sampled_from((2**20, 2**26, 2**31 - 1, 2**31, 2**40, 2**53 + 1, 2**62)),
)
_RANKS = st.sampled_from((0, 1, 2, 3, 4, 4, 4, 4, 5, 6))
_LENGTHS = {"pads": lambda rank: 2 * max(rank - 2, 0), "perm": lambda rank: rank, "repeats": lambda rank: rank}
_NUMBERS = {
    "pads": st.sampled_from((0, 0, 1, 2, 10**6)),
    "strides": st.sampled_from((1, 1, 2, 4, 7, 2**31, 2**62)),
    "dilations": st.sampled_from((1, 1, 2, 3, 100, 2**31)),
    "kernel_shape": st.sampled_from((1, 3, 7, 9, 64, 65_536, 2**31)),
    "groups": st.sampled_from((1, 1, 2, 3, 8)),
}
_COMMON = ("conv", "depthwise_conv", "max_pool", "average_pool", "concat", "add", "mul", "relu", "fully_connected",
           "matmul", "reshape", "transpose", "split", "pad", "resize_nearest", "global_average_pool")  # fmt: skip


def _shapes(rank=_RANKS):
    return rank.flatmap(lambda count: st.tuples(*(_SIZES,) * count))


def _value(draw, key, attribute, rank):
    """A value of an attribute's type: most fit the operand, few make sense together."""
    if key == "perm":
        return tuple(draw(st.permutations(range(rank))))
    if key in ("axis", "axes"):
        axis = draw(st.integers(-rank, max(rank - 1, 0)))
        return (axis,) if attribute.several else axis
    if attribute.several:
        length = _LENGTHS.get(key, lambda rank: max(rank - 2, 1))(rank)
        return tuple(draw(st.lists(_NUMBERS.get(key, _SIZES), min_size=length, max_size=length)))
    if str in attribute.types:
        return draw(st.sampled_from(("", "linear")))
    if float in attribute.types:
        return draw(st.sampled_from((0.0, 1.0, -1.0, 1e308)))
    return draw(_NUMBERS.get(key, _SIZES))


class _Drawn:
    """A network while it is drawn."""

    def __init__(self, draw):
        self.draw = draw
        self.tensors, self.layers, self.activations = {}, [], []

    def tensor(self, name, shape, *, constant=False):
        dtype = self.draw(st.sampled_from((DType.FLOAT32, DType.FLOAT32, DType.INT8, DType.FLOAT64)))
        self.tensors[name] = Tensor(name, tuple(shape), dtype, constant)
        return self.tensors[name]

    def layer(self, number):
        """Adds a layer of any kind; it raises where kinds forbid what was drawn."""
        draw, name = self.draw, f"layer{number}"
        kind = draw(st.one_of(st.sampled_from(_COMMON), st.sampled_from(sorted(KINDS))))
        definition = KINDS[kind]
        operands = draw(st.lists(st.sampled_from(self.activations), min_size=1, max_size=3))
        rank = len(operands[0].shape)
        needed = {
            key: each for key, each in definition.attributes.items() if each.default is None or draw(st.booleans())
        }
        attributes = {key: _value(draw, key, each, rank) for key, each in needed.items()}
        if definition.weights is not None:
            if kind == "depthwise_conv" and rank > 1:
                attributes["groups"] = operands[0].shape[1]
            try:
                weights = definition.weights(operands[0].shape, attributes, draw(_SIZES))
            except (IndexError, KeyError) as error:  # as `Graph.apply` takes them
                raise NetworkShapeError(f"no weights: {error}") from None
            constants = [self.tensor(f"{name}/{key}", shape, constant=True) for key, shape in weights.items()]
            operands = [operands[0], *constants]
        if definition.shapes is not None:
            shapes = output_shapes(kind, [each.shape for each in operands], attributes, name=name)
        else:
            shapes = [draw(_shapes())]
        results = [self.tensor(f"{name}:{index}", shape) for index, shape in enumerate(shapes)]
        macs = draw(_SIZES) if definition.macs is None else None
        self.layers.append(
            describe_layer(kind, name, inputs=operands, outputs=results, attributes=attributes, macs=macs)
        )
        self.activations += results


@st.composite
def _networks(draw):
    drawn = _Drawn(draw)
    for number in range(draw(st.integers(1, 2))):
        try:
            drawn.activations.append(drawn.tensor(f"input{number}", draw(_shapes())))
        except NetworkShapeError:
            drawn.activations.append(drawn.tensor(f"input{number}", (1, 8, 8, 8)))
    inputs = [each.name for each in drawn.activations]
    for number in range(draw(st.integers(1, 6))):
        try:
            drawn.layer(number)
        except AnnetteError:  # Of a kind that such operands do not suit.
            continue
    if not drawn.layers:
        drawn.layers.append(
            describe_layer(
                "relu", "relu", inputs=drawn.activations[:1], outputs=[drawn.tensor("y", drawn.activations[0].shape)]
            )
        )
    read = {tensor for layer in drawn.layers for tensor in layer.inputs}
    outputs = [tensor for layer in drawn.layers for tensor in layer.outputs if tensor not in read]
    return Network(name="extreme", layers=drawn.layers, tensors=drawn.tensors, inputs=inputs, outputs=outputs)


def _check(network, platform):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            estimate = estimate_network(network, platform, fallback="roofline")
        except AnnetteError:
            return
    assert 0 < estimate.latency_s < math.inf
    assert all(0 <= kernel.latency_s < math.inf for kernel in estimate.kernels)


@pytest.mark.parametrize("name", [entry.name for entry in list_platforms()])
@settings(max_examples=25)
@given(network=_networks())
def test_an_estimate_is_finite_and_positive_or_an_error(name, network):
    _check(network, load_platform(name))
