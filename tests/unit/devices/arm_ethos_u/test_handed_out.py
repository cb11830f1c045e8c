"""Copies of parts of feature maps that leave the accelerator."""

import pytest

from annette.devices.arm_ethos_u.scheduler.handed_out import HANDED_OUT
from annette.estimation import estimate_network
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder
from annette.platforms import load_platform


def cut(*, view=False, inside=False):
    """A convolution, of whose rows some are an output, perhaps through a view, or read by another convolution."""
    net = NetworkBuilder("cut", source_format="test")
    part = net.slice(
        net.conv(net.input("x", (1, 16, 24, 24)), 32, 3, padding=1, name="conv"), [4], [20], [2], name="cut"
    )
    if view:
        return net.build(net.reshape(part, (1, 32, 384), name="flat"))
    further = [net.conv(part, 32, 3, padding=1, name="last")] if inside else []
    return net.build(*further, *([] if inside == "only" else [part]))


def copies(network, name="ethos-u55-128"):
    return [kernel for kernel in preset(name).apply(network) if HANDED_OUT in kernel.rules]


def test_a_part_that_is_an_output_is_copied_once():
    (kernel,) = copies(cut())
    assert (kernel.name, kernel.kind, kernel.free, kernel.outputs) == ("cut:handed-out", "concat", False, ())
    assert kernel.context["copied_bytes"] == 32 * 16 * 24
    assert len(copies(cut(inside=True))) == len(copies(cut(view=True))) == 1


def test_a_part_that_is_read_within_the_network_is_not():
    assert copies(cut(inside="only")) == []


def test_halves_of_a_split_are_copied_where_they_are_outputs():
    net = NetworkBuilder("halves", source_format="test")
    first, second = net.split(net.conv(net.input("x", (1, 16, 8, 8)), 32, 1), 2, axis=1)
    assert len(copies(net.build(first, net.conv(second, 16, 1)))) == 1
    assert len(copies(net.build(first, second))) == 2


@pytest.mark.parametrize(("name", "conv_us", "copy_us"), [("ethos-u55-128", 63.98, 25.6), ("ethos-u65-512", 9.23, 4.1)])
def test_the_copy_takes_what_vela_says(name, conv_us, copy_us):
    """Cycles of Vela 5.2.0 for the same network in int8."""
    kernels = {each.name: each.latency_s for each in estimate_network(cut(), load_platform(name)).kernels}
    assert kernels["conv"] * 1e6 == pytest.approx(conv_us, rel=0.005)
    assert kernels["cut:handed-out"] * 1e6 == pytest.approx(copy_us, rel=0.005)
    assert kernels["cut"] == 0
