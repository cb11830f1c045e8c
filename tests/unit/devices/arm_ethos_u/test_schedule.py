"""Cascades, staged weights and maps of small networks, worked by hand."""

import pytest

from annette.devices.arm_ethos_u.scheduler.feature_maps import feature_maps_of, storage_of, stored_bytes
from annette.devices.arm_ethos_u.scheduler.weight_buffering import copy_cycles
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder

U65 = preset("ethos-u65-512")
KB = 1024


def chain(size, channels, *kernels):
    net = NetworkBuilder("chain", source_format="test")
    x = net.input("x", (1, channels[0], size, size))
    for position, (depth, kernel) in enumerate(zip(channels[1:], kernels, strict=True)):
        x = net.conv(x, depth, kernel, padding=kernel // 2, name=f"conv{position}")
    return net.build(x)


def contexts(network, mapping=U65):
    return {kernel.name: kernel.context for kernel in mapping.apply(network)}


def test_nhcwb16_pads_feature_maps_to_bricks_of_16_channels():
    network = chain(8, (16, 24, 16), 1, 1)
    (inner,) = [layer.outputs[0] for layer in network.layers if layer.name == "conv0"]
    shape = storage_of(network).shapes[inner]
    assert shape == (1, 8, 8, 24)
    assert stored_bytes(shape) == 8 * 8 * 32
    assert stored_bytes(shape, nhwc=True) == 8 * 8 * 24


def test_inputs_and_outputs_of_the_network_are_stored_as_nhwc():
    network = chain(8, (16, 24, 16), 1, 1)
    maps, root = feature_maps_of(
        U65.apply(network), storage_of(network).shapes, {}, {*network.inputs, *network.outputs}
    )
    ends = {root[tensor] for tensor in (*network.inputs, *network.outputs)}
    assert {name for name, each in maps.items() if each.nhwc} == ends


def test_a_flattened_map_shares_memory_with_what_it_was():
    net = NetworkBuilder("flat", source_format="test")
    x = net.conv(net.input("x", (1, 16, 4, 4)), 16, 1, name="conv")
    network = net.build(net.fully_connected(net.flatten(x, name="flat"), 10, name="dense"))
    _, root = feature_maps_of(U65.apply(network), storage_of(network).shapes, {}, {*network.inputs, *network.outputs})
    flat = network.layers_by_name["flat"]
    assert root[flat.inputs[0]] == root[flat.outputs[0]]


def test_small_maps_are_not_cascaded():
    assert not any(context["cascaded"] for context in contexts(chain(32, (16, 32, 32, 32), 3, 3, 3)).values())


def test_a_cascade_ends_where_the_next_kernel_fits_by_itself():
    # 128 x 128 x 64 are 1 MB; after the pooling 64 x 64 x 64 are 256 KB: a kernel with 512 KB in all just does not fit.
    net = NetworkBuilder("shrinking", source_format="test")
    x = net.conv(net.input("x", (1, 16, 128, 128)), 64, 3, padding=1, name="first")
    x = net.conv(x, 64, 3, padding=1, name="second")
    x = net.max_pool(x, 4, stride=4, name="pool")
    x = net.conv(x, 64, 3, padding=1, name="third")
    context = contexts(net.build(net.conv(x, 64, 3, padding=1, name="fourth")))
    assert [context[name]["cascaded"] for name in ("first", "second", "pool", "third")] == [1, 1, 1, 0]


def test_a_map_that_two_kernels_read_is_stored_whole():
    net = NetworkBuilder("branch", source_format="test")
    x = net.conv(net.input("x", (1, 16, 128, 128)), 64, 3, padding=1, name="first")
    left = net.conv(x, 64, 3, padding=1, name="left")
    right = net.conv(x, 64, 3, padding=1, name="right")
    context = contexts(net.build(net.add(left, right, name="sum")))
    assert not context["first"]["cascaded"]
    assert context["first"]["output_outside"] == 1


def test_weights_that_are_read_often_are_copied_first():
    context = contexts(chain(56, (64, 64, 64), 1, 1))["conv1"]
    assert context["refetches"] > 1
    assert context["staged"] == 1


def test_weights_that_are_read_once_are_not():
    net = NetworkBuilder("vector", source_format="test")
    x = net.relu(net.fully_connected(net.input("x", (1, 512)), 512, name="first"))
    assert contexts(net.build(net.fully_connected(x, 512, name="second")))["second"]["staged"] == 0


@pytest.mark.parametrize("name", ["ethos-u65-512", "ethos-u85-512"])
def test_a_copy_takes_the_slower_memory_and_its_latency(name):
    accelerator = preset(name).context.accelerator
    assert copy_cycles(accelerator, 0) == pytest.approx(accelerator.off_chip.read_latency)
    assert copy_cycles(accelerator, 64 * KB) == pytest.approx(
        64 * KB / accelerator.off_chip.copy + accelerator.off_chip.read_latency
    )


def test_the_cycles_of_one_block():
    # An OFM of 8 x 8 is 4 x 4 micro-blocks, 16 channels two of them, 32 IFM channels one step of 4 cycles each; two
    # cores. Then 8 x 8 x 16 outputs, an eighth of a cycle each, or 10 bytes of scales a channel behind a latency of 64;
    # commands are issued no faster than a quarter of both. The SRAM moves 16 bytes a cycle, latency 32. IFM and OFM are
    # NHWC: 32 channels are a burst of 32 bytes, 8 columns of 16 channels more than that.
    context = contexts(chain(8, (32, 16), 1), preset("ethos-u65-512-sram"))["conv0"]
    computing = 4 * (4 * 4) * 2 / 2
    writing = max(8 * 8 * 16 / 8, 10 * 16 * 64 / 256)
    issuing = (computing + writing) / 4
    fetch, drain = 32 + 8 * 8 * 32 / 16, 32 + 8 * 8 * 16 / 16
    assert context["engine_cycles"] == pytest.approx(max(writing, issuing) + max(computing, issuing) + fetch + drain)
    assert context["on_chip_cycles"] == pytest.approx((8 * 8 * 32 + 8 * 8 * 16) / 16)


def test_a_kernel_of_one_operation_waits_for_nothing():
    assert {context["waiting_cycles"] for context in contexts(chain(8, (32, 16, 16), 1, 3)).values()} == {0.0}


def test_attention_is_stored_as_it_is_and_feature_maps_with_channels_last():
    net = NetworkBuilder("both", source_format="test")
    x = net.conv(net.input("x", (1, 16, 4, 6)), 32, 1, name="conv")
    tokens = net.reshape(x, (1, 32, 24), name="tokens")
    network = net.build(net.transpose(tokens, (0, 2, 1), name="turn"))
    shapes = storage_of(network).shapes
    written = {layer.name: shapes[layer.outputs[0]] for layer in network.layers}
    assert written == {"conv": (1, 4, 6, 32), "tokens": (1, 24, 32), "turn": (1, 24, 32)}
