"""Kernels and their table: what is revised, what alike kernels share, what they are told of the network around them."""

from dataclasses import fields, replace

import numpy as np
import pytest

from annette.mapping.kernel import COLUMNS, Kernel, KernelTable, revised
from annette.mapping.model import MappingModel
from annette.mapping.precision import Precision
from annette.network import zoo
from annette.network.builder import NetworkBuilder

FP32 = Precision()
BYTE, START = 4.0, 150_000.0


def kernel():
    net = NetworkBuilder("one")
    x = net.conv(net.input("image", (1, 32, 8, 8)), 32, 3, padding=1)
    (mapped,) = MappingModel("plain").apply(net.build(x))
    return replace(mapped, rules=("r",), followers=(), context={"a": 1.0}, precision="fp32")


@pytest.mark.parametrize("change", [{"blocked": True}, {"context": {"b": 2.0}}, {}])
def test_a_revised_kernel_differs_in_what_was_said_only(change):
    one = kernel()
    other = revised(one, **change)
    assert other == replace(one, **change)
    assert all(getattr(other, each.name) == getattr(replace(one, **change), each.name) for each in fields(Kernel))


@pytest.mark.parametrize("name", ["mobilenet_v3_large", "vit_b_16", "shufflenet_v2_x1_0"])
def test_each_row_is_what_the_kernel_has_alone(name):
    """Numbers of alike kernels are computed once; asked alone, none has another of its kind beside it."""
    network = zoo.build(name)
    kernels = MappingModel("plain").apply(network)
    together = KernelTable.from_kernels(kernels, network, FP32)
    alone = [KernelTable.from_kernels([each], network, FP32) for each in kernels]
    for column in set(COLUMNS) - {"network_busy_ops"}:  # Which all kernels that are asked together have in common.
        assert np.array_equal(together[column], np.concatenate([table[column] for table in alone]))
    assert len(np.unique(together.values, axis=0)) < len(kernels)


def busy_ops(network, **between):
    table = KernelTable.from_kernels(MappingModel("plain").apply(network), network, FP32, **between)
    (busy,) = np.unique(table["network_busy_ops"])
    return busy, table


def moving():
    net = NetworkBuilder("moving", source_format="test")
    return net.build(net.relu(net.transpose(net.input("x", (1, 64, 32, 32)), (0, 2, 3, 1))))


def test_what_moves_and_what_starts_takes_time_as_operations_do():
    busy, table = busy_ops(moving())
    assert busy == pytest.approx(BYTE * table.bytes.sum() + 2 * START)
    assert busy > 10 * table["network_ops"][0]


def test_of_kernels_that_compute_the_operations_count():
    net = NetworkBuilder("computing", source_format="test")
    busy, table = busy_ops(net.build(net.conv(net.input("x", (1, 64, 28, 28)), 64, 3, padding=1)))
    assert busy == pytest.approx(table["network_ops"][0] + START)


@pytest.mark.parametrize(
    ("between", "longer"),
    [
        ({"evicted_bytes": 2.0**20, "evicted_ops": 5e9}, 5e9),
        ({"evicted_bytes": 2.0**30, "evicted_ops": 2e8}, BYTE * 2.0**30),
        ({}, 0.0),
    ],
)
def test_between_two_runs_passes_the_longer_of_waiting_and_of_touching_memory(between, longer):
    own, _ = busy_ops(moving())
    assert busy_ops(moving(), **between)[0] == pytest.approx(own + longer)
