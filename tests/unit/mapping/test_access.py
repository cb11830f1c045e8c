import pytest

from annette.mapping.access import PLAIN, access_of
from annette.network.builder import NetworkBuilder
from annette.network.tensor import DType


def _last(build, *shapes):
    net = NetworkBuilder("n", batch=1)
    inputs = [net.input(f"x{number}", shape) for number, shape in enumerate(shapes)]
    build(net, *inputs)
    network = net.build()
    return access_of(network.layers[-1], network)[:2]


@pytest.mark.parametrize(
    ("shape", "perm", "access"),
    [
        ((1, 8, 16, 64), (0, 2, 1, 3), (64, 2)),  # heads: rows of 64 stay together
        ((1, 2, 1, 64), (0, 3, 2, 1), (1, 3)),  # the dimension of size 1 moves, too
        ((4, 8, 16, 6), (2, 3, 0, 1), (1, 3)),  # two blocks, but of two dimensions each
        ((1, 8, 16, 64), (0, 2, 3, 1), (1, 2)),  # to channels last: a plain matrix transpose
        ((1, 8, 16, 64), (0, 3, 1, 2), (1, 2)),
        ((4, 8, 16), (2, 1, 0), (1, 3)),
        ((2, 3, 4, 5), (0, 2, 1, 3), (5, 2)),
        ((1, 7, 1, 9), (2, 3, 0, 1), (1, 3)),  # two dimensions move
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
        ((8, 1), (1, 5), (5, 1)),  # a number of the first for each row
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
        (lambda net, x: net.slice(x, [0], [10], [3], steps=[2]), (1, 2)),
        (lambda net, x: net.slice(x, [9], [-11], [3], steps=[-1]), (1, 2)),
        (lambda net, x: net.slice(x, [0], [16], [2], steps=[2]), (10, 2)),
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
    assert _last(build, (1, 8, 16, 10)) == access[:2]


def test_repeats():
    assert _last(lambda net, x: net.expand(x, (1, 8, 16, 10)), (1, 8, 1, 10)) == (10, 1)
    assert _last(lambda net, x: net.expand(x, (1, 8, 16, 10)), (1, 8, 16, 1)) == (10, 2)
    assert _last(lambda net, x: net.expand(x, (1, 8, 16, 10)), (1, 8, 1, 1)) == (160, 2)
    assert _last(lambda net, x: net.expand(x, (4, 8, 16, 1)), (8, 1, 1)) == (16, 2)


@pytest.mark.parametrize(
    ("shape", "axes", "access"),
    [
        ((4, 8, 16), (2,), (16, 1)),  # rows
        ((1, 8, 16), (1, 2), (128, 1)),
        ((4, 8, 16), (0, 1), (16, 3)),  # columns
        ((4, 8, 16), (1,), (16, 4)),
        ((4, 2, 8, 16), (2,), (16, 4)),
        ((1, 8, 16), (1,), (16, 5)),  # nothing before it
        ((4, 8, 16), (0, 2), (16, 2)),
        ((2, 4, 8, 16), (1, 3), (16, 6)),
    ],
)
def test_reductions(shape, axes, access):
    assert _last(lambda net, x: net.reduce("reduce_mean", x, axes), shape) == access


@pytest.mark.parametrize(
    ("shape", "axis", "access"),
    [
        ((1, 8, 16), 2, (16, 0)),
        ((1, 8, 16), 1, (16, 1)),
        ((1, 8, 4, 16), 1, (16, 2)),
        ((1, 8, 1, 16), 1, (16, 1)),
        ((1, 8, 1, 1), 1, (8, 0)),
    ],
)
@pytest.mark.parametrize("kind", ["softmax", "log_softmax"])
def test_a_softmax_brings_its_axis_to_the_end(kind, shape, axis, access):
    assert _last(lambda net, x: net.layer(kind, [x], attributes={"axis": axis}), shape) == access


@pytest.mark.parametrize(
    ("shape", "sizes", "attributes", "walk"),
    [
        ((1, 4, 8, 8), (16, 16), {"coordinates": "asymmetric"}, 0),
        ((1, 4, 8, 8), (16, 16), {"coordinates": "asymmetric", "rounding": "ceil"}, 2),
        ((1, 4, 8, 8), (16, 16), {"coordinates": "half_pixel"}, 2),
        ((1, 4, 8, 8), (32, 32), {"coordinates": "asymmetric"}, 7),
        ((1, 4, 8, 8), (8, 16), {"coordinates": "asymmetric"}, 7),
        ((1, 4, 8, 8), (12, 16), {"coordinates": "asymmetric"}, 2),
        ((1, 4, 8), (16,), {"coordinates": "asymmetric"}, 1),
    ],
)
def test_what_is_doubled_by_repetition(shape, sizes, attributes, walk):
    given = {"mode": "nearest", "sizes": sizes, **attributes}
    assert _last(lambda net, x: net.apply("resize_nearest", x, attributes=given), shape)[1] == walk


def test_positions_stand_for_all_that_lies_behind_them():
    def build(net, x):
        net.apply("gather_nd", x, net.input("positions", (5, 2), DType.INT64))

    assert _last(build, (6, 7, 8, 9)) == (72, 1)


@pytest.mark.parametrize(
    ("before", "after", "access"),
    [
        (DType.BOOL, DType.FLOAT32, (5, 1)),
        (DType.FLOAT32, DType.INT64, (12, 2)),
        (DType.INT64, DType.FLOAT32, (12, 1)),
        (DType.FLOAT32, DType.FLOAT16, (6, 1)),
    ],
)
def test_conversions_differ_by_their_types(before, after, access):
    net = NetworkBuilder("n", batch=1)
    net.cast(net.input("x", (4,), before), after)
    network = net.build()
    assert access_of(network.layers[-1], network)[:2] == access


def test_the_largest_elements_by_how_many_are_kept():
    assert _last(lambda net, x: net.top_k(x, 5), (3, 100)) == (5, 1)
    assert _last(lambda net, x: net.top_k(x, 2, axis=1), (1, 3, 100)) == (2, 2)


def test_layers_of_no_network_are_plain():
    net = NetworkBuilder("n", batch=1)
    net.transpose(net.input("x", (2, 3)), (1, 0))
    network = net.build()
    other = NetworkBuilder("m", batch=1)
    other.relu(other.input("y", (2, 3)))
    assert access_of(network.layers[0], other.build()) == PLAIN


@pytest.mark.parametrize(
    ("shape", "perm", "strides"),
    [
        ((1, 128, 4096), (0, 2, 1), (128, 4096)),  # a column of the operand becomes a row
        ((2, 6, 8, 10), (0, 2, 3, 1), (6, 80)),
        ((2, 6, 8, 10), (0, 3, 1, 2), (48, 10)),  # two dimensions stay together
        ((1, 8, 16, 64), (0, 2, 1, 3), (0, 0)),  # rows are copied whole
        ((2, 6, 8, 10), (3, 2, 1, 0), (0, 0)),  # each position is computed
    ],
)
def test_how_far_apart_lies_what_a_transpose_makes_neighbours(shape, perm, strides):
    net = NetworkBuilder("n", batch=1)
    network = net.build(net.transpose(net.input("x", shape), perm))
    assert access_of(network.layers[-1], network)[2:] == strides


@pytest.mark.parametrize(
    ("equation", "first", "second", "amounts"),
    [
        # Of a matrix for each state nothing is copied; vectors and result are, each element by itself.
        ("wij,bjw->biw", (6, 4, 5), (1, 5, 6), (5 * 6 + 5 * 6 + 6 * 4, 5 * 6 + 6 * 4)),
        # Heads and tokens change places, but the batch that goes to the end leaves single elements of the first.
        ("bind,snd->bnis", (1, 7, 3, 4), (2, 3, 4), (7 * 12 + 2 * 24 + 2 * 21, 7 * 12)),
        ("bij,bjk->bik", (2, 5, 3), (2, 3, 4), (24, 0)),  # copied as it is
    ],
)
def test_what_an_einstein_sum_copies(equation, first, second, amounts):
    net = NetworkBuilder("n", batch=1)
    net.einsum(equation, net.input("x", first), net.input("y", second))
    network = net.build()
    assert access_of(network.layers[-1], network)[2:] == amounts


@pytest.mark.parametrize(
    ("first", "second", "access"),
    [
        ((1, 512, 40, 1), (1, 1, 40, 16), (16, 1)),  # a number of the first for 16 of the second
        ((1, 512, 1, 16), (1, 512, 40, 1), (16, 1)),
        ((1, 8, 1, 4, 5), (1, 1, 6, 4, 5), (20, 2)),  # both vary along the last two dimensions
        ((1, 8, 4, 5), (1, 1, 4, 5), (20, 2)),
    ],
)
def test_runs_of_two_operands_that_both_hold_still_somewhere(first, second, access):
    assert _last(lambda net, a, b: net.mul(a, b), first, second) == access
