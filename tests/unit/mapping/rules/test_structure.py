"""Attention, shuffles, views, memory, pooling and quantization: where each rule applies, and where it must not."""

import pytest

from annette.network import DType
from tests.unit.mapping.helpers import costly, image, mapped

TOKENS = (2, 10, 16)


def _scores(net):
    q, k, v = (net.input(name, (1, 2, 10, 8)) for name in "qkv")
    return net.matmul(q, net.transpose(k, (0, 1, 3, 2))), v


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("mask", ["none", "add", "where"])
def test_attention_with_or_without_scale_and_mask(scale, mask):
    net, _ = image(TOKENS)
    scores, v = _scores(net)
    if scale:
        scores = net.div(scores, 8.0)
    if mask == "add":
        scores = net.add_constant(scores, (10, 10))
    elif mask == "where":
        scores = net.where_mask(scores, (10, 10), pattern="causal", value=-1e9)
    kernels = mapped(net.build(net.matmul(net.softmax(scores), v)), "attention")
    assert [kernel.kind for kernel in kernels] == ["transpose", "attention"]
    kernel = kernels[1]
    assert set(kernel.inputs) == {"q", "v", "transpose"}
    assert kernel.anchor.workload.macs == sum(layer.workload.macs for layer in kernel.layers) > 0
    assert kernel.anchor.workload.dimensions.out_width == 10


def test_attention_may_guard_against_empty_rows():
    net, _ = image(TOKENS)
    scores, v = _scores(net)
    weights = net.softmax(net.mul(scores, 0.35))
    empty = net.layer("is_nan", [weights], dtype=DType.BOOL)[0]
    guarded = net.layer("where", [empty, weights], attributes={"scalar_true": 0.0}, shapes=[weights.shape])[0]
    assert costly(net.build(net.matmul(guarded, v)), "attention") == ["transpose", "attention"]


def test_attention_whose_weights_are_handed_out_stays_apart():
    net, _ = image(TOKENS)
    scores, v = _scores(net)
    weights = net.softmax(scores)
    assert "attention" not in costly(net.build(net.matmul(weights, v), weights), "attention")


def test_channel_shuffle_is_one_transpose():
    net, x = image()
    moved = net.transpose(net.reshape(x, (1, 2, 4, 6, 6)), (0, 2, 1, 3, 4))
    assert costly(net.build(net.reshape(moved, x.shape)), "channel-shuffle") == ["transpose"]
    net, x = image()
    moved = net.transpose(net.reshape(x, (1, 2, 4, 6, 6)), (0, 2, 1, 3, 4))
    assert costly(net.build(net.reshape(moved, (1, 288))), "channel-shuffle") == ["reshape", "transpose", "reshape"]


@pytest.mark.parametrize(
    ("entry", "inner", "perm", "result", "kind"),
    [
        ("pixel-shuffle", (1, 2, 2, 2, 6, 6), (0, 1, 4, 2, 5, 3), (1, 2, 12, 12), "depth_to_space"),
        ("pixel-shuffle-depth-first", (1, 2, 2, 2, 6, 6), (0, 3, 4, 1, 5, 2), (1, 2, 12, 12), "depth_to_space"),
        ("pixel-unshuffle", (1, 8, 3, 2, 3, 2), (0, 1, 3, 5, 2, 4), (1, 32, 3, 3), "space_to_depth"),
    ],
)
def test_pixel_shuffles(entry, inner, perm, result, kind):
    net, x = image()
    (kernel,) = mapped(net.build(net.reshape(net.transpose(net.reshape(x, inner), perm), result)), entry)
    assert kernel.kind == kernel.anchor.kind == kind
    net, x = image()
    straight = net.transpose(net.reshape(x, inner), (0, 1, 2, 3, 5, 4))
    assert kind not in costly(net.build(net.reshape(straight, result)), entry)


@pytest.mark.parametrize("entry", ["identity", "reshape"])
def test_views_are_free_and_still_counted(entry):
    net, x = image()
    network = net.build(net.relu(net.identity(x) if entry == "identity" else net.flatten(x)))
    kernels = mapped(network, entry)
    assert [kernel.free for kernel in kernels] == [True, False]
    assert kernels[0].rules == (entry,)


@pytest.mark.parametrize(("shape", "kinds"), [((1, 8, 1, 1), []), ((1, 8, 2, 1), ["transpose"])])
def test_transposes_are_free_if_nothing_moves(shape, kinds):
    net, x = image(shape)
    moved = net.layer("transpose", [x], attributes={"perm": (0, 2, 3, 1)})[0]
    assert costly(net.build(moved), "transpose-in-place") == kinds


def test_expansion_is_free_if_nothing_is_repeated():
    net, x = image()
    assert costly(net.build(net.expand(x, x.shape)), "expand-nothing") == []
    net, x = image((1, 8, 1, 1))
    assert costly(net.build(net.expand(x, (1, 8, 6, 6))), "expand-nothing") == ["expand"]


def test_generated_constants_are_free_unless_they_depend_on_an_input():
    net, x = image()
    fixed = net.layer("generate", [net.weight("shape", (4,), DType.INT64)], shapes=[x.shape])[0]
    assert costly(net.build(net.add(x, fixed)), "constant-generation") == ["add"]
    net, x = image()
    assert costly(net.build(net.layer("generate", [x], shapes=[(3,)])[0]), "constant-generation") == ["generate"]


@pytest.mark.parametrize(("axis", "free"), [(1, True), (2, False)])
def test_memory_is_aliased_along_the_outermost_dimension(axis, free):
    net, x = image()
    assert (costly(net.build(net.concat([x, net.input("y", x.shape)], axis=axis)), "concat-in-place") == []) is free
    net, x = image()
    assert (costly(net.build(*net.split(x, 2, axis=axis)), "split-in-place") == []) is free
    net, x = image()
    part = net.slice(x, starts=[0], ends=[4], axes=[axis])
    assert (costly(net.build(part), "slice-in-place") == []) is free


def test_pooling_after_convolution_is_a_kernel_of_its_own_kind():
    for entry, average in (("max-pool-after-convolution", False), ("pooling-after-convolution", True)):
        net, x = image()
        (kernel,) = mapped(net.build(net.max_pool(net.conv(x, 8, 1), 2, stride=2)), entry)
        assert (kernel.kind, kernel.anchor.kind) == ("conv_pool", "conv")
        net, x = image()
        kinds = costly(net.build(net.average_pool(net.conv(x, 8, 1), 2, stride=2)), entry)
        assert kinds == (["conv_pool"] if average else ["conv", "average_pool"])


def test_rules_of_the_original_program():
    net, x = image()
    network = net.build(net.relu(net.batch_norm(net.conv(x, 8, 1))))
    assert costly(network, "original-batch-norm", "original-relu") == ["conv"]
    net, x = image()
    grouped = net.build(net.relu(net.batch_norm(net.conv(x, 8, 3, groups=2))))
    assert costly(grouped, "original-batch-norm", "original-relu") == ["grouped_conv", "batch_norm", "relu"]
    net, x = image()
    assert costly(net.build(net.leaky_relu(net.conv(x, 8, 1))), "original-leaky-relu") == ["conv"]
    net, x = image()
    depthwise = net.build(net.leaky_relu(net.conv(x, 8, 3, groups=8)))
    assert costly(depthwise, "original-leaky-relu") == ["depthwise_conv", "leaky_relu"]


def _real(net, x):
    return net.layer("dequantize", [x], weights={"scale": ()}, shapes=[x.shape], dtype=DType.FLOAT32)[0]


def _integers(net, x):
    return net.layer("quantize", [x], weights={"scale": ()}, shapes=[x.shape], dtype=DType.INT8)[0]


def test_quantized_convolution_is_one_kernel():
    net, _ = image()
    q = net.input("q", (1, 8, 6, 6), DType.INT8)
    weights = _real(net, net.weight("w", (8, 8, 1, 1), DType.INT8))
    bias = _real(net, net.weight("b", (8,), DType.INT32))
    attributes = {"kernel_shape": (1, 1), "strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1), "groups": 1}
    y = net.layer("conv", [_real(net, q), weights, bias], attributes=attributes, shapes=[(1, 8, 6, 6)])[0]
    network = net.build(_integers(net, net.relu(y)))
    rules = ("activation-into-convolution", "dequantize-into-operator", "quantize-into-operator")
    (kernel,) = mapped(network, *rules)
    assert (kernel.kind, kernel.inputs, kernel.outputs) == ("conv", ("q",), ("quantize",))
    assert len(kernel.layers) == 6


def test_quantization_around_what_has_no_integer_form_stays():
    net, _ = image()
    q = net.input("q", (1, 8, 6, 6), DType.INT8)
    network = net.build(_integers(net, net.layer_norm(_real(net, q))))
    assert costly(network, "dequantize-into-operator", "quantize-into-operator") == [
        "dequantize",
        "layer_norm",
        "quantize",
    ]


def test_dequantization_for_many_readers_is_free():
    net, _ = image()
    real = _real(net, net.input("q", (1, 8, 6, 6), DType.INT8))
    network = net.build(net.add(net.conv(real, 8, 1), real))
    assert costly(network, "dequantize-into-operator", "dequantize-for-many") == ["conv", "add"]
    net, _ = image()
    real = _real(net, net.input("q", (1, 8, 6, 6), DType.INT8))
    assert costly(net.build(net.layer_norm(real), net.unary("exp", real)), "dequantize-for-many")[0] == "dequantize"


def test_requantization_is_one_kernel():
    net, _ = image()
    q = net.input("q", (1, 8, 6, 6), DType.INT8)
    assert costly(net.build(_integers(net, _real(net, q))), "requantize-view") == ["dequantize"]
    net, _ = image()
    q = net.input("q", (1, 8, 6, 6), DType.INT8)
    assert costly(net.build(_integers(net, net.relu(_real(net, q)))), "requantize-view") == [
        "dequantize",
        "relu",
        "quantize",
    ]
