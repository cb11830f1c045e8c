"""Candidates of compiled spaces cost what they do when they are built, mapped and priced."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import annette
from annette.platforms import load_platform
from annette.spaces.compiled import compile_space
from annette.spaces.full_road import FullRoad
from annette.spaces.nasbench101 import NasBench101
from annette.spaces.nasbench201 import NasBench201
from annette.spaces.once_for_all import OnceForAll
from tests.unit.spaces.samples import chain, described

SPACES = {
    "nasbench101": lambda: NasBench101(cells=2, channels=32),
    "nasbench201": lambda: NasBench201(cells=2),
    "once-for-all": lambda: OnceForAll(resolutions=(128,)),
    "chain": chain,
    "described": described,
}
PLATFORMS = ("epyc-onnxruntime", "epyc-openvino-fp32", "kirin970-tvm", "zcu102-dnndk", "ncs2-openvino", "ethos-u55-128")
"""Of models that see the whole network, of overheads a kernel, of another runtime's rules, and of compilers that decide
from the whole network."""

_COMPILED = {}


def prices_of(space, platform):
    """Compiled once for all examples, from few candidates: what is met beyond them is learned on the way."""
    if (space, platform) not in _COMPILED:
        loaded = load_platform(platform)
        _COMPILED[space, platform] = compile_space(SPACES[space](), loaded, fallback="roofline", training=24)
    return _COMPILED[space, platform]


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("space", SPACES)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=3, deadline=None)
def test_compiled_candidates_equal_the_full_road(space, platform, seed):
    prices = prices_of(space, platform)
    candidates = prices.space.sample(3, np.random.default_rng(seed))
    found, road = (
        prices.price(candidates),
        FullRoad(prices.space, prices.platform, fallback="roofline").price(candidates),
    )
    for ours, theirs in zip(found, road, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    network = prices.space.build(candidates[0].tolist()).network
    estimate = annette.estimate(network, prices.platform, fallback="roofline")
    assert found.latency_s[0] == pytest.approx(estimate.latency_s, rel=1e-9)


def test_pieces_that_are_told_apart_anew_are_priced_anew():
    """Such candidates had been up to six times off until the next unknown kernel: their pieces had others' prices."""
    prices = compile_space(SPACES["nasbench101"](), load_platform("kirin970-tvm"), fallback="roofline", training=24)
    for seed in (2994, 0, 1):
        candidates = prices.space.sample(3, np.random.default_rng(seed))
        road = FullRoad(prices.space, prices.platform, fallback="roofline").price(candidates)
        np.testing.assert_allclose(prices.price(candidates).latency_s, road.latency_s, rtol=1e-9)


@pytest.mark.parametrize("space", SPACES)
def test_cpu_platforms_are_compiled(space):
    prices = prices_of(space, "epyc-onnxruntime")
    assert prices.compiled, prices.reason


@pytest.mark.parametrize("space", SPACES)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_labels_name_candidates_that_are_built_alike(space, seed):
    space = SPACES[space]()
    candidate = space.sample(1, np.random.default_rng(seed))[0].tolist()
    label = space.label(candidate)
    again = space.parse(label)
    assert space.label(again) == label
    assert [layer.workload for layer in space.build(again).network.layers] == [
        layer.workload for layer in space.build(candidate).network.layers
    ]
