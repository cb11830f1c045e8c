"""Measures networks of a front that a search found, and says how well their order and their times were foreseen.

Usage: ``python tools/measure_front.py [--space S] [--platform P] [--backend B] [--networks 20] [--count 20000]
[--rounds 3] [--out DATASET]``. The front is found by an evolutionary search; its networks are taken evenly spaced in
latency. A line each: estimate, measurement and their ratio; then Spearman's rho and the mean absolute relative error.
Twenty networks of Once-for-All take about three minutes.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np

import annette
from annette.evaluation.metrics import mape, spearman
from annette.spaces.load import load_space

if TYPE_CHECKING:
    from annette.spaces.search import Found


def spaced(front: tuple[Found, ...], count: int) -> list[Found]:
    """Members of a front whose latencies are evenly spaced, as logarithms; all of a smaller one."""
    logarithms = np.log([each.latency_s for each in front])
    wanted = np.linspace(logarithms.min(), logarithms.max(), count)
    return [front[place] for place in sorted({int(np.abs(logarithms - each).argmin()) for each in wanted})]


def main() -> None:
    """Searches, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", default="once-for-all")
    parser.add_argument("--platform", default="epyc-onnxruntime")
    parser.add_argument("--backend", default="onnxruntime")
    parser.add_argument("--networks", type=int, default=20)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out")
    given = parser.parse_args()
    space = load_space(given.space)
    result = annette.search(space, given.platform, strategy="evolutionary", count=given.count)
    chosen = spaced(result.front, given.networks)
    print(f"{len(chosen)} of {len(result.front)} on the front, {result.candidates_per_s:.0f} candidates/s")
    networks = [space.build(each.decisions).network for each in chosen]
    measured = annette.measure(networks, backend=given.backend, rounds=given.rounds, out=given.out)
    times_s = np.array([each.latency_s for each in measured])
    estimates_s = np.array([each.latency_s for each in chosen])
    for each, time_s in zip(chosen, times_s.tolist(), strict=True):
        ratio = each.latency_s / time_s
        print(f"{1e3 * each.latency_s:9.3f} ms  {1e3 * time_s:9.3f} ms  {ratio:6.3f}  {each.candidate}")
    known = np.isfinite(times_s)
    print(f"Spearman's rho {spearman(estimates_s[known], times_s[known]):.4f}")
    print(f"mean absolute relative error {mape(estimates_s[known], times_s[known]):.2%} of {int(known.sum())} networks")


if __name__ == "__main__":
    main()
