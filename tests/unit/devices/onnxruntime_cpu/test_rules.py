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
