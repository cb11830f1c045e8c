import pytest

from annette.mapping.access import PLAIN, access_of
from annette.network.builder import NetworkBuilder


def _last(build, *shapes):
    net = NetworkBuilder("n", batch=1)
    inputs = [net.input(f"x{number}", shape) for number, shape in enumerate(shapes)]
    build(net, *inputs)
    network = net.build()
    return access_of(network.layers[-1], network)


@pytest.mark.parametrize(
    ("shape", "perm", "access"),
    [
        ((1, 8, 16, 64), (0, 2, 1, 3), (64, 2)),  # heads: rows of 64 stay together
        ((1, 8, 16, 64), (0, 2, 3, 1), (1, 2)),  # to channels last: a plain matrix transpose
        ((1, 8, 16, 64), (0, 3, 1, 2), (1, 2)),
        ((4, 8, 16), (2, 1, 0), (1, 3)),
        ((2, 3, 4, 5), (0, 2, 1, 3), (5, 2)),
        ((1, 7, 1, 9), (2, 3, 0, 1), (1, 2)),  # dimensions of size 1 do not count
        ((2, 6, 7, 6, 7, 8), (0, 1, 3, 2, 4, 5), (56, 2)),  # windows: neighbours that stay neighbours are one
    ],
)
def test_transposes(shape, perm, access):
    assert _last(lambda net, x: net.transpose(x, perm), shape) == access


@pytest.mark.parametrize(
    ("first", "second", "access"),
    [
        ((1, 8, 4, 4), (1, 8, 4, 4), (128, 0)),
        ((1, 8, 4, 4), (1, 8, 1, 1), (16, 1)),  # one number for a whole map
        ((1, 8, 4, 6), (1, 1, 1, 6), (6, 2)),  # one row again and again
        ((1, 8, 4, 6), (1, 8, 4, 1), (6, 1)),
        ((1, 8, 4, 6), (1, 1, 4, 6), (24, 2)),
        ((1, 1, 1, 1), (1, 8, 4, 6), (192, 1)),
        ((8, 1), (1, 5), (5, 2)),
    ],
)
def test_broadcasts(first, second, access):
    assert _last(lambda net, x, y: net.mul(x, y), first, second) == access


def test_scalars_are_combined_with_everything():
    assert _last(lambda net, x: net.mul(x, 0.5), (1, 8, 4, 4)) == (128, 1)


@pytest.mark.parametrize(
    ("build", "access"),
    [
        (lambda net, x: net.slice(x, [2], [6], [1]), (4 * 16 * 10, 1)),
        (lambda net, x: net.slice(x, [2], [6], [3]), (4, 1)),
        (lambda net, x: net.slice(x, [0], [10], [3], steps=[2]), (5, 2)),
        (lambda net, x: net.concat([x, x], axis=3), (10, 1)),
        (lambda net, x: net.concat([x, x, x], axis=1), (8 * 16 * 10, 1)),
        (lambda net, x: net.split(x, 2, axis=2), (8 * 10, 1)),
        (lambda net, x: net.gather(x, 3, axis=2), (10, 1)),
        (lambda net, x: net.pad(x, (0, 0, 1, 0, 0, 0, 1, 0)), (160, 1)),
        (lambda net, x: net.tile(x, (1, 2, 1, 1)), (160, 1)),
        (lambda net, x: net.relu(x), PLAIN),
        (lambda net, x: net.conv(x, 4, 3), PLAIN),
    ],
)
def test_what_moves(build, access):
    assert _last(build, (1, 8, 16, 10)) == access


def test_repeats():
    assert _last(lambda net, x: net.expand(x, (1, 8, 16, 10)), (1, 8, 1, 10)) == (10, 1)
    assert _last(lambda net, x: net.expand(x, (1, 8, 16, 10)), (1, 8, 16, 1)) == (1, 1)


def test_layers_of_no_network_are_plain():
    net = NetworkBuilder("n", batch=1)
    net.transpose(net.input("x", (2, 3)), (1, 0))
    network = net.build()
    other = NetworkBuilder("m", batch=1)
    other.relu(other.input("y", (2, 3)))
    assert access_of(network.layers[0], other.build()) == PLAIN
