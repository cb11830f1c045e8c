"""Which softmax has a part of its scores hidden."""

from dataclasses import replace

import numpy as np
import pytest

from annette.mapping.kernel import KernelTable, Precision
from annette.mapping.masks import CAUSAL_MASK, NO_MASK, WINDOW_MASK, makes_subnormals, mask_behind, mask_of
from annette.mapping.rules import preset
from annette.network import DType, Network
from annette.network.builder import NetworkBuilder
from annette.network.readers.onnx import read_onnx
from annette.network.tensor import Masking
from annette.network.writers.onnx import write_onnx
from annette.network.zoo import build

TOKENS, HEADS = 16, 4


def softmax_of(network):
    return next(layer for layer in network.layers if layer.kind == "softmax")


def built(make):
    """A network whose softmax reads what ``make`` makes of scores."""
    net = NetworkBuilder("masked")
    scores = net.input("scores", (3, HEADS, TOKENS, TOKENS))
    return net.build(net.softmax(make(net, scores)))


def plus(shape):
    return lambda net, scores: net.add_constant(scores, shape)


def padding(net, scores):
    kept = net.input("attention_mask", (1, TOKENS), DType.INT64)
    mask = net.cast(net.reshape(kept, (1, 1, 1, TOKENS)), DType.FLOAT32)
    return net.add(scores, net.mul(net.sub(1.0, mask), -1e4))


def causal(net, scores):
    return net.where_mask(scores, (1, 1, TOKENS, TOKENS), pattern="causal", value=-1e9)


def window_after_bias(net, scores):
    return net.add_constant(net.add_constant(scores, (1, HEADS, TOKENS, TOKENS)), (3, 1, TOKENS, TOKENS))


def window_twice(net, scores):
    return net.add_constant(window_after_bias(net, scores), (3, 1, TOKENS, TOKENS))


def learned_positions(net, scores):
    positions = net.fully_connected(net.input("queries", (3, HEADS, TOKENS, 8)), TOKENS)
    return net.add(scores, positions)


def chosen_by_lengths(net, scores):
    """The condition is as large as the scores, which a product with constant weights made."""
    tokens = net.input("tokens", (3, HEADS, TOKENS, 8))
    kept = net.input("kept", scores.shape, DType.BOOL)
    made = net.fully_connected(tokens, TOKENS)
    return net.layer("where", [kept, made], attributes={"scalar_false": -1e9}, dtype=DType.FLOAT32)[0]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda _, scores: scores, NO_MASK),
        (learned_positions, NO_MASK),
        (chosen_by_lengths, NO_MASK),
        (padding, NO_MASK),
        (plus((1, HEADS, TOKENS, TOKENS)), NO_MASK),
        (plus((TOKENS,)), NO_MASK),
        (causal, CAUSAL_MASK),
        (lambda net, scores: net.mul(causal(net, scores), 0.5), CAUSAL_MASK),
        (plus((1, 1, TOKENS, TOKENS)), CAUSAL_MASK),
        (plus((3, 1, TOKENS, TOKENS)), WINDOW_MASK),
        (window_after_bias, WINDOW_MASK),
        (window_twice, CAUSAL_MASK),
    ],
    ids=[
        "none",
        "learned positions",
        "chosen by lengths",
        "padding",
        "bias by head",
        "bias by token",
        "causal",
        "scaled",
        "constant",
        "window",
        "after bias",
        "twice",
    ],
)
def test_the_structure_of_what_is_added_tells_masks_from_biases(make, expected):
    network = built(make)
    assert mask_of(softmax_of(network), network) == expected
    assert makes_subnormals(network) == (expected != NO_MASK)


def knowing(network, masking):
    """The same network, read from a file that says what its constants hide."""
    tensors = {name: replace(each, masking=masking) for name, each in network.tensors.items() if each.constant}
    return Network(
        name=network.name,
        layers=network.layers,
        tensors={**network.tensors, **tensors},
        inputs=network.inputs,
        outputs=network.outputs,
    )


@pytest.mark.parametrize(
    ("make", "masking", "expected"),
    [
        (plus((1, 1, TOKENS, TOKENS)), Masking(0, 0), NO_MASK),
        (plus((3, 1, TOKENS, TOKENS)), Masking(0, 0), NO_MASK),
        (causal, Masking(0, 0), NO_MASK),
        (plus((1, HEADS, TOKENS, TOKENS)), Masking(0.4, 0), CAUSAL_MASK),
        (plus((1, 1, 1, TOKENS)), Masking(0.5, 0), CAUSAL_MASK),
        (plus((1, 1, TOKENS, TOKENS)), Masking(0.1, 0), NO_MASK),
        (plus((1, 1, TOKENS, TOKENS)), Masking(0, 0.5), WINDOW_MASK),
        (plus((3, 1, TOKENS, TOKENS)), Masking(0, 0.05), WINDOW_MASK),
        (plus((3, 1, TOKENS, TOKENS)), Masking(0, 0.01), NO_MASK),
        (plus((3, 1, TOKENS, TOKENS)), Masking(0.4, 0.1), CAUSAL_MASK),
        (lambda net, scores: plus((3, 1, TOKENS, TOKENS))(net, plus((3, 1, TOKENS, TOKENS))(net, scores)),
         Masking(0, 0.2), CAUSAL_MASK),
    ],
)  # fmt: skip
def test_values_decide_where_they_are_known(make, masking, expected):
    network = knowing(built(make), masking)
    assert mask_of(softmax_of(network), network) == expected
    assert makes_subnormals(network) == (max(masking) >= 0.02)


@pytest.mark.parametrize(
    ("make", "expected"), [("causal", CAUSAL_MASK), ("windows", WINDOW_MASK), ("twice", CAUSAL_MASK)]
)
def test_networks_of_the_builder_are_what_their_files_are_by_their_values(tmp_path, make, expected):
    """Platforms are fitted to the former, and estimate the latter."""
    net, tokens = NetworkBuilder("masked"), 49
    if make == "causal":
        scores = causal(net, net.input("scores", (3, HEADS, TOKENS, TOKENS)))
    else:
        scores = net.input("scores", (1, 16, HEADS, tokens, tokens))
        for _ in range(1 + (make == "twice")):
            scores = net.add_constant(scores, (1, 16, 1, tokens, tokens), pattern="shifted_windows:28:28:7:3")
    network = net.build(net.softmax(scores))
    write_onnx(network, tmp_path / "net.onnx")
    read = read_onnx(tmp_path / "net.onnx")
    assert any(tensor.masking for tensor in read.tensors.values())
    assert not any(tensor.masking for tensor in network.tensors.values())
    assert mask_of(softmax_of(network), network) == mask_of(softmax_of(read), read) == expected


@pytest.mark.parametrize(
    ("make", "expected"), [(causal, CAUSAL_MASK), (window_after_bias, WINDOW_MASK), (padding, NO_MASK)]
)
def test_the_product_that_reads_a_softmax_meets_its_mask(make, expected):
    net = NetworkBuilder("masked")
    scores = net.input("scores", (3, HEADS, TOKENS, TOKENS))
    values = net.input("values", (3, HEADS, TOKENS, 8))
    weights = net.reshape(net.softmax(make(net, scores)), (3, HEADS, TOKENS, TOKENS))
    network = net.build(net.matmul(weights, net.matmul(scores, values)))
    found = {layer.name: mask_behind(layer, network) for layer in network.layers if layer.kind == "matmul"}
    assert sorted(found.values()) == sorted([expected, NO_MASK])


@pytest.mark.parametrize(
    ("name", "expected"), [("vit_b_16", {0}), ("bert_base", {0}), ("gpt2", {1}), ("swin_t", {0, 2})]
)
def test_networks_of_the_zoo(name, expected):
    network = build(name)
    kernels = preset("generic").apply(network)
    table = KernelTable.from_kernels(kernels, network, Precision(32, 32))
    assert set(table["masked"][table.kinds == "softmax"]) == expected
    assert set(table["masked"][table.kinds == "matmul"]) == expected | {0}
    assert not table["masked"][~np.isin(table.kinds, ("softmax", "matmul"))].any()
