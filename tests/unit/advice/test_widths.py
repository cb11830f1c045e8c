"""More channels, with all that follows from them."""

import pytest

from annette.advice.widths import Widen, widenings
from annette.errors import NetworkError
from tests.unit.advice import samples


def shapes(network, *names):
    return [network.tensors[name].shape for name in names]


def test_a_residual_stays_equal_and_weights_follow():
    network = samples.residual(20)
    wide = Widen("stem", "stem", 1, 20, 24).apply(network)
    assert shapes(wide, "stem", "project", "total") == [(1, 24, 16, 16)] * 3
    assert shapes(wide, "stem.weight", "stem.bias", "expand.weight") == [(24, 3, 3, 3), (24,), (40, 24, 1, 1)]
    assert shapes(wide, "classifier.weight", "classifier") == [(10, 24), (1, 10)]
    assert wide.ops > network.ops
    assert [layer.name for layer in wide.layers] == [layer.name for layer in network.layers]


def test_a_convolution_of_each_channel_has_as_many_groups():
    wide = Widen("expand", "expand", 1, 40, 48).apply(samples.residual(20))
    assert wide.layers_by_name["depthwise"].attributes["groups"] == 48
    assert shapes(wide, "depthwise.weight", "project.weight") == [(48, 1, 3, 3), (20, 48, 1, 1)]


def test_one_part_of_a_concatenation_may_grow_alone():
    wide = Widen("left", "left", 1, 12, 16).apply(samples.inception())
    assert shapes(wide, "left", "right", "last.weight") == [(1, 16, 14, 14), (1, 8, 14, 14), (24, 24, 1, 1)]


def test_halves_and_shuffled_channels_follow():
    network = samples.shuffled(24)
    wide = Widen("stem", "stem", 1, 24, 32, throughout=True).apply(network)
    split = next(layer for layer in wide.layers if layer.kind == "split")
    assert split.attributes["split"] == (16, 16)
    assert shapes(wide, "right.weight", "last.weight") == [(16, 16, 1, 1), (32, 32, 1, 1)]
    assert shapes(wide, *wide.outputs) == shapes(network, *network.outputs)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (Widen("classifier", "classifier", 1, 10, 16), "fixed by the network's output 'classifier'"),
        (Widen("stem", "stem", 1, 21, 24), "does not have 21 channels any more"),
    ],
)
def test_what_cannot_grow_says_why(change, told):
    with pytest.raises(NetworkError, match=told):
        change.apply(samples.residual(20))


def test_halves_of_what_cannot_be_halved_are_refused():
    with pytest.raises(NetworkError, match="cannot grow in proportion"):
        Widen("stem", "stem", 1, 24, 25, throughout=True).apply(samples.shuffled(24))


def test_candidates_are_wider_whole_numbers_and_name_what_is_fixed():
    network, refused = samples.residual(20), {}
    found = widenings(network, network.layers, refused)
    assert {(each.tensor, each.wanted) for each in found if each.layer == "stem"} == {("stem", 24)}
    assert all(each.size < each.wanted <= 1.5 * each.size for each in found)
    for each in found:
        each.apply(network)
    assert refused["other channels of 'classifier' (10)"] == "fixed by the network's output 'classifier'"
