"""Optimised graphs of ONNX Runtime: what rewrites have renamed is traced to the original tensors and layers."""

import pytest

from annette.bench.backend import ProfileEntry
from annette.bench.profile_matching import match_profile
from annette.devices.onnxruntime_cpu.optimised_graph import read_optimised_graph
from annette.devices.onnxruntime_cpu.reports import assign_layers
from annette.network import DType
from annette.network.builder import NetworkBuilder
from annette.network.quantization import quantized

onnx = pytest.importorskip("onnx", reason="needs onnx")

BLOCKED = "com.microsoft.nchwc"


def profiled(network, folder, nodes, constants=()):
    """Layers, or the copied tensor, of each node of an optimised graph after matching, by the node's name."""
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node(operator, inputs, outputs, name, domain=domain, **attributes)
            for operator, domain, name, inputs, outputs, attributes in nodes
        ],
        "optimised",
        [],
        [],
        [onnx.helper.make_tensor(name, onnx.TensorProto.INT8, (1,), [0]) for name in constants],
    )
    onnx.save(onnx.helper.make_model(graph), folder / "optimised.onnx")
    resolved = read_optimised_graph(folder / "optimised.onnx", network)
    entries = [(ProfileEntry(name=node.name, operator=node.operator, latency_s=(1e-5,)), node) for node in resolved]
    kernels = match_profile(network, assign_layers(entries, network)).kernels
    return {k.name: (k.info["kind"], k.info["tensor"]) if k.added else k.layers for k in kernels}


def test_parts_of_a_split_before_its_transposition(tmp_path):
    net = NetworkBuilder("test", source_format="test")
    x = net.input("x", (1, 5, 3, 2, 4))
    parts = net.split(net.transpose(x, (2, 0, 3, 1, 4), name="/T"), [1, 1, 1], axis=0, name="/S")
    network = net.build(*(net.relu(part, name=f"/relu{index}") for index, part in enumerate(parts)))
    originals = list(network.layers_by_name["/S"].outputs)
    moved = ["/S", "/S_token_1", "/S_token_2"]
    nodes = [("Split", "", "/S", ["x"], moved, {"axis": 2})]
    for index in range(3):
        nodes.append(("Transpose", "", f"Transpose_token_{index}", [moved[index]], [originals[index]], {}))
        relu = network.layers_by_name[f"/relu{index}"]
        nodes.append(("Relu", "", f"/relu{index}", [originals[index]], list(relu.outputs), {}))
    found = profiled(network, tmp_path, nodes)
    assert found["/S"] == ("/S",)
    assert [found[f"Transpose_token_{index}"] for index in range(3)] == [("transpose", name) for name in originals]
    assert found["/relu1"] == ("/relu1",)


def test_a_layout_change_may_do_a_transposition(tmp_path):
    net = NetworkBuilder("test", source_format="test")
    x = net.input("x", (1, 8, 8, 16))
    moved = net.transpose(net.layer("gelu", [x], name="/gelu")[0], (0, 3, 1, 2), name="/T")
    network = net.build(net.conv(moved, 16, 3, padding=1, name="/conv"))
    activated, read, written = (network.layers_by_name[name].outputs[0] for name in ("/gelu", "/T", "/conv"))
    nodes = [
        ("Gelu", "com.microsoft", "Gelu", ["x"], [activated], {}),
        ("ReorderInput", BLOCKED, "ReorderInput", [activated], ["reorder_token_1"], {"channels_last": 1}),
        ("Conv", BLOCKED, f"{written}_nchwc", ["reorder_token_1"], ["reorder_token_2"], {}),
        ("ReorderOutput", BLOCKED, "ReorderOutput", ["reorder_token_2"], [written], {}),
    ]
    assert profiled(network, tmp_path, nodes) == {
        "Gelu": ("/gelu",),
        "ReorderInput": ("reorder_input", read),
        f"{written}_nchwc": ("/conv",),
        "ReorderOutput": ("reorder_output", written),
    }


def test_what_runs_between_blocked_convolutions_without_a_name_of_its_own(tmp_path):
    net = NetworkBuilder("test", source_format="test")
    x = net.conv(net.input("x", (1, 16, 8, 8)), 16, 3, padding=1, name="/first")
    inner = net.layer("gelu", [x], name="/gelu")[0]
    network = net.build(net.conv(inner, 16, 3, padding=1, name="/second"))
    first, second = (network.layers_by_name[name].outputs[0] for name in ("/first", "/second"))
    nodes = [
        ("Conv", BLOCKED, f"{first}_nchwc", ["x"], ["reorder_token_1"], {}),
        ("Gelu", "com.microsoft", "Gelu", ["reorder_token_1"], ["reorder_token_2"], {}),
        ("Conv", BLOCKED, f"{second}_nchwc", ["reorder_token_2"], ["reorder_token_3"], {}),
        ("ReorderOutput", BLOCKED, "ReorderOutput", ["reorder_token_3"], [second], {}),
    ]
    assert [*profiled(network, tmp_path, nodes).values()] == [
        ("/first",),
        ("/gelu",),
        ("/second",),
        ("reorder_output", second),
    ]


def test_tensors_that_were_widened_to_32_bits_are_their_originals(tmp_path):
    net = NetworkBuilder("test", source_format="test")
    x = net.input("x", (1, 16, 4, 4))
    network = net.build(net.relu(net.unary("tanh", x, name="first"), name="second"))
    first, second = (network.layers_by_name[name].outputs[0] for name in ("first", "second"))
    wide = "InsertedPrecisionFreeCast_"
    found = profiled(
        network,
        tmp_path,
        [
            ("Cast", "", f"{wide}x", ["x"], [f"{wide}x"], {"to": 1}),
            ("Tanh", "", "first", [f"{wide}x"], [f"{wide}{first}"], {}),
            ("Relu", "", "second", [f"{wide}{first}"], [f"{wide}{second}"], {}),
            ("Cast", "", f"{wide}{second}", [f"{wide}{second}"], [second], {"to": 10}),
        ],
    )
    assert found["first"] == ("first",)
    assert found["second"] == ("second",)
    assert found[f"{wide}x"] == ("cast", "x")
    assert found[f"{wide}{second}"] == ("cast", second)


def test_a_table_that_is_dequantized_in_every_run_is_gathered_from_in_floating_point(tmp_path):
    net = NetworkBuilder("test", source_format="test")
    words = net.embedding(net.input("ids", (1, 12), DType.INT64), 100, 64)
    network = quantized(net.build(net.fully_connected(words, 8)), "static-int8")
    table = network.layers_by_name["embedding"].inputs[0]
    found = profiled(
        network,
        tmp_path,
        [
            ("DequantizeLinear", "", "table", [table, "scale", "zero"], ["real"], {}),
            ("Gather", "", "embedding", ["real", "ids"], ["embedding"], {}),
            ("QuantizeLinear", "", "embedding/quantize", ["embedding", "scale", "zero"], ["qdq_s8_to_u8_quant"], {}),
        ],
        constants=(table, "scale", "zero"),
    )
    assert found["embedding"] == ("embedding",)
    assert found["embedding/quantize"] == ("embedding/quantize",)
    assert found["table"] == ("dequantize", table)


def test_hard_swish_as_a_product_ends_in_the_convolution(tmp_path):
    net = NetworkBuilder("test", source_format="test")
    y = net.conv(net.input("x", (1, 8, 8, 8)), 16, 3, padding=1, name="/conv")
    network = net.build(
        net.relu(net.mul(y, net.layer("hard_sigmoid", [y], name="/gate")[0], name="/mul"), name="/relu")
    )
    convolved, product, last = (network.layers_by_name[name].outputs[0] for name in ("/conv", "/mul", "/relu"))
    nodes = [
        ("Conv", BLOCKED, f"{convolved}_nchwc", ["x"], ["reorder_token_1"], {"activation": "HardSwish"}),
        ("ReorderOutput", BLOCKED, "ReorderOutput", ["reorder_token_1"], [product], {}),
        ("Relu", "", "/relu", [product], [last], {}),
    ]
    assert profiled(network, tmp_path, nodes)[f"{convolved}_nchwc"] == ("/conv", "/gate", "/mul")


def test_a_product_that_reads_tokens_first_has_their_transposition(tmp_path):
    net = NetworkBuilder("test", source_format="test")
    x, y = net.relu(net.input("x", (10, 8, 8)), name="/x"), net.input("y", (2, 4, 5, 10))
    heads = net.reshape(net.transpose(x, (1, 0, 2), name="/T"), (2, 4, 10, 8), name="/R")
    network = net.build(net.matmul(y, heads, name="/mm"))
    read, written = (network.layers_by_name[name].outputs[0] for name in ("/x", "/mm"))
    nodes = [
        ("Relu", "", "/x", ["x"], [read], {}),
        ("Reshape", "", "/R_new_reshape", [read], ["/R_token_1"], {}),
        ("FusedMatMul", "com.microsoft", "fused", ["y", "/R_token_1"], [written], {"transBatchB": 1}),
    ]
    assert profiled(network, tmp_path, nodes)["fused"] == ("/T", "/R", "/mm")
