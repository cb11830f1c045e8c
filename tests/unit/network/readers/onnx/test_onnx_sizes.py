"""Sizes that data decide: marked, read at half, at least and at most, and bound by what a user says."""

import pytest

from annette.errors import NetworkShapeError, OptionError, UndecidedSizeError
from annette.mapping.rules import preset
from annette.network.graph_json import graph_digest
from annette.network.inputs import InputValue
from tests.unit.network.readers.onnx.build import only, read

SELECTION = """
    selected (float[40] x) => (float[m] y) {
        places = NonZero(x)
        flat = Squeeze(places)
        picked = Gather(x, flat)
        y = Relu(picked)
    }
"""

RECURRENT = """
    recurrent (float[20, 1, 4] x, int64[1] n, float[1, 24, 4] w, float[1, 24, 8] r, float[1, 48] b)
    => (float[20, 1, 1, 8] y) {
        lengths = Cast<to=6>(n)
        y, last = GRU<hidden_size=8>(x, w, r, b, lengths)
    }
"""

UNBOUNDED = """
    spread (float[1] x, float[1, 8] row) => (float[m, 8] y) {
        wide = Cast<to=7>(x)
        one = Constant<value = int64[1] {8}>()
        shape = Concat<axis=0>(wide, one)
        rows = Expand(row, shape)
        y = Relu(rows)
    }
"""


def test_half_of_what_can_be_selected_counts_between_the_extremes(tmp_path):
    network = read(tmp_path, SELECTION)
    (size,) = network.data_sizes
    assert (size.tensor, size.operator, size.counted, size.largest, size.given) == ("places", "NonZero", 20, 40, False)
    assert network.tensors["y"].shape == (20,)
    assert [each.tensors["y"].shape for each in network.extremes] == [(2,), (40,)]
    assert not any(each.extremes for each in network.extremes)
    (note,) = network.notes
    assert "'places' of node 'places' (NonZero), at most 40, counted as 20" in note
    assert "--input places=SIZE decides, --observe looks it up" in note


@pytest.mark.parametrize("given", [(7,), (1, 7)])
def test_a_size_is_given_by_itself_or_in_its_shape(tmp_path, given):
    network = read(tmp_path, SELECTION, input_shapes={"places": given})
    assert network.tensors["y"].shape == (7,)
    assert not network.extremes
    assert network.notes == ("sizes that data decide are taken as given: 'places' = 7",)
    assert network.data_sizes[0].given


def test_nothing_can_be_selected(tmp_path):
    graph = SELECTION.replace("y = Relu(picked)", "some = Concat<axis=0>(picked, x)\n y = Relu(some)")
    assert read(tmp_path, graph, input_shapes={"places": (0,)}).tensors["y"].shape == (40,)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"places": (41,)}, "gives at most 40 in dimension 1"),
        ({"places": InputValue((7,))}, "the tensor is computed; give its size, such as 128"),
        ({"flat": (7,)}, "this tensor of .* is no input, .* follows from the inputs; data decide those of: 'places'"),
        ({"place": (7,)}, "no such input"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, given, message):
    with pytest.raises(OptionError, match=message):
        read(tmp_path, SELECTION, input_shapes=given)


def test_where_half_does_not_fit_all_counts(tmp_path):
    graph = SELECTION.replace("y = Relu(picked)", "y = Add(picked, x)").replace("float[m] y", "float[40] y")
    network = read(tmp_path, graph)
    assert network.data_sizes[0].counted == 40
    assert not network.extremes
    assert "the interval leaves out the least that data can select, which does not fit the rest" in network.notes[-1]


def test_an_extreme_that_does_not_fit_is_told(tmp_path):
    shape = "shape = Constant<value = int64[2] {4, -1}>()\n rows = Reshape(picked, shape)\n y = Relu(rows)"
    graph = SELECTION.replace("y = Relu(picked)", shape).replace("float[m] y", "float[4, m] y")
    network = read(tmp_path, graph)
    assert network.tensors["y"].shape == (4, 5)
    assert [each.tensors["y"].shape for each in network.extremes] == [(4, 10)]
    assert "the interval leaves out the least that data can select, which does not fit the rest" in network.notes[-1]


def test_recurrent_layers_count_in_full_unless_the_lengths_are_known(tmp_path):
    network = read(tmp_path, RECURRENT)
    (size,) = network.data_sizes
    assert (size.tensor, size.counted, size.largest, size.holds_lengths) == ("lengths", 20, 20, True)
    assert any("--input n=[VALUE] decides" in note for note in network.notes)
    full, one = only(network, "gru"), only(network.extremes[0], "gru")
    assert "steps" not in full.attributes
    assert full.workload.macs == 20 * one.workload.macs
    by_value = read(tmp_path, RECURRENT, input_shapes={"n": InputValue((5,))})
    by_size = read(tmp_path, RECURRENT, input_shapes={"lengths": (5,)})
    for each in (by_value, by_size):
        assert only(each, "gru").workload.dimensions.out_width == 5
        assert not each.extremes
    assert not by_value.data_sizes
    with pytest.raises(OptionError, match="reads sequences of 1 to 20 steps"):
        read(tmp_path, RECURRENT, input_shapes={"lengths": (21,)})


def test_what_nothing_bounds_must_be_given(tmp_path):
    with pytest.raises(UndecidedSizeError, match="--input rows=SHAPE says what it gives, --observe") as caught:
        read(tmp_path, UNBOUNDED)
    assert isinstance(caught.value, NetworkShapeError)
    assert caught.value.tensor == "rows"
    network = read(tmp_path, UNBOUNDED, input_shapes={"rows": (30, 8)})
    assert network.tensors["y"].shape == (30, 8)
    assert not network.extremes
    with pytest.raises(OptionError, match="the tensor is computed; give its shape"):
        read(tmp_path, UNBOUNDED, input_shapes={"rows": InputValue((30.5,))})


@pytest.mark.parametrize(
    ("operator", "kind", "shape"),
    [
        ("Tile(row, two)", "tile", (3, 8)),
        ("Range(zero, n, one)", "generate", (12,)),
        ("ConstantOfShape(two)", "generate", (5, 6)),
        ("Slice(row, zeros, two)", "slice", (1, 4)),
        ("Pad(row, four)", "pad", (2, 9)),
        ("CenterCropPad(row, two)", "slice", (1, 5)),
        ("HannWindow(n)", "generate", (16,)),
        ("ReduceSum <keepdims = 1> (row, m)", "reduce_sum", (1, 1)),
        ("ReduceSum <keepdims = 0> (row, m)", "reduce_sum", (1,)),
    ],
)
def test_every_operator_of_shapes_takes_a_given_one(tmp_path, operator, kind, shape):
    rank = ", ".join("ab"[: len(shape)])
    dtype = "int64" if kind == "generate" and "Range" in operator else "float"
    graph = f"""
    given (float[1, 8] row, int64 n, int64[1] m, int64[2] two, int64[4] four) => ({dtype}[{rank}] y) {{
        zero = Constant<value = int64 {{0}}>()
        one = Constant<value = int64 {{1}}>()
        zeros = Constant<value = int64[2] {{0, 0}}>()
        z = {operator}
        y = Neg(z)
    }}
    """
    with pytest.raises(UndecidedSizeError):
        read(tmp_path, graph, opset=18)
    network = read(tmp_path, graph, opset=18, input_shapes={"z": shape})
    assert network.tensors["y"].shape == shape
    assert kind == "generate" or only(network, kind)


def test_selections_count_alike(tmp_path):
    graph = """
    boxes (float[1, 50, 4] boxes, float[1, 3, 50] scores, int64[1] most) => (int64[n, 3] kept, float[1, 3, k] best) {
        limit = Constant<value = int64[1] {10}>()
        kept = NonMaxSuppression(boxes, scores, limit)
        best, places = TopK(scores, most)
    }
    """
    network = read(tmp_path, graph)
    assert {size.tensor: (size.counted, size.largest) for size in network.data_sizes} == {
        "kept": (15, 30),
        "best": (25, 50),
    }
    given = {"kept": (4,), "best": (6,)}
    bound = read(tmp_path, graph, input_shapes=given)
    assert (bound.tensors["kept"].shape, bound.tensors["best"].shape) == ((4, 3), (1, 3, 6))
    assert graph_digest(bound) != graph_digest(network)


def test_what_the_file_states_of_a_selection_holds_unless_something_else_is_said(tmp_path):
    graph = """
    best (float[2, 9] scores, int64[1] most) => (float[2, 4] best, int64[2, 4] places) {
        best, places = TopK(scores, most)
    }
    """
    network = read(tmp_path, graph)
    assert network.tensors["places"].shape == (2, 4)
    assert not network.data_sizes
    assert not network.extremes
    assert read(tmp_path, graph, input_shapes={"best": (3,)}).data_sizes[0].counted == 3


def test_an_affine_grid_is_of_the_size_that_is_said_of_it(tmp_path):
    graph = """
    turned (float[2, 2, 3] theta, int64[4] size) => (float[n, h, w, 2] y) {
        grid = AffineGrid(theta, size)
        y = Neg(grid)
    }
    """
    with pytest.raises(UndecidedSizeError, match="--input grid=SHAPE says what it gives"):
        read(tmp_path, graph, opset=20)
    network = read(tmp_path, graph, opset=20, input_shapes={"grid": (2, 5, 6, 2)})
    assert network.tensors["y"].shape == (2, 5, 6, 2)
    assert only(network, "generate").inputs == ("theta",)


def test_a_reduction_whose_axes_nobody_knows_follows_from_its_stated_result(tmp_path):
    graph = """
    sums (float[3, 2, 5] x, int64[n] axes) => (float[3, 5] y) {
        y = ReduceSum<keepdims = 0>(x, axes)
    }
    """
    assert only(read(tmp_path, graph, input_shapes={"axes": (1,)}), "reduce_sum").attributes["axes"] == (1,)
    with pytest.raises(NetworkShapeError, match=r"reduces \[3, 2, 5\] to \[3, 7\]"):
        read(tmp_path, graph.replace("float[3, 5]", "float[3, 7]"), input_shapes={"axes": (1,)})


def test_an_input_that_the_file_states_to_be_empty_gives_only_its_type(tmp_path):
    graph = "cast (float[3, 4] x, double[0] like) => (double[3, 4] y) { y = CastLike(x, like) }"
    network = read(tmp_path, graph)
    assert network.inputs == ("x",)
    assert dict(network.empty_inputs) == {"like": (0,)}
    assert network.tensors["y"].dtype.label == "float64"


@pytest.mark.parametrize("operator", ["ConstantOfShape(two)", "Range(zero, n, one)"])
def test_what_numbers_of_the_input_make_is_written_in_every_run(tmp_path, operator):
    graph = f"""
    made (int64 n, int64[2] two) => ({"float" if "Shape" in operator else "int64"}[a] y) {{
        zero = Constant<value = int64 {{0}}>()
        one = Constant<value = int64 {{1}}>()
        z = {operator}
        y = Neg(z)
    }}
    """
    network = read(tmp_path, graph, input_shapes={"z": (12,)})
    assert only(network, "generate").inputs == (("two",) if "two" in operator else ("n",))
    assert not any(kernel.free for kernel in preset("onnxruntime-cpu").apply(network))


def test_parts_and_depths_that_data_decide_follow_from_the_stated_results(tmp_path):
    graph = """
    parted (float[6, 4] x, int64[2] sizes, int64[5] ids, int64 depth)
    => (float[2, 4] a, float[4, 4] b, float[5, 7] hot) {
        pair = Constant<value = float[2] {0.0, 1.0}>()
        a, b = Split<axis = 0>(x, sizes)
        hot = OneHot(ids, depth, pair)
    }
    """
    network = read(tmp_path, graph)
    assert [network.tensors[name].shape for name in only(network, "split").outputs] == [(2, 4), (4, 4)]
    assert only(network, "one_hot").attributes["depth"] == 7
    with pytest.raises(UndecidedSizeError, match="sizes"):
        read(tmp_path, graph.replace("float[2, 4] a", "float[n, 4] a"))
