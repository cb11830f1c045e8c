"""IR files: what is counted, what is refused."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from tools.fuzz.ir_file import Ir, convolution, example

from annette.errors import NetworkFormatError, NetworkShapeError, NetworkSizeError, NetworkStructureError
from annette.network.load import load_network
from annette.network.readers.openvino_ir import read_openvino_ir


def read(ir, tmp_path, **how):
    return read_openvino_ir(ir.write(tmp_path / "net.xml"), **how)


def kinds(network):
    return [layer.kind for layer in network.layers]


def test_biases_are_operands_and_indices_that_nobody_reads_are_no_results(tmp_path):
    network = read(example(), tmp_path)
    assert kinds(network) == ["conv", "relu", "max_pool", "reshape", "fully_connected", "softmax"]
    assert network.parameters == 16 * 27 + 16 + 2560 + 10
    assert network.layers[2].workload.ops == 4 * 16 * 16
    assert network.source_format == "openvino"
    assert network.name == "net"


def test_an_addition_that_is_no_bias_is_a_layer(tmp_path):
    ir = Ir()
    x = ir.parameter((1, 4, 8, 8))
    y = convolution(ir, x, ir.constant((4, 4, 3, 3)), (1, 4, 8, 8))
    y = ir.layer("Add", [y, ir.constant((1, 4, 8, 8))], [(1, 4, 8, 8)])
    z = convolution(ir, y, ir.constant((4, 4, 3, 3)), (1, 4, 8, 8))
    shifted = ir.layer("Add", [z, ir.constant((1, 4, 1, 1))], [(1, 4, 8, 8)])
    ir.result(ir.layer("Add", [shifted, z], [(1, 4, 8, 8)]))
    assert kinds(read(ir, tmp_path)) == ["conv", "add", "conv", "add", "add"]


def test_groups_are_folded_into_the_weights(tmp_path):
    ir = Ir()
    x = ir.parameter((1, 8, 8, 8))
    x = convolution(ir, x, ir.constant((8, 1, 1, 3, 3)), (1, 8, 8, 8), kind="GroupConvolution")
    x = convolution(ir, x, ir.constant((2, 4, 4, 3, 3)), (1, 8, 8, 8), kind="GroupConvolution")
    ir.result(x)
    network = read(ir, tmp_path)
    assert kinds(network) == ["depthwise_conv", "grouped_conv"]
    assert network.macs == 64 * 9 * 8 + 64 * 9 * 8 * 4
    assert network.parameters == 72 + 288


def test_weights_that_the_file_compresses_are_read_as_the_runtime_has_them(tmp_path):
    ir = Ir()
    weights = ir.layer("Convert", [ir.constant((4, 3, 3, 3), precision="FP16")], [(4, 3, 3, 3)], destination_type="f32")
    ir.result(convolution(ir, ir.parameter((1, 3, 8, 8)), weights, (1, 4, 8, 8)))
    network = read(ir, tmp_path)
    assert kinds(network) == ["conv"]
    assert network.layers[0].workload.weight_bytes == 4 * 108


def test_open_sizes_are_given(tmp_path):
    ir = Ir()
    ir.result(convolution(ir, ir.parameter((-1, 3, -1, -1)), ir.constant((4, 3, 3, 3)), (-1, 4, -1, -1)))
    path = ir.write(tmp_path / "open.xml")
    with pytest.raises(NetworkShapeError, match="--input data="):
        load_network(path)
    network = load_network(path, inputs={"data": (2, 3, 16, 16)})
    assert network.macs == 2 * 256 * 108
    assert network.batch == 2


def test_what_is_not_known_has_the_shape_that_the_file_states(tmp_path):
    ir = Ir()
    ir.result(ir.layer("Wobble", [ir.parameter((1, 4))], [(1, 9)]))
    (layer,) = read(ir, tmp_path).layers
    assert (layer.kind, layer.attributes["operator"]) == ("unsupported", "openvino.Wobble")


def test_shapes_that_the_file_states_do_without_its_weights(tmp_path):
    network = read_openvino_ir(example().write(tmp_path / "alone.xml", weights=False))
    assert network.macs == read(example(), tmp_path).macs
    ir = Ir()
    x = ir.parameter((1, 3, 8, 8))
    ir.result(ir.layer("Transpose", [x, ir.integers(0, 2, 3, 1)], [(1, 8, 8, 3)]))
    with pytest.raises(NetworkFormatError, match=r"is the \.bin file beside"):
        read_openvino_ir(ir.write(tmp_path / "order.xml", weights=False))


TOKENS = 96
CAUSAL = np.where(np.tri(TOKENS, dtype=np.bool_), 0, -np.inf)


def masked(values, precision):
    """A softmax of scores to which a constant is added."""
    ir = Ir()
    shape = (1, 4, TOKENS, TOKENS)
    mask = ir.constant((1, 1, TOKENS, TOKENS), values, precision)
    if precision != "FP32":
        mask = ir.layer("Convert", [mask], [mask.shape], destination_type="f32")
    scores = ir.layer("Add", [ir.parameter(shape), mask], [shape])
    ir.result(ir.layer("Softmax", [scores], [shape], axis="-1"))
    return ir


@pytest.mark.parametrize("precision", ["FP32", "FP16"])
@pytest.mark.parametrize(("values", "hidden"), [(CAUSAL, (TOKENS - 1) / (2 * TOKENS)), (np.zeros_like(CAUSAL), 0)])
def test_what_masks_hide_is_found_beside_the_file(tmp_path, values, hidden, precision):
    network = read(masked(values, precision), tmp_path)
    (masking,) = (tensor.masking for tensor in network.tensors.values() if tensor.masking)
    assert masking == pytest.approx((hidden, 0))


@pytest.mark.parametrize("kept", [None, 0, 1000, 10**6])
def test_masks_that_are_not_where_the_file_says_are_not_known(tmp_path, kept):
    path = masked(CAUSAL, "FP32").write(tmp_path / "net.xml")
    data = path.with_suffix(".bin").read_bytes()
    if kept is None:
        path.with_suffix(".bin").unlink()
    else:
        path.with_suffix(".bin").write_bytes(data[:kept])
    network = read_openvino_ir(path)
    assert kinds(network) == ["add", "softmax"]
    known = [tensor.masking for tensor in network.tensors.values() if tensor.masking]
    assert len(known) == (kept == 10**6)  # all of it


ENTITIES = '<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><net name="&b;" version="11"/>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ENTITIES, "declares a document type"),
        ("<annotation><object/></annotation>", "begins with <annotation>"),
        ('<net name="x" version="7"/>', "version '7'"),
        ("<net", "is no XML"),
        ("", "is no XML"),
        ("<a>" * 100, "begins with <a>"),
        ('<net version="11">' + "<b>" * 100, "deeper than 64"),
        ('<?xml version="1.0" encoding="utf-16"?><net version="7"/>', "version '7'"),
        ('<?xml version="1.0" encoding="klingon"?><net version="7"/>', "version '7'"),
    ],
)
def test_what_is_no_network_is_refused(tmp_path, text, message):
    (tmp_path / "net.xml").write_text(text)
    with pytest.raises(NetworkFormatError, match=message):
        read_openvino_ir(tmp_path / "net.xml")


def test_a_network_without_layers_is_refused(tmp_path):
    (tmp_path / "net.xml").write_text('<net name="x" version="11"><layers/></net>')
    with pytest.raises(NetworkStructureError, match="no outputs"):
        read_openvino_ir(tmp_path / "net.xml")


@pytest.mark.parametrize("place", ["edges/edge/input", "layers/layer", "layers/body/input", "rt_info"])
def test_ports_that_are_not_in_a_layer_are_passed_over(tmp_path, place):
    ir = example()
    parent = ir.root
    for tag in place.split("/"):
        parent = ET.SubElement(parent, tag)
    ET.SubElement(ET.SubElement(parent, "port", id="0"), "dim").text = "4"
    if place == "layers/layer":
        parent.set("id", "99")  # a layer without results, which nothing reads
    assert read(ir, tmp_path).macs == read(example(), tmp_path).macs


def test_a_slice_of_more_positions_than_any_tensor_has_dimensions_is_not_known(tmp_path):
    ir = Ir()
    x, many = ir.parameter((1, 4)), ir.parameter((1 << 40,), "positions", "I64")
    ir.result(ir.layer("StridedSlice", [x, many, many], [(1, 4)], begin_mask="0", end_mask="0"))
    (layer,) = read(ir, tmp_path).layers
    assert (layer.kind, layer.attributes["operator"]) == ("unsupported", "openvino.StridedSlice")


def test_a_file_of_nothing_but_elements_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("annette.network.readers.openvino_ir.document._MOST_ELEMENTS", 50)
    with pytest.raises(NetworkSizeError, match="more than 50 elements"):
        read(example(), tmp_path)


def test_layers_that_read_each_other_or_nothing_are_refused(tmp_path):
    ir = Ir()
    x = ir.parameter((1, 4))
    y = ir.layer("Add", [x, ("2", "1", (1, 4), "FP32")], [(1, 4)])
    ir.result(ir.layer("ReLU", [y], [(1, 4)]))
    with pytest.raises(NetworkStructureError, match="depends on its own result"):
        read(ir, tmp_path)
    ir = Ir()
    ir.result(ir.layer("ReLU", [("9", "1", (1, 4), "FP32")], [(1, 4)]))
    with pytest.raises(NetworkFormatError, match="nothing is connected"):
        read(ir, tmp_path)
    ir = Ir()
    ir.layer("Const", name="nothing", element_type="f32", shape="1", offset="0", size="4")
    ir.result(ir.parameter((1, 4)))
    with pytest.raises(NetworkFormatError, match="constant 'nothing' has 0 results"):
        read(ir, tmp_path)
    ir = Ir()
    result = ir.layer("Result", [ir.parameter((1, 4))], [(1, 4)])
    ir.result(ir.layer("ReLU", [result], [(1, 4)]))
    with pytest.raises(NetworkFormatError, match="reads what no layer computes"):
        read(ir, tmp_path)
