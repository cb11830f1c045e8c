import math

import pytest

from annette.bench.backend import ProfileEntry
from annette.bench.profile_matching import ADDED, layers_between, match_profile
from annette.network.builder import NetworkBuilder


@pytest.fixture
def net():
    """Two branches that meet: conv1 → relu1 → conv2 → add (with relu1) → relu2."""
    builder = NetworkBuilder("net")
    x = builder.relu(builder.conv(builder.input("x", (1, 4, 4, 4)), 4, 1, name="conv1"), name="relu1")
    y = builder.conv(x, 4, 1, name="conv2")
    return builder.build(builder.relu(builder.add(y, x, name="add"), name="relu2"))


def entry(name, latency_s=(1.0,), **fields):
    return ProfileEntry(name, "Op", latency_s, **fields)


def layers(net, *entries):
    return [kernel.layers for kernel in match_profile(net, entries).kernels]


def test_layers_that_the_runtime_names_win(net):
    assert layers(net, entry("conv2", layers=("relu1", "conv1", "nothing"))) == [("conv1", "relu1")]


def test_tensors_bound_a_region(net):
    assert layers(net, entry("k", inputs=("x",), outputs=("relu1",))) == [("conv1", "relu1")]
    assert layers(net, entry("k", inputs=("relu1",), outputs=("relu2",))) == [("conv2", "add", "relu2")]


def test_a_name_alone_is_enough_where_it_is_a_layers(net):
    assert layers(net, entry("conv2"), entry("conv2_fused")) == [("conv2",), ()]


def test_tensors_that_bound_nothing_do_not_match(net):
    assert layers_between(net, ("add",), ("relu1",)) == ()
    assert layers(net, entry("k", inputs=("add",), outputs=("relu1",))) == [()]


def test_position_proves_nothing(net):
    matched = match_profile(net, [entry(name) for name in ("a", "b", "c", "d", "e")])
    assert matched.matched_share == 0
    assert matched.unmatched == ("a", "b", "c", "d", "e")
    assert matched.not_run == ("conv1", "relu1", "conv2", "add", "relu2")


def test_what_the_runtime_added_counts_as_known(net):
    matched = match_profile(
        net, [entry("reorder", info={ADDED: "1", "kind": "copy"}), entry("odd", (3.0,)), entry("conv1")]
    )
    assert [kernel.added for kernel in matched.kernels] == [True, False, False]
    assert matched.kernels[0].info == {"kind": "copy"}
    assert matched.matched_share == pytest.approx(2 / 5)
    assert matched.unmatched == ("odd",)


def test_what_the_runtime_added_is_no_layer_even_if_it_is_called_like_one(net):
    (kernel,) = match_profile(net, [entry("conv1", info={ADDED: "1"})]).kernels
    assert kernel.added
    assert kernel.layers == ()


def test_latency_is_the_median_and_samples_are_kept(net):
    (kernel,) = match_profile(net, [entry("conv1", (3.0, 1.0, 2.0))]).kernels
    assert kernel.latency_s == 2.0
    assert kernel.samples_s == (3.0, 1.0, 2.0)


def test_no_profile_has_no_share(net):
    assert math.isnan(match_profile(net, ()).matched_share)
    assert math.isnan(match_profile(net, [entry("conv1", (0.0,))]).matched_share)
