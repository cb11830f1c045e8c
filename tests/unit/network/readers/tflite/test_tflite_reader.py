"""Operators of TFLite files as canonical layers."""

from __future__ import annotations

import numpy as np
import pytest

from annette.errors import NetworkFormatError, NetworkShapeError, NetworkStructureError
from annette.network import DType
from annette.network.load import load_network
from annette.network.readers.tflite import read_tflite, read_tflite_operators
from annette.network.tflite_schema import OPERATORS
from tests.unit.network.readers.tflite.build import FLOAT32, INT32, File, conv_file


def read(file: File, tmp_path):
    return read_tflite(file.write(tmp_path / "net.tflite"))


def single(name, shapes, result, tmp_path, options="", constants=None, **fields):
    """The layers that one operator becomes; ``constants`` maps operand positions to values of integers."""
    file = File()
    operands = []
    for position, shape in enumerate(shapes):
        if constants and position in constants:
            operands.append(file.integers(f"c{position}", constants[position]))
        else:
            operands.append(file.input(f"x{position}", shape))
    results = [file.tensor(f"y{i}" if i else "y", shape) for i, shape in enumerate(result)]
    file.operator(name, operands, results, options, **fields)
    file.outputs = results
    return read(file, tmp_path).layers


def test_reads_a_convolution_with_its_bias(tmp_path):
    network = load_network(conv_file().write(tmp_path / "small.tflite"))
    (layer,) = network.layers
    assert (layer.name, layer.kind) == ("result", "conv")
    assert network.channels_last
    assert network.source_format == "tflite"
    assert network.batch == 1
    assert layer.workload.macs == 8 * 8 * 9 * 4 * 16
    assert layer.attributes["pads"] == (1, 1, 1, 1)
    assert layer.workload.dimensions.in_channels == 4
    assert network.parameters == 16 * 9 * 4 + 16
    assert network.tensors["weights"].dtype is DType.INT8
    assert layer.workload.weight_bytes == 16 * 9 * 4 + 4 * 16


def test_same_padding_with_a_stride_puts_the_odd_row_behind(tmp_path):
    (layer,) = read(conv_file(stride_h=2, stride_w=2), tmp_path).layers
    assert layer.attributes["pads"] == (0, 0, 1, 1)
    assert layer.attributes["strides"] == (2, 2)


@pytest.mark.parametrize(
    ("code", "kind", "label"),
    [(1, "relu", "relu"), (3, "clip", "relu6"), (2, "clip", "relu_n1_to_1"), (4, "tanh", "tanh")],
)
def test_a_fused_activation_is_a_layer_behind_its_operator(code, kind, label, tmp_path):
    path = conv_file(fused_activation_function=code).write(tmp_path / "net.tflite")
    network, operators = read_tflite_operators(path)
    linear, activation = network.layers
    assert (linear.name, activation.name, activation.kind) == ("result", f"result:{label}", kind)
    assert activation.outputs == ("result",)
    assert activation.inputs == linear.outputs == ("result:linear",)
    assert operators == (("result", f"result:{label}"),)


def test_a_convolution_with_fewer_weights_than_channels_is_grouped(tmp_path):
    file = File()
    x, w = file.input("x", (1, 4, 4, 8)), file.weights("w", (8, 1, 1, 2))
    y = file.tensor("y", (1, 4, 4, 8))
    file.operator("CONV_2D", [x, w], [y], "Conv2D", stride_h=1, stride_w=1)
    (layer,) = read(file, tmp_path).layers
    assert layer.kind == "grouped_conv"
    assert layer.attributes["groups"] == 4
    assert layer.workload.macs == 4 * 4 * 8 * 2


def test_a_depthwise_convolution_with_a_multiplier(tmp_path):
    file = File()
    x, w = file.input("x", (1, 4, 4, 8)), file.weights("w", (1, 3, 3, 16))
    y = file.tensor("y", (1, 4, 4, 16))
    file.operator("DEPTHWISE_CONV_2D", [x, w], [y], "DepthwiseConv2D", stride_h=1, stride_w=1, depth_multiplier=2)
    (layer,) = read(file, tmp_path).layers
    assert layer.kind == "depthwise_conv"
    assert layer.workload.macs == 4 * 4 * 9 * 16


def test_a_transposed_convolution_counts_input_positions(tmp_path):
    file = File()
    x, w = file.input("x", (1, 4, 4, 8)), file.weights("w", (6, 2, 2, 8))
    shape, y = file.integers("shape", [1, 8, 8, 6]), file.tensor("y", (1, 8, 8, 6))
    file.operator("TRANSPOSE_CONV", [shape, w, x], [y], "TransposeConv", stride_h=2, stride_w=2)
    (layer,) = read(file, tmp_path).layers
    assert layer.kind == "conv_transpose"
    assert layer.workload.macs == 16 * 4 * 8 * 6


def test_a_fully_connected_layer_reads_a_flattened_map(tmp_path):
    file = File()
    x, w = file.input("x", (1, 2, 2, 8)), file.weights("w", (10, 32))
    y = file.tensor("y", (1, 10))
    file.operator("FULLY_CONNECTED", [x, w, -1], [y], "FullyConnected")
    (layer,) = read(file, tmp_path).layers
    assert layer.kind == "fully_connected"
    assert layer.workload.macs == 320


@pytest.mark.parametrize("adjoint", ["", "adj_x", "adj_y"])
def test_a_matrix_product_finds_its_depth_whichever_operand_is_transposed(adjoint, tmp_path):
    left = (2, 6, 5) if adjoint == "adj_x" else (2, 5, 6)
    right = (2, 7, 6) if adjoint == "adj_y" else (2, 6, 7)
    options = {adjoint: True} if adjoint else {}
    (layer,) = single("BATCH_MATMUL", [left, right], [(2, 5, 7)], tmp_path, "BatchMatMul", **options)
    assert layer.kind == "matmul"
    assert layer.workload.macs == 2 * 5 * 6 * 7


def test_pools_keep_their_window(tmp_path):
    fields = {"padding": 1, "stride_h": 2, "stride_w": 2, "filter_height": 3, "filter_width": 2}
    (layer,) = single("MAX_POOL_2D", [(1, 9, 8, 4)], [(1, 4, 4, 4)], tmp_path, "Pool2D", **fields)
    assert layer.kind == "max_pool"
    assert layer.attributes["kernel_shape"] == (3, 2)
    assert layer.workload.ops == 4 * 4 * 4 * 6


def test_a_mean_over_all_positions_is_a_global_pool(tmp_path):
    (layer,) = single("MEAN", [(1, 7, 7, 32), ()], [(1, 32)], tmp_path, "Reducer", constants={1: [1, 2]})
    assert layer.kind == "global_average_pool"
    assert layer.inputs == ("x0",)
    (layer,) = single("MEAN", [(1, 7, 7, 32), ()], [(1, 7, 7)], tmp_path, "Reducer", constants={1: [-1]})
    assert layer.kind == "reduce_mean"
    assert layer.attributes == {"axes": (3,), "keepdims": 0}


def test_a_constant_of_one_element_is_an_attribute_at_its_real_value(tmp_path):
    file = File()
    x = file.input("x", (1, 4))
    three = file.tensor("three", (), data=[60], quantization={"scale": (0.05,), "zero_point": (0,)})
    y = file.tensor("y", (1, 4))
    file.operator("SUB", [three, x], [y], "Sub")
    (layer,) = read(file, tmp_path).layers
    assert layer.inputs == ("x",)
    assert layer.attributes["scalar_first"] is True
    assert layer.attributes["scalar"] == pytest.approx(3.0)


def test_a_squared_difference_is_a_difference_and_a_square(tmp_path):
    layers = single("SQUARED_DIFFERENCE", [(1, 4), (1, 4)], [(1, 4)], tmp_path)
    assert [layer.kind for layer in layers] == ["sub", "pow"]


def test_movement_keeps_what_decides_it(tmp_path):
    (layer,) = single("TRANSPOSE", [(1, 4, 6), ()], [(1, 6, 4)], tmp_path, constants={1: [0, 2, 1]})
    assert layer.kind == "transpose"
    assert layer.attributes["perm"] == (0, 2, 1)
    (layer,) = single("TRANSPOSE", [(1, 4, 6), ()], [(4, 1, 6)], tmp_path, constants={1: [1, 0, 2]})
    assert layer.kind == "reshape", "only dimensions of size 1 move"
    pads = {1: [[0, 0], [1, 2], [3, 4], [0, 0]]}
    (layer,) = single("PAD", [(1, 4, 4, 2), ()], [(1, 7, 11, 2)], tmp_path, constants=pads)
    assert layer.attributes["pads"] == (0, 1, 3, 0, 0, 2, 4, 0)
    begins = {1: [0, 2], 2: [0, 6], 3: [1, 2]}
    (layer,) = single("STRIDED_SLICE", [(1, 8), (), (), ()], [(1, 2)], tmp_path, "StridedSlice", constants=begins)
    assert layer.attributes == {"axes": (1,), "starts": (2,), "steps": (2,)}
    layers = single(
        "SPLIT", [(), (1, 4, 6)], [(1, 4, 3), (1, 4, 3)], tmp_path, "Split", constants={0: -1}, num_splits=2
    )
    assert layers[0].attributes["axis"] == 2
    assert len(layers[0].outputs) == 2


def dilated(batch):
    """A convolution with a dilation of 2 by 2, as the converter takes it apart; what the file states of its blocks."""
    file = File()
    x = file.input("x", (1, 8, 8, 3))
    block, pads = file.integers("block", [2, 2]), file.integers("pads", [[2, 2], [2, 2]])
    taken_apart = file.tensor("s", (batch, 6, 6, 3))
    inner, y = file.tensor("i", (batch, 4, 4, 5)), file.tensor("y", (1, 8, 8, 5))
    file.operator("SPACE_TO_BATCH_ND", [x, block, pads], [taken_apart])
    how = {"stride_h": 1, "stride_w": 1, "dilation_h_factor": 1, "dilation_w_factor": 1, "padding": 1}
    file.operator("CONV_2D", [taken_apart, file.weights("w", (5, 3, 3, 3))], [inner], "Conv2D", **how)
    file.operator("BATCH_TO_SPACE_ND", [inner, block, file.integers("crops", [[0, 0], [0, 0]])], [y])
    file.outputs = [y]
    return file


def test_a_dilated_convolution_counts_all_its_blocks_where_the_file_leaves_the_batch_open(tmp_path):
    stated, left_open = read(dilated(4), tmp_path), read(dilated(1), tmp_path)
    assert [layer.kind for layer in left_open.layers] == ["im2col", "conv", "im2col"]
    assert left_open.macs == stated.macs == 4 * 16 * 5 * 27
    assert [left_open.tensors[name].shape for name in ("s", "i", "y")] == [(4, 6, 6, 3), (4, 4, 4, 5), (1, 8, 8, 5)]
    assert left_open.batch == stated.batch == 1


@pytest.mark.parametrize("block", [[2, 2], [0, 0], [-1, 2]])
@pytest.mark.parametrize("name", ["SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"])
def test_blocks_of_no_size_leave_the_file_as_it_is(name, block, tmp_path):
    constants = {1: block, 2: [[0, 0], [0, 0]]}
    (layer,) = single(name, [(1, 4, 4, 3), (2,), (2, 2)], [(3, 4, 4, 3)], tmp_path, constants=constants)
    assert (layer.kind, layer.workload.output_elements) == ("im2col", 3 * 48)


@pytest.mark.parametrize("name", ["SVDF", "REVERSE_V2", "WHILE", "STABLEHLO_SORT"])
def test_an_operator_without_a_rule_is_kept_with_its_shapes(name, tmp_path):
    (layer,) = single(name, [(1, 4)], [(2, 3)], tmp_path)
    assert layer.kind == "unsupported"
    assert layer.attributes["operator"] == name
    assert layer.workload.output_elements == 6


def test_custom_operators_keep_their_name(tmp_path):
    file = File()
    x, y = file.input("x", (1, 4)), file.tensor("y", (1, 4))
    file.operator("CUSTOM", [x], [y], custom="TFLite_Detection_PostProcess")
    (layer,) = read(file, tmp_path).layers
    assert layer.attributes["operator"] == "custom:TFLite_Detection_PostProcess"


def test_control_flow_is_noted_and_its_graphs_are_not_read(tmp_path):
    file = conv_file()
    y = file.tensor("last", (1, 4))
    file.operator("WHILE", [file.outputs[0]], [y], "While", cond_subgraph_index=1, body_subgraph_index=2)
    file.extra_graphs = [{"tensors": []}, {"tensors": []}]
    file.outputs = [y]
    network = read(file, tmp_path)
    assert [layer.kind for layer in network.layers] == ["conv", "unsupported"]
    assert any("WHILE" in note for note in network.notes)


def test_operators_on_constants_make_constants(tmp_path):
    file = File()
    x = file.input("x", (1, 8), FLOAT32)
    half, real = file.weights("half", (4, 8)), file.tensor("real", (4, 8), FLOAT32)
    y = file.tensor("y", (1, 4), FLOAT32)
    file.operator("DEQUANTIZE", [half], [real])
    file.operator("FULLY_CONNECTED", [x, real], [y], "FullyConnected")
    path = file.write(tmp_path / "net.tflite")
    network, operators = read_tflite_operators(path)
    assert [layer.kind for layer in network.layers] == ["fully_connected"]
    assert operators == ((), ("y",))
    assert network.parameters == 32


def test_states_and_tensors_of_unknown_size_are_read_and_noted(tmp_path):
    file = File()
    x, state = file.input("x", (1, 4)), file.tensor("state", (1, 6), is_variable=True)
    y = file.tensor("y", (0, 4))
    file.operator("SVDF", [x, state], [y])
    network = read(file, tmp_path)
    assert network.tensors["state"].constant
    assert network.parameters == 0
    assert network.tensors["y"].shape == (1, 4)
    assert "'y'" in network.notes[0]


def test_equal_and_empty_names_are_told_apart(tmp_path):
    file = File()
    x, a, b = file.input("", (1, 4)), file.tensor("t", (1, 4)), file.tensor("t", (1, 4))
    file.operator("RELU", [x], [a])
    file.operator("RELU", [a], [b])
    assert [layer.name for layer in read(file, tmp_path).layers] == ["t", "t#2"]


def test_refuses_shapes_that_are_not_the_files(tmp_path):
    path = conv_file().write(tmp_path / "net.tflite")
    assert read_tflite(path, batch=1, input_shapes={"image": (1, 8, 8, 4)}).batch == 1
    with pytest.raises(NetworkShapeError, match="batch 1; convert the model again for 8"):
        read_tflite(path, batch=8)
    with pytest.raises(NetworkShapeError, match="states every shape"):
        read_tflite(path, input_shapes={"image": (1, 16, 16, 4)})
    with pytest.raises(NetworkFormatError, match="not 'picture'"):
        read_tflite(path, input_shapes={"picture": (1, 8, 8, 4)})


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "almost empty"), (b"\x00" * 100, "TFL3"), (b"\x08\0\0\0TFL3", "truncated or damaged")],
)
def test_says_what_is_wrong_with_a_file_that_is_no_model(content, message, tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(content)
    with pytest.raises(NetworkFormatError, match=message):
        read_tflite(path)


def test_refuses_references_to_what_is_not_there(tmp_path):
    file = conv_file()
    file.operators[0]["inputs"] = (0, 99)
    with pytest.raises(NetworkFormatError, match="tensor 99 of 4"):
        read(file, tmp_path)
    file = conv_file()
    file.operators[0]["opcode_index"] = 7
    with pytest.raises(NetworkFormatError, match="code 7 of 1"):
        read(file, tmp_path)
    file = conv_file()
    file.tensors[0]["type"] = 99
    with pytest.raises(NetworkFormatError, match="element type 99"):
        read(file, tmp_path)
    file = conv_file()
    file.tensors[0]["buffer"] = 99
    with pytest.raises(NetworkFormatError, match="buffer 99"):
        read(file, tmp_path)


def test_refuses_graphs_that_are_no_network(tmp_path):
    with pytest.raises(NetworkStructureError, match="no layers"):
        read(File(), tmp_path)
    file = conv_file()
    file.operators = [file.operators[0], file.operators[0]]
    with pytest.raises(NetworkStructureError, match="two layers named"):
        read(file, tmp_path)
    file = conv_file()
    file.inputs = []
    with pytest.raises(NetworkStructureError, match="nothing produces"):
        read(file, tmp_path)


def test_every_operator_with_a_rule_exists_in_the_format():
    from annette.network.readers.tflite.reader import RULES

    assert {name for name in RULES if not name.startswith("custom:")} <= set(OPERATORS)


def test_integer_tensors_keep_their_type(tmp_path):
    file = File()
    indices, table = file.input("ids", (1, 5), INT32), file.weights("table", (100, 8))
    y = file.tensor("y", (1, 5, 8))
    file.operator("GATHER", [table, indices], [y], "Gather")
    network = read(file, tmp_path)
    assert network.tensors["ids"].dtype is DType.INT32
    (layer,) = network.layers
    assert layer.kind == "gather"
    assert layer.workload.weight_elements == 40, "it reads no more rows than it writes"


def test_large_buffers_behind_the_tables_are_found(tmp_path):
    file = conv_file()
    content = file.content()
    file.buffers[1] = {"offset": len(content) + 64, "size": 16 * 9 * 4}
    assert len(file.content()) <= len(content) + 64
    padded = file.content().ljust(len(content) + 64, b"\0") + np.ones(576, np.int8).tobytes()
    path = tmp_path / "net.tflite"
    path.write_bytes(padded)
    network = read_tflite(path)
    assert network.tensors["weights"].constant


def test_refuses_tensors_of_absurd_rank_and_ignores_numbers_that_are_none(tmp_path):
    file = conv_file()
    file.tensors[0]["shape"] = (1000,) * 2000
    with pytest.raises(NetworkFormatError, match="2000 dimensions"):
        read(file, tmp_path)
    file = File()
    x, y = file.input("x", (1, 4)), file.tensor("y", (1, 4))
    axes = file.tensor("axes", (1,), data=[1], quantization={"scale": (float("nan"),), "zero_point": (0,)})
    file.operator("MEAN", [x, axes], [y], "Reducer")
    (layer,) = read(file, tmp_path).layers
    assert "axes" not in layer.attributes
