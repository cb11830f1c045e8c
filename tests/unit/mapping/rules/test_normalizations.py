"""Each recognised normalization: what it is recognised in, and what only looks like it."""

import itertools

import pytest

from tests.unit.mapping.helpers import costly, image, mapped

TOKENS = (2, 10, 16)


def _variance(net, x, axes=(-1,), *, power=True):
    mean = net.reduce("reduce_mean", x, [-1])
    centred = net.sub(x, mean)
    square = net.pow(centred, 2.0) if power else net.mul(centred, centred)
    return mean, centred, net.add(net.reduce("reduce_mean", square, list(axes)), 1e-5)


def _quotient(net, numerator, root, how):
    if how == "div":
        return net.div(numerator, root)
    inverse = (
        net.unary("reciprocal", root) if how == "reciprocal" else net.layer("div", [net.weight("one", ()), root])[0]
    )
    return net.mul(numerator, inverse)


def _affine(net, x, how):
    if how:
        x = net.scale_by_constant(x, (16,))
    return net.add_constant(x, (16,)) if how == 2 else x


@pytest.mark.parametrize(
    ("power", "how", "affine"), list(itertools.product([True, False], ["div", "reciprocal", "one over"], [0, 1, 2]))
)
def test_layer_norm_in_every_form(power, how, affine):
    net, x = image(TOKENS)
    _, centred, variance = _variance(net, x, power=power)
    result = _affine(net, _quotient(net, centred, net.unary("sqrt", variance), how), affine)
    (kernel,) = mapped(net.build(result), "layer-norm")
    assert kernel.kind == "layer_norm"
    assert kernel.anchor.attributes["axes"] == (2,)
    assert kernel.anchor.workload.dimensions.axis_size == 16


def test_layer_norm_needs_both_means_over_the_same_axes():
    net, x = image(TOKENS)
    _, centred, variance = _variance(net, x, axes=(1,))
    assert "layer_norm" not in costly(net.build(net.div(centred, net.unary("sqrt", variance))), "layer-norm")


def test_layer_norm_with_scale_and_shift_only():
    net, x = image(TOKENS)
    _, centred, variance = _variance(net, x)
    normal = net.div(centred, net.unary("sqrt", variance))
    assert costly(net.build(_affine(net, normal, 2)), "layer-norm-scaled") == ["layer_norm"]
    net, x = image(TOKENS)
    _, centred, variance = _variance(net, x)
    assert "layer_norm" not in costly(net.build(net.div(centred, net.unary("sqrt", variance))), "layer-norm-scaled")


@pytest.mark.parametrize("power", [True, False])
def test_layer_norm_by_moments(power):
    net, x = image(TOKENS)
    mean, _, variance = _variance(net, x, power=power)
    factor = net.scale_by_constant(net.unary("reciprocal", net.unary("sqrt", variance)), (16,))
    shift = net.layer("sub", [net.weight("beta", (16,)), net.mul(mean, factor)])[0]
    assert costly(net.build(net.add(net.mul(x, factor), shift)), "layer-norm-moments") == ["layer_norm"]


def test_layer_norm_by_moments_needs_the_mean_of_x():
    net, x = image(TOKENS)
    _, _, variance = _variance(net, x)
    factor = net.scale_by_constant(net.unary("reciprocal", net.unary("sqrt", variance)), (16,))
    other = net.reduce("reduce_mean", net.relu(x), [-1])
    shift = net.layer("sub", [net.weight("beta", (16,)), net.mul(other, factor)])[0]
    assert "layer_norm" not in costly(net.build(net.add(net.mul(x, factor), shift)), "layer-norm-moments")


@pytest.mark.parametrize(
    ("power", "how", "affine"), list(itertools.product([True, False], ["div", "reciprocal", "one over"], [0, 1]))
)
def test_rms_norm_in_every_form(power, how, affine):
    net, x = image(TOKENS)
    square = net.pow(x, 2.0) if power else net.mul(x, x)
    root = net.unary("sqrt", net.add(net.reduce("reduce_mean", square, [-1]), 1e-5))
    assert costly(net.build(_affine(net, _quotient(net, x, root, how), affine)), "rms-norm") == ["rms_norm"]


@pytest.mark.parametrize("entry", ["rms-norm", "rms-norm-scaled"])
def test_rms_norm_needs_the_root(entry):
    net, x = image(TOKENS)
    mean = net.add(net.reduce("reduce_mean", net.pow(x, 2.0), [-1]), 1e-5)
    assert "rms_norm" not in costly(net.build(net.scale_by_constant(net.div(x, mean), (16,))), entry)


def test_rms_norm_with_scale_only():
    for scaled in (True, False):
        net, x = image(TOKENS)
        root = net.unary("sqrt", net.add(net.reduce("reduce_mean", net.pow(x, 2.0), [-1]), 1e-5))
        kinds = costly(net.build(_affine(net, net.div(x, root), int(scaled))), "rms-norm-scaled")
        assert (kinds == ["rms_norm"]) is scaled


@pytest.mark.parametrize("guard", ["none", "clip", "expand"])
def test_l2_norm_in_every_form(guard):
    net, x = image(TOKENS)
    length = net.reduce("reduce_norm", x, [-1])
    if guard != "none":
        length = net.clip(length, 1e-12, 1e9)
    if guard == "expand":
        length = net.expand(length, TOKENS)
    assert costly(net.build(net.div(x, length)), "l2-norm") == ["lp_norm"]


def test_l2_norm_divides_the_same_x():
    net, x = image(TOKENS)
    length = net.reduce("reduce_norm", net.relu(x), [-1])
    assert "lp_norm" not in costly(net.build(net.div(x, length)), "l2-norm")


@pytest.mark.parametrize(("power", "guard"), list(itertools.product([True, False], [True, False])))
def test_l2_norm_by_a_sum_of_squares(power, guard):
    net, x = image(TOKENS)
    total = net.reduce("reduce_sum", net.pow(x, 2.0) if power else net.mul(x, x), [-1])
    length = net.unary("sqrt", total)
    assert costly(net.build(net.div(x, net.add(length, 1e-9) if guard else length)), "l2-norm-sum") == ["lp_norm"]


def test_l2_norm_by_a_sum_of_squares_needs_squares_of_x():
    net, x = image(TOKENS)
    length = net.unary("sqrt", net.reduce("reduce_sum", net.mul(x, net.relu(x)), [-1]))
    assert "lp_norm" not in costly(net.build(net.div(x, length)), "l2-norm-sum")


@pytest.mark.parametrize("affine", [True, False])
def test_group_norm(affine):
    net, x = image((1, 8, 6, 6))
    normal = net.reshape(net.instance_norm(net.reshape(x, (1, 4, 72))), x.shape)
    result = net.add_constant(net.scale_by_constant(normal, (8, 1, 1)), (8, 1, 1)) if affine else normal
    assert costly(net.build(result), "group-norm") == ["group_norm"]


def test_group_norm_restores_the_shape():
    net, x = image((1, 8, 6, 6))
    network = net.build(net.reshape(net.instance_norm(net.reshape(x, (1, 4, 72))), (1, 288)))
    assert "group_norm" not in costly(network, "group-norm")


@pytest.mark.parametrize("restored", [True, False])
def test_group_norm_by_moments_restores_the_shape(restored):
    net, x = image((1, 8, 6, 6))
    rows = net.reshape(net.reshape(x, (1, 4, 2, 6, 6)), (1, 4, 72))
    mean = net.reduce("reduce_mean", rows, [2])
    power = net.reduce("reduce_mean", net.mul(rows, rows), [2])
    variance = net.add(net.sub(power, net.mul(mean, mean)), 1e-5)
    normal = net.reshape(net.div(net.sub(rows, mean), net.unary("sqrt", variance)), x.shape)
    result = net.add_constant(net.scale_by_constant(net.reshape(normal, (1, 8, 36)), (8, 1)), (8, 1))
    network = net.build(net.reshape(result, x.shape if restored else (1, 288)))
    assert (costly(network, "group-norm-moments") == ["group_norm"]) == restored


@pytest.mark.parametrize("shifted", [True, False])
def test_softmax(shifted):
    net, x = image(TOKENS)
    power = net.unary("exp", net.sub(x, net.reduce("reduce_max", x, [-1])) if shifted else x)
    (kernel,) = mapped(net.build(net.div(power, net.reduce("reduce_sum", power, [-1]))), "softmax")
    assert kernel.kind == "softmax"
    assert kernel.anchor.workload.dimensions.axis_size == 16


def test_softmax_is_not_any_quotient_of_exponentials():
    net, x = image(TOKENS)
    total = net.reduce("reduce_sum", net.unary("exp", x), [-1])
    assert "softmax" not in costly(net.build(net.div(net.unary("exp", net.relu(x)), total)), "softmax")


def test_log_softmax_and_its_near_miss():
    for same in (True, False):
        net, x = image(TOKENS)
        centred = net.sub(x, net.reduce("reduce_max", x, [-1]))
        logarithm = net.unary("log", net.reduce("reduce_sum", net.unary("exp", centred), [-1]))
        kinds = costly(net.build(net.sub(centred if same else x, logarithm)), "log-softmax")
        assert (kinds == ["log_softmax"]) is same


def test_logarithm_of_softmax_and_its_near_miss():
    net, x = image(TOKENS)
    (kernel,) = mapped(net.build(net.unary("log", net.softmax(x))), "log-softmax-pair")
    assert (kernel.kind, kernel.anchor.attributes["axis"]) == ("log_softmax", 2)
    net, x = image(TOKENS)
    y = net.softmax(x)
    assert "log_softmax" not in costly(net.build(net.unary("log", y), y), "log-softmax-pair")


@pytest.mark.parametrize(
    ("axes", "keep", "pooling"), [([2, 3], True, True), ([2, 3], False, True), ([1, 2], True, False)]
)
def test_mean_over_positions_is_global_pooling(axes, keep, pooling):
    net, x = image((1, 8, 6, 6))
    (kernel,) = mapped(net.build(net.reduce("reduce_mean", x, axes, keep=keep)), "global-average-pool-mean")
    assert kernel.kind == ("global_average_pool" if pooling else "reduce_mean")
    assert kernel.ops == 288
