"""What is alive when, worked out by hand."""

from dataclasses import replace

import pytest

from annette.mapping.kernel import Precision
from annette.mapping.memory import Lifetime, alive_bytes, plan_by_liveness, width_of
from annette.mapping.rules import preset
from annette.network import DType, Tensor
from annette.network.builder import NetworkBuilder


def planned(build, *shapes, mapping="onnxruntime-cpu", bits=32):
    net = NetworkBuilder("n")
    build(net, *(net.input(f"x{number}", shape) for number, shape in enumerate(shapes)))
    network = net.build()
    kernels = preset(mapping).apply(network)
    return plan_by_liveness(network, kernels, width_of(network, Precision(bits, bits)))


def test_buffers_count_from_their_first_to_their_last_step():
    assert alive_bytes([Lifetime(8, 0, 1), Lifetime(4, 1, 2), Lifetime(1, 2, 9)], 4) == (8, 12, 5, 1)
    assert alive_bytes([], 2) == (0, 0)


def test_a_chain_needs_what_it_reads_and_writes():
    plan = planned(lambda net, x: net.unary("exp", net.transpose(x, (1, 0))), (10, 20))
    assert plan.alive_bytes == (1600, 1600)
    assert plan.method == "liveness"
    assert plan.allocated_bytes is None


def test_what_is_read_again_later_stays():
    def build(net, x):
        y = net.transpose(x, (1, 0))
        z = net.unary("exp", net.unary("exp", y))
        net.add(y, z)

    assert planned(build, (10, 20)).alive_bytes == (1600, 1600, 2400, 2400)


def test_views_take_no_room():
    plan = planned(lambda net, x: net.unary("exp", net.reshape(net.unary("exp", x), (20, 10))), (10, 20))
    assert plan.alive_bytes == (1600, 800, 1600)


def test_outputs_stay_to_the_end_and_the_inside_of_kernels_needs_nothing():
    def build(net, x):
        net.unary("exp", x)
        net.relu(net.conv(x, 8, 1))

    sizes = {"x": 100, "exp": 100, "conv": 200, "relu": 200}
    apart = planned(build, (1, 4, 5, 5), mapping="none").alive_bytes
    assert max(apart) == 4 * (sizes["exp"] + sizes["conv"] + sizes["relu"])
    fused = planned(build, (1, 4, 5, 5), mapping="generic").alive_bytes
    assert max(fused) == 4 * (sizes["x"] + sizes["exp"] + sizes["relu"])


@pytest.mark.parametrize(("bits", "expected"), [(32, 1600), (16, 800), (8, 400)])
def test_numbers_have_the_platforms_precision(bits, expected):
    assert max(planned(lambda net, x: net.unary("exp", x), (10, 20), bits=bits).alive_bytes) == expected


def test_positions_keep_their_type_and_narrow_numbers_theirs():
    net = NetworkBuilder("n")
    net.unary("exp", net.input("x", (4,)))
    size_of = width_of(net.build(), Precision(8, 8))
    assert size_of(Tensor("i", (4,), DType.INT64)) == 32
    assert size_of(Tensor("b", (4,), DType.BOOL)) == 4
    assert size_of(Tensor("f", (4,), DType.FLOAT32)) == 4


def test_an_input_that_a_free_concatenation_takes_stays_where_it_is():
    net = NetworkBuilder("joined")
    x, y = net.input("x", (1, 64, 8, 8)), net.input("y", (1, 64, 8, 8))
    network = net.build(net.relu(net.concat([x, net.relu(y)], axis=1)))
    kernels = [
        replace(kernel, free=True) if kernel.kind == "concat" else kernel for kernel in preset("generic").apply(network)
    ]
    plan = plan_by_liveness(network, kernels, lambda tensor: tensor.elements)
    assert max(plan.alive_bytes) >= 3 * 64 * 64
