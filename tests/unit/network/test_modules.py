"""Modules of layers: from what PyTorch's exporter wrote down, or from names."""

import onnx
import pytest
from onnx import TensorProto, helper

from annette import load_network
from annette.network.layer import Layer
from annette.network.modules import MODULE_KEY, module_from_scopes, module_path
from annette.network.zoo import build


def named(name, module=""):
    workload = build("resnet18").layers[0].workload
    return Layer(name, "conv", (), (), workload, module=module)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("/blocks/blocks.0/attn/qkv/MatMul", ("blocks", "0", "attn", "qkv")),
        ("/patch_embed/proj/Conv_output_0:reorder_output", ("patch_embed", "proj")),
        ("model/block_1/conv/Conv2D;model/block_1/bn/Fused", ("model", "block_1", "conv")),
        ("layer1.0.conv1", ("layer1", "0")),
        ("stage1/block0/conv1", ("stage1", "block0")),
        ("Conv_12", ()),
        ("Conv.12", ()),
        ("a..b", ()),
        ("", ()),
    ],
)
def test_names_that_are_paths_give_modules(name, path):
    assert module_path(named(name)) == path


def test_what_the_exporter_says_comes_before_the_name():
    assert module_path(named("a/b", "encoder.layer.0.attention")) == ("encoder", "layer", "0", "attention")


@pytest.mark.parametrize(
    "text",
    ["", "[", "None", "['']", "[1, 2]", "'a'", "__import__('os')", "[" * 5000, "['x', 'y', 'z']" + " " * 10_000],
)
def test_damaged_scopes_give_no_module(text):
    assert module_from_scopes(text) == ""


def test_very_deep_paths_are_cut():
    assert len(module_path(named("/".join("a" * 1000)))) == 32


def test_the_reader_keeps_the_scopes_of_nodes(tmp_path):
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy")
    first, second = (
        helper.make_node("Relu", ["x"], ["h"], "node_relu"),
        helper.make_node("Exp", ["h"], ["y"], "node_exp"),
    )
    entry = first.metadata_props.add()
    entry.key, entry.value = MODULE_KEY, "['', 'encoder', 'encoder.act', 'relu']"
    model = helper.make_model(helper.make_graph([first, second], "g", [x], [y]))
    onnx.save(model, tmp_path / "scoped.onnx")
    layers = {layer.name: layer for layer in load_network(tmp_path / "scoped.onnx").layers}
    assert module_path(layers["node_relu"]) == ("encoder", "act")
    assert module_path(layers["node_exp"]) == ()
