"""Each folding and fusion rule: where it applies, and where it must not."""

import pytest

from tests.unit.mapping.helpers import costly, image, mapped

CONVOLUTIONS = {
    "conv": lambda net, x: net.conv(x, 8, 3, padding=1),
    "depthwise_conv": lambda net, x: net.conv(x, 8, 3, padding=1, groups=8),
    "grouped_conv": lambda net, x: net.conv(x, 8, 3, padding=1, groups=2),
}


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_batch_norm_folds_into_each_convolution(kind):
    net, x = image()
    (kernel,) = mapped(net.build(net.batch_norm(CONVOLUTIONS[kind](net, x))), "batch-norm-into-convolution")
    assert (kernel.kind, kernel.anchor.kind, kernel.name) == (kind, kind, kind)
    assert kernel.outputs == ("batch_norm",)


def test_batch_norm_folds_into_transposed_convolution():
    net, x = image()
    assert costly(net.build(net.batch_norm(net.conv_transpose(x, 8, 2))), "batch-norm-into-convolution") == [
        "conv_transpose"
    ]


def test_batch_norm_is_not_folded_over_an_activation_a_sum_or_a_second_reader():
    rules = ("batch-norm-into-convolution", "residual-into-convolution", "activation-into-convolution")
    net, x = image()
    assert costly(net.build(net.batch_norm(net.relu(net.conv(x, 8, 1)))), *rules) == ["conv", "batch_norm"]
    net, x = image()
    assert costly(net.build(net.batch_norm(net.add(net.conv(x, 8, 1), x))), *rules) == ["conv", "batch_norm"]
    net, x = image()
    y = net.conv(x, 8, 1)
    assert costly(net.build(net.batch_norm(y), net.softmax(y)), *rules) == ["conv", "batch_norm", "softmax"]
    net, x = image()
    y = net.conv(x, 8, 1)
    assert costly(net.build(net.batch_norm(y), y), *rules) == ["conv", "batch_norm"]  # handed out by the network


def test_batch_norm_folds_into_fully_connected_unless_activated():
    rules = ("activation-into-matrix-product", "batch-norm-into-fully-connected")
    net, x = image((4, 16))
    assert costly(net.build(net.batch_norm(net.fully_connected(x, 8))), *rules) == ["fully_connected"]
    net, x = image((4, 16))
    network = net.build(net.batch_norm(net.relu(net.fully_connected(x, 8))))
    assert costly(network, *rules) == ["fully_connected", "batch_norm"]


@pytest.mark.parametrize(
    ("entry", "quotient_folds"), [("scale-into-convolution", True), ("factor-into-convolution", False)]
)
def test_constant_factors_fold_into_convolutions(entry, quotient_folds):
    for shape in ((8, 1, 1), (1, 8, 1, 1), ()):
        net, x = image()
        assert costly(net.build(net.scale_by_constant(net.conv(x, 8, 1), shape)), entry) == ["conv"]
    net, x = image()
    assert costly(net.build(net.scale_by_constant(net.conv(x, 8, 1), (1, 8, 6, 6))), entry) == ["conv", "mul"]
    net, x = image()
    y = net.conv(x, 8, 1)
    assert costly(net.build(net.mul(y, net.global_average_pool(x))), entry)[-1] == "mul"
    net, x = image()
    assert (costly(net.build(net.div(net.conv(x, 8, 1), 2.0)), entry) == ["conv"]) is quotient_folds


@pytest.mark.parametrize(
    ("entry", "scalar_folds"), [("shift-into-convolution", True), ("addend-into-convolution", False)]
)
def test_constant_addends_fold_into_convolutions(entry, scalar_folds):
    net, x = image()
    assert costly(net.build(net.add_constant(net.conv(x, 8, 1), (8, 1, 1))), entry) == ["conv"]
    net, x = image()
    assert (costly(net.build(net.add(net.conv(x, 8, 1), 3.0)), entry) == ["conv"]) is scalar_folds
    net, x = image()
    assert costly(net.build(net.add_constant(net.conv(x, 8, 1), (6,))), entry) == ["conv", "add"]


@pytest.mark.parametrize("entry", ["bias-into-matrix-product", "bias-into-fully-connected"])
def test_bias_joins_a_product(entry):
    net, x = image((2, 10, 16))
    assert costly(net.build(net.fully_connected(x, 8)), entry) == ["fully_connected"]
    net, x = image((2, 10, 16))
    network = net.build(net.add_constant(net.fully_connected(x, 8, bias=False), (10, 8)))
    assert costly(network, entry) == ["fully_connected", "add"]


def test_padding_joins_convolution_and_mean_pooling_if_constant():
    pads = (0, 0, 1, 1, 0, 0, 1, 1)
    net, x = image()
    (kernel,) = mapped(net.build(net.conv(net.pad(x, pads), 8, 3)), "pad-into-convolution")
    assert (kernel.kind, kernel.name, kernel.inputs) == ("conv", "conv", ("x",))
    net, x = image()
    network = net.build(net.conv(net.pad(x, pads, mode="reflect"), 8, 3))
    assert costly(network, "pad-into-convolution") == ["pad", "conv"]
    net, x = image()
    assert costly(net.build(net.average_pool(net.pad(x, pads), 2, stride=2)), "pad-into-pooling") == ["average_pool"]
    net, x = image()
    assert costly(net.build(net.max_pool(net.pad(x, pads), 2, stride=2)), "pad-into-pooling") == ["pad", "max_pool"]


def test_residual_joins_a_convolution_of_the_same_shape_once():
    net, x = image()
    (kernel,) = mapped(net.build(net.add(x, net.conv(x, 8, 1))), "residual-into-convolution")
    assert (kernel.kind, kernel.inputs, kernel.outputs) == ("conv", ("x",), ("add",))
    net, x = image()
    network = net.build(net.add(net.conv(x, 8, 1), net.global_average_pool(x)))
    assert costly(network, "residual-into-convolution") == ["conv", "global_average_pool", "add"]
    net, x = image()
    network = net.build(net.add(net.add(net.conv(x, 8, 1), x), net.input("y", x.shape)))
    assert costly(network, "residual-into-convolution") == ["conv", "add"]


def test_residual_of_two_convolutions_joins_one_of_them():
    net, x = image()
    kernels = mapped(net.build(net.add(net.conv(x, 8, 1), net.conv(x, 8, 3, padding=1))), "residual-into-convolution")
    assert [(kernel.name, len(kernel.layers)) for kernel in kernels] == [("conv_2", 1), ("conv", 2)]


def test_residual_in_a_blocked_layout_needs_a_blocked_operand():
    entry = "residual-into-convolution-chain"
    net, x = image()
    assert costly(net.build(net.add(net.conv(x, 8, 1), x)), entry) == ["conv", "add"]
    net, x = image()
    y = net.max_pool(x, 3, stride=1, padding=1)
    kernels = mapped(net.build(net.add(net.conv(y, 8, 1), y)), entry)
    assert [kernel.kind for kernel in kernels] == ["max_pool", "conv"]


def test_sequences_and_volumes_have_no_blocked_layout():
    net, x = image((1, 8, 16))
    y = net.max_pool(x, 3, stride=1, padding=1)
    assert costly(net.build(net.add(net.conv(y, 8, 1), y)), "residual-into-convolution-chain")[1:] == ["conv", "add"]


@pytest.mark.parametrize(
    ("entry", "function", "joins"),
    [
        ("activation-into-convolution", "relu", True),
        ("activation-into-convolution", "elu", True),
        ("piecewise-activation-into-convolution", "relu", True),
        ("piecewise-activation-into-convolution", "relu6", False),
        ("clip-into-convolution", "relu6", True),
        ("clip-into-convolution", "relu", False),
        ("piecewise-activation-into-convolution", "hard_swish", False),
        ("piecewise-activation-into-convolution", "elu", False),
    ],
)
def test_activations_join_convolutions(entry, function, joins):
    net, x = image()
    kernels = mapped(net.build(net.activation(net.conv(x, 8, 1), function)), entry)
    assert (len(kernels) == 1) is joins
    net, x = image()
    twice = net.activation(net.activation(net.conv(x, 8, 1), function), function)
    assert len(mapped(net.build(twice), entry)) == (2 if joins else 3)


def test_activations_join_matrix_products():
    net, x = image((2, 10, 16))
    network = net.build(net.relu(net.fully_connected(x, 8, bias=False)))
    assert costly(network, "activation-into-matrix-product") == ["fully_connected"]
    assert costly(network, "activation-into-plain-matrix-product") == ["fully_connected", "relu"]
    net, x = image((10, 16))
    assert costly(net.build(net.relu(net.fully_connected(x, 8))), "activation-into-plain-matrix-product") == [
        "fully_connected"
    ]


def test_activations_join_batch_norm_and_arithmetic():
    net, x = image()
    network = net.build(net.activation(net.batch_norm(x), "elu"))
    assert costly(network, "activation-into-batch-norm") == ["batch_norm"]
    assert costly(network, "relu-into-batch-norm") == ["batch_norm", "elu"]
    net, x = image()
    assert costly(net.build(net.relu(net.batch_norm(x))), "relu-into-batch-norm") == ["batch_norm", "relu"]
    for channels, left in ((32, ["batch_norm"]), (40, ["batch_norm", "relu"])):
        net, x = image((1, channels, 6, 6))
        network = net.build(net.relu(net.batch_norm(net.max_pool(x, 3, stride=1, padding=1))))
        assert costly(network, "relu-into-batch-norm") == ["max_pool", *left]
    net, x = image()
    assert costly(net.build(net.relu(net.add(x, net.input("y", x.shape)))), "activation-into-arithmetic") == ["add"]
    net, x = image()
    assert costly(net.build(net.relu(net.softmax(x))), "activation-into-arithmetic") == ["softmax", "relu"]


def test_sum_joins_layer_norm_shared_only_where_the_rule_says_so():
    net, x = image((2, 10, 16))
    alone = net.build(net.layer_norm(net.add(x, net.input("y", x.shape))))
    assert costly(alone, "residual-into-layer-norm") == ["skip_layer_norm"]
    net, x = image((2, 10, 16))
    total = net.add(x, net.input("y", x.shape))
    shared = net.build(net.softmax(total), net.layer_norm(total))
    assert costly(shared, "residual-into-layer-norm") == ["add", "softmax", "layer_norm"]
    kernels = mapped(shared, "shared-residual-into-layer-norm")
    assert [kernel.kind for kernel in kernels] == ["layer_norm", "softmax"]
    assert kernels[0].outputs == ("add", "layer_norm")
    net, x = image((2, 10, 16))
    broadcast = net.build(net.layer_norm(net.add(x, net.input("y", (1, 1, 16)))))
    assert costly(broadcast, "shared-residual-into-layer-norm") == ["add", "layer_norm"]


def test_bias_joins_gelu():
    rules = ("gelu-erf", "bias-into-gelu")
    net, x = image((2, 10, 16))
    assert costly(net.build(net.activation(net.add_constant(x, (16,)), "gelu")), *rules) == ["gelu"]
    net, x = image((2, 10, 16))
    assert costly(net.build(net.activation(net.add(x, 1.0), "gelu")), *rules) == ["add", "gelu"]


@pytest.mark.parametrize(
    ("entry", "shape", "swap", "other"),
    [
        ("transpose-into-matrix-product", (1, 2, 6, 4), (0, 1, 3, 2), (0, 2, 1, 3)),
        ("transpose-into-matrix-product", (2, 6, 4), (0, 2, 1), (2, 0, 1)),
    ],
)
def test_exchange_of_the_last_dimensions_joins_the_product(entry, shape, swap, other):
    net, x = image(shape)
    assert costly(net.build(net.matmul(x, net.transpose(net.input("y", shape), swap))), entry) == ["matmul"]
    net, x = image(shape)
    assert costly(net.build(net.matmul(net.transpose(x, swap), net.input("y", shape))), entry) == ["matmul"]
    net, x = image(shape)
    moved = net.transpose(x, other)
    y = net.input("y", (*moved.shape[:-2], moved.shape[-1], 3))
    assert costly(net.build(net.matmul(moved, y)), entry) == ["transpose", "matmul"]


def test_scalar_factor_joins_the_product():
    net, x = image((2, 6, 4))
    assert costly(net.build(net.div(net.matmul(x, net.input("y", (2, 4, 6))), 8.0)), "scale-into-matrix-product") == [
        "matmul"
    ]
    net, x = image((2, 6, 4))
    network = net.build(net.scale_by_constant(net.matmul(x, net.input("y", (2, 4, 6))), (6,)))
    assert costly(network, "scale-into-matrix-product") == ["matmul", "mul"]


@pytest.mark.parametrize("side", [0, 1])
def test_a_number_times_an_operand_joins_the_matrix_product(side):
    net, x = image((2, 4, 6))
    operands = [x, net.input("y", (2, 6, 4))]
    operands[side] = net.mul(operands[side], 0.35)
    assert costly(net.build(net.matmul(*operands)), "factor-into-matrix-product") == ["matmul"]


def test_both_operands_of_a_matrix_product_may_come_with_factors():
    net, x = image((2, 4, 6))
    keys = net.transpose(net.input("y", (2, 4, 6)), (0, 2, 1))
    network = net.build(net.matmul(net.mul(x, 0.35), net.mul(keys, 0.35)))
    assert costly(network, "factor-into-matrix-product") == ["transpose", "matmul"]
    rules = ("transpose-and-factor-into-matrix-product", "factor-into-matrix-product")
    assert costly(network, *rules) == ["matmul"]


def test_a_factor_per_channel_or_read_by_others_stays():
    net, x = image((2, 4, 6))
    scaled = net.scale_by_constant(x, (6,))
    assert costly(net.build(net.matmul(scaled, net.input("y", (2, 6, 4)))), "factor-into-matrix-product") == [
        "mul",
        "matmul",
    ]
    net, x = image((2, 4, 6))
    scaled = net.mul(x, 0.35)
    network = net.build(net.matmul(scaled, net.input("y", (2, 6, 4))), scaled)
    assert costly(network, "factor-into-matrix-product") == ["mul", "matmul"]
