"""Constants that follow from a rule instead of training.

A layer whose attribute ``constant_pattern`` names one of them has its constant operand filled accordingly when the
network is written:

- ``causal``: true where a token may look at another, itself and those before it;
- ``shifted_windows:HEIGHT:WIDTH:WINDOW:SHIFT``: 0 between positions of a rolled map that were neighbours before the
  roll, -100 between others, for each window (Liu et al., arXiv:2103.14030, figure 4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annette.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["pattern_values"]


def pattern_values(pattern: str, shape: Sequence[int]) -> npt.NDArray[np.bool_] | npt.NDArray[np.float32]:
    """Makes the values of a constant.

    Args:
        pattern: One of the rules above.
        shape: The constant's shape; sizes of 1 may stand anywhere.

    Raises:
        OptionError: There is no such rule, or it makes another number of values.
    """
    rule, *numbers = pattern.split(":")
    values: npt.NDArray[np.bool_] | npt.NDArray[np.float32]
    if rule == "causal" and not numbers and len(shape) >= 2:
        values = np.tril(np.ones(tuple(shape[-2:]), dtype=np.bool_))
    elif rule == "shifted_windows" and len(numbers) == 4 and all(number.isdecimal() for number in numbers):
        values = _shifted_windows(*map(int, numbers))
    else:
        raise OptionError(
            f"{pattern!r} is not a pattern of constants: known are causal, shifted_windows:H:W:WINDOW:SHIFT"
        )
    if values.size != np.prod(shape):
        raise OptionError(
            f"the pattern {pattern!r} has {values.size} values, which do not fill a shape of {tuple(shape)}"
        )
    return values.reshape(tuple(shape))


def _shifted_windows(height: int, width: int, window: int, shift: int) -> npt.NDArray[np.float32]:
    """Regions that the roll put side by side are numbered; different numbers in a window do not see each other."""
    if not 0 < shift < window or height % window or width % window:
        raise OptionError(f"windows of {window} shifted by {shift} do not tile a map of {height} x {width}")
    rows = np.digitize(np.arange(height), [height - window, height - shift])
    columns = np.digitize(np.arange(width), [width - window, width - shift])
    regions = rows[:, None] * 3 + columns[None, :]
    tiles = regions.reshape(height // window, window, width // window, window).transpose(0, 2, 1, 3)
    tokens = tiles.reshape(-1, window * window)
    return np.where(tokens[:, None, :] == tokens[:, :, None], np.float32(0), np.float32(-100))
