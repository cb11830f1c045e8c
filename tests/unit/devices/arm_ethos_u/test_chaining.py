"""Which element-wise operators an Ethos-U85 chains behind what runs right before them."""

import pytest

from annette.devices.arm_ethos_u.scheduler.block_config import OpShape
from annette.devices.arm_ethos_u.scheduler.chaining import can_chain, chain
from annette.devices.arm_ethos_u.scheduler.operations import NpuOp
from annette.devices.arm_ethos_u.scheduler.repetition import Known
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder


def operation(kind, reads, writes, *, chained=0, size=8, constants=0):
    block_type = "conv" if kind == "conv" else "elementwise"
    shape = OpShape(block_type, size, size, 16, 16, size, size, 1, 1, 1, 1, 1)
    bytes_ = size * size * 16
    return NpuOp(
        kind, shape, tuple(reads), (bytes_,) * len(reads), writes, bytes_, bytes_, size, 16, chained=chained,
        constant_elements=constants,
    )  # fmt: skip


def network(other_reader=False):
    net = NetworkBuilder("chained", source_format="test")
    x = net.input("x", (1, 16, 8, 8))
    side = net.conv(x, 16, 1, name="side")
    main = net.relu(net.conv(side, 16, 3, padding=1, name="main"))
    product = net.mul(main, side, name="product")
    if other_reader:
        product = net.concat([product, net.max_pool(main, 3, stride=1, padding=1, name="reader")], name="both")
    return net.build(net.conv(product, 16, 1, name="last"))


def rules_of(network, mapping):
    return {kernel.name: kernel.rules for kernel in preset(mapping).apply(network)}


def test_a_product_is_chained_behind_a_convolution_with_a_rectifier():
    assert "chained" in rules_of(network(), "ethos-u85-512")["product"]
    assert "chained" not in rules_of(network(), "ethos-u55-128")["product"]


def test_what_others_read_as_well_is_written_first():
    assert "chained" not in rules_of(network(other_reader=True), "ethos-u85-512")["product"]


def test_a_chain_reads_from_memory_what_is_not_made_within_it():
    whole = chain(operation("conv", ["x"], "a"), operation("mul", ["a", "y"], "b"))
    assert (whole.ifms, whole.ofm, whole.chained) == (("x", "y"), "b", 1)
    assert chain(whole, operation("add", ["z", "b"], "c")).ifms == ("x", "y", "z")


@pytest.mark.parametrize(
    ("before", "op"),
    [
        (operation("conv", ["x"], "a"), operation("mul", ["b", "y"], "c")),  # reads something else
        (operation("conv", ["x"], "a", size=4), operation("mul", ["a", "y"], "c")),  # of another shape
        (operation("conv", ["x"], "a", chained=3), operation("mul", ["a", "y"], "c")),  # five operators
        (operation("conv", ["x", "y", "z"], "a", chained=2), operation("mul", ["a", "v"], "c")),  # four feature maps
        (operation("conv", ["x"], "a"), operation("conv", ["a"], "c")),  # no element-wise operator
    ],
)
def test_what_cannot_be_chained(before, op):
    assert not can_chain(before, op)


def test_scalars_are_no_feature_maps():
    before = operation("conv", ["x", "y", "z"], "a", chained=2)
    assert can_chain(before, operation("min", ["a"], "c", constants=1))
    assert not can_chain(before, operation("min", ["a"], "c", constants=1024))


def test_a_chain_of_operations_known_before_is_that_of_working_it_out():
    known = Known()
    both = []
    for names in (("x", "a", "y", "b"), ("p", "q", "r", "s")):
        read, between, side, written = names
        parts = operation("conv", [read], between), operation("mul", [side, between], written, constants=1)
        tokened = [known.operation_of(each.kind, each.ifms, each.ofm) for each in parts]
        if None in tokened:
            tokened = [known.keep(each.kind, None, each) for each in parts]
        both.append(known.chained(*tokened))
        assert both[-1] == chain(*parts)
    assert both[0].alike is both[1].alike is not None
    assert known.chained(operation("conv", ["x"], "a"), operation("mul", ["a", "y"], "b")).alike is None
