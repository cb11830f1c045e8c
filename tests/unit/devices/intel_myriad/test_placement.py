"""Placement in on-chip memory: what is copied, what is free, and that trials leave no trace."""

import gc
import time
from dataclasses import replace

import pytest

from annette.collector import uncollected
from annette.devices.intel_myriad.placement.graph import Stage, build_stages
from annette.devices.intel_myriad.placement.memory import Chip, Schedule
from annette.devices.intel_myriad.placement.nodes import nodes_of
from annette.devices.intel_myriad.placement.passes import place
from annette.devices.intel_myriad.stage import MyriadPlacement
from annette.mapping.kernel import Kernel
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder
from annette.network.zoo import build

CHIP = Chip()
MAPPING = preset("openvino-myriad")


def by_name(network):
    return {kernel.name: kernel for kernel in MAPPING.apply(network)}


def joined(channels, size):
    """Two convolutions whose results are joined and read by a third."""
    net = NetworkBuilder("joined", source_format="test")
    x = net.conv(net.input("x", (1, 64, size, size)), 64, 1, name="first")
    parts = [net.relu(net.conv(x, channels, 1, name=f"part{i}")) for i in range(2)]
    return net.build(net.conv(net.concat(parts, name="joined"), 64, 1, name="last"))


def test_small_networks_stay_on_chip_and_concats_are_written_in_place():
    kernels = by_name(joined(64, 14))
    assert kernels["joined"].free
    assert "in-place" in kernels["joined"].rules
    assert kernels["first"].context["input_in_ddr"] == 1  # the network's input comes from outside
    assert kernels["last"].context == {
        "input_in_ddr": 0, "output_in_ddr": 0, "copied_bytes": 0, "injected_bytes": 0, "pieces": 1, "shaves": 0,
    }  # fmt: skip


def test_a_concat_that_does_not_fit_is_copied_to_external_memory():
    kernels = by_name(joined(256, 56))
    copied = sum(kernel.context.get("copied_bytes", 0) + kernel.context.get("injected_bytes", 0)
                 for kernel in kernels.values())  # fmt: skip
    assert copied >= 2 * 56 * 112 * 256
    assert kernels["last"].context["input_in_ddr"] == 1


def test_inputs_are_converted_and_single_positions_are_matrix_products():
    net = NetworkBuilder("tail", source_format="test")
    x = net.global_average_pool(net.conv(net.input("x", (1, 3, 8, 8)), 16, 3))
    kernels = MAPPING.apply(net.build(net.conv(x, 10, 1, name="logits")))
    assert [kernel.kind for kernel in kernels] == ["convert", "conv", "global_average_pool", "fully_connected"]
    assert kernels[0].layers == ()
    assert "as-matrix-product" in kernels[3].rules


def test_a_convolution_that_the_engine_cannot_run_is_another_kind():
    net = NetworkBuilder("wide", source_format="test")
    x = net.conv(net.input("x", (1, 2048, 40, 40)), 16, 17)
    assert [kernel.kind for kernel in MAPPING.apply(net.build(x))] == ["convert", "software_conv"]


def test_a_max_pool_moves_in_front_of_the_concat_that_it_alone_reads():
    net = NetworkBuilder("pooled", source_format="test")
    x = net.input("x", (1, 16, 28, 28))
    parts = [net.conv(x, 32, 3, padding=1, name=f"part{i}") for i in range(3)]
    kernels = by_name(net.build(net.max_pool(net.concat(parts, name="joined"), 2, stride=2, name="pool")))
    assert kernels["pool"].context["pieces"] == 3


def test_channels_last_networks_transpose_before_views(tmp_path):
    file = tmp_path / "net.json"
    file.write_text(
        '{"name": "net", "layers": {"x": {"type": "DataInput", "output_shape": [-1, 4, 4, 8], "parents": [], '
        '"children": ["c"]}, "c": {"type": "Conv", "input_shape": [-1, 4, 4, 8], "output_shape": [-1, 1, 1, 8], '
        '"kernel_shape": [4, 4, 8, 8], "strides": [1, 1, 1, 1], "pads": [0, 0, 0, 0, 0, 0, 0, 0], "parents": ["x"], '
        '"children": ["s"]}, "s": {"type": "Squeeze", "input_shape": [-1, 1, 1, 8], "output_shape": [-1, 8], '
        '"parents": ["c"], "children": []}}}'
    )
    from annette.network.readers.json import read_json

    kernels = MAPPING.apply(read_json(file))
    assert [kernel.kind for kernel in kernels] == ["convert", "fully_connected", "transpose", "reshape"]


@pytest.mark.parametrize("name", ["resnet50", "inception_v3", "densenet121", "squeezenet1_0", "mobilenet_v2"])
def test_trials_leave_a_schedule_that_a_fresh_run_agrees_with(name):
    """Incremental trials must end where running all stages from the start does."""
    network = build(name)
    kernels = replace(MAPPING, context=None).apply(network)
    inputs = MAPPING.apply(network)[: len(network.inputs)]
    nodes = nodes_of(kernels, inputs, CHIP.output_limit_bytes)
    schedule = place(build_stages(nodes, CHIP.output_limit_bytes), CHIP)
    again = Schedule(schedule.stages, CHIP)
    assert again.fill() is None
    assert all(part.shave_count > 0 for stage in schedule.stages for part in stage.parts if part.shaves != "none")


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "mobilenet_v2"])
def test_every_layer_is_in_one_kernel_and_operations_are_kept(name):
    network = build(name)
    kernels = MAPPING.apply(network)
    names = [layer.name for kernel in kernels for layer in kernel.layers]
    assert sorted(names) == sorted(layer.name for layer in network.layers)
    assert len({kernel.name for kernel in kernels}) == len(kernels)
    assert sum(kernel.ops for kernel in kernels) == network.ops
    made = set(network.inputs)
    for kernel in kernels:
        assert made.issuperset(tensor for tensor in kernel.inputs if not network.tensors[tensor].constant)
        made.update(kernel.outputs)


def test_the_same_network_gives_the_same_kernels():
    def seen():
        return [(kernel.name, kernel.kind, dict(kernel.context)) for kernel in MAPPING.apply(build("inception_v3"))]

    assert seen() == seen()


def test_a_network_of_thousands_of_layers_is_placed_in_bounded_time():
    net = NetworkBuilder("long", source_format="test")
    x = net.conv(net.input("x", (1, 64, 56, 56)), 256, 1)
    for _ in range(500):
        x = net.relu(net.add(x, net.conv(net.relu(net.conv(x, 64, 1)), 256, 1)))
    network = net.build(x)
    began = time.process_time()
    kernels = MAPPING.apply(network)
    assert time.process_time() - began < 20
    assert sum(isinstance(kernel, Kernel) for kernel in kernels) > 1500


def test_what_follows_from_a_product_with_zero_is_folded():
    net = NetworkBuilder("zero", source_format="test")
    x = net.conv(net.input("x", (1, 16, 8, 8)), 16, 1, name="first")
    dead = net.conv(net.mul(x, 0.0, name="zero"), 16, 1, name="dead")
    network = net.build(net.conv(net.add(x, dead, name="sum"), 16, 1, name="last"))
    assert [name for name, kernel in by_name(network).items() if kernel.free] == ["zero", "dead", "sum"]


def test_parameters_read_back():
    stage = MyriadPlacement(Chip(slices=12))
    assert MyriadPlacement.from_json(stage.to_json()) == stage


@pytest.mark.parametrize("name", ["squeezenet1_0", "mobilenet_v2"])
def test_stages_leave_nothing_to_the_garbage_collector(name):
    network = build(name)
    MAPPING.apply(network)
    gc.collect()
    with uncollected():
        MAPPING.apply(network)
        assert not [each for each in gc.get_objects() if isinstance(each, Stage)]
