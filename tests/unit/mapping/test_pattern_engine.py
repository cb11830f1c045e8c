"""How patterns match: roles, operands, tensors, order, cycles."""

import pytest

from annette.errors import MappingError
from annette.mapping.model import MappingModel
from annette.mapping.rule import Action, Rule
from tests.unit.mapping.helpers import image


def _apply(network, *rules):
    return MappingModel("test", rules).apply(network)


def _rule(pattern, *conditions, name="rule", **more):
    return Rule.parse(name, pattern, *conditions, description="test", **more)


def _shapes(kernels):
    return [[layer.name for layer in kernel.layers] for kernel in kernels]


def test_no_rules_leave_every_layer_alone():
    net, x = image()
    network = net.build(net.relu(net.conv(x, 8, 1)))
    kernels = _apply(network)
    assert [(k.name, k.kind, k.inputs, k.outputs, k.rules, k.free) for k in kernels] == [
        ("conv", "conv", ("x",), ("conv",), (), False),
        ("relu", "relu", ("conv",), ("relu",), (), False),
    ]


def test_a_chain_fuses_where_each_is_the_only_reader():
    net, x = image()
    network = net.build(net.unary("exp", net.relu(net.conv(x, 8, 1))))
    (kernel,) = _apply(network, _rule("conv > relu > exp"))
    assert (kernel.name, kernel.kind, kernel.anchor.name) == ("conv", "conv", "conv")
    assert [layer.kind for layer in kernel.followers] == ["relu", "exp"]
    assert (kernel.inputs, kernel.outputs, kernel.rules) == (("x",), ("exp",), ("rule",))


def test_the_anchor_names_and_describes_the_kernel():
    net, x = image()
    network = net.build(net.relu(net.conv(x, 8, 1)))
    (kernel,) = _apply(network, _rule("conv > anchor act = relu", kind="painted"))
    assert (kernel.name, kernel.kind, kernel.anchor.kind) == ("relu", "painted", "relu")


def test_later_rules_see_the_kernels_of_earlier_ones():
    net, x = image()
    network = net.build(net.relu(net.max_pool(net.conv(x, 8, 1), 2, stride=2)))
    first = _rule("conv > max_pool", name="first", kind="conv_pool")
    kernels = _apply(network, first, _rule("conv_pool > relu", name="second"))
    assert [(k.kind, k.rules) for k in kernels] == [("conv_pool", ("first", "second"))]


def test_the_list_is_repeated_until_nothing_changes():
    net, x = image()
    network = net.build(net.batch_norm(net.relu(net.conv(x, 8, 1))))
    kernels = _apply(network, _rule("conv > batch_norm", name="norm"), _rule("conv > relu", name="act"))
    assert [kernel.rules for kernel in kernels] == [("act", "norm")]


def test_rules_are_applied_in_their_order():
    net, x = image()
    network = net.build(net.relu(net.add(net.conv(x, 8, 1), x)))
    pair, chain = _rule("add > relu", name="pair"), _rule("conv > add > relu", name="chain")
    assert _shapes(_apply(network, pair, chain)) == [["conv"], ["add", "relu"]]
    assert _shapes(_apply(network, chain, pair)) == [["conv", "add", "relu"]]


def test_ordered_operands_count_from_the_first():
    net, x = image()
    y = net.input("y", x.shape)
    network = net.build(net.sub(x, net.relu(y)))
    assert len(_apply(network, _rule(["act = relu", "result = sub(act)"]))) == 2
    assert len(_apply(network, _rule(["act = relu", "result = sub(_, act)"]))) == 1


def test_commutative_operands_match_in_any_order_and_backtrack():
    net, x = image()
    y = net.input("y", x.shape)
    both = net.mul(net.relu(x), net.unary("exp", net.relu(y)))
    pattern = ["first = relu(x)", "second = relu", "power = exp(second)", "result = mul(power, first)"]
    assert len(_apply(net.build(both), _rule(pattern))) == 1


def test_one_name_is_one_tensor_and_one_node_one_kernel():
    net, x = image()
    y = net.input("y", x.shape)
    square, product = net.mul(x, x), net.mul(x, y)
    rule = _rule(["squared = mul(x, x)", "result = exp(squared)"])
    assert len(_apply(net.build(net.unary("exp", square), net.unary("exp", product)), rule)) == 3


def test_constants_and_activations_are_told_apart():
    net, x = image()
    network = net.build(net.unary("exp", net.add(x, 1.0)), net.unary("exp", net.add(x, net.input("y", x.shape))))
    constant = _rule(["sum = add(x, $)", "result = exp(sum)"])
    activations = _rule(["sum = add(x, y)", "result = exp(sum)"])
    assert _shapes(_apply(network, constant)) == [["add", "exp"], ["add_2"], ["exp_2"]]
    assert _shapes(_apply(network, activations)) == [["add"], ["exp"], ["add_2", "exp_2"]]


def test_results_are_told_apart_by_number():
    net, x = image()
    first, second = net.split(x, 2)
    network = net.build(net.relu(first), net.unary("exp", second))
    rule = _rule(["shared parts = split", "result = relu|exp(parts:1)"])
    assert _shapes(_apply(network, rule)) == [["relu"], ["split", "exp"]] or _shapes(_apply(network, rule)) == [
        ["split", "exp"],
        ["relu"],
    ]


def test_context_must_be_there_but_stays_apart():
    net, x = image()
    rule = _rule(["context total = add", "free = relu(total)"], action=Action.FREE)
    kernels = _apply(net.build(net.relu(net.add(x, net.relu(x)))), rule)
    assert [(kernel.name, kernel.free) for kernel in kernels] == [("relu", False), ("add", False), ("relu_2", True)]


def test_context_may_be_the_reader():
    net, x = image()
    rule = _rule(["act = relu", "context total = add(act)"], action=Action.FREE)
    kernels = _apply(net.build(net.unary("exp", net.add(x, net.relu(x)))), rule)
    assert {kernel.name for kernel in kernels if kernel.free} == {"relu"}


def test_shared_results_are_written_too():
    net, x = image()
    y = net.conv(x, 8, 1)
    network = net.build(net.relu(y), net.unary("exp", y))
    assert len(_apply(network, _rule("conv > relu"))) == 3
    kernels = _apply(network, _rule("shared conv > anchor act = relu"))
    assert _shapes(kernels) == [["conv", "relu"], ["exp"]]
    assert kernels[0].outputs == ("conv", "relu")


def test_fusing_never_makes_kernels_wait_for_each_other():
    net, x = image()
    y = net.conv(x, 8, 1)
    network = net.build(net.add(y, net.softmax(y)))
    assert len(_apply(network, _rule(["shared conv = conv", "anchor total = add(conv)"]))) == 3
    whole = _rule(["shared conv = conv", "soft = softmax(conv)", "anchor total = add(conv, soft)"])
    assert len(_apply(network, whole)) == 1


def test_what_reads_a_shared_result_comes_later():
    net, x = image()
    y = net.conv(x, 8, 1)
    early = net.softmax(y)
    network = net.build(early, net.relu(net.add(y, net.unary("exp", x))))
    kernels = _apply(network, _rule(["shared conv = conv", "anchor total = add(conv)", "act = relu(total)"]))
    assert _shapes(kernels) == [["exp"], ["conv", "add", "relu"], ["softmax"]]


def test_a_lone_layer_can_be_recognised_as_another_kind():
    net, x = image()
    rule = _rule("pow", "pow.constant_count == 1", action=Action.RECOGNISE, kind="mul")
    (kernel,) = _apply(net.build(net.pow(x, 2.0)), rule)
    assert (kernel.kind, kernel.anchor.kind, kernel.layers[0].kind, kernel.rules) == ("mul", "mul", "pow", ("rule",))


def test_recognising_what_cannot_be_is_an_error_of_the_rule():
    net, x = image()
    network = net.build(net.relu(x))
    rule = Rule.from_json(
        {"name": "odd", "description": "x", "pattern": "relu", "action": "recognise", "kind": "softmax",
         "attributes": {"axis": "last"}}
    )  # fmt: skip
    with pytest.raises(MappingError, match=r"rule 'odd' takes layer 'relu'.*'softmax'"):
        _apply(network, rule)


def test_rules_that_undo_each_other_end():
    net, x = image()
    there = _rule("add", name="there", action=Action.RECOGNISE, kind="mul")
    back = _rule("mul", name="back", action=Action.RECOGNISE, kind="add")
    (kernel,) = _apply(net.build(net.add(x, net.input("y", x.shape))), there, back)
    assert kernel.kind in ("add", "mul")


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("conv.out_channels == 8", True),
        ("conv.out_channels % 16 == 0", False),
        ("conv.kernel_height in [1, 3]", True),
        ("conv.attributes.kernel_shape == [3, 3]", True),
        ("conv.attributes.kernel_shape.1 > 3", False),
        ("conv.attributes.nothing is missing", True),
        ("conv.attributes.nothing > 0", False),
        ("conv.attributes.nothing != 0", True),
        ("conv.weights_constant == true", True),
        ("conv.ops >= relu.ops", True),
        ("conv.output_shape == relu.output_shape", True),
        ("conv.output_dtype == float32", True),
        ("conv.consumers == 1", True),
        ("conv.is_output == false", True),
        ("conv.layer_count == 1", True),
        ("conv.layer_kinds contains conv", True),
        ("conv.follower_kinds lacks relu", True),
        ("relu.kind not in [relu, clip]", False),
        ("conv.in_channels in [1, relu.out_channels]", True),
        ("conv.out_channels < 7.5", False),
        ("conv.channels_last == false", True),
    ],
)
def test_conditions_decide(condition, holds):
    net, x = image()
    network = net.build(net.relu(net.conv(x, 8, 3, padding=1)))
    assert (len(_apply(network, _rule("conv > relu", condition))) == 1) is holds


def test_conditions_on_both_sides_and_on_tensors():
    net, x = image()
    network = net.build(net.add(net.conv(x, 8, 1), x))
    pattern = ["conv = conv", "total = add(conv, other)"]
    assert len(_apply(network, _rule(pattern, "other.shape.1 == conv.out_channels", "other.rank == 4"))) == 1
    assert len(_apply(network, _rule(pattern, "other.elements > conv.output_elements"))) == 2
