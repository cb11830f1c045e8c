from __future__ import annotations

import pytest

from annette.errors import NetworkShapeError, OptionError
from annette.network.graph_json import graph_digest, graph_from_json, graph_to_json
from annette.network.inputs import InputValue
from annette.network.readers.onnx import read_onnx
from annette.network.readers.onnx.binding import rescaled_target
from tests.unit.network.readers.onnx.build import model, read, save

SYMBOLIC = "g (float[N, 3, H, W] x) => (float[N, 3, H, W] y) { y = Relu(x) }"
STATIC = "g (float[1, 3, 8, 8] x) => (float[1, 192] y) { y = Flatten(x) }"


def test_batch_and_shape_bind_symbolic_dimensions(tmp_path):
    network = read(tmp_path, SYMBOLIC, input_shapes={"x": (2, 3, 16, 24)})
    assert network.tensors["x"].shape == (2, 3, 16, 24)
    assert network.batch == 2


def test_batch_binds_dimension_0_of_every_input_and_equal_symbols(tmp_path):
    graph = "g (float[N, 4] x, float[N, 4] z, float[4, N] t) => (float[N, N] y) { a = Add(x, z) y = MatMul(a, t) }"
    network = read(tmp_path, graph, batch=5)
    assert network.tensors["t"].shape == (4, 5)
    assert network.tensors["y"].shape == (5, 5)


def test_a_dimension_named_batch_goes_before_dimension_0(tmp_path):
    graph = "g (float[7, batch_size, 4] x) => (float[7, batch_size, 4] y) { y = Relu(x) }"
    network = read(tmp_path, graph, batch=3)
    assert network.tensors["x"].shape == (7, 3, 4)
    assert network.batch == 3


def test_unbound_dimensions_are_named_with_the_options_that_bind_them(tmp_path):
    with pytest.raises(
        NetworkShapeError, match=r"'x'.*\[N, 3, H, W\].*'N', 'H', 'W'.*--batch N.*--input x=1x3x224x224"
    ):
        read(tmp_path, SYMBOLIC)
    with pytest.raises(NetworkShapeError, match=r"'H', 'W'"):
        read(tmp_path, SYMBOLIC, batch=1)


@pytest.mark.parametrize(
    ("signature", "suggested"),
    [
        ("float[N, 3, H, W] x", ["x=1x3x224x224"]),
        ("float[N, H, W, 3] x", ["x=1x224x224x3"]),
        ("float[batch, seq, 64] x, float[batch, seq, 64] z", ["x=1x128x64", "z=1x128x64"]),
    ],
)
def test_suggested_shapes_bind_everything_and_work(tmp_path, signature, suggested):
    path = save(tmp_path, model(f"net ({signature}) => (float[] y) {{ y = Relu(x) }}"))
    with pytest.raises(NetworkShapeError) as refused:
        read_onnx(path)
    options = [word for word in str(refused.value).split() if "=" in word]
    assert options == suggested
    shapes = {name: tuple(map(int, sizes.split("x"))) for name, sizes in (option.split("=") for option in options)}
    assert read_onnx(path, input_shapes=shapes).batch == 1


def test_suggested_shapes_are_those_that_the_network_takes(tmp_path):
    graph = """net (float[1, 3, H, W] x) => (float[1, 5] y) <int64[2] s = {1, 5}, float[3, 3, 48, 320] w> {
        c = Conv(x, w) y = Reshape(c, s) }"""
    fixed = "net (float[B, L] x) => (float[B, 512] y) <int64[2] s = {1, 512}> { r = Relu(x) y = Reshape(r, s) }"
    with pytest.raises(NetworkShapeError, match=r"--input x=1x512 binds all of them"):
        read(tmp_path, fixed)
    never = graph.replace(", float[3, 3, 48, 320] w", "").replace("c = Conv(x, w)", "c = Relu(x)")
    with pytest.raises(NetworkShapeError, match=r"give its own sizes.*none of the usual sizes fits"):
        read(tmp_path, never)


def test_many_inputs_are_bound_by_their_symbols(tmp_path):
    inputs = ", ".join(f"float[batch, 4, past, 8] cache{index}" for index in range(40))
    path = save(tmp_path, model(f"net ({inputs}) => (float[] y) {{ y = Relu(cache0) }}"))
    with pytest.raises(NetworkShapeError, match="--input batch=1 --input past=224 binds all of them"):
        read_onnx(path)
    assert read_onnx(path, input_shapes={"batch": (1,), "past": (224,)}).layers


def test_names_that_a_shell_would_split_are_quoted(tmp_path):
    proto = model("net (float[N, L] x) => (float[N, L] y) { y = Relu(x) }")
    proto.graph.input[0].name = proto.graph.node[0].input[0] = "my input"
    with pytest.raises(NetworkShapeError, match="--input 'my input=1x128'"):
        read_onnx(save(tmp_path, proto))


@pytest.mark.parametrize(
    ("signature", "shape"),
    [
        ("float[N, 3, 8, 8] x", (1, 3, 8, 8)),
        ("float[5, batch_size, 4] x", (5, 1, 4)),
        ("float[?, 4] x, float[?, 4] z", (1, 4)),
        ("float[dynamic_axes_1, 7] x", (1, 7)),
    ],
)
def test_a_batch_that_alone_is_open_is_1_with_a_note(tmp_path, signature, shape):
    network = read(tmp_path, f"net ({signature}) => (float[] y) {{ y = Relu(x) }}")
    assert network.tensors["x"].shape == shape
    assert network.batch == 1
    assert "is open: taken as 1 (--batch N sets it)" in network.notes[0]
    assert not read(tmp_path, f"net ({signature}) => (float[] y) {{ y = Relu(x) }}", batch=2).notes


@pytest.mark.parametrize("signature", ["float[seq, 4] x", "float[n] x", "float[N, L] x", "float[time_steps, N, 4] x"])
def test_other_open_dimensions_are_not_taken_for_a_batch(tmp_path, signature):
    with pytest.raises(NetworkShapeError, match="with unknown dimensions"):
        read(tmp_path, f"net ({signature}) => (float[] y) {{ y = Relu(x) }}")


def test_an_open_batch_follows_the_shapes_that_were_given(tmp_path):
    graph = "net (float[N, 4] x, float[M, 4] z) => (float[N, 4] y) { y = Add(x, z) }"
    assert read(tmp_path, graph, input_shapes={"x": (3, 4)}).tensors["z"].shape == (3, 4)


def test_a_dimension_is_bound_by_its_symbol(tmp_path):
    path = save(tmp_path, model("net (float[batch, seq, 64] x) => (float[] y) { y = Relu(x) }"))
    network = read_onnx(path, batch=2, input_shapes={"seq": (32,)})
    assert network.tensors["x"].shape == (2, 32, 64)
    with pytest.raises(OptionError, match="one number"):
        read_onnx(path, input_shapes={"seq": (32, 2)})
    with pytest.raises(OptionError, match="no such input"):
        read_onnx(path, input_shapes={"sec": (32,)})


def test_an_input_without_a_shape_asks_for_one(tmp_path):
    proto = model("g (float[4] x) => (float[4] y) { y = Relu(x) }")
    proto.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(NetworkShapeError, match="--input x="):
        read_onnx(save(tmp_path, proto))
    assert read_onnx(save(tmp_path, proto), input_shapes={"x": (3, 5)}).tensors["y"].shape == (3, 5)


def test_a_static_batch_is_replaced(tmp_path):
    network = read(tmp_path, STATIC, batch=4)
    assert network.tensors["y"].shape == (4, 192)
    assert network.batch == 4


@pytest.mark.parametrize("target", ["1, 192", "1, -1"])
def test_a_reshape_to_the_stated_batch_is_scaled(tmp_path, target):
    graph = f"""g (float[1, 3, 8, 8] x) => (float[1, 192] y)
        <int64[2] s = {{{target}}}> {{ y = Reshape(x, s) }}"""
    assert read(tmp_path, graph, batch=4).tensors["y"].shape == (4, 192)


def test_a_class_token_is_joined_to_every_sample(tmp_path):
    graph = """g (float[1, 3, 2] x) => (float[1, 4, 2] y)
        <float[1, 1, 2] token = {0, 0}> { y = Concat <axis = 1> (token, x) }"""
    network = read(tmp_path, graph, batch=4)
    assert network.tensors["y"].shape == (4, 4, 2)
    assert network.parameters == 2


def test_a_graph_for_one_sample_only_is_refused(tmp_path):
    graph = """g (float[1, 3, 8] x) => (float[3, 8] y)
        <int64[1] axes = {0}> { y = Squeeze(x, axes) }"""
    with pytest.raises(NetworkShapeError, match="fixed to batch 1 and cannot run with --batch 4: node 'y'"):
        read(tmp_path, graph, batch=4)


def test_an_output_that_loses_the_batch_is_refused(tmp_path):
    graph = """g (float[1, 8] x) => (float[1, 8] y)
        <int64[1] a = {0}, int64[1] b = {1}, int64[1] axes = {0}> { s = Slice(x, a, b, axes) y = Relu(s) }"""
    with pytest.raises(NetworkShapeError, match=r"its output 'y' would have shape \[1, 8\]"):
        read(tmp_path, graph, batch=4)


def test_work_that_does_not_grow_with_the_batch_is_refused(tmp_path):
    """Every sample with every other: with the batch the work grows by its square."""
    graph = "g (float[2, 8] x) => (float z) { t = Transpose(x) y = MatMul(x, t) z = ReduceMax(y) }"
    with pytest.raises(NetworkShapeError, match="multiply-accumulates would go from 32 to 128"):
        read(tmp_path, graph, batch=4)


@pytest.mark.parametrize(
    ("shape", "target", "scaled"),
    [
        ((4, 196, 768), [1, 196, 12, 64], [4, 196, 12, 64]),
        ((48, 64, 128), [48, 64, 128], [48, 64, 128]),
        ((4, 12, 64, 128), [12, 64, 128], [48, 64, 128]),
        ((50, 4, 1, 128), [50, 1, 128], [50, 4, 128]),
        ((4, 128, 12, 64), [1, 128, -1], [4, 128, -1]),
        ((4, 64), [-1, 64], [-1, 64]),
        ((7, 64), [1, 448], [1, 448]),
    ],
)
def test_rescaled_targets(shape, target, scaled):
    assert rescaled_target(shape, target, 1, 4) == scaled


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch": 0}, OptionError, "at least 1"),
        ({"input_shapes": {"z": (1, 3, 8, 8)}}, OptionError, "no such input"),
        ({"input_shapes": {"x": (1, 3)}}, OptionError, "4 dimensions"),
        ({"input_shapes": {"x": (1, 3, 0, 8)}}, NetworkShapeError, "at least 1"),
    ],
)
def test_senseless_options_are_refused(tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        read(tmp_path, SYMBOLIC, **options)


def test_one_symbol_cannot_have_two_sizes(tmp_path):
    graph = "g (float[N, 4] x, float[N, 4] z) => (float[N, 4] y) { y = Add(x, z) }"
    with pytest.raises(NetworkShapeError, match="bound to 2 already, not 3"):
        read(tmp_path, graph, input_shapes={"x": (2, 4), "z": (3, 4)})


CACHE = """g (float[N, past, 4] cache, float[N, read, 4] new, float[N, past + read] mask)
  => (float[N, all, 4] y, float[N, all] z) {
  y = Concat <axis = 1> (cache, new)
  z = Relu (mask)
}"""


def with_sums(folder):
    proto = model(CACHE.replace("past + read", "sum"))
    proto.graph.input[2].type.tensor_type.shape.dim[1].dim_param = "past + read"
    return save(folder, proto)


def test_a_symbol_that_is_a_sum_follows_from_its_parts(tmp_path):
    network = read_onnx(with_sums(tmp_path), batch=2, input_shapes={"past": (6,), "read": (1,)})
    assert network.tensors["mask"].shape == (2, 7)


def test_an_input_without_elements_is_no_tensor_and_is_fed(tmp_path):
    network = read_onnx(with_sums(tmp_path), batch=2, input_shapes={"past": (0,), "read": (5,)})
    assert network.inputs == ("new", "mask")
    assert network.empty_inputs == {"cache": (2, 0, 4)}
    assert network.fed_shapes == {"new": (2, 5, 4), "mask": (2, 5), "cache": (2, 0, 4)}
    assert network.tensors["y"].shape == (2, 5, 4)
    assert network.replaced(name="other").empty_inputs == network.empty_inputs
    stored = graph_from_json(graph_to_json(network))
    assert stored.empty_inputs == network.empty_inputs
    assert graph_digest(stored) == graph_digest(network)


@pytest.mark.parametrize("given", [{"past": InputValue((3,))}, {"past": (-1,)}, {"past": (1, 2)}])
def test_a_size_of_a_symbol_is_one_number(tmp_path, given):
    with pytest.raises(OptionError, match="one number"):
        read_onnx(with_sums(tmp_path), batch=1, input_shapes=given)


def test_a_network_of_nothing_is_refused(tmp_path):
    with pytest.raises(NetworkShapeError, match="is empty"):
        read_onnx(with_sums(tmp_path), input_shapes={"N": (0,), "past": (1,), "read": (5,)})


def test_a_shape_that_is_written_with_commas_is_told_how(tmp_path):
    graph = "g (float[N, 3, H, W] x) => (float[N, 3, H, W] y) { y = Relu(x) }"
    with pytest.raises(OptionError, match=r"x=\[1,3,64,64\]: .*\[N, 3, H, W\], is open; a shape is written 1x3x64x64"):
        read(tmp_path, graph, input_shapes={"x": InputValue((1, 3, 64, 64))})
    with pytest.raises(OptionError, match=r"y: this tensor of .* is no input, and its size follows from the inputs$"):
        read(tmp_path, graph, input_shapes={"x": (1, 3, 64, 64), "y": (1,)})
