"""Differentiable latency: a table with a number for each option of each decision, as architecture gradients take it.

ProxylessNAS (Cai et al., arXiv:1812.00332) and FBNet (Wu et al., arXiv:1812.03443) weight the options of each decision
with probabilities, and the latency of the mixture is the sum of what each option costs times its probability. What an
option costs depends a little on the others; the table is the sum of that form which is nearest to the compiled space
over random candidates, in the sense of least squares, and says how far off it is.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annette.atomic import write_whole
from annette.errors import OptionError

if TYPE_CHECKING:
    from pathlib import Path

    from annette.mapping.kernel import FloatArray
    from annette.spaces.full_road import SpacePrices
    from annette.spaces.space import IntArray

__all__ = ["LookupTable", "lookup_table"]

_SCHEMA: Final = "annette/lookup-table/1"
_SEED: Final = 0
_HELD_OUT: Final = 0.25


@dataclass(frozen=True)
class LookupTable:
    """``latency_s = base_s + sum of latency_s[decision][option] * probability[decision][option]``.

    Attributes:
        space: Name of the space.
        platform: Name of the platform.
        base_s: What all candidates have in common, seconds.
        decisions: Name of each decision, and of its options.
        latency_s: What each option adds, seconds, at least 0: the cheapest option of a decision adds nothing.
        error: Root mean square of the relative errors over candidates that the table was not made from.
        worst: The largest of them.
    """

    space: str
    platform: str
    base_s: float
    decisions: tuple[tuple[str, tuple[str, ...]], ...]
    latency_s: tuple[tuple[float, ...], ...]
    error: float
    worst: float

    def of(self, candidates: IntArray) -> FloatArray:
        """What the table says of candidates, seconds, shape ``(candidates,)``."""
        total_s = np.full(len(candidates), self.base_s)
        for column, added_s in zip(candidates.T, self.latency_s, strict=True):
            total_s += np.array(added_s)[column]
        return total_s

    def to_json(self) -> dict[str, Any]:
        """The table as plain JSON values: for each decision a mapping from options to seconds."""
        return {
            "schema": _SCHEMA,
            "space": self.space,
            "platform": self.platform,
            "base_s": self.base_s,
            "rms_relative_error": self.error,
            "worst_relative_error": self.worst,
            "latency_s": {
                name: dict(zip(options, added_s, strict=True))
                for (name, options), added_s in zip(self.decisions, self.latency_s, strict=True)
            },
        }

    def write(self, path: Path) -> None:
        """Writes the table.

        Args:
            path: ``.json`` as `to_json`; ``.csv`` with the columns ``decision``, ``option`` and ``latency_s``, the
                first line being the base; ``.npz`` with ``base_s``, ``latency_s`` of shape ``(decisions, options)``
                padded with 0, ``options`` (how many each decision has) and ``decisions`` (names).

        Raises:
            OptionError: The name ends in something else.
        """
        if path.suffix not in (".json", ".csv", ".npz"):
            raise OptionError(f"a lookup table is a .json, .csv or .npz file, not {str(path)!r}")
        if path.suffix == ".json":
            write_whole(path, json.dumps(self.to_json(), indent=1) + "\n")
        elif path.suffix == ".csv":
            text = io.StringIO(newline="")
            writer = csv.writer(text)
            writer.writerows([("decision", "option", "latency_s"), ("", "", self.base_s)])
            for (name, options), added_s in zip(self.decisions, self.latency_s, strict=True):
                writer.writerows((name, *pair) for pair in zip(options, added_s, strict=True))
            write_whole(path, text.getvalue())
        else:
            packed = io.BytesIO()
            np.savez(packed, **self._arrays())
            write_whole(path, packed.getvalue())

    def _arrays(self) -> dict[str, Any]:
        counts = np.array([len(each) for each in self.latency_s])
        padded = np.zeros((len(counts), int(counts.max(initial=0))))
        for row, added_s in enumerate(self.latency_s):
            padded[row, : len(added_s)] = added_s
        names = np.array([name for name, _ in self.decisions])
        return {"base_s": np.array(self.base_s), "latency_s": padded, "options": counts, "decisions": names}


def lookup_table(prices: SpacePrices, *, count: int = 8192) -> LookupTable:
    """Makes the table of a space on a platform.

    Args:
        prices: A compiled space.
        count: Random candidates that it is made from and tried on.

    Raises:
        OptionError: There are too few candidates for so many options.
    """
    space = prices.space
    candidates = space.sample(count, np.random.default_rng(_SEED))
    latency_s = prices.price(candidates).latency_s
    sizes = np.array(space.options)
    if count * (1 - _HELD_OUT) < 2 * sizes.sum():
        raise OptionError(f"{count} candidates are too few for {sizes.sum()} options")
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    one_hot = np.zeros((count, int(sizes.sum())))
    one_hot[np.arange(count)[:, None], first + candidates] = 1.0
    tried = int(_HELD_OUT * count)
    # Relative errors count: what is off by a tenth is as bad in a small network as in a large one.
    weight = 1.0 / latency_s[tried:, None]
    normal = (one_hot[tried:] * weight).T @ (one_hot[tried:] * weight)
    right = (one_hot[tried:] * weight).T @ np.ones(count - tried)
    found = np.linalg.lstsq(normal, right, rcond=None)[0]
    parts = [found[start : start + size] for start, size in zip(first.tolist(), sizes.tolist(), strict=True)]
    least = [float(part.min()) for part in parts]
    table = LookupTable(
        space=space.name,
        platform=prices.platform.name,
        base_s=sum(least),
        decisions=space.decision_names(),
        latency_s=tuple(tuple((part - low).tolist()) for part, low in zip(parts, least, strict=True)),
        error=0.0,
        worst=0.0,
    )
    off = table.of(candidates[:tried]) / latency_s[:tried] - 1.0
    return replace(table, error=float(np.sqrt((off**2).mean())), worst=float(np.abs(off).max()))
