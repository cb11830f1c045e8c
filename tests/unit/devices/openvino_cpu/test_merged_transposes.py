"""Transpositions that a reorder which does nothing stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.devices.openvino_cpu.merged_transposes import merged_transposes
from annette.devices.openvino_cpu.runtime_graph import RuntimeNode, profile_entries
from annette.network.builder import NetworkBuilder

if TYPE_CHECKING:
    from annette.network import Network


def block() -> Network:
    """A convolution of a map that a transposition made of channels last, with a normalization on either side."""
    net = NetworkBuilder("block", source_format="test")
    x = net.layer_norm(net.input("x", (1, 8, 8, 16)), name="norm")
    x = net.conv(net.transpose(x, (0, 3, 1, 2), name="to_first"), 16, 3, padding=1, bias=False, name="conv")
    return net.build(x)


def nodes(copy: str) -> list[RuntimeNode]:
    return [
        RuntimeNode("norm", "MVN", "jit", ("norm",), inputs=("x",)),
        RuntimeNode(copy, "Reorder", "reorder", (), inputs=("norm",)),
        RuntimeNode("conv", "Convolution", "brgconv", ("conv",), inputs=(copy,)),
    ]


def layers(copy: str) -> set[str]:
    entries = profile_entries(nodes(copy), {"norm": 1e-5, "conv": 1e-5}, block())
    return {layer for entry in entries for layer in entry.layers}


def test_what_a_fake_reorder_stands_for_ran_nowhere() -> None:
    assert layers("norm_abcd_acdb_fake") == {"norm", "conv"}


def test_without_a_fake_reorder_an_unnamed_transposition_ran_in_a_kernel() -> None:
    assert layers("norm_abcd_acdb_conv") == {"norm", "to_first", "conv"}


def test_a_transposition_that_a_node_names_is_not_merged() -> None:
    assert merged_transposes(block(), {"norm", "conv"}) == {"to_first"}
    assert merged_transposes(block(), {"norm", "conv", "to_first"}) == frozenset()


def test_tokens_are_merged_beside_a_map_only() -> None:
    net = NetworkBuilder("tokens", source_format="test")
    x = net.transpose(net.input("x", (1, 64, 16)), (0, 2, 1), name="beside_a_map")
    x = net.reshape(net.conv(net.reshape(x, (1, 16, 8, 8)), 16, 1), (1, 16, 64))
    x = net.softmax(net.transpose(x, (0, 2, 1), name="behind_a_map"), axis=-1)
    network = net.build(net.transpose(x, (0, 2, 1), name="elsewhere"))
    assert merged_transposes(network, ()) == {"beside_a_map", "behind_a_map"}
