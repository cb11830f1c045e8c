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


def joined(samples, mapping):
    """Kernels of a network that pools with padding, cuts in two, convolves one half in single elements, and joins."""
    net = NetworkBuilder("joined", source_format="test")
    x = net.conv(net.input("x", (samples, 16, 32, 32)), 64, 3, padding=1, name="stem")
    x = net.max_pool(x, 3, stride=2, padding=1, name="pool")
    x = net.conv(x, 64, 3, padding=1, name="between")
    left, right = net.split(x, 2, axis=1, name="split")
    right = net.conv(net.conv(right, 32, 1, name="first"), 32, 1, name="second")
    network = net.build(net.concat([left, right], axis=1, name="join"))
    return {kernel.name: kernel for kernel in mapping.apply(network)}


@pytest.mark.parametrize("mapping", [U55, U85])
def test_what_samples_are_joined_or_cut_from_is_copied(mapping):
    one, four = joined(1, mapping), joined(4, mapping)
    assert one["join"].context["copied_bytes"] == 32 * 16 * 16  # What the split hands over; the rest is in place.
    assert four["join"].context["copied_bytes"] == 4 * 64 * 16 * 16
    assert "first/cut" in four
    assert not {"second/cut", "between/cut"} & set(four)
    assert "first/cut" not in one


@pytest.mark.parametrize("mapping", [U55, U85])
def test_a_padded_map_of_several_samples_is_another_one_in_rows(mapping):
    one, four = joined(1, mapping), joined(4, mapping)
    assert (one["pool"].context["input_rows"], four["pool"].context["input_rows"]) == (0, 1)
    border = [kernels["pool/border"].context for kernels in (one, four)]
    moved = [max(each["engine_cycles"], each["on_chip_cycles"] + each["off_chip_cycles"]) for each in border]
    assert moved[1] > moved[0] + 4 * 64 * 32 * 32 / 16  # At most 16 bytes a cycle.


def test_a_part_that_is_read_twice_is_copied_once():
    net = NetworkBuilder("twice", source_format="test")
    x = net.conv(net.input("x", (2, 16, 16, 16)), 64, 3, padding=1, name="stem")
    left, right = net.split(x, 2, axis=1, name="split")
    both = [net.conv(right, 32, 1, name=name) for name in ("one", "two")]
    kernels = U55.apply(net.build(net.concat([left, *both], axis=1)))
    assert sum(kernel.rules == ("cut",) for kernel in kernels) == 1


def test_one_sample_runs_as_ever():
    (conv,), _ = operations(1, 1)
    assert (conv.kind, conv.repeats, conv.activated) == ("conv", 1, True)
