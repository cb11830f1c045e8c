"""Kernels and their table: what is revised changes nothing else, and alike kernels share their numbers."""

from dataclasses import fields, replace

import numpy as np
import pytest

from annette.mapping.kernel import Kernel, KernelTable, revised
from annette.mapping.model import MappingModel
from annette.mapping.precision import Precision
from annette.network import zoo
from annette.network.builder import NetworkBuilder

FP32 = Precision()


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
    assert np.array_equal(together.values, np.concatenate([table.values for table in alone]))
    assert len(np.unique(together.values, axis=0)) < len(kernels)
