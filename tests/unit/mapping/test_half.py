"""Networks of 16 bits where kernels compute in 32."""

from collections import Counter
from dataclasses import replace

import pytest

from annette.errors import MappingError
from annette.mapping.apart import Apart
from annette.mapping.half import HalfModel
from annette.mapping.model import MappingModel
from annette.mapping.rules import preset
from annette.network import DType, Network, Tensor, describe_layer
from annette.network.builder import NetworkBuilder

MODEL = MappingModel("test", half=HalfModel(("transpose", "concat", "cast")))


def _network(*kinds, dtype=DType.FLOAT16):
    """A chain of layers over tensors of one shape."""
    tensors = [Tensor(f"t{index}", (4, 4), dtype) for index in range(len(kinds) + 1)]
    layers = [
        describe_layer(
            kind, f"{kind}{index}", inputs=[tensors[index]], outputs=[tensors[index + 1]],
            attributes={"perm": (1, 0)} if kind == "transpose" else {},
        )
        for index, kind in enumerate(kinds)
    ]  # fmt: skip
    return Network(
        name="half",
        layers=layers,
        tensors={each.name: each for each in tensors},
        inputs=["t0"],
        outputs=[f"t{len(kinds)}"],
    )


def _kinds(network):
    return [kernel.kind for kernel in MODEL.apply(network) if not kernel.free]


def test_conversions_stand_at_the_border():
    kernels = MODEL.apply(_network("relu", "tanh"))
    assert [kernel.kind for kernel in kernels] == ["cast@fp16", "relu", "tanh", "cast@fp16"]
    assert [kernel.precision for kernel in kernels] == [None, "fp32", "fp32", None]


def test_what_moves_data_between_others_runs_in_32_bits():
    assert _kinds(_network("relu", "transpose", "tanh")) == ["cast@fp16", "relu", "transpose", "tanh", "cast@fp16"]


def test_several_that_move_data_keep_16_bits():
    kinds = _kinds(_network("relu", "transpose", "transpose", "tanh"))
    assert kinds == ["cast@fp16", "relu", "cast@fp16", "transpose", "transpose", "cast@fp16", "tanh", "cast@fp16"]


def test_networks_of_32_bits_are_left_alone():
    assert _kinds(_network("relu", "transpose", dtype=DType.FLOAT32)) == ["relu", "transpose"]


def test_a_conversion_of_the_network_is_free_where_nothing_is_to_be_done():
    half, full = Tensor("h", (4, 4), DType.FLOAT16), Tensor("f", (4, 4))
    result = Tensor("r", (4, 4))
    layers = [
        describe_layer("cast", "narrow", inputs=[full], outputs=[half], attributes={"to": "float16"}),
        describe_layer("relu", "relu", inputs=[half], outputs=[Tensor("s", (4, 4), DType.FLOAT16)]),
        describe_layer(
            "cast", "wide", inputs=[Tensor("s", (4, 4), DType.FLOAT16)], outputs=[result], attributes={"to": "float32"}
        ),
    ]
    tensors = {each.name: each for each in (half, full, result, Tensor("s", (4, 4), DType.FLOAT16))}
    network = Network(name="mixed", layers=layers, tensors=tensors, inputs=["f"], outputs=["r"])
    assert Counter(_kinds(network)) == {"relu": 1}


def test_a_model_is_read_back_and_says_what_is_wrong():
    assert MappingModel.from_json(MODEL.to_json()) == MODEL
    with pytest.raises(MappingError, match=r"\$\.half"):
        MappingModel.from_json({"schema": "annette/mapping/1", "name": "x", "rules": [], "half": {"native": 3}})


def test_what_computes_on_16_bits_is_priced_as_in_32_without_conversions():
    model = MappingModel("test", half=HalfModel(("transpose", "relu")))
    kernels = model.apply(_network("transpose", "relu", "transpose"))
    assert [(kernel.kind, kernel.precision) for kernel in kernels] == [
        ("transpose", None),
        ("relu", "fp32"),
        ("transpose", None),
    ]


def _convolutions(biases):
    """Two depthwise convolutions of 16 bits in a row, whose biases are the constants of these names."""
    shapes = (1, 32, 8, 8)
    tensors = {name: Tensor(name, shapes, DType.FLOAT16) for name in ("x", "y", "z")}
    tensors |= {name: Tensor(name, (32,), DType.FLOAT16, constant=True) for name in biases}
    weights = [Tensor(f"w{index}", (32, 1, 3, 3), DType.FLOAT16, constant=True) for index in range(2)]
    tensors |= {each.name: each for each in weights}
    attributes = {"kernel_shape": (3, 3), "strides": (1, 1), "pads": (1, 1, 1, 1), "groups": 32}
    layers = [
        describe_layer(
            "depthwise_conv", f"conv{index}", inputs=[tensors[source], weights[index], tensors[biases[index]]],
            outputs=[tensors[target]], attributes=attributes,
        )
        for index, (source, target) in enumerate((("x", "y"), ("y", "z")))
    ]  # fmt: skip
    return Network(name="half", layers=layers, tensors=tensors, inputs=["x"], outputs=["z"])


def test_a_constant_that_several_read_is_converted_once_in_every_run_and_keeps_them_plain():
    kernels = preset("onnxruntime-cpu").apply(_convolutions(("zeros", "zeros")))
    assert [kernel.inputs for kernel in kernels if kernel.kind == "cast@fp16"] == [("x",), ("zeros",), ("z",)]
    assert [kernel.blocked for kernel in kernels if kernel.kind == "depthwise_conv"] == [False, False]


def test_a_constant_of_one_layer_is_converted_when_the_network_is_loaded():
    kernels = preset("onnxruntime-cpu").apply(_convolutions(("first", "second")))
    assert [kernel.inputs for kernel in kernels if kernel.kind == "cast@fp16"] == [("x",), ("z",)]
    assert [kernel.blocked for kernel in kernels if kernel.kind == "depthwise_conv"] == [True, True]


def _built(build):
    """The kernels of a network that is built in 32 bits, were it of 16."""
    net = NetworkBuilder("half")
    full = net.build(build(net, net.input("x", (1, 16, 64))))
    tensors = {name: replace(tensor, dtype=DType.FLOAT16) for name, tensor in full.tensors.items()}
    half = Network(name="half", layers=full.layers, tensors=tensors, inputs=full.inputs, outputs=full.outputs)
    return [kernel for kernel in preset("onnxruntime-cpu").apply(half) if not kernel.free]


def test_a_softmax_is_taken_apart():
    kernels = _built(lambda net, x: net.softmax(net.unary("sqrt", x)))
    kinds = [kernel.kind for kernel in kernels]
    assert kinds == ["cast@fp16", "sqrt", "reduce_max", "sub", "exp", "reduce_sum", "div", "cast@fp16"]
    assert [kernel.kind for kernel in kernels if any(layer.kind == "softmax" for layer in kernel.layers)] == ["exp"]
    assert {kernel.precision for kernel in kernels[1:-1]} == {"fp32"}
    row = kernels[2].anchor.workload
    assert (row.input_elements, row.output_elements) == (16 * 64, 16)


def test_in_32_bits_a_softmax_is_one_kernel():
    net = NetworkBuilder("full")
    network = net.build(net.softmax(net.input("x", (1, 16, 64))))
    assert [kernel.kind for kernel in preset("onnxruntime-cpu").apply(network)] == ["softmax"]


def _residual(net, x):
    x = net.unary("sqrt", x)
    return net.layer_norm(net.add(x, net.fully_connected(x, 64, bias=False)))


def test_a_lone_normalization_forms_the_sum_before_it():
    kernels = _built(lambda net, x: net.unary("sqrt", _residual(net, x)))
    norm = next(kernel for kernel in kernels if kernel.kind == "layer_norm")
    assert [layer.kind for layer in norm.layers] == ["add", "layer_norm"]
    assert norm.precision == "fp32"
    assert len(norm.inputs) == 2
    assert not any(kernel.kind == "add" for kernel in kernels)


def test_one_before_a_product_with_a_bias_keeps_16_bits_and_apart_from_the_sum():
    kinds = Counter(kernel.kind for kernel in _built(lambda net, x: net.fully_connected(_residual(net, x), 32)))
    assert kinds["add"] == 1
    assert kinds["cast@fp16"] == 4  # at the border of the network, and around the normalization


def test_the_three_products_of_attention_leave_it_in_32_bits():
    def build(net, x):
        x = _residual(net, x)
        return net.add(x, *(net.fully_connected(x, 64) for _ in range(3)))

    assert any(len(kernel.layers) == 2 for kernel in _built(build) if kernel.kind == "layer_norm")


@pytest.mark.parametrize(
    ("kind", "steps", "stands_for", "said"),
    [
        ("softmax", ("exp: -> whole",), 0, "is not 'kind: operands -> result'"),
        ("softmax", ("exp: whole, row",), 0, "is not 'kind: operands -> result'"),
        ("softmax", ("exp: whole -> other",), 0, "is not 'kind: operands -> result'"),
        ("softmax", ("exp: whole -> whole",), 1, "no step 1"),
        ("soft", ("exp: whole -> whole",), 0, "'soft' is no kind of layer"),
    ],
)
def test_what_cannot_be_taken_apart_is_refused(kind, steps, stands_for, said):
    with pytest.raises(MappingError, match=said):
        Apart(kind, steps, stands_for)
