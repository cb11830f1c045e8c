"""Loops whose rounds are copied: the network is what it is with every round walked, whatever the rounds do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annette.estimation import estimate_network
from annette.network.graph_json import graph_digest
from annette.network.readers.onnx import repetition
from annette.platforms import load_platform
from tests.unit.network.readers.onnx.build import read

STEPS = {
    "add": "a1 = Add(a0, one)",
    "matmul": "a1 = MatMul(a0, weights)",
    "both": "mid = Mul(a0, b0)\n a1 = Relu(mid)",
    "outer": "a1 = Add(a0, outer)",
    "counted": "part = Slice(long, at, end, axes)\n wide = Concat<axis=1>(part, part)\n a1 = Add(a0, wide)",
    "number": "n = Cast<to=1>(i)\n a1 = Mul(a0, n)",
}


def graph(rounds, step, ends, scans):
    """A loop over two states and a counter, which may stop by the counter and collects what its rounds give."""
    outputs = "bool go, float[2, 8] a1, float[2, 8] b1, int64[1] next" + (", float[2, 8] out" if scans else "")
    go = f"stop = Constant<value = int64[1] {{{ends}}}>()\n less = Less(next, stop)\n go = Squeeze(less)"
    body = f"""
        body (int64 i, bool c, float[2, 8] a0, float[2, 8] b0, int64[1] at) => ({outputs}) {{
            one = Constant<value = float {{1.0}}>()
            unit = Constant<value = int64[1] {{1}}>()
            four = Constant<value = int64[1] {{4}}>()
            axes = Constant<value = int64[1] {{1}}>()
            next = Add(at, unit)
            end = Add(at, four)
            {STEPS[step]}
            b1 = Sigmoid(b0)
            {go if ends else "go = Identity(c)"}
            {"out = Tanh(a1)" if scans else ""}
        }}
    """
    more, collected = (", float[r, 2, 8] all", ", all") if scans else ("", "")
    return f"""
        looped (float[2, 8] x, float[2, 8] outer, float[2, 64] long, float[8, 8] weights) => (float[2, 8] y{more}) {{
            m = Constant<value = int64 {{{rounds}}}>()
            zero = Constant<value = int64[1] {{0}}>()
            y, z, last{collected} = Loop <body = {body}> (m, , x, x, zero)
        }}
    """


@settings(max_examples=25, deadline=None)
@given(
    rounds=st.integers(1, 40),
    step=st.sampled_from(sorted(STEPS)),
    ends=st.sampled_from([0, 0, 5, 17, 99]),
    scans=st.booleans(),
)
def test_copied_rounds_are_those_that_would_be_walked(tmp_path_factory, rounds, step, ends, scans):
    folder = tmp_path_factory.mktemp("loop")
    text = graph(rounds, step, ends, scans)
    copied = read(folder, text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repetition, "_LEAST_COPIED", 10**9)
        walked = read(folder, text)
    assert graph_digest(copied) == graph_digest(walked)
    assert copied.loops == walked.loops
    assert [layer.name for layer in copied.layers] == [layer.name for layer in walked.layers]


def test_copied_rounds_cost_what_walked_ones_do(tmp_path):
    text = graph(300, "both", 0, True)
    copied = read(tmp_path, text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repetition, "_LEAST_COPIED", 10**9)
        walked = read(tmp_path, text)
    platform = load_platform("epyc-onnxruntime")
    times_s = [estimate_network(each, platform).latency_s for each in (copied, walked)]
    assert times_s[0] == pytest.approx(times_s[1], rel=1e-9)


def test_long_loops_are_read_that_would_take_too_long_to_walk(tmp_path, monkeypatch):
    walked = []
    monkeypatch.setattr(repetition.Rounds, "walked", _counted(repetition.Rounds.walked, walked))
    network = read(tmp_path, graph(4096, "both", 0, False))
    assert network.loops[0].rounds == 4096
    assert sum(layer.kind == "relu" for layer in network.layers) == 4096
    assert len(walked) < 10


def _counted(function, calls):
    def counted(self, number, states):
        calls.append(number)
        return function(self, number, states)

    return counted
