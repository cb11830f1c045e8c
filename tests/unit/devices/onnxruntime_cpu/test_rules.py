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
