"""What strangers' numbers may ask of the scheduler: it costs the same, or is refused with a name."""

import pytest

from annette.devices.arm_ethos_u.scheduler.accelerator import AcceleratorConfig
from annette.devices.arm_ethos_u.scheduler.block_config import OpShape, choose_block_config
from annette.devices.arm_ethos_u.scheduler.performance import _sub_kernels
from annette.errors import NetworkSizeError
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder
from annette.network.network import Network
from annette.network.tensor import Tensor
from annette.network.workload import describe_layer

PRESETS = ("ethos-u55-128", "ethos-u65-512-sram", "ethos-u65-512", "ethos-u85-512")


@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 8), (3, 17), (16, 9), (25, 64)])
def test_the_parts_of_a_kernel_are_those_of_a_walk_over_it(height, width):
    walked = [min(height - y, 8) * min(width - x, 8) for y in range(0, height, 8) for x in range(0, width, 8)]
    counted = [size for size, count in _sub_kernels(_pool(height, width)) for _ in range(count)]
    assert sorted(counted) == sorted(walked)


def _pool(height, width):
    return OpShape("pool", 1, 1, 8, 8, height, width, height, width, 1, 1, 1)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("size", [65_536, 2**20, 2**28])
def test_a_window_of_any_size_is_scheduled(name, size):
    net = NetworkBuilder("window")
    network = net.build(net.global_average_pool(net.input("x", (1, 1, size, size)), name="pool"))
    assert preset(name).apply(network)[-1].context["engine_cycles"] > size


@pytest.mark.parametrize("name", PRESETS)
def test_scalars_are_joined(name):
    parts = [Tensor(each, ()) for each in "ab"]
    whole = Tensor("whole", (2,))
    layer = describe_layer("concat", "joined", inputs=parts, outputs=[whole], attributes={"axis": 0})
    tensors = {each.name: each for each in (*parts, whole)}
    network = Network(name="n", layers=[layer], tensors=tensors, inputs=["a", "b"], outputs=["whole"])
    (kernel,) = preset(name).apply(network)
    assert kernel.context["copied_bytes"] == 2


@pytest.mark.parametrize("name", PRESETS)
def test_a_long_chain_of_concats_is_one_feature_map(name):
    net = NetworkBuilder("chain")
    x = net.input("x", (1, 16, 4, 4))
    y = net.conv(x, 16, 1)
    for _ in range(1500):
        y = net.concat([y, net.conv(x, 16, 1)])
    kernels = preset(name).apply(net.build(y))
    assert sum(kernel.free for kernel in kernels) == 1500


def test_weights_in_billions_of_slices_are_refused():
    net = NetworkBuilder("channels")
    network = net.build(net.fully_connected(net.fully_connected(net.input("x", (1, 16)), 4), 2**40, name="huge"))
    with pytest.raises(NetworkSizeError, match=r"'channels': 'huge', whose weights are copied in [0-9]+ slices, asks"):
        preset("ethos-u55-128").apply(network)


@pytest.mark.parametrize("name", PRESETS)
def test_strides_beyond_64_bits_overflow_no_block(name):
    config = preset(name).context.accelerator.config
    assert isinstance(config, AcceleratorConfig)
    shape = OpShape("conv", 2, 2, 2**40, 2**62, 2**62, 2**62, 2**62, 2**62, 2**63, 2**63, 2)
    block = choose_block_config(config, shape)
    assert min(block[:6]) >= 1
