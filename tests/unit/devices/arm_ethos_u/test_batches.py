"""Several samples at once: what runs for each, what for all."""

import pytest

from annette.devices.arm_ethos_u.scheduler.decomposition import operations_of
from annette.devices.arm_ethos_u.scheduler.feature_maps import feature_maps_of, storage_of
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder

U55, U85 = preset("ethos-u55-128"), preset("ethos-u85-512")


def operations(samples, kernel, mapping=U85):
    """Operations of a convolution with a rectifier between two others."""
    net = NetworkBuilder("batch", source_format="test")
    x = net.conv(net.input("x", (samples, 16, 16, 16)), 32, 3, padding=1, name="before")
    x = net.relu(net.conv(x, 32, kernel, padding=kernel // 2, name="within"))
    network = net.build(net.conv(x, 16, 3, padding=1, name="behind"))
    kernels = mapping.apply(network)
    storage = storage_of(network)
    maps, root = feature_maps_of(kernels, storage.shapes, {}, {*network.inputs, *network.outputs})
    config = mapping.context.accelerator.config
    within = next(each for each in kernels if each.name == "within")
    return operations_of(within, storage, root, maps, config), maps


@pytest.mark.parametrize("mapping", [U55, U85])
def test_a_convolution_runs_for_each_sample_and_its_rectifier_for_all(mapping):
    (conv, rectifier), maps = operations(4, 3, mapping)
    assert (conv.kind, conv.repeats, conv.shape[1:4]) == ("conv", 4, (16, 16, 32))
    assert (rectifier.kind, rectifier.repeats, rectifier.shape[1:4]) == ("relu", 1, (64, 16, 32))
    assert not maps[conv.ofm].nhwc
    assert rectifier.ifms == (conv.ofm,)


@pytest.mark.parametrize("mapping", [U55, U85])
def test_a_convolution_of_single_elements_is_a_product_over_all_positions(mapping):
    (product, rectifier), maps = operations(2, 1, mapping)
    assert (product.kind, product.repeats, product.shape[1:4]) == ("conv", 1, (16, 32, 32))
    assert product.ifm_nhwc
    assert maps[product.ofm].nhwc
    assert (rectifier.kind, rectifier.ofm_elements) == ("relu", 2 * 16 * 16 * 32)


def test_one_sample_runs_as_ever():
    (conv,), _ = operations(1, 1)
    assert (conv.kind, conv.repeats, conv.activated) == ("conv", 1, True)
