import numpy as np
import pytest

from annette.errors import OptionError
from annette.network.writers.patterns import pattern_values


def test_causal_lets_a_token_see_itself_and_those_before():
    mask = pattern_values("causal", (1, 1, 4, 4))
    assert mask.shape == (1, 1, 4, 4)
    assert mask.dtype == np.bool_
    assert all(mask[0, 0, i, j] == (j <= i) for i in range(4) for j in range(4))


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
