from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from annette.errors import NetworkFormatError, NetworkShapeError, NetworkStructureError, UnsupportedOperatorError
from annette.network import DType
from annette.network.readers.onnx import read_onnx
from tests.unit.network.readers.onnx.build import kinds, model, only, read, save


def test_shape_arithmetic_becomes_constants_and_no_layers(tmp_path):
    graph = """g (float[2, 3, 8, 8] x) => (float[2, 192] y)
        <int64 zero = {0}, int64[1] axes = {0}, int64[1] minus = {-1}> {
        s = Shape(x)
        n = Gather <axis = 0> (s, zero)
        n1 = Unsqueeze(n, axes)
        t = Concat <axis = 0> (n1, minus)
        i = Identity(x)
        y = Reshape(i, t)
    }"""
    network = read(tmp_path, graph)
    assert kinds(network) == ["reshape"]
    assert network.layers[0].inputs == ("x",)
    assert network.tensors["y"].shape == (2, 192)


def test_arithmetic_on_sizes_is_evaluated(tmp_path):
    graph = """g (float[1, 3, 9, 9] x) => (float[1, 3, 18, 4] y)
        <int64[1] two = {2}, int64[1] a = {2},
         int64[1] b = {3}, int64[1] c = {4}, int64[1] z = {0}, float[1] h = {0.5}> {
        s = Shape(x)
        height = Slice(s, a, b)
        width = Slice(s, b, c)
        tall = Mul(height, two)
        wf = Cast <to = 1> (width)
        half = Mul(wf, h)
        whole = Floor(half)
        w = Cast <to = 7> (whole)
        lead = Slice(s, z, a)
        sizes = Concat <axis = 0> (lead, tall, w)
        y = Resize <mode = "nearest"> (x, , , sizes)
    }"""
    network = read(tmp_path, graph)
    assert network.tensors["y"].shape == (1, 3, 18, 4)
    assert kinds(network) == ["resize_nearest"]


def test_weights_behind_views_and_dequantization_stay_weights(tmp_path):
    graph = """g (float[2, 4] x) => (float[2, 3] y)
        <int8[3, 4] w = {1,1,1,1,1,1,1,1,1,1,1,1}, float s = {0.5}, int8 z = {0}> {
        d = DequantizeLinear(w, s, z)
        t = Transpose <perm = [1, 0]> (d)
        y = MatMul(x, t)
    }"""
    network = read(tmp_path, graph)
    layer = only(network, "fully_connected")
    assert kinds(network) == ["fully_connected"]
    weights = network.tensors[layer.inputs[1]]
    assert weights.dtype is DType.INT8
    assert weights.shape == (4, 3)
    assert layer.workload.weight_bytes == 12
    assert network.parameters == 12


def test_tied_weights_count_once(tmp_path):
    graph = """g (int64[1, 5] ids) => (float[1, 5, 6] y)
        <float[6, 2] table = {0,0,0,0,0,0,0,0,0,0,0,0}> {
        e = Gather(table, ids)
        t = Transpose <perm = [1, 0]> (table)
        y = MatMul(e, t)
    }"""
    network = read(tmp_path, graph)
    assert kinds(network) == ["gather", "fully_connected"]
    assert network.parameters == 12


def test_weights_that_are_put_together_from_parts_of_others_count_once(tmp_path):
    """As PyTorch exports recurrent layers, whose gates ONNX has in another order."""
    graph = """g (float[2, 4] x) => (float[2, 8] y)
        <float[4, 5] w = {0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}, float[4, 3] v = {0,0,0,0,0,0,0,0,0,0,0,0},
         int64[1] zero = {0}, int64[1] two = {2}, int64[1] five = {5}, int64[1] axis = {1}> {
        first = Slice(w, zero, two, axis)
        second = Slice(w, two, five, axis)
        together = Concat <axis = 1> (second, v, first)
        y = MatMul(x, together)
    }"""
    network = read(tmp_path, graph)
    assert kinds(network) == ["fully_connected"]
    assert network.parameters == 4 * 5 + 4 * 3


def test_constants_repeated_beyond_what_they_are_made_of_are_not_parameters(tmp_path):
    graph = """g (float[2, 4] x) => (float[2, 6] y) <float[4, 3] v = {0,0,0,0,0,0,0,0,0,0,0,0}> {
        twice = Concat <axis = 1> (v, v)
        y = MatMul(x, twice)
    }"""
    assert read(tmp_path, graph).parameters == 0


def test_masks_computed_from_shapes_are_not_parameters(tmp_path):
    graph = """g (float[4, 4] x) => (float[4, 4] y) {
        s = Shape(x)
        ones = ConstantOfShape <value = float[1] {1.0}> (s)
        mask = Trilu(ones)
        y = Mul(x, mask)
    }"""
    network = read(tmp_path, graph)
    assert kinds(network) == ["mul"]
    assert network.parameters == 0
    assert network.layers[0].workload.weight_elements == 16


def test_functions_are_walked_in_place_with_their_attributes(tmp_path):
    functions = """<domain: "local", opset_import: ["" : 17]>
        leaky <slope> (a) => (b) { t = LeakyRelu <alpha: float = @slope> (a) b = Relu(t) }"""
    graph = "g (float[4] x) => (float[4] y) { m = local.leaky <slope = 0.3> (x) y = local.leaky <slope = 0.2> (m) }"
    network = read(tmp_path, graph, functions=functions)
    assert kinds(network) == ["leaky_relu", "relu", "leaky_relu", "relu"]
    assert [round(layer.attributes["alpha"], 3) for layer in network.layers[::2]] == [0.3, 0.2]
    assert len({layer.name for layer in network.layers}) == 4


def test_a_function_that_calls_itself_is_refused(tmp_path):
    functions = """<domain: "local", opset_import: ["" : 17, "local" : 1]> f (a) => (b) { b = local.f(a) }"""
    with pytest.raises(NetworkStructureError, match="calls itself"):
        read(tmp_path, "g (float[4] x) => (float[4] y) { y = local.f(x) }", functions=functions)


IF = """g (float[4] x) => (float[4] y) {{
    {condition}
    y = If (c) <
        then_branch = a () => (float[4] r) {{ r = Relu(x) }},
        else_branch = b () => (float[4] r) {{ r = Tanh(x) }}
    >
}}"""


def test_a_branch_with_a_constant_condition_is_taken(tmp_path):
    condition = "s = Shape(x) k = Constant <value = int64[1] {5}> () c = Equal(s, k)"
    assert kinds(read(tmp_path, IF.format(condition=condition))) == ["tanh"]


def test_a_loop_of_constant_length_counts_every_iteration(tmp_path):
    graph = """g (float[2, 4] x) => (float[2, 4] y, float[3, 2, 4] all)
        <int64 n = {3}, bool t = {1}, float[4, 4] w = {0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}> {
        y, all = Loop (n, t, x) <body = b (int64 i, bool c, float[2, 4] v) => (bool d, float[2, 4] u, float[2, 4] o) {
            d = Identity(c) u = MatMul(v, w) o = Relu(u) }>
    }"""
    network = read(tmp_path, graph)
    assert network.macs == 3 * 2 * 4 * 4
    assert network.parameters == 16
    assert only(network, "concat").workload.output_elements == 24
    assert any("layers of its 3 rounds" in note for note in network.notes)


def test_a_loop_over_data_is_refused(tmp_path):
    graph = """g (float[4] x, int64 n) => (float[4] y) <bool t = {1}> {
        y = Loop (n, t, x) <body = b (int64 i, bool c, float[4] v) => (bool d, float[4] u) {
            d = Identity(c) u = Relu(v) }>
    }"""
    with pytest.raises(UnsupportedOperatorError, match="only known at run time"):
        read(tmp_path, graph)


def test_a_scan_counts_every_step(tmp_path):
    graph = """g (float[2, 4] h, float[6, 2, 4] seq) => (float[2, 4] last, float[6, 2, 4] y)
        <float[4, 4] w = {0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}> {
        last, y = Scan <num_scan_inputs = 1, body = b (float[2, 4] s, float[2, 4] e) => (float[2, 4] t, float[2, 4] o) {
            m = MatMul(s, w) t = Add(m, e) o = Identity(t) }> (h, seq)
    }"""
    network = read(tmp_path, graph)
    assert network.macs == 6 * 2 * 4 * 4
    assert network.tensors[network.outputs[1]].shape == (6, 2, 4)


def test_unsorted_nodes_are_sorted(tmp_path):
    graph = "g (float[4] x) => (float[4] y) { y = Relu(m) m = Tanh(x) }"
    assert kinds(read(tmp_path, graph)) == ["tanh", "relu"]


def test_dead_layers_are_left_out_and_said_so(tmp_path):
    network = read(tmp_path, "g (float[4] x) => (float[4] y) { y = Relu(x) m = Tanh(x) }")
    assert kinds(network) == ["relu"]
    assert any("reach no output" in note for note in network.notes)


def test_nodes_without_names_get_unique_ones(tmp_path):
    proto = model("g (float[4] x) => (float[4] y) { a = Relu(x) b = Relu(a) y = Relu(b) }")
    for node in proto.graph.node:
        node.name = "same"
    assert [layer.name for layer in read_onnx(save(tmp_path, proto)).layers] == ["same", "same#2", "same#3"]


@pytest.mark.parametrize(
    ("graph", "error", "message"),
    [
        ("g (float[4] x) => (float[4] y) { a = Add(x, b) b = Relu(a) y = Relu(b) }", NetworkStructureError, "cycle"),
        ("g (float[4] x) => (float[4] y) { y = Add(x, q) }", NetworkStructureError, "'q', which nothing produces"),
        ("g (float[4] x) => (float[4] q) { y = Relu(x) }", NetworkStructureError, "'q'.*produced by nothing"),
        ("g (float[4] x) => (float[4] y) { y = Relu(x) y = Tanh(x) }", NetworkStructureError, "'y'.*produced twice"),
        ("g (float[4] x) => (float[4] y) { }", NetworkFormatError, "empty graph"),
        ("g (float[4] x) => () { y = Relu(x) }", NetworkStructureError, "no outputs"),
        ("g (float[4] x) => (float[4] y) { y = Identity(x) }", NetworkStructureError, "computes nothing"),
        ("g (float[0] x) => (float[0] y) { y = Relu(x) }", NetworkShapeError, "it is empty"),
        ("g (float[-4] x) => (float y) { y = Relu(x) }", NetworkShapeError, "at least 1"),
        (
            "g (float[4611686018427387904, 4] x) => (float y) { y = Relu(x) }",
            NetworkShapeError,
            "overflows 64-bit",
        ),
        (
            "g (float[2147483648, 1] x, float[1, 2147483648] z) => (float y) "
            "{ a = Add(x, z) b = Concat(a, a, a) y = Relu(b) }",
            NetworkShapeError,
            "overflow",
        ),
        ("g (float[4] x, float[3] z) => (float y) { y = Add(x, z) }", NetworkShapeError, "do not broadcast"),
        ("g (seq(float[4]) x) => (float y) { y = SequenceAt(x, x) }", NetworkFormatError, "not a tensor"),
    ],
)
def test_bad_graphs_are_refused_with_one_line(tmp_path, graph, error, message):
    with pytest.raises(error, match=message) as caught:
        read(tmp_path, graph.replace("Concat(", "Concat <axis = 0> ("))
    assert "\n" not in str(caught.value)


def test_an_unknown_operator_without_a_shape_is_named_with_the_nearest(tmp_path):
    graph = "g (float[4] x) => (float y) { m = Relux(x) y = Relu(m) }"
    with pytest.raises(UnsupportedOperatorError, match=r"ai\.onnx\.Relux.*'Relu'"):
        read(tmp_path, graph)


def test_an_unknown_operator_with_a_stated_shape_is_an_unsupported_layer(tmp_path):
    graph = "g (float[4] x) => (float[4] y) <float[2, 2] m> { m = com.microsoft.Magic(x) y = Flatten(m) }"
    layer = read(tmp_path, graph.replace("float[4] y", "float[2, 2] y"), contrib=True).layers[0]
    assert (layer.kind, layer.attributes["operator"]) == ("unsupported", "com.microsoft.Magic")
    assert layer.workload.output_elements == 4


def test_a_standard_operator_without_a_rule_gets_its_shape_from_its_schema(tmp_path):
    layer = read(tmp_path, "g (float[5, 4, 4] x) => (float[5] y) { d = Det(x) y = Relu(d) }").layers[0]
    assert (layer.kind, layer.attributes["operator"]) == ("unsupported", "ai.onnx.Det")
    assert layer.workload.output_elements == 5


def test_bombs_do_not_allocate(tmp_path):
    graph = """g (float[1] x) => (float y)
        <int64[2] huge = {1000000, 1000000}, int64 a = {0}, int64 b = {1000000000000}, int64 c = {1}> {
        z = ConstantOfShape(huge)
        r = Range(a, b, c)
        t = Tile(z, huge)
        y = Add(x, z)
    }"""
    with pytest.raises(NetworkShapeError, match="overflow"):
        read(tmp_path, graph)


def test_data_dependent_shapes_are_bounded_and_noted(tmp_path):
    graph = """g (float[1, 10, 4] boxes, float[1, 2, 10] scores) => (int64 y) <int64 most = {3}> {
        y = NonMaxSuppression(boxes, scores, most)
    }"""
    network = read(tmp_path, graph)
    assert network.tensors["y"].shape == (3, 3)
    assert [each.tensors["y"].shape for each in network.extremes] == [(2, 3), (6, 3)]
    assert any("NonMaxSuppression" in note for note in network.notes)


def test_a_reshape_to_data_is_refused_by_name(tmp_path):
    graph = "g (float[8] x, int64[2] s) => (float[N, M] y) { y = Reshape(x, s) }"
    with pytest.raises(NetworkShapeError, match=r"'y' \(Reshape\) takes its target shape from data"):
        read(tmp_path, graph)


def test_disagreement_with_stated_shapes_is_noted(tmp_path):
    network = read(tmp_path, "g (float[8] x) => (float[9] y) { y = Relu(x) }")
    assert any("states another shape" in note for note in network.notes)


@pytest.mark.parametrize("content", [b"", b"{}", b"hello world, not a model", b"PK\x03\x04" + bytes(50), b"\x00" * 64])
def test_files_that_are_no_models_are_refused(tmp_path, content):
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(NetworkFormatError):
        read_onnx(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "absent.onnx", tmp_path):
        with pytest.raises(NetworkFormatError, match="cannot read"):
            read_onnx(path)


def test_every_truncation_is_refused_or_read(tmp_path):
    data = model(
        "g (float[1, 3, 8, 8] x) => (float[1, 3] y) { a = GlobalAveragePool(x) y = Flatten(a) }"
    ).SerializeToString()
    path = tmp_path / "cut.onnx"
    for size in range(len(data)):
        path.write_bytes(data[:size])
        with pytest.raises((NetworkFormatError, NetworkStructureError)):
            read_onnx(path)


def _external(location: str, *, dims: tuple[int, ...] = (2,), offset: int = 0) -> onnx.ModelProto:
    tensor = TensorProto(name="s", data_type=TensorProto.INT64, dims=dims, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", str(offset)), ("length", "16")):
        tensor.external_data.add(key=key, value=value)
    info = [helper.make_tensor_value_info("x", 1, [6]), helper.make_tensor_value_info("y", 1, ["a", "b"])]
    graph = helper.make_graph([helper.make_node("Reshape", ["x", "s"], ["y"])], "g", info[:1], info[1:], [tensor])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def test_small_external_shapes_are_read(tmp_path):
    (tmp_path / "data").write_bytes(bytes(8) + np.array([2, 3], np.int64).tobytes())
    network = read_onnx(save(tmp_path, _external("data", offset=8)))
    assert network.tensors["y"].shape == (2, 3)


def test_absent_external_data_is_no_matter_until_a_shape_needs_it(tmp_path):
    with pytest.raises(NetworkShapeError, match="target shape"):
        read_onnx(save(tmp_path, _external("absent")))


@pytest.mark.parametrize(
    "location", ["/etc/passwd", "../data", "a/../../data", "C:\\data", "\\\\host\\share", "..\\data", "", "a\0b"]
)
def test_external_data_outside_the_folder_is_refused(tmp_path, location):
    with pytest.raises(NetworkFormatError, match=r"leaves the model's folder|no usable location"):
        read_onnx(save(tmp_path, _external(location)))


def test_external_data_behind_a_symbolic_link_out_of_the_folder_is_refused(tmp_path):
    inside = tmp_path / "model"
    inside.mkdir()
    (tmp_path / "secret").write_bytes(bytes(16))
    (inside / "data").symlink_to(tmp_path / "secret")
    with pytest.raises(NetworkFormatError, match="leaves the model's folder"):
        read_onnx(save(inside, _external("data")))


def test_data_that_does_not_fit_its_shape_is_refused(tmp_path):
    proto = model("g (float[6] x) => (float[2, 3] y) <int64[2] s = {2, 3}> { y = Reshape(x, s) }")
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.array([2, 3]), "s"))
    proto.graph.initializer[0].dims[0] = 3
    with pytest.raises(NetworkFormatError, match="constant 's'"):
        read_onnx(save(tmp_path, proto))


def test_names_that_are_no_text_are_refused(tmp_path):
    data = model("g (float[4] xyzzy) => (float[4] y) { y = Relu(xyzzy) }").SerializeToString()
    path = tmp_path / "bytes.onnx"
    path.write_bytes(data.replace(b"xyzzy", b"\xff\xfeabc"))
    with pytest.raises(NetworkFormatError, match="not UTF-8"):
        read_onnx(path)


def test_a_result_that_its_node_does_not_have_cannot_be_read(tmp_path):
    proto = model("""g (float[4] x) => (float[4] y) {
        s = SequenceConstruct (x, x)
        n, more = SequenceLength (s)
        y = Add (x, more)
    }""")
    with pytest.raises(NetworkStructureError, match="has 2 outputs where 1 belong"):
        read_onnx(save(tmp_path, proto))
    with pytest.raises(NetworkStructureError, match="does not produce"):
        read_onnx(save(tmp_path, proto), lenient=True)
