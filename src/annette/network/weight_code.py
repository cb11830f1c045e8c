"""How well the values of a tensor compress: what they take in a Rice code with runs of zeros.

Accelerators for integers keep weights in such codes and decode them on the way (the weight stream of the Arm Ethos-U is
one). A value costs its distance from zero, sign included, shifted right by a parameter, in unary, and the bits shifted
out; where zeros are many, each other value is preceded by the number of zeros before it. Where the most frequent values
are more than half of all, a palette of these comes first, by how frequent they are, and all others behind it (found
from what Vela's encoder makes of the weights of public networks).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["SAMPLE_BYTES", "code_bits", "sampled"]

SAMPLE_BYTES: Final = 1 << 16
"""Bytes of a tensor that are looked at, so that a file is read in a time that does not depend on its weights."""

_CHUNKS: Final = 16
_PARAMETERS: Final = np.arange(6)
_LEAST_ZEROS: Final = 0.1
_PALETTE: Final = 32
_COVERED: Final = 0.5
"""Share of the values from which on the palette is used."""


def sampled(size: int) -> list[tuple[int, int]]:
    """Where to look at a tensor of some bytes: position and length of each part, spread evenly over all of it."""
    if size <= SAMPLE_BYTES:
        return [(0, size)]
    length = SAMPLE_BYTES // _CHUNKS
    return [(part * (size - length) // (_CHUNKS - 1), length) for part in range(_CHUNKS)]


def code_bits(values: npt.NDArray[np.int16]) -> float:
    """Bits of an element in the cheapest code.

    Args:
        values: At least one, with zero as zero.
    """
    symbols = np.where(values > 0, 2 * np.abs(values) - 1, 2 * np.abs(values))
    counts = np.bincount(symbols.ravel())
    plain = _rice_bits(counts)
    zeros = float(counts[0]) / values.size
    if not _LEAST_ZEROS < zeros < 1:
        return plain if zeros < 1 else 0.0
    rest = 1 - zeros
    runs = -(zeros * float(np.log2(zeros)) + rest * float(np.log2(rest)))
    return min(plain, rest * _rice_bits(counts[1:]) + runs)


def _rice_bits(counts: npt.NDArray[np.intp]) -> float:
    """Bits of a symbol, with the parameter that suits best; ``counts[i]`` is how often symbol i occurs."""
    total, codes = max(int(counts.sum()), 1), np.arange(len(counts))
    palette = np.argsort(-counts, kind="stable")[:_PALETTE]
    if int(counts[palette].sum()) > _COVERED * total:
        codes = codes + _PALETTE
        codes[palette] = np.arange(len(palette))
    lengths = (codes >> _PARAMETERS[:, np.newaxis]) + 1 + _PARAMETERS[:, np.newaxis]
    return float((lengths @ counts).min()) / total
