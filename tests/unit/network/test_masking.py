"""What constants hide of the scores of a softmax, by their values and by where they stand."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from annette.network import DType
from annette.network.builder import NetworkBuilder
from annette.network.masking import known_masking, masking_of, score_operands
from annette.network.tensor import Masking

TOKENS = 16
LOWEST = np.finfo(np.float32).min
CAUSAL = np.tril(np.ones((TOKENS, TOKENS), np.bool_))
HIDDEN = 1 - CAUSAL.mean()
NOTHING = Masking(0, 0)


def built(make):
    """A network whose softmax reads what ``make`` makes of scores."""
    net = NetworkBuilder("masked")
    scores = net.input("scores", (2, 4, TOKENS, TOKENS))
    return net.build(net.softmax(make(net, scores)))


def plus(net, scores):
    return net.add_constant(scores, (1, 1, TOKENS, TOKENS))


def minus(net, scores):
    return net.layer("sub", [scores], weights={"mask": (1, 1, TOKENS, TOKENS)})[0]


def kept_where(value):
    return lambda net, scores: net.where_mask(scores, (1, 1, TOKENS, TOKENS), pattern="causal", value=value)


def replaced_where(net, scores):
    mask = net.weight("mask", (1, 1, TOKENS, TOKENS), DType.BOOL, owner="w", learned=False)
    return net.layer("where", [mask, scores], attributes={"scalar_true": -1e9}, dtype=DType.FLOAT32)[0]


def computed(net, scores):
    """A constant that something which is fed decides about before it is added."""
    kept = net.input("kept", (1, 1, TOKENS, TOKENS))
    return net.add(scores, net.layer("mul", [kept], weights={"mask": (1, 1, TOKENS, TOKENS)})[0])


def found(make, values):
    network = built(make)
    known = known_masking(network.layers, network.tensors, lambda _: np.asarray(values))
    return [tensor.masking for tensor in known.values()]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.zeros((1, 1, TOKENS, TOKENS)), NOTHING),
        (np.full((1, 1, TOKENS, TOKENS), LOWEST), NOTHING),
        (np.full((1, 1, TOKENS, TOKENS), -np.inf), NOTHING),
        (np.full((1, 1, TOKENS, TOKENS), np.nan), NOTHING),
        (np.where(CAUSAL, 0, LOWEST), Masking(HIDDEN, 0)),
        (np.where(CAUSAL, 0, -np.inf).astype(np.float16), Masking(HIDDEN, 0)),
        (np.where(CAUSAL, 300, 0), Masking(HIDDEN, 0)),
        (np.where(CAUSAL, 0, -100), Masking(0, HIDDEN)),
        (np.where(CAUSAL, 0, -80), NOTHING),
        (np.where(CAUSAL, np.arange(TOKENS)[:, None], -1e4), Masking(HIDDEN, 0)),
    ],
    ids=["zeros", "all alike", "all infinite", "no numbers", "causal", "half", "above", "hundred", "eighty", "bias"],
)
def test_what_is_far_below_the_largest_of_its_row_is_hidden(values, expected):
    assert found(plus, values) == [pytest.approx(expected)]


@pytest.mark.parametrize(
    ("make", "values", "expected"),
    [
        (minus, np.where(CAUSAL, 0, 1e9), Masking(HIDDEN, 0)),
        (minus, np.where(CAUSAL, 0, -1e9), Masking(HIDDEN, 0)),  # what is not hidden, but for the last row's
        (kept_where(-1e9), CAUSAL, Masking(HIDDEN, 0)),
        (kept_where(-100.0), CAUSAL, Masking(0, HIDDEN)),
        (kept_where(0.0), CAUSAL, NOTHING),
        (kept_where(-1e9), np.ones_like(CAUSAL), NOTHING),
        (replaced_where, ~CAUSAL, Masking(HIDDEN, 0)),
        (lambda net, scores: net.mul(plus(net, scores), 0.5), np.where(CAUSAL, 0, -100), NOTHING),
        (lambda net, scores: net.div(plus(net, scores), 0.5), np.where(CAUSAL, 0, -50), Masking(0, HIDDEN)),
        (computed, np.ones((1, 1, TOKENS, TOKENS)), NOTHING),
        (computed, np.random.default_rng(0).normal(size=(TOKENS, TOKENS)), NOTHING),
        (computed, np.where(CAUSAL, 0, LOWEST), Masking(HIDDEN, 0)),
        (computed, 1000 * np.arange(TOKENS * TOKENS).reshape(TOKENS, TOKENS), NOTHING),
    ],
)
def test_it_depends_on_what_is_done_with_the_constant(make, values, expected):
    assert found(make, values) == [pytest.approx(expected)]


def test_a_constant_of_two_values_may_become_a_mask_by_what_is_computed_from_it():
    assert found(computed, CAUSAL) == []
    assert found(computed, CAUSAL.astype(np.float32)) == []


def test_only_constants_beside_scores_are_asked_for():
    net = NetworkBuilder("masked")
    tokens = net.add_constant(net.input("tokens", (1, TOKENS, 8)), (1, TOKENS, 8))
    scores = net.matmul(tokens, net.input("keys", (1, 8, TOKENS)))
    network = net.build(net.add_constant(net.softmax(net.add_constant(scores, (TOKENS, TOKENS))), (TOKENS, TOKENS)))
    asked = []
    assert known_masking(network.layers, network.tensors, asked.append) == {}
    assert [network.tensors[name].shape for name in asked] == [(TOKENS, TOKENS)]


def test_the_exponentials_of_a_decomposed_softmax_are_known_by_their_largest_score():
    net = NetworkBuilder("masked")
    masked = plus(net, net.input("scores", (2, 4, TOKENS, TOKENS)))
    power = net.unary("exp", net.sub(masked, net.reduce("reduce_max", masked, (3,))))
    network = net.build(net.div(power, net.reduce("reduce_sum", power, (3,))))
    known = known_masking(network.layers, network.tensors, lambda _: np.where(CAUSAL, 0, LOWEST))
    assert [tensor.masking for tensor in known.values()] == [pytest.approx(Masking(HIDDEN, 0))]


def test_of_large_constants_a_part_is_looked_at():
    network = built(plus)
    (softmax,) = (layer for layer in network.layers if layer.kind == "softmax")
    (place,) = score_operands(softmax, network.producers, network.tensors)
    values = np.broadcast_to(np.where(np.tri(256, dtype=np.bool_), 0, LOWEST), (64, 256, 256))
    masking = masking_of(values, place, direct=True)
    assert masking == pytest.approx(Masking(0.5, 0), abs=0.03)
    assert masking == masking_of(values, place, direct=True)


@given(
    arrays.arrays(
        np.float32,
        arrays.array_shapes(min_dims=1, max_dims=3, max_side=6),
        elements=st.floats(-130, 130, width=32),
    )
)
def test_the_shares_are_those_of_exponentials_that_underflow(values):
    network = built(plus)
    (softmax,) = (layer for layer in network.layers if layer.kind == "softmax")
    (place,) = score_operands(softmax, network.producers, network.tensors)
    below = (values - values.max(axis=-1, keepdims=True)).astype(np.float64)
    # At the limits themselves the rounding of differences decides.
    assume(min(np.abs(below + 103.97).min(), np.abs(below + 87.33).min()) > 0.02)
    powers = np.exp(below)
    expected = (powers < 2.0**-150).mean(), ((powers >= 2.0**-150) & (powers < 2.0**-126)).mean()
    assert masking_of(values, place, direct=True) == pytest.approx(Masking(*expected))
