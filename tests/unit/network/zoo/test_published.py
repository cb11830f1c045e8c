"""Every network of the zoo against the figures published about it."""

import inspect
from functools import cache
from importlib import import_module

import pytest

from annette.network import zoo
from tests.unit.network.zoo.counting import normalized_channels


@cache
def as_deployed(name):
    return zoo.build(name)


@cache
def as_trained(name):
    """The network with its batch normalizations, where it has any."""
    function = getattr(import_module(f"annette.network.zoo.{zoo.describe(name).module}"), name)
    options = {"batch_norm": True} if "batch_norm" in inspect.signature(function).parameters else {}
    return zoo.build(name, **options)


@pytest.mark.parametrize("name", zoo.names())
def test_multiply_accumulates(name):
    entry = zoo.describe(name)
    if not entry.gmacs:
        pytest.skip("nothing is published: tested against a closed form")
    counted = as_deployed(name).macs / 1e9
    # Figures in thousandths of a billion are rounded to half a thousandth.
    assert counted - entry.extra_gmacs == pytest.approx(entry.gmacs, rel=0.01, abs=0.0005)


@pytest.mark.parametrize("name", zoo.names())
def test_parameters_as_trained(name):
    entry = zoo.describe(name)
    counted = as_trained(name).parameters - entry.extra_parameters
    if entry.exact:
        assert counted == entry.parameters
    else:
        assert counted == pytest.approx(entry.parameters, rel=0.01)


@pytest.mark.parametrize("name", zoo.names())
def test_folding_takes_one_parameter_per_normalized_channel(name):
    """A scale and a shift become a bias; where the convolution has a bias already, both vanish into it."""
    trained, deployed = as_trained(name), as_deployed(name)
    folded = normalized_channels(trained) - normalized_channels(deployed)
    biased = sum(
        trained.tensors[producer.inputs[2]].elements
        for layer in trained.layers
        if layer.kind == "batch_norm"
        for producer in [trained.producers[layer.inputs[0]]]
        if "conv" in producer.kind and len(producer.inputs) > 2
    )
    assert trained.parameters - deployed.parameters == folded + biased
    assert trained.macs == deployed.macs


def test_only_normalizations_that_follow_no_convolution_remain():
    remaining = {name: normalized_channels(as_deployed(name)) for name in zoo.names()}
    assert [name for name, channels in remaining.items() if channels] == ["densenet121"]


@pytest.mark.parametrize(("sequence", "layers", "hidden"), [(128, 12, 768), (1024, 12, 768), (16, 2, 64)])
def test_decoder_and_encoder_follow_their_closed_form(sequence, layers, hidden):
    options = {"sequence": sequence, "layers": layers, "hidden": hidden, "heads": 4}
    block = 12 * hidden**2 * sequence + 2 * sequence**2 * hidden
    decoder = zoo.build("gpt2", vocabulary=1000, **options)
    assert decoder.macs == layers * block + 1000 * hidden * sequence
    assert zoo.build("bert_base", **options).macs == layers * block + hidden**2


def test_inception_v2_has_the_variables_of_slim():
    """Its test asserts 10 173 112 for the body, with shift, mean and variance for each normalized channel."""
    network = as_trained("inception_v2")
    classifier = 1024 * 1001 + 1001
    assert network.parameters - classifier + normalized_channels(network) == 10_173_112


@pytest.mark.parametrize("name", zoo.names())
def test_a_batch_multiplies_the_work_and_not_the_weights(name):
    one, four = as_deployed(name), zoo.build(name, batch=4)
    assert four.batch == 4
    assert four.macs == 4 * one.macs
    assert four.parameters == one.parameters
    assert all(four.tensors[t].shape[0] == 4 for t in (*four.inputs, *four.outputs))


@pytest.mark.parametrize("name", zoo.names())
def test_a_network_says_where_it_comes_from(name):
    network = as_deployed(name)
    assert network.name == name
    assert network.source_format == "zoo"
    shape = "x".join(map(str, network.tensors[network.inputs[0]].shape[1:]))
    assert zoo.describe(name).input.removesuffix(" tokens") == shape
