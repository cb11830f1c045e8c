"""What strangers' numbers may ask of the placement: it costs no more than its stages, or is refused with a name."""

import pytest

from annette.budget import budgeted
from annette.devices.intel_myriad.stage import MyriadPlacement
from annette.errors import NetworkSizeError
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder
from annette.network.zoo import build


def _placed(network, steps):
    """The kernels of a network, placed within a budget."""
    kernels = preset("openvino-myriad").group(network).kernels()
    with budgeted(network.name, steps=steps):
        return MyriadPlacement().apply(kernels, network)


def test_a_batch_of_billions_is_refused_by_the_layer_that_is_cut():
    net = NetworkBuilder("batch", batch=2**31 - 1)
    network = net.build(net.conv(net.input("x", (2**31 - 1, 3, 8, 8)), 2, 3, stride=2, padding=1, name="cut"))
    with pytest.raises(NetworkSizeError, match="'batch': layer 'cut', which the engine computes in 2147483647 tiles"):
        preset("openvino-myriad").apply(network)


def test_rows_by_the_billion_are_refused_by_the_layer_that_is_cut():
    net = NetworkBuilder("rows")
    network = net.build(net.max_pool(net.input("x", (1, 64, 2**31, 512)), 2, stride=2, name="cut"))
    with pytest.raises(NetworkSizeError, match=r"layer 'cut', which the engine computes in [0-9]+ tiles"):
        preset("openvino-myriad").apply(network)


@pytest.mark.parametrize(("batch", "steps"), [(16, 80_000), (64, 320_000), (128, 640_000)])
def test_samples_of_a_batch_cost_the_same_each(batch, steps):
    kernels = _placed(build("resnet18", batch=batch), steps)
    assert sum(kernel.context.get("copied_bytes", 0) for kernel in kernels) > 0


def test_a_wide_join_costs_a_few_steps_for_each_pair_of_operands():
    net = NetworkBuilder("wide")
    x = net.input("x", (1, 16, 32, 32))
    kernels = _placed(net.build(net.concat([net.conv(x, 16, 1) for _ in range(500)], name="join")), 1_000_000)
    assert next(kernel for kernel in kernels if kernel.name == "join").context["copied_bytes"] > 0


def test_a_long_chain_of_joins_is_resolved_once():
    net = NetworkBuilder("chain")
    x = net.input("x", (1, 16, 8, 8))
    y = net.conv(x, 16, 1)
    for _ in range(400):
        y = net.concat([y, net.conv(x, 16, 1)])
    assert _placed(net.build(y), 4_000_000)


def test_skips_that_cross_the_whole_network_cost_what_is_held():
    net = NetworkBuilder("skips")
    x, kept = net.input("x", (1, 64, 128, 128)), []
    for _ in range(150):
        x = net.conv(x, 64, 3, padding="half")
        kept.append(x)
    for each in reversed(kept):
        x = net.add(x, each)
    assert _placed(net.build(x), 200_000)
