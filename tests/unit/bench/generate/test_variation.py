import pytest

from annette.bench.generate.variation import varied
from annette.network import DType
from annette.network.builder import NetworkBuilder


def built(draw, shape):
    net = NetworkBuilder("n", batch=shape[0])
    draw(net, net.input("x", shape))
    return net.build()


def again(network, positions=2.0, channels=0.5, count=1):
    return varied(network, network.layers[:count], positions, channels, "varied")


def shapes(network):
    return [network.tensors[name].shape for name in (*network.inputs, *network.outputs)]


@pytest.mark.parametrize(
    ("draw", "shape", "expected"),
    [
        (lambda net, x: net.conv(x, 64, 3, stride=2, padding=1), (2, 32, 20, 20), [(2, 16, 28, 28), (2, 32, 14, 14)]),
        (lambda net, x: net.conv1d(x, 64, 5, padding=2), (1, 32, 100), [(1, 16, 200), (1, 32, 200)]),
        (lambda net, x: net.depthwise_conv(x, 3, padding=1), (1, 32, 20, 20), [(1, 16, 28, 28)] * 2),
        (lambda net, x: net.conv(x, 64, 3, groups=4), (1, 32, 20, 20), [(1, 32, 28, 28), (1, 64, 26, 26)]),
        (lambda net, x: net.conv(x, 64, 7, stride=2), (1, 3, 21, 21), [(1, 3, 30, 30), (1, 64, 12, 12)]),
        (lambda net, x: net.fully_connected(x, 96), (1, 50, 32), [(1, 100, 16), (1, 100, 48)]),
        (lambda net, x: net.softmax(x), (1, 4, 50, 50), [(1, 4, 71, 71)] * 2),
        (lambda net, x: net.layer_norm(x), (1, 50, 32), [(1, 100, 16)] * 2),
        (lambda net, x: net.reduce("reduce_mean", x, (1,)), (1, 50, 32), [(1, 100, 16), (1, 1, 16)]),
        (lambda net, x: net.mul(x, net.input("scale", (1, 64, 1, 1))), (1, 64, 9, 9),
         [(1, 32, 13, 13), (1, 32, 1, 1), (1, 32, 13, 13)]),
        (lambda net, x: net.matmul(x, net.input("y", (1, 6, 32, 50))), (1, 6, 50, 32),
         [(1, 6, 100, 16), (1, 6, 16, 100), (1, 6, 100, 100)]),
    ],
)  # fmt: skip
def test_sizes_follow_the_factors_and_keep_their_alignment(draw, shape, expected):
    network = built(draw, shape)
    made = again(network)
    assert shapes(made) == expected
    assert [layer.kind for layer in made.layers] == [network.layers[0].kind]
    assert made.layers[0].attributes.keys() == network.layers[0].attributes.keys()


def test_factors_of_one_give_the_layer_itself():
    network = built(lambda net, x: net.conv(x, 24, 3, bias=False), (1, 20, 9, 9))
    made = again(network, 1.0, 1.0)
    assert made.layers[0].workload == network.layers[0].workload


def test_activations_behind_it_stay():
    network = built(lambda net, x: net.clip(net.conv(x, 32, 1), 0.0, 6.0), (1, 16, 8, 8))
    made = again(network, count=2)
    assert [layer.kind for layer in made.layers] == ["conv", "clip"]
    assert made.layers[1].attributes == network.layers[1].attributes


@pytest.mark.parametrize(
    "draw",
    [
        lambda net, x: net.reshape(x, (1, 256)),
        lambda net, x: net.split(x, 2),
        lambda net, x: net.scale_by_constant(x, (1, 16, 1)),
        lambda net, x: net.cast(x, DType.INT64),
    ],
)
def test_what_does_not_follow_from_factors_is_none(draw):
    assert again(built(draw, (1, 16, 16))) is None
