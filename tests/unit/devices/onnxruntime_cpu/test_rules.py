"""Rules of ONNX Runtime: what is an operator of its own, and what only looks free."""

import pytest

from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder

MAPPING = preset("onnxruntime-cpu")


def kernels(build, *shapes):
    net = NetworkBuilder("n")
    build(net, *(net.input(f"x{number}", shape) for number, shape in enumerate(shapes)))
    return [kernel for kernel in MAPPING.apply(net.build()) if not kernel.free]


def kinds(build, *shapes):
    return [kernel.kind for kernel in kernels(build, *shapes)]


def test_a_transpose_of_ones_is_a_copy_and_a_reshape_is_free():
    assert kinds(lambda net, x: net.relu(net.transpose(x, (1, 0, 2))), (1, 5, 7)) == ["copy", "relu"]
    assert kernels(lambda net, x: net.transpose(x, (1, 0, 2)), (1, 5, 7))[0].rules == ("transpose-of-ones",)
    assert kinds(lambda net, x: net.relu(net.reshape(x, (5, 1, 7))), (1, 5, 7)) == ["relu"]
    assert kinds(lambda net, x: net.transpose(x, (1, 0, 2)), (2, 5, 7)) == ["transpose"]


@pytest.mark.parametrize("activation", [False, True])
def test_einstein_sums_are_kernels_of_their_own(activation):
    def build(net, x, y):
        z = net.einsum("bij,bjk->bik", x, y)
        if activation:
            net.relu(z)

    assert kernels(build, (2, 3, 4), (2, 4, 5))[0].rules == ("einsum",)
    assert kinds(build, (2, 3, 4), (2, 4, 5)) == ["einsum", *(["relu"] if activation else [])]
    assert kinds(lambda net, x, y: net.matmul(x, y), (2, 3, 4), (2, 4, 5)) == ["matmul"]


@pytest.mark.parametrize("kind", ["reduce_mean", "reduce_sum", "reduce_max", "reduce_min"])
def test_reductions_without_a_vector_loop_are_one_kind(kind):
    def found(shape, axes):
        return kernels(lambda net, x: net.reduce(kind, x, axes), shape)[0]

    assert (found((1, 8, 16), (1,)).kind, found((1, 8, 16), (1,)).rules) == (
        "looped_reduction",
        ("reduction-by-elements",),
    )
    assert found((2, 8, 16, 4), (1, 3)).kind == "looped_reduction"
    assert [found((1, 8, 16), (2,)).kind, found((2, 8, 16), (1,)).kind, found((2, 8, 16), (0, 2)).kind] == [kind] * 3


@pytest.mark.parametrize("kind", ["softmax", "log_softmax"])
def test_a_softmax_across_is_a_kind_of_its_own(kind):
    def found(axis):
        return kernels(lambda net, x: net.layer(kind, [x], attributes={"axis": axis}), (1, 8, 4, 16))[0]

    assert (found(1).kind, found(1).rules) == ("softmax_far_across", ("softmax-far-across",))
    assert (found(2).kind, found(2).rules) == ("softmax_across", ("softmax-across",))
    assert found(3).kind == kind


@pytest.mark.parametrize(
    ("shape", "order", "fuses"),
    [
        ((6, 4), (1, 0), True),
        ((2, 6, 4), (0, 2, 1), True),
        ((6, 2, 4), (1, 0, 2), True),
        ((4, 2, 6), (1, 2, 0), True),
        ((6, 4, 2), (2, 0, 1), False),
        ((2, 6, 3, 4), (0, 2, 1, 3), False),
        ((6, 2, 3, 4), (1, 2, 0, 3), True),
        ((2, 3, 5, 6, 4), (0, 1, 2, 4, 3), True),
    ],
)
def test_products_read_some_transpositions_as_they_go(shape, order, fuses):
    def build(net, x):
        moved = net.transpose(net.relu(x), order)
        other = net.input("y", (*moved.shape[:-2], moved.shape[-1], 5))
        net.matmul(moved, other)

    assert kinds(build, shape) == ["relu", *([] if fuses else ["transpose"]), "matmul"]


def test_a_transposition_behind_another_stays():
    def build(net, x, y):
        part = net.split(net.transpose(net.relu(x), (2, 0, 3, 1, 4)), 3, axis=0)[0]
        net.matmul(y, net.transpose(net.reshape(part, part.shape[1:]), (0, 1, 3, 2)))

    # Each part is transposed once, behind the split; none of that is done by the product.
    assert kinds(build, (1, 6, 3, 2, 4), (1, 2, 5, 4))[1:5] == ["split", *["transpose"] * 3]


@pytest.mark.parametrize(
    ("turned", "scaled", "rule"),
    [
        ("", False, "heads-into-matrix-product"),
        ("", True, "heads-and-factor-into-matrix-product"),
        ("before", True, "heads-of-columns-and-factor-into-matrix-product"),
        ("behind", True, "turned-heads-and-factor-into-matrix-product"),
    ],
)
def test_heads_of_tokens_that_come_first_join_the_product(turned, scaled, rule):
    def build(net, x, y):
        moved = net.transpose(net.reshape(net.relu(x), (10, 8, 8)), (1, 0, 2))
        if turned == "before":
            heads = net.reshape(net.transpose(moved, (0, 2, 1)), (2, 4, 8, 10))
        else:
            heads = net.reshape(moved, (2, 4, 10, 8))
        if turned == "behind":
            heads = net.transpose(heads, (0, 1, 3, 2))
        net.matmul(y, net.mul(heads, 0.5) if scaled else heads)

    first, product = kernels(build, (10, 2, 32), (2, 4, 5, 8 if turned else 10))
    assert (first.kind, product.kind, product.rules[0].split(".")[0]) == ("relu", "matmul", rule)


def test_hard_swish_joins_a_blocked_convolution_unless_it_is_handed_out():
    def build(net, x, *, operator=False, handed_out=False):
        y = net.conv(x, 16, 3, padding=1)
        z = net.layer("hard_swish", [y])[0] if operator else net.mul(y, net.layer("hard_sigmoid", [y])[0])
        if not handed_out:
            net.conv(z, 16, 1)

    def mapped(**form):
        return [kernel for kernel in kernels(lambda net, x: build(net, x, **form), (1, 16, 8, 8)) if kernel.layers]

    def found(**form):
        return [kernel.kind for kernel in mapped(**form)]

    assert mapped()[0].rules == ("hard-swish-gate-behind-convolution", "hard-swish-into-convolution")
    assert found() == found(operator=True) == ["conv", "conv"]
    assert found(handed_out=True) == ["conv", "hard_sigmoid", "mul"]
    assert found(operator=True, handed_out=True) == ["conv", "hard_swish"]


def test_sums_of_three_dimensions_join_a_layer_norm_with_a_constant_as_well():
    def build(net, x, shape):
        net.layer_norm(net.add_constant(net.relu(x), shape))

    assert kinds(lambda net, x: build(net, x, (1, 6, 8)), (1, 6, 8)) == ["relu", "skip_layer_norm"]
    assert kernels(lambda net, x: build(net, x, (1, 6, 8)), (1, 6, 8))[1].rules == ("addend-into-layer-norm",)
    assert kinds(lambda net, x: build(net, x, (8,)), (1, 6, 8)) == ["relu", "add", "layer_norm"]
    assert kinds(lambda net, x: build(net, x, (6, 8)), (6, 8)) == ["relu", "add", "layer_norm"]
    assert kinds(lambda net, x, y: net.layer_norm(net.add(x, y)), (1, 6, 4, 8), (1, 6, 4, 8)) == ["add", "layer_norm"]
    assert kinds(lambda net, x, y: net.layer_norm(net.add(x, y)), (1, 6, 8), (1, 6, 8)) == ["skip_layer_norm"]
    summed = kernels(lambda net, x, y: net.layer("rms_norm", [net.add(x, y)]), (1, 6, 8), (1, 6, 8))
    assert [(kernel.kind, kernel.rules) for kernel in summed] == [("rms_norm", ("residual-into-rms-norm",))]


@pytest.mark.parametrize(
    ("form", "kind", "rules"),
    [
        ({}, "grid_sample", ()),
        ({"mode": "nearest", "outside": "border"}, "grid_sample_nearest", ("grid-sample-nearest",)),
        ({"mode": "cubic", "corners": True}, "grid_sample_cubic", ("grid-sample-cubic",)),
        ({"outside": "reflection", "corners": True}, "grid_sample_reflected", ("grid-sample-reflected",)),
        ({"outside": "border"}, "grid_sample_bordered", ("grid-sample-bordered",)),
        ({"corners": True}, "grid_sample_bordered", ("grid-sample-corners",)),
    ],
)
def test_forms_of_sampling_are_kinds_of_their_own(form, kind, rules):
    (kernel,) = kernels(lambda net, x, grid: net.grid_sample(x, grid, **form), (1, 4, 8, 8), (1, 5, 5, 2))
    assert (kernel.kind, kernel.rules) == (kind, rules)


def test_only_squares_and_cubes_are_quick_powers():
    assert [kinds(lambda net, x, e=exponent: net.pow(x, e), (4, 8)) for exponent in (2.0, 3.0, 0.75)] == [
        ["pow"], ["pow"], ["general_pow"]
    ]  # fmt: skip
    assert kernels(lambda net, x, y: net.pow(x, y), (4, 8), (4, 8))[0].rules == ("power-by-logarithm",)


@pytest.mark.parametrize(
    ("rule", "build"),
    [
        ("factor-into-fully-connected", lambda net, x: net.fully_connected(net.mul(x, 0.5), 5, bias=False)),
        ("scale-into-fully-connected", lambda net, x: net.div(net.fully_connected(x, 5, bias=False), 8.0)),
        (
            "transpose-into-fully-connected",
            lambda net, x: net.fully_connected(net.transpose(x, (0, 2, 1)), 5, bias=False),
        ),
        (
            "transpose-into-product-with-matrices",
            lambda net, x: net.layer(
                "fully_connected", [net.transpose(x, (1, 0, 2)), net.weight("w", (4, 6, 5))], shapes=[(4, 3, 5)]
            ),
        ),
    ],
)
def test_what_products_with_constants_take_over(rule, build):
    (kernel,) = kernels(build, (3, 4, 6))
    assert (kernel.kind, kernel.rules) == ("fully_connected", (rule,))


def test_a_product_with_a_bias_takes_over_neither_factors_nor_transpositions():
    assert kinds(lambda net, x: net.fully_connected(net.mul(x, 0.5), 5), (3, 4, 6)) == ["mul", "fully_connected"]
    assert kinds(lambda net, x: net.fully_connected(net.transpose(x, (0, 2, 1)), 5), (3, 4, 6)) == [
        "transpose",
        "fully_connected",
    ]
