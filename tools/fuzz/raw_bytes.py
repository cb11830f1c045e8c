"""Mutations of bytes, for files of any format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

__all__ = ["mutate_bytes"]

_BYTES: Final = (0, 1, 10, 34, 44, 127, 128, 254, 255)
_NOISE: Final = 0.02
_WORDS: Final = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000, 0xFFFFFFF0)


def mutate_bytes(data: bytes, dice: Random) -> bytes:
    """Flips, cuts, repeats or moves bytes."""
    if not data or dice.random() < _NOISE:
        return bytes(dice.randrange(256) for _ in range(dice.randrange(300)))
    changed = bytearray(data)
    at = dice.randrange(len(changed))
    length = min(dice.choice((1, 2, 4, 8, 30, 200)), len(changed) - at)
    match dice.randrange(8):
        case 0:
            changed[at] ^= 1 << dice.randrange(8)
        case 1:
            changed[at] = dice.choice(_BYTES)
        case 2:
            word = dice.choice(_WORDS).to_bytes(4, "little")
            at -= at % 4
            changed[at : at + 4] = word[: len(changed) - at]
        case 3:
            changed[at] = dice.randrange(256)
        case 4:
            del changed[at:]
        case 5:
            del changed[at : at + length]
        case 6:
            other = dice.randrange(len(changed))
            changed[other:other] = changed[at : at + length] * dice.choice((1, 1, 1, 3, 50))
        case _:
            changed[at:at] = bytes(dice.randrange(256) for _ in range(dice.randrange(1, 12)))
    return bytes(changed)
