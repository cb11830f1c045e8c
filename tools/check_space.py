"""Holds a compiled search space against estimates of whole networks, candidate by candidate, and times both.

Usage: ``python tools/check_space.py [--space nasbench201] [--platform P] [--count N] [--seed 0] [--limit 1e-9]``.
Without ``--count`` all candidates are compared. A line each: what compiling took, what all candidates took, how many
differ by more than the limit, and the worst. Times are those of the processor and of the clock, seconds. Ends with 1
where one differs. All 15,625 networks of NAS-Bench-201 take two to four minutes, nearly all of it for the whole ones.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from annette.platforms import load_platform
from annette.spaces.compiled import compile_space
from annette.spaces.full_road import FullRoad
from annette.spaces.load import load_space

_TOGETHER = 1024


class _Watch:
    """Times since it was made or asked last."""

    def __init__(self) -> None:
        self._now = time.process_time(), time.perf_counter()

    def __str__(self) -> str:
        before, self._now = self._now, (time.process_time(), time.perf_counter())
        return " s, clock ".join(f"{now - then:.2f}" for now, then in zip(self._now, before, strict=True)) + " s"


def main() -> int:
    """Compiles, compares and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", default="nasbench201")
    parser.add_argument("--platform", default="epyc-onnxruntime")
    parser.add_argument("--count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=1e-9)
    given = parser.parse_args()
    space, platform = load_space(given.space), load_platform(given.platform)
    watch = _Watch()
    prices = compile_space(space, platform)
    print(f"compiled: processor {watch}, {getattr(prices, 'mapped', 0)} networks mapped {prices.reason}", flush=True)
    if given.count is None:
        candidates = space.numbered(0, space.size)
        candidates = candidates[space.valid(candidates)]
    else:
        candidates = space.sample(given.count, np.random.default_rng(given.seed))
    for turn in ("first", "again"):
        watch = _Watch()
        found_s = prices.price(candidates).latency_s
        print(f"{len(candidates)} candidates {turn}: processor {watch}", flush=True)
    watch, road = _Watch(), FullRoad(space, platform)
    parts = [candidates[start : start + _TOGETHER] for start in range(0, len(candidates), _TOGETHER)]
    off = np.abs(found_s / np.concatenate([road.price(part).latency_s for part in parts]) - 1.0)
    print(f"whole networks: processor {watch}")
    differ = np.flatnonzero(off > given.limit)
    print(f"{len(differ)} differ by more than {given.limit:g}, the worst by {off.max():.3g}")
    for place in differ[:5].tolist():
        print(f"  {off[place]:.3g}  {space.label(candidates[place].tolist())}")
    return int(len(differ) > 0)


if __name__ == "__main__":
    sys.exit(main())
