"""Each recognised activation: what it is recognised in, and what only looks like it."""

import itertools

import pytest

from tests.unit.mapping.helpers import costly, image, mapped

S2 = 1.4142135


def _erf_factor(net, x, operator="div"):
    scaled = net.div(x, S2) if operator == "div" else net.mul(x, 1 / S2)
    return net.add(net.unary("erf", scaled), 1.0)


GELU_ERF = {
    "half behind": lambda net, x: net.mul(net.mul(x, _erf_factor(net, x)), 0.5),
    "half on x": lambda net, x: net.mul(net.mul(x, 0.5), _erf_factor(net, x)),
    "half on the factor": lambda net, x: net.mul(x, net.mul(_erf_factor(net, x), 0.5)),
    "operands exchanged": lambda net, x: net.mul(net.mul(_erf_factor(net, x, "mul"), x), 0.5),
    "halved by division": lambda net, x: net.mul(net.div(x, 2.0), _erf_factor(net, x)),
}

CUBICS = {
    "power": lambda net, x: net.mul(net.add(x, net.mul(net.pow(x, 3.0), 0.0447)), 0.8),
    "products": lambda net, x: net.mul(net.add(x, net.mul(net.mul(x, net.mul(x, x)), 0.0447)), 0.8),
    "factored": lambda net, x: net.mul(net.mul(x, net.add(net.mul(net.mul(x, x), 0.0447), 1.0)), 0.8),
    "factored power": lambda net, x: net.mul(net.mul(x, net.add(net.mul(net.pow(x, 2.0), 0.0447), 1.0)), 0.8),
    "weighted": lambda net, x: net.mul(net.mul(x, 0.8), net.add(net.mul(net.mul(x, 0.0447), x), 1.0)),
}
HALVES = {
    "on x": lambda net, x, f: net.mul(net.mul(x, 0.5), f),
    "behind": lambda net, x, f: net.mul(net.mul(x, f), 0.5),
    "on the factor": lambda net, x, f: net.mul(x, net.mul(f, 0.5)),
}


@pytest.mark.parametrize("form", GELU_ERF)
def test_gelu_by_erf_in_every_factoring(form):
    net, x = image()
    (kernel,) = mapped(net.build(GELU_ERF[form](net, x)), "gelu-erf")
    assert (kernel.kind, kernel.anchor.kind, len(kernel.layers)) == ("gelu", "gelu", 5)
    assert kernel.inputs == ("x",)
    assert kernel.anchor.workload.dimensions.in_channels == 8
    assert kernel.followers == ()


def test_gelu_by_erf_needs_the_same_x_on_both_factors():
    net, x = image()
    y = net.input("y", x.shape)
    network = net.build(net.mul(net.mul(y, _erf_factor(net, x)), 0.5))
    assert "gelu" not in costly(network, "gelu-erf")


def test_gelu_by_erf_is_left_alone_where_others_read_its_inside():
    net, x = image()
    factor = _erf_factor(net, x)
    network = net.build(net.mul(net.mul(x, factor), 0.5), net.relu(factor))
    assert "gelu" not in costly(network, "gelu-erf")


@pytest.mark.parametrize(("cubic", "half"), list(itertools.product(CUBICS, HALVES)))
def test_gelu_by_tanh_in_every_factoring(cubic, half):
    net, x = image()
    factor = net.add(net.unary("tanh", CUBICS[cubic](net, x)), 1.0)
    assert costly(net.build(HALVES[half](net, x, factor)), "gelu-tanh") == ["gelu"]


def test_gelu_by_tanh_is_not_any_tanh():
    net, x = image()
    factor = net.add(net.unary("tanh", net.mul(x, 0.8)), 1.0)
    assert "gelu" not in costly(net.build(net.mul(net.mul(x, 0.5), factor)), "gelu-tanh")


@pytest.mark.parametrize("swapped", [False, True])
def test_silu(swapped):
    net, x = image()
    gate = net.unary("sigmoid", x)
    assert costly(net.build(net.mul(gate, x) if swapped else net.mul(x, gate)), "silu") == ["silu"]


def test_silu_is_not_a_gate_of_something_else():
    net, x = image()
    gate = net.unary("sigmoid", net.global_average_pool(x))
    assert costly(net.build(net.mul(x, gate)), "silu") == ["global_average_pool", "sigmoid", "mul"]


def test_quick_gelu_and_its_near_miss():
    net, x = image()
    assert costly(net.build(net.mul(x, net.unary("sigmoid", net.mul(x, 1.702)))), "gelu-quick") == ["silu"]
    net, x = image()
    y = net.input("y", x.shape)
    assert costly(net.build(net.mul(x, net.unary("sigmoid", net.mul(x, y)))), "gelu-quick") == ["mul", "sigmoid", "mul"]


def test_sigmoid_by_exp_and_its_near_miss():
    for quotient in (True, False):
        net, x = image()
        shifted = net.add(net.unary("exp", net.unary("neg", x)), 1.0)
        one = net.weight("one", ())
        result = net.layer("div", [one, shifted])[0] if quotient else net.unary("reciprocal", shifted)
        assert costly(net.build(result), "sigmoid-exp") == ["sigmoid"]
    net, x = image()
    shifted = net.add(net.unary("exp", net.unary("neg", x)), 1.0)
    assert "sigmoid" not in costly(net.build(net.div(shifted, 1.0)), "sigmoid-exp")  # the quotient upside down


def test_softplus_by_log_and_its_near_miss():
    net, x = image()
    assert costly(net.build(net.unary("log", net.add(net.unary("exp", x), 1.0))), "softplus-log") == ["softplus"]
    net, x = image()
    assert costly(net.build(net.unary("log", net.unary("exp", x))), "softplus-log") == ["exp", "log"]


def test_hard_swish_by_clip_with_the_division_behind_or_inside():
    rules = ("hard-swish-clip", "hard-sigmoid-clip", "hard-swish")
    net, x = image()
    limited = net.clip(net.add(x, 3.0), 0, 6)
    assert costly(net.build(net.div(net.mul(x, limited), 6.0)), *rules) == ["hard_swish"]
    net, x = image()
    limited = net.clip(net.add(x, 3.0), 0, 6)
    assert costly(net.build(net.mul(net.mul(limited, 1 / 6), x)), *rules) == ["hard_swish"]


def test_hard_swish_by_clip_needs_the_same_x():
    net, x = image()
    y = net.input("y", x.shape)
    limited = net.clip(net.add(x, 3.0), 0, 6)
    assert "hard_swish" not in costly(net.build(net.div(net.mul(y, limited), 6.0)), "hard-swish-clip")


def test_hard_sigmoid_by_clip_with_the_scale_before_or_behind():
    net, x = image()
    assert costly(net.build(net.div(net.clip(net.add(x, 3.0), 0, 6), 6.0)), "hard-sigmoid-clip") == ["hard_sigmoid"]
    net, x = image()
    scaled = net.add(net.mul(x, 0.2), 0.5)
    assert costly(net.build(net.clip(scaled, 0, 1)), "hard-sigmoid-clip") == ["hard_sigmoid"]
    net, x = image()
    assert costly(net.build(net.clip(net.add(x, 3.0), 0, 6)), "hard-sigmoid-clip") == ["add", "clip"]


def test_hard_swish_by_hard_sigmoid_and_its_near_miss():
    net, x = image()
    assert costly(net.build(net.mul(x, net.activation(x, "hard_sigmoid"))), "hard-swish") == ["hard_swish"]
    net, x = image()
    gate = net.activation(net.relu(x), "hard_sigmoid")
    assert costly(net.build(net.mul(x, gate)), "hard-swish") == ["relu", "hard_sigmoid", "mul"]


def test_mish_and_its_near_miss():
    net, x = image()
    assert costly(net.build(net.activation(x, "mish")), "mish") == ["mish"]
    net, x = image()
    network = net.build(net.mul(x, net.unary("tanh", net.unary("softplus", net.relu(x)))))
    assert "mish" not in costly(network, "mish")


def test_a_recognised_activation_is_fused_like_a_plain_one():
    net, x = image()
    kernels = mapped(net.build(net.activation(net.conv(x, 8, 1), "silu")), "silu", "activation-into-convolution")
    assert [kernel.kind for kernel in kernels] == ["conv"]
    assert [layer.kind for layer in kernels[0].followers] == ["silu"]
    assert kernels[0].rules == ("silu", "activation-into-convolution")
