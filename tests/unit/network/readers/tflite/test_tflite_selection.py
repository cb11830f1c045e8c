"""States, choices by data, transforms and custom operators of TFLite files."""

import pytest

from annette.errors import NetworkError, NetworkFormatError
from annette.network.readers.tflite import read_tflite
from tests.unit.network.readers.onnx.build import kinds, only
from tests.unit.network.readers.tflite.build import FLOAT32, INT32, File

BOOL, INT64, COMPLEX64 = 6, 4, 8


def choice(then, otherwise, *, condition="chosen", inputs=2):
    """A file whose IF takes one of two graphs of one input: ReLU six times or once, or whatever they say."""
    file = File()
    x = file.input("x", (2, 8), FLOAT32)
    flag = file.input(condition, (1,), BOOL)
    y = file.tensor("y", (2, 8), FLOAT32)
    file.outputs.append(y)
    file.operator("IF", [flag, x][:inputs], [y], "If", then_subgraph_index=1, else_subgraph_index=2)
    file.operator("RELU", [], [])  # Its code is what the graphs refer to; it writes nothing and is left out.
    for count in (then, otherwise):
        tensors = [{"name": f"t{i}", "shape": (2, 8), "type": FLOAT32} for i in range(count + 1)]
        operators = [{"opcode_index": 1, "inputs": (i,), "outputs": (i + 1,)} for i in range(count)]
        file.extra_graphs.append({"tensors": tensors, "operators": operators, "inputs": (0,), "outputs": (count,)})
    return file


def read(file, folder):
    return read_tflite(file.write(folder / "net.tflite"))


def test_a_choice_counts_its_branch_of_more_operations(tmp_path):
    network = read(choice(1, 3), tmp_path)
    assert kinds(network) == ["relu"] * 3
    assert network.ops == 3 * 16
    assert network.outputs == ("y",)
    assert any("chooses by data" in note for note in network.notes)
    assert kinds(read(choice(4, 3), tmp_path)) == ["relu"] * 4


def test_a_branch_that_hands_its_input_on_is_a_view(tmp_path):
    assert kinds(read(choice(0, 0), tmp_path)) == ["reshape"]


def test_branches_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(NetworkFormatError, match="its branch takes 1"):
        read(choice(1, 1, inputs=1), tmp_path)


def test_a_choice_of_itself_is_refused(tmp_path):
    file = choice(1, 1)
    file.extra_graphs[0]["operators"].append({**file.operators[0], "inputs": (0, 0), "outputs": (1,)})
    with pytest.raises(NetworkError, match="nested"):
        read(file, tmp_path)


def test_states_are_copied_in_and_out(tmp_path):
    file = File()
    x = file.input("x", (1, 4), FLOAT32)
    handle = file.tensor("handle", (), INT64)
    state, y = file.tensor("state", (1, 4), FLOAT32), file.tensor("y", (1, 4), FLOAT32)
    file.outputs.append(y)
    file.operator("VAR_HANDLE", [], [handle])
    file.operator("READ_VARIABLE", [handle], [state])
    file.operator("ADD", [x, state], [y])
    file.operator("ASSIGN_VARIABLE", [handle, y], [])
    file.operator("CALL_ONCE", [], [])
    network = read(file, tmp_path)
    assert kinds(network) == ["copy", "add", "copy"]
    assert [layer.workload.bytes for layer in network.layers] == [32, 48, 32]
    assert network.parameters == 0
    assert any("runs once" in note for note in network.notes)


def test_a_spectrum_of_rows(tmp_path):
    file = File()
    x = file.input("x", (3, 1, 512), FLOAT32)
    length = file.integers("length", [1, 512])
    y = file.tensor("y", (3, 1, 257), COMPLEX64)
    file.outputs.append(y)
    file.operator("RFFT2D", [x, length], [y])
    layer = only(read(file, tmp_path), "fourier_transform")
    assert layer.workload.ops == 3 * 5 * 512 * 9
    assert layer.workload.dimensions.out_width == 3


def test_custom_operators_of_a_well_known_converter(tmp_path):
    file = File()
    x = file.input("x", (1, 8, 8, 16), FLOAT32)
    weights = file.tensor("weights", (1, 2, 2, 16), FLOAT32, [0.0] * 64)
    bias = file.tensor("bias", (1,), FLOAT32, [0.0])
    y = file.tensor("y", (1, 16, 16, 1), FLOAT32)
    points, matrix = file.input("points", (1, 80, 2), FLOAT32), file.input("matrix", (1, 4, 4), FLOAT32)
    moved, sampled = file.tensor("moved", (1, 80, 2), FLOAT32), file.tensor("sampled", (1, 4, 4, 1), FLOAT32)
    file.outputs += [moved, sampled]
    file.operator("CUSTOM", [x, weights, bias], [y], custom="Convolution2DTransposeBias")
    file.operator("CUSTOM", [points, matrix], [moved], custom="TransformLandmarks")
    file.operator("CUSTOM", [y, matrix], [sampled], custom="TransformTensorBilinear")
    network = read(file, tmp_path)
    assert kinds(network) == ["conv_transpose", "matmul", "grid_sample"]
    transposed = only(network, "conv_transpose")
    assert transposed.attributes["strides"] == (2, 2)
    assert transposed.attributes["pads"] == (0, 0, 0, 0)
    assert transposed.workload.macs == 8 * 8 * 4 * 16
    assert only(network, "matmul").workload.macs == 80 * 4 * 2


def test_an_empty_shape_makes_a_scalar(tmp_path):
    file = File()
    x = file.input("x", (1, 1), FLOAT32)
    shape, y = file.tensor("shape", (0,), INT32), file.tensor("y", (), FLOAT32)
    file.outputs.append(y)
    file.operator("RESHAPE", [x, shape], [y])
    assert kinds(read(file, tmp_path)) == ["reshape"]
