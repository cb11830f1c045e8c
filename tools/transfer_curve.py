"""How good a platform adapted from another is with N kernels, against one fitted from these kernels alone.

Prints the table of docs/results/transfer.md. The target is a dataset of annette bench, or a chip of TopHub's tables.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from annette.devices.tvm_arm.published import read_tvm

from annette.api import load_network, load_platform
from annette.bench.dataset import Dataset
from annette.devices.tvm_arm.fit import phone_samples
from annette.evaluation.suites import DEVELOPMENT
from annette.fitting.candidates import predicted_s, preferred_models
from annette.fitting.families import fit_kind
from annette.fitting.folds import configurations
from annette.fitting.roofline import fit_roofline
from annette.fitting.samples import LEAST_ROWS
from annette.fitting.transfer import adapt_models
from annette.fitting.transfer_choice import expected_shares, spread_kernels
from annette.fitting.transfer_kernels import measured_kernels

if TYPE_CHECKING:
    from annette.fitting.samples import Samples
    from annette.models.base import LayerModel
    from annette.platforms import Platform


def from_scratch(samples: Samples, kinds: list[str]) -> dict[str, LayerModel]:
    """What the kernels alone give: the best family for kinds with enough rows, one roofline for all others."""
    rest = fit_roofline(samples)
    models: dict[str, LayerModel] = dict.fromkeys(kinds, rest)
    for kind, count in samples.kinds.items():
        if count >= LEAST_ROWS:
            fit = fit_kind(kind, samples.of_kind(kind))
            models[kind] = fit.models[fit.best]
    return models


def error(models: dict[str, LayerModel], test: Samples, shares: dict[str, float]) -> float:
    """Mean absolute relative error by kind, kinds weighted by their share of networks' time."""
    off = np.abs(predicted_s(models, test) / test.latency_s - 1)
    parts = [
        (shares[kind], float(off[rows].mean())) for kind, rows in test.table.rows_by_kind.items() if kind in shares
    ]
    return sum(share * part for share, part in parts) / sum(share for share, _ in parts)


def curve(start: Platform, pool: Samples, counts: list[int], repeats: int) -> list[tuple[str, ...]]:
    """Rows of the table: kernels, how they were chosen, and the errors."""
    models = preferred_models(start)
    shares = expected_shares(start, [load_network(name) for name in DEVELOPMENT])
    shares = {kind: share for kind, share in shares.items() if kind in pool.kinds}
    pool = pool.select(np.isin(pool.table.kinds, sorted(shares)))
    expected_s = predicted_s(models, pool)
    own = configurations(pool.table)
    rows = []
    for count in counts:
        for choice in ("spread", "random"):
            found = []
            for repeat in range(repeats):
                random = np.random.default_rng(repeat)
                if choice == "spread":
                    chosen = spread_kernels(pool, expected_s, shares, count, offset=(repeat + 0.5) / repeats)
                else:
                    _, first = np.unique(own, return_index=True)
                    chosen = random.choice(first, count, replace=False)
                apart = ~np.isin(own, own[chosen]) & ~np.isin(pool.groups, pool.groups[chosen])
                training, test = pool.select(chosen), pool.select(apart)
                adapted = dict(adapt_models(start, training).models)
                scratch = from_scratch(training, list(test.kinds))
                found.append([error(set_, test, shares) for set_ in (models, scratch, adapted)])
            middle, worst = np.median(found, axis=0), np.max(found, axis=0)
            cells = [f"{100 * m:.1f} % (worst {100 * w:.1f} %)" for m, w in zip(middle, worst, strict=True)]
            rows.append((str(count), choice, *cells))
            print("| " + " | ".join(rows[-1]) + " |", flush=True)
    return rows


def main() -> None:
    """Reads the arguments, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True, help="platform to start from")
    parser.add_argument("--dataset", type=Path, help="what was measured on the target")
    parser.add_argument("--tophub", type=Path, help="folder with TopHub's tables")
    parser.add_argument("--device", help="chip in TopHub's tables")
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 30, 100])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    start = load_platform(options.source)
    if options.dataset is not None:
        with Dataset.open(options.dataset) as dataset:
            pool = measured_kernels([dataset], start).samples
    else:
        pool = phone_samples(read_tvm(options.tophub, options.device, created_by="tools/transfer_curve.py").runs)
    print(f"{len(pool)} kernels; median and worst of {options.repeats} choices")
    print("| kernels | chosen | starting platform as it is | from scratch | adapted |\n|---:|---|---:|---:|---:|")
    curve(start, pool, options.counts, options.repeats)


if __name__ == "__main__":
    main()
