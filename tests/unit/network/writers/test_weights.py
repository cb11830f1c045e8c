import numpy as np
import pytest

from annette.errors import OptionError, UnsupportedOperatorError
from annette.network.builder import NetworkBuilder
from annette.network.tensor import DType
from annette.network.writers.weights import constant_values, pattern_values


def values_of(network, seed=0):
    """Values of all constants by name."""
    return {
        name: constant_values(network, network.tensors[name], layer, seed)
        for layer in network.layers
        for name in layer.inputs
        if network.tensors[name].constant
    }


@pytest.fixture
def net():
    return NetworkBuilder("test")


def test_shape_and_element_type_are_the_tensors(net):
    x = net.input("x", (1, 64, 8, 8))
    network = net.build(net.batch_norm(net.conv(x, 32, 3)))
    for name, values in values_of(network).items():
        assert values.shape == network.tensors[name].shape
        assert values.dtype == np.float32


def test_variance_of_weights_is_gain_squared_over_fan_in(net):
    x = net.input("x", (1, 64, 8, 8))
    plain = net.conv(x, 128, 3, padding=1, name="plain")
    activated = net.relu(net.conv(plain, 128, 3, padding=1, name="activated"))
    branch = net.conv(activated, 128, 3, padding=1, name="branch")
    values = values_of(net.build(net.add(activated, branch)))
    assert values["plain.weight"].var() * 64 * 9 == pytest.approx(1, rel=0.05)
    # The activated one also feeds the residual sum.
    assert values["activated.weight"].var() * 128 * 9 == pytest.approx(2 / 4, rel=0.05)
    assert values["branch.weight"].var() * 128 * 9 == pytest.approx(1 / 4, rel=0.05)


def test_fan_in_of_every_product(net):
    x = net.input("x", (2, 3, 256))
    y = net.fully_connected(x, 512, name="tokens")
    z = net.fully_connected(net.reshape(y, (6, 512)), 300, name="flat")
    image = net.reshape(z, (2, 100, 3, 3))
    up = net.conv_transpose(image, 40, 4, stride=2, name="up")
    values = values_of(net.build(up))
    assert values["tokens.weight"].var() * 256 == pytest.approx(1, rel=0.05)
    assert values["flat.weight"].var() * 512 == pytest.approx(1, rel=0.05)
    # Every output position of a transposed convolution sums kernel / stride taps.
    assert values["up.weight"].var() * 100 * 4 == pytest.approx(1, rel=0.05)


def test_variances_are_positive_and_scales_near_one(net):
    x = net.input("x", (1, 1000, 2, 2))
    values = values_of(net.build(net.batch_norm(x, name="norm")))
    assert values["norm.variance"].min() >= 0.8
    assert 0.9 <= values["norm.scale"].min() <= values["norm.scale"].max() <= 1.1


def test_the_same_seed_makes_the_same_values_whatever_stands_beside(net):
    other = NetworkBuilder("other")
    for builder in (net, other):
        x = builder.input("x", (1, 8))
        if builder is other:
            x = builder.fully_connected(x, 8, name="extra")
        builder.fully_connected(x, 8, name="shared")
    one, two = values_of(net.build())["shared.weight"], values_of(other.build())["shared.weight"]
    assert (one == two).all()
    assert (values_of(net.build(), seed=1)["shared.weight"] != one).any()


def test_patterns_are_kept(net):
    x = net.input("x", (1, 4, 4))
    y = net.where_mask(x, (4, 4), pattern="causal", value=-7.5, name="hide")
    mask = values_of(net.build(y))["hide.mask"]
    assert mask.dtype == np.bool_
    assert mask.sum() == 10


def test_an_element_type_numpy_lacks_is_refused(net):
    x = net.input("x", (1, 4), DType.BFLOAT16)
    network = net.build(net.layer("add", [x, net.weight("w", (4,), DType.BFLOAT16)])[0])
    with pytest.raises(UnsupportedOperatorError, match="'w' of layer 'add' is bfloat16"):
        values_of(network)


def test_causal_lets_a_token_see_itself_and_those_before():
    mask = pattern_values("causal", (1, 1, 4, 4))
    assert mask.shape == (1, 1, 4, 4)
    assert mask.dtype == np.bool_
    assert all(mask[0, 0, i, j] == (j <= i) for i in range(4) for j in range(4))


def test_causal_lets_new_tokens_see_all_known_ones():
    assert pattern_values("causal", (1, 1, 2, 4))[0, 0].tolist() == [[True, True, True, False], [True] * 4]


@pytest.mark.parametrize(("size", "window", "shift"), [(8, 4, 2), (9, 3, 1), (56, 7, 3)])
def test_shifted_windows_separate_what_the_roll_brought_together(size, window, shift):
    """Against the definition: after a roll, two positions of a window see each other if neither wrapped around the
    other, that is if they belong to the same window of the map before the roll was made cyclic."""
    count = (size // window) ** 2
    mask = pattern_values(f"shifted_windows:{size}:{size}:{window}:{shift}", (1, count, 1, window**2, window**2))
    rolled = np.roll(np.arange(size**2).reshape(size, size), (-shift, -shift), (0, 1))
    tiles = rolled.reshape(size // window, window, size // window, window).swapaxes(1, 2).reshape(count, window**2)
    rows, columns = tiles // size, tiles % size
    for axis in (rows, columns):
        wrapped = axis < shift
        separate = wrapped[:, :, None] != wrapped[:, None, :]
        # A window at the far border holds wrapped positions beside others; no other window has both.
        assert separate.any(axis=(1, 2)).sum() == size // window
        assert (mask[0, :, 0][separate] == -100).all()
    same = (rows[:, :, None] < shift) == (rows[:, None, :] < shift)
    same &= (columns[:, :, None] < shift) == (columns[:, None, :] < shift)
    assert (mask[0, :, 0][same] == 0).all()


@pytest.mark.parametrize(
    ("pattern", "shape", "message"),
    [
        ("diagonal", (4, 4), "'diagonal' is not a pattern"),
        ("causal:3", (4, 4), "is not a pattern"),
        ("causal", (4,), "is not a pattern"),
        ("causal", (2, 4, 4), "do not fill"),
        ("shifted_windows:8:8:4:x", (4, 16, 16), "is not a pattern"),
        ("shifted_windows:8:9:4:2", (4, 16, 16), "do not tile"),
        ("shifted_windows:8:8:4:0", (4, 16, 16), "do not tile"),
        ("shifted_windows:8:8:4:2", (4, 16), "do not fill"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern, shape, message):
    with pytest.raises(OptionError, match=message):
        pattern_values(pattern, shape)
