"""The Ethos-U's tiles, order and copies, worked by hand."""

import json

import pytest

from annette.errors import MappingError
from annette.mapping.context import context_from_json, context_to_json
from annette.mapping.ethos_u.tiling import Engine, Window, choose_tile
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder
from annette.network.zoo import build

U55 = preset("ethos-u55-128").context.engine


def window(role="conv", out=(8, 8, 16), channels=32, kernel=1, stride=1, dilation=1):
    height, width, outputs = out
    sizes = height * stride, width * stride
    return Window(role, height, width, outputs, channels, *sizes, kernel, kernel, stride, stride, dilation)


def test_a_kernel_that_fits_is_one_tile():
    tile = choose_tile(U55, window())
    assert (tile.height, tile.width, tile.channels, tile.tiles, tile.reread) == (8, 8, 16, 1, 1)
    assert tile.steps == 8 * 4 * 2  # 8 x 4 micro-tiles of 1 x 2, two blocks of 8 channels, 32 channels a step


def test_three_channels_go_part_kernel_first():
    tile = choose_tile(U55, window(channels=3, kernel=3))
    assert tile.part_kernel
    assert tile.steps == 8 * 4 * 2 * 3  # nine window elements in steps of four


def test_a_full_multiple_of_channels_goes_depth_first():
    assert not choose_tile(U55, window(channels=64, kernel=3)).part_kernel
    assert choose_tile(U55, window(channels=64, kernel=3)).steps == 8 * 4 * 2 * 9 * 2


def test_weights_take_micro_tiles_to_feed():
    assert choose_tile(U55, window(out=(1, 1, 16))).steps == 8 * 2  # one micro-tile counts as eight


def test_halos_are_read_again():
    tile = choose_tile(U55, window(out=(64, 64, 16), kernel=3))
    assert tile.tiles > 1
    assert tile.reread > 1


@pytest.mark.parametrize("role", ["conv", "depthwise", "pool"])
@pytest.mark.parametrize("size", [(1, 1, 1), (7, 5, 24), (300, 300, 3), (56, 56, 500)])
def test_tiles_fit_the_buffers(role, size):
    tile = choose_tile(U55, window(role, size, size[2], kernel=3))
    assert tile.height * tile.width * -(-tile.channels // 8) * 8 <= U55.accumulators
    assert tile.steps > 0


def test_the_smallest_tile_is_taken_where_none_fits():
    tiny = Engine(((2, 2, 8),), 8, 8, 64, 1, 16, 16, 64, 32, 8)
    assert choose_tile(tiny, window(out=(32, 32, 64)))[:3] == (2, 2, 16)


def joined():
    net = NetworkBuilder("joined", source_format="test")
    x = net.conv(net.input("x", (1, 16, 8, 8)), 16, 1, name="first")
    left = net.conv(x, 16, 1, name="left")
    return net.build(net.conv(net.concat([left, x], name="joined"), 16, 1, name="last"))


def test_a_concat_copies_what_others_read_too():
    kernels = {kernel.name: kernel for kernel in preset("ethos-u55-128").apply(joined())}
    assert kernels["joined"].context["copied_bytes"] == 16 * 8 * 8
    assert kernels["first"].context["input_rows"] == 1
    assert kernels["left"].context["input_rows"] == 0
    assert kernels["left"].context["steps_before"] == kernels["first"].context["steps"]


def test_a_concat_that_copies_nothing_is_free():
    net = NetworkBuilder("free", source_format="test")
    x = net.input("x", (1, 16, 8, 8))
    parts = [net.conv(x, 16, 1, name=name) for name in ("a", "b")]
    network = net.build(net.conv(net.concat(parts, name="joined"), 16, 1, name="last"))
    kernels = {kernel.name: kernel for kernel in preset("ethos-u55-128").apply(network)}
    assert kernels["joined"].free


@pytest.mark.parametrize("name", ["mobilenet_v2", "densenet121", "shufflenet_v2_x1_0"])
def test_kernels_come_behind_what_they_read(name):
    network = build(name)
    seen = set(network.inputs)
    kernels = preset("ethos-u85-512").apply(network)
    for kernel in kernels:
        assert set(kernel.inputs) <= seen
        seen.update(kernel.outputs)
    assert sum(len(kernel.layers) for kernel in kernels) == len(network.layers)


def test_rectifiers_run_with_convolutions_and_not_with_pools():
    net = NetworkBuilder("pool", source_format="test")
    x = net.relu(net.conv(net.input("x", (1, 16, 8, 8)), 16, 1, name="conv"))
    network = net.build(net.relu(net.max_pool(x, 2, stride=2, name="pool"), name="alone"))
    assert [kernel.name for kernel in preset("ethos-u55-128").apply(network)] == ["conv", "pool", "alone"]


def test_the_stage_survives_json():
    stage = preset("ethos-u85-512").context
    assert context_from_json(json.loads(json.dumps(context_to_json(stage)))) == stage


@pytest.mark.parametrize("units", [None, [], [[1, 2]], [[0, 2, 8]], [[True, 2, 8]], [[1, 2, 8]] * 9])
def test_bad_micro_tiles_are_refused(units):
    parameters = preset("ethos-u55-128").context.to_json() | {"units": units}
    with pytest.raises(MappingError, match="units"):
        context_from_json({"name": "ethos-u-placement", "parameters": parameters})
