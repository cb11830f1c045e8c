"""Rules of the DPU's compiler and of TVM: each with what it is for, and with what only looks like it."""

import pytest

from annette.errors import MappingError
from annette.mapping.model import MappingModel
from annette.mapping.rule import Rule
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder

DNNDK, TVM = preset("dnndk"), preset("tvm-cpu")


def kinds(mapping, build, channels=64, size=28):
    net = NetworkBuilder("n")
    result = build(net, net.input("image", (1, channels, size, size)))
    return [kernel.kind for kernel in mapping.apply(net.build(result)) if not kernel.free]


def test_pools_up_to_three_run_on_the_convolutions_way_out():
    assert kinds(DNNDK, lambda net, x: net.max_pool(net.relu(net.conv(x, 8, 3)), 3, stride=2)) == ["conv"]
    assert kinds(DNNDK, lambda net, x: net.max_pool(net.relu(net.conv(x, 8, 3)), 5, stride=2)) == ["conv", "max_pool"]
    assert kinds(DNNDK, lambda net, x: net.average_pool(net.conv(x, 8, 3), 2, stride=2)) == ["conv", "average_pool"]


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [(1, ["conv1_depthwise"]), (3, ["conv3_depthwise"]), (5, ["conv", "depthwise_conv"])],
)
def test_a_convolution_and_the_depthwise_one_behind_it_are_one_node(kernel, expected):
    found = kinds(DNNDK, lambda net, x: net.relu(net.depthwise_conv(net.relu(net.conv(x, 32, kernel)), 3)))
    assert found == expected


def test_a_result_that_others_read_is_written_out():
    def build(net, x):
        inner = net.conv(x, 64, 1)
        return net.concat([inner, net.depthwise_conv(inner, 3)])

    assert kinds(DNNDK, build) == ["conv", "depthwise_conv"]


def test_a_sum_joins_the_convolution_that_feeds_it_once():
    assert kinds(DNNDK, lambda net, x: net.relu(net.add(net.conv(x, 64, 1), x))) == ["conv"]
    assert kinds(DNNDK, lambda net, x: net.add(net.add(net.conv(x, 64, 1), x), x)) == ["conv", "add"]
    assert kinds(DNNDK, lambda net, x: net.add(net.relu(x), x)) == ["relu", "add"]


@pytest.mark.parametrize(("size", "expected"), [(8, "global_average_pool"), (9, "host_pool")])
def test_windows_above_eight_run_on_the_host(size, expected):
    assert kinds(DNNDK, lambda net, x: net.global_average_pool(x), size=size) == [expected]
    window = {"global_average_pool": "average_pool"}.get(expected, expected)
    assert kinds(DNNDK, lambda net, x: net.average_pool(x, size, stride=1), size=size) == [window]


def test_only_bringing_channels_last_moves_nothing():
    assert kinds(DNNDK, lambda net, x: net.transpose(x, (0, 2, 3, 1))) == []
    assert kinds(DNNDK, lambda net, x: net.transpose(x, (0, 1, 3, 2))) == ["transpose"]


def test_activations_that_the_dpu_lacks_stay_apart():
    assert kinds(DNNDK, lambda net, x: net.activation(net.conv(x, 8, 1), "hard_swish")) == ["conv", "hard_swish"]


@pytest.mark.parametrize(
    ("build", "kind"),
    [
        (lambda net, x: net.conv(x, 8, 3, padding=1), "winograd_conv"),
        (lambda net, x: net.conv(x, 8, 3, padding=1, stride=2), "conv"),
        (lambda net, x: net.conv(x, 8, 3), "conv"),
        (lambda net, x: net.conv(x, 8, 5, padding=2), "conv"),
        (lambda net, x: net.conv(x, 64, 3, padding=1, groups=4), "grouped_conv"),
        (lambda net, x: net.conv(x, 8, 1, stride=2), "pointwise_conv"),
        (lambda net, x: net.relu(net.batch_norm(net.conv(x, 8, 3, padding=1))), "winograd_conv"),
        (lambda net, x: net.add(net.conv(x, 64, 1), x), "pointwise_conv"),
        (lambda net, x: net.relu(net.batch_norm(x)), "batch_norm"),
    ],
)
def test_tvm_picks_the_template_by_dimensions_and_fuses_what_is_element_wise(build, kind):
    assert kinds(TVM, build) == [kind]


def test_winograd_needs_64_channels():
    assert kinds(TVM, lambda net, x: net.conv(x, 8, 3, padding=1), channels=63) == ["conv"]


def test_a_single_layer_becomes_another_kind_and_keeps_its_dimensions():
    rule = Rule.parse("wide", "conv", "conv.in_channels >= 8", description="Wide.", kind="wide_conv")
    net = NetworkBuilder("n")
    x = net.conv(net.input("image", (1, 8, 4, 4)), 4, 1)
    (kernel,) = MappingModel("m", (rule,)).apply(net.build(x))
    assert (kernel.kind, kernel.rules, kernel.anchor.kind) == ("wide_conv", ("wide",), "conv")


def test_a_single_layer_cannot_be_fused_into_its_own_kind():
    with pytest.raises(MappingError, match="another kind for one"):
        Rule.parse("same", "conv", description="Nothing.", kind="conv")
    with pytest.raises(MappingError, match="another kind for one"):
        Rule.parse("same", "conv", description="Nothing.")


@pytest.mark.parametrize(
    ("mapping", "build", "name"),
    [
        (DNNDK, lambda net, x: net.relu(net.conv(x, 8, 1)), "dpu-activation-into-convolution"),
        (DNNDK, lambda net, x: net.add(net.conv(x, 64, 1), x), "dpu-residual-into-convolution"),
        (DNNDK, lambda net, x: net.relu(net.add(x, x)), "dpu-activation-into-sum"),
        (DNNDK, lambda net, x: net.batch_norm(net.add(x, x)), "dpu-batch-norm-into-sum"),
        (DNNDK, lambda net, x: net.scale_by_constant(x, (64, 1, 1)), "dpu-scale"),
        (DNNDK, lambda net, x: net.max_pool(net.conv(x, 8, 1), 2, stride=2), "dpu-max-pool-into-convolution"),
        (DNNDK, lambda net, x: net.depthwise_conv(net.conv(x, 8, 1), 3), "dpu-pointwise-into-depthwise"),
        (DNNDK, lambda net, x: net.depthwise_conv(net.conv(x, 8, 3), 3), "dpu-window-into-depthwise"),
        (DNNDK, lambda net, x: net.transpose(x, (0, 2, 3, 1)), "dpu-permute-to-channels-last"),
        (DNNDK, lambda net, x: net.concat([x, x]), "dpu-concat"),
        (DNNDK, lambda net, x: net.max_pool(x, (9, 1), stride=1), "dpu-high-pool-on-host"),
        (DNNDK, lambda net, x: net.max_pool(x, (1, 9), stride=1), "dpu-wide-pool-on-host"),
        (TVM, lambda net, x: net.conv(x, 8, 3, padding=1), "tvm-winograd"),
        (TVM, lambda net, x: net.conv(x, 8, 1), "tvm-pointwise"),
        (TVM, lambda net, x: net.relu(net.conv(x, 8, 1)), "tvm-element-wise-into-operator"),
        (TVM, lambda net, x: net.add(net.conv(x, 64, 1), x), "tvm-residual-into-operator"),
        (TVM, lambda net, x: net.relu(net.mul(x, x)), "tvm-element-wise-chain"),
        (TVM, lambda net, x: net.mul(net.relu(x), 0.5), "tvm-constant-in-chain"),
        (TVM, lambda net, x: net.pow(net.conv(x, 8, 1), 2.0), "tvm-constant-into-operator"),
        (TVM, lambda net, x: net.mul(y := net.conv(x, 8, 1), y), "tvm-square"),
        (TVM, lambda net, x: net.mul(y := net.conv(x, 8, 1), net.activation(y, "tanh")), "tvm-gate"),
        (TVM, lambda net, x: net.mul(y := net.conv(x, 8, 1), net.add(y, 3.0)), "tvm-gate-by-constant"),
    ],
)
def test_each_rule_is_named_in_the_kernel_that_it_makes(mapping, build, name):
    net = NetworkBuilder("n")
    kernels = mapping.apply(net.build(build(net, net.input("image", (1, 64, 28, 28)))))
    assert name in [rule for kernel in kernels for rule in kernel.rules]


def test_a_product_with_another_map_or_a_number_is_no_scale():
    assert kinds(DNNDK, lambda net, x: net.mul(x, net.global_average_pool(x)), size=7)[-1] == "mul"
    assert kinds(DNNDK, lambda net, x: net.mul(x, 0.5)) == ["mul"]


def test_a_gate_of_another_map_stays_a_kernel_of_its_own():
    def squeezed(net, x):
        y = net.conv(x, 8, 1)
        return net.mul(y, net.activation(net.global_average_pool(y), "sigmoid"))

    assert kinds(TVM, squeezed) == ["pointwise_conv", "global_average_pool", "sigmoid", "mul"]


@pytest.mark.parametrize(
    ("shape", "name"), [((1, 8, 9, 4), "dpu-high-global-pool-on-host"), ((1, 8, 4, 9), "dpu-wide-global-pool-on-host")]
)
def test_maps_that_are_too_high_or_too_wide_are_pooled_on_the_host(shape, name):
    net = NetworkBuilder("n")
    (kernel,) = DNNDK.apply(net.build(net.global_max_pool(net.input("image", shape))))
    assert (kernel.kind, kernel.rules) == ("host_pool", (name,))


def test_a_mean_over_positions_is_a_pool_whatever_comes_last():
    (rule,) = [rule for rule in DNNDK.rules if rule.name == "dpu-mean-over-positions"]
    assert rule.kind == "global_average_pool"
    assert kinds(DNNDK, lambda net, x: net.reduce("reduce_mean", x, (2, 3)), size=7) == ["global_average_pool"]
    assert kinds(DNNDK, lambda net, x: net.reduce("reduce_mean", x, (1,)), size=7) == ["reduce_mean"]


def test_a_permutation_of_unstated_order_is_a_detectors():
    (rule,) = [rule for rule in DNNDK.rules if rule.name == "dpu-permute-of-a-detector"]
    assert [str(condition.left) for condition in rule.conditions] == [
        "transpose.attributes.perm",
        "transpose.channels_last",
    ]
