"""Branches and rounds that data, shapes or given values decide."""

import pytest

from annette.errors import NetworkError, NetworkShapeError, OptionError, UnsupportedOperatorError
from annette.network.inputs import InputValue
from annette.network.readers.onnx.branches import MOST_READINGS
from tests.unit.network.readers.onnx.build import kinds, read

IF = """g (float[N, 4] x, TYPE s) => (float[N, M] y) <KIND k = {7}, float[4, 8] w, float[4, 2] v> {
    c = Equal(s, k)
    y = If (c) <
        then_branch = a () => (float[N, 8] r) { r = MatMul(x, w) },
        else_branch = b () => (float[N, 2] q) { m = MatMul(x, v) q = Relu(m) }
    >
}"""
WEIGHTS = {
    "float[4, 8] w": "float[4, 8] w = {" + ",".join("0" * 32) + "}",
    "float[4, 2] v": "float[4, 2] v = {" + ",".join("0" * 8) + "}",
}


def branching(of="int64", kind="int64"):
    text = IF.replace("TYPE", of).replace("KIND", kind)
    for old, new in WEIGHTS.items():
        text = text.replace(old, new)
    return text


def test_a_value_decides_a_branch_and_its_comparison_still_runs(tmp_path):
    then = read(tmp_path, branching(), batch=1, input_shapes={"s": (7,)})
    other = read(tmp_path, branching(), batch=1, input_shapes={"s": InputValue((8,))})
    assert kinds(then) == ["compare", "fully_connected"]
    assert kinds(other) == ["compare", "fully_connected", "relu"]
    assert not then.branches
    assert then.values == {"s": (7,)}
    assert then.macs == 32
    assert other.macs == 8


def test_what_nothing_decides_is_read_both_ways_the_dearer_first(tmp_path):
    network = read(tmp_path, branching(), batch=1)
    assert network.branches == (("y", "then"),)
    assert [variant.branches for variant in network.variants] == [(("y", "else"),)]
    assert (network.macs, network.variants[0].macs) == (32, 8)
    assert "read here as 'then'; --input s=VALUE decides" in network.notes[-1]


def test_what_decides_from_much_data_names_no_option(tmp_path):
    graph = """g (float[40] x) => (float[40] y) <float zero = {0}> {
        k = ReduceMax <keepdims = 0> (x) c = Greater(k, zero)
        y = If (c) <then_branch = a () => (float[40] r) { r = Relu(x) },
                    else_branch = b () => (float[40] r) { r = Tanh(x) }>
    }"""
    network = read(tmp_path, graph)
    assert "--input" not in network.notes[0]
    assert {layer.kind for layer in network.layers} >= {"reduce_max", "compare"}


def test_nodes_with_one_condition_choose_alike_and_others_apart(tmp_path):
    def choice(name, condition, x):
        return (
            f"{name} = If ({condition}) <then_branch = t{name} () => (float[4] r{name}) {{ r{name} = Relu({x}) }}, "
            f"else_branch = e{name} () => (float[4] q{name}) {{ q{name} = Exp({x}) }}>"
        )

    alike = f"g (float[4] x, bool a, bool b) => (float[4] z) {{ {choice('y', 'a', 'x')} {choice('z', 'a', 'y')} }}"
    apart = alike.replace(choice("z", "a", "y"), choice("z", "b", "y"))
    assert len(read(tmp_path, alike).variants) == 1
    network = read(tmp_path, apart)
    assert len({network.branches, *(variant.branches for variant in network.variants)}) == 4
    assert len(read(tmp_path, apart, input_shapes={"a": InputValue((True,))}).variants) == 1


def test_too_many_ways_are_refused_with_what_would_decide(tmp_path):
    choices = " ".join(
        f"x{i + 1} = If (c{i}) <then_branch = t{i} () => (float[4] r{i}) {{ r{i} = Relu(x{i}) }}, "
        f"else_branch = e{i} () => (float[4] q{i}) {{ q{i} = Exp(x{i}) }}>"
        for i in range(MOST_READINGS.bit_length())
    )
    flags = ", ".join(f"bool c{i}" for i in range(MOST_READINGS.bit_length()))
    graph = f"g (float[4] x0, {flags}) => (float[4] x{MOST_READINGS.bit_length()}) {{ {choices} }}"
    with pytest.raises(UnsupportedOperatorError, match=r"more than 8 ways.*--input c0=VALUE"):
        read(tmp_path, graph)
    decided = {"c0": InputValue((True,))}
    assert len(read(tmp_path, graph, input_shapes=decided).variants) == MOST_READINGS - 1


def test_a_branch_that_no_input_of_these_shapes_can_take_is_left_out(tmp_path):
    graph = """g (float[1, 1, L] x, int64 s) => (float[1, 1, M] y) <int64 k = {7}, float[1, 1, 8] w = {0,0,0,0,0,0,0,0},
        float[1, 1, 2] v = {0, 0}> {
        c = Equal(s, k)
        y = If (c) <then_branch = a () => (float[1, 1, P] r) { r = Conv(x, w) },
                    else_branch = b () => (float[1, 1, Q] q) { q = Conv(x, v) }>
    }"""
    short = read(tmp_path, graph, input_shapes={"L": (4,)})
    assert short.branches == (("y", "else"),)
    assert not short.variants
    assert "'then' of 'y' is left out" in short.notes[-1]
    assert read(tmp_path, graph, input_shapes={"L": (9,)}).variants
    with pytest.raises(NetworkShapeError, match="does not fit"):
        read(tmp_path, graph, input_shapes={"L": (4,), "s": (7,)})


LOOP = """g (float[2, 4] x, int64 n) => (float[2, 4] y) <bool t = {1}, float zero = {0}> {
    y = Loop (n, t, x) <body = b (int64 i, bool c, float[2, 4] v) => (bool d, float[2, 4] u) {
        d = Identity(c) u = Relu(v) }>
}"""
WHILE = """g (float[2, 4] x, int64 n) => (float[2, 4] y) <int64 one = {1}, int64 zero = {0}> {
    c0 = Greater(n, zero)
    k, y = Loop (, c0, n, x) <body = b (int64 i, bool c, int64 r, float[2, 4] v) => (bool d, int64 r2, float[2, 4] u) {
        r2 = Sub(r, one) d = Greater(r2, zero) u = Relu(v) }>
}"""


@pytest.mark.parametrize("graph", [LOOP, WHILE])
def test_a_value_decides_how_often_a_loop_runs(tmp_path, graph):
    assert kinds(read(tmp_path, graph, input_shapes={"n": (3,)})).count("relu") == 3
    with pytest.raises(UnsupportedOperatorError, match=r"only known at run time; give it with --input n=VALUE"):
        read(tmp_path, graph)


def test_a_loop_that_data_may_end_early_counts_in_full_and_after_one_round(tmp_path):
    graph = LOOP.replace("d = Identity(c)", "s = ReduceSum <keepdims = 0> (v) d = Greater(s, zero)")
    network = read(tmp_path, graph, input_shapes={"n": (5,)})
    assert kinds(network).count("relu") == 5
    assert network.branches == (("y", "all 5 rounds"),)
    assert [kinds(variant).count("relu") for variant in network.variants] == [1]


@pytest.mark.parametrize(
    ("type_", "given", "message"),
    [
        ("int64", InputValue((1, 2)), "that is 1 numbers, not 2"),
        ("int64", InputValue((0.5,)), "is of type int64, which cannot hold that"),
        ("int32", InputValue((2**40,)), "cannot hold that"),
        ("bool", InputValue((3,)), "cannot hold that"),
        ("int64[1]", (16000,), r"could be its value or another size; s=\[16000\] is the value"),
        ("int64", (1, 2), "0 dimensions"),
        ("float8e5m2", InputValue((1,)), "cannot be given"),
    ],
)
def test_values_that_an_input_cannot_hold_are_refused(tmp_path, type_, given, message):
    kind = type_.partition("[")[0]
    with pytest.raises(OptionError, match=message):
        read(tmp_path, branching(type_, kind), batch=1, input_shapes={"s": given})


def test_a_list_of_one_number_is_given_in_brackets(tmp_path):
    graph = """g (float[2, 6] x, int64[1] n) => (float[2, M] y) <int64[1] zero = {0}, int64[1] axes = {1}> {
        s = Slice(x, zero, n, axes) y = Relu(s) }"""
    network = read(tmp_path, graph, input_shapes={"n": InputValue((3,))})
    assert network.tensors["y"].shape == (2, 3)


def test_a_value_binds_the_length_of_its_input(tmp_path):
    graph = "g (float[2, 6] x, int64[R] n) => (float[A, B] y) { z = Reshape(x, n) y = Relu(z) }"
    assert read(tmp_path, graph, input_shapes={"n": InputValue((3, 4))}).tensors["y"].shape == (3, 4)


def test_a_graph_mapped_over_a_sequence_counts_once_for_each_tensor(tmp_path):
    graph = """g (float[6, 4] x, float[4, 5] w) => (float[6, 5] y) <int64[3] sizes = {1, 2, 3}> {
        s = SplitToSequence <axis = 0> (x, sizes)
        m = SequenceMap <body = b (float[N, 4] v, float[4, 5] u) => (float[N, 5] r) {
            p = MatMul(v, u) r = Relu(p) }> (s, w)
        y = ConcatFromSequence <axis = 0> (m)
    }"""
    network = read(tmp_path, graph)
    assert kinds(network) == ["split", *["matmul", "relu"] * 3, "concat"]
    assert network.macs == 6 * 4 * 5
    assert network.tensors["y"].shape == (6, 5)


@pytest.mark.parametrize(
    ("operands", "message"), [("x, w", "has a tensor as its input 0"), ("s, z", r"different lengths: \[2, 3\]")]
)
def test_a_graph_mapped_over_what_does_not_fit_is_refused(tmp_path, operands, message):
    graph = f"""g (float[6, 4] x, float[4, 5] w) => (float[6, 5] y) <int64[3] a = {{1, 2, 3}}, int64[2] b = {{3, 3}}> {{
        s = SplitToSequence <axis = 0> (x, a)
        z = SplitToSequence <axis = 0> (x, b)
        m = SequenceMap <body = b (float[N, 4] v, float[4, 5] u) => (float[N, 5] r) {{ r = Relu(v) }}> ({operands})
        y = ConcatFromSequence <axis = 0> (m)
    }}"""
    with pytest.raises(NetworkError, match=message):
        read(tmp_path, graph)


def test_a_scan_whose_body_hands_on_fewer_states_than_it_takes_is_refused(tmp_path):
    graph = """g (float[2, 4] x, float[3, 2, 4] w) => (float[2, 4] y) {
        y = Scan <num_scan_inputs = 1, body = b (float[2, 4] s, float[2, 4] t, float[2, 4] e) => (float[2, 4] r) {
            m = Add(s, e) r = Mul(m, t) }> (x, x, w)
    }"""
    with pytest.raises(NetworkError, match="'y' \\(Scan\\) has a body that does not fit its operands"):
        read(tmp_path, graph)


def test_a_branch_in_a_loop_goes_one_way_in_all_rounds(tmp_path):
    graph = """g (float[2, 4] x) => (float[2, 4] y) <int64 n = {6}, bool t = {1}, float zero = {0}> {
        y = Loop (n, t, x) <body = b (int64 i, bool c, float[2, 4] v) => (bool d, float[2, 4] u) {
            d = Identity(c) s = ReduceSum <keepdims = 0> (v) e = Greater(s, zero)
            u = If (e) <then_branch = p () => (float[2, 4] r) { r = Relu(v) },
                        else_branch = q () => (float[2, 4] o) { o = Tanh(v) }> }>
    }"""
    network = read(tmp_path, graph)
    taken = [kinds(way) for way in (network, *network.variants)]
    assert sorted((way.count("relu"), way.count("tanh")) for way in taken) == [(0, 6), (6, 0)]
    assert len(network.branches) == 1


@pytest.mark.parametrize(("length", "given", "expected"), [("N", {"x": (2, 6)}, 4), ("6", {}, 0)])
def test_nodes_that_compute_with_open_sizes_are_counted(tmp_path, length, given, expected):
    stored = "int64[1] one = {1}, int64 at = {1}, int64[1] axes = {0}"
    graph = f"""g (float[2, {length}] x) => (float[M, 1] y) <{stored}> {{
        r = ReduceSum <keepdims = 0> (x, axes)
        s = Shape(x)
        n = Gather(s, at)
        m = Unsqueeze(n, axes)
        t = Concat <axis = 0> (m, one)
        y = Reshape(r, t)
    }}"""
    assert read(tmp_path, graph, input_shapes=given).size_nodes == expected


def test_a_branch_that_is_chosen_in_every_run_is_kept_and_one_of_a_constant_is_not(tmp_path):
    body = "<then_branch = a () => (float[4] r) { r = Relu(x) }, else_branch = b () => (float[4] q) { q = Tanh(x) }>"
    chosen = f"g (float[4] x, bool c) => (float[4] y) {{ y = If (c) {body} }}"
    fixed = f"g (float[4] x) => (float[4] y) <bool c = {{1}}> {{ y = If (c) {body} }}"
    (branch,) = read(tmp_path, chosen, input_shapes={"c": InputValue((1,))}).loops
    assert (branch.operator, branch.rounds) == ("If", 1)
    assert read(tmp_path, fixed).loops == ()
