"""Kernel tables: what kernels are told of the network around them."""

import numpy as np
import pytest

from annette.mapping.kernel import KernelTable
from annette.mapping.model import MappingModel
from annette.mapping.precision import Precision
from annette.network.builder import NetworkBuilder

FP32 = Precision(32, 32)
BYTE, START = 4.0, 150_000.0


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
