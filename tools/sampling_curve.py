"""Which cases to measure first? Error at equal device time: random, the plan's quotas, and where models disagree.

    python tools/sampling_curve.py full.sqlite --truth development.sqlite --out docs/results/sampling.md

Takes a finished dataset of ``annette bench --preset full`` and pretends to have measured only part of it. A fifth of
the chains is held out in each repetition; nobody may choose those. All ways fit the same small forests: per kind of
kernel, on the log ratio of time to one roofline of the device.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.api import load_platform
from annette.bench.dataset import Dataset
from annette.bench.plan import Plan
from annette.evaluation.truth import truths_of
from annette.fitting.families import feature_names
from annette.fitting.forest import Growth, grow
from annette.fitting.roofline import fit_plain_roofline
from annette.fitting.samples import LEAST_ROWS, Samples
from annette.fitting.training_data import read_training_data
from annette.mapping.kernel import KernelTable
from annette.models.features import FeatureSet
from annette.models.roofline import RefinedRoofline
from annette.platforms.kernel_similarity import equal_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from annette.mapping.kernel import FloatArray
    from annette.platforms import Platform

    Rows = npt.NDArray[np.intp]

BUDGETS_S: Final = (30.0, 60.0, 120.0, 200.0)
STEPS_S: Final = (15.0, 30.0, 60.0, 120.0, 200.0)
"""Device time after each batch of the active way; the first batch follows the quotas."""
ENSEMBLE: Final = 2
GROWTH: Final = Growth(trees=60, leaves=8, learning_rate=0.12, least_in_leaf=3)
HELD_OUT: Final = 0.2


@dataclass(frozen=True, eq=False)
class Data:
    """Measured kernels of the dataset and kernels of the networks, in one table.

    Attributes:
        samples: Rows of the dataset, then rows of the networks (their times are NaN).
        case: Index of the case of each row of the dataset; -1 for rows of networks.
        cases: Identities.
        cost_s: Device time of each case.
        network: Index of the network of each row; -1 for rows of the dataset.
        truth_s: Latency of each network.
        matrices: Features of the rows of each kind, in the order of the table.
        rows: Rows of each kind.
        equal: Rows with the same number measure the same kernel.
    """

    samples: Samples
    case: Rows
    cases: tuple[str, ...]
    cost_s: FloatArray
    network: Rows
    truth_s: FloatArray
    matrices: dict[str, FloatArray]
    rows: dict[str, Rows]
    equal: Rows


def load(path: Path, truth: Path, platform: Platform) -> tuple[Data, Plan]:
    """Reads both datasets; of the platform only the mapping and the precision count."""
    with Dataset.open(path) as dataset:
        training = read_training_data([dataset])
        plan = Plan.from_text(dataset.plans()[-1])
    runs, measured = training.runs, training.kernels(platform.mapping).paired
    with Dataset.open(truth) as dataset:
        truths = [entry for entry in truths_of(dataset, speed=training.speed) if entry.latency_s]
    tables = []
    for entry in truths:
        kernels = [kernel for kernel in platform.mapping.apply(entry.network) if not kernel.free]
        tables.append(KernelTable.from_kernels(kernels, entry.network, platform.precision))
    networks = np.concatenate([np.full(len(table), index) for index, table in enumerate(tables)])
    count = len(networks)
    nothing = np.full(count, "")
    table = KernelTable.concatenate(tables)
    samples = Samples.concatenate([measured, Samples(table, np.full(count, np.nan), nothing, nothing)])
    names = {run.case: index for index, run in enumerate(runs)}
    case = np.array([names[source.split(": ", 1)[0]] for source in measured.sources.tolist()])
    matrices = {}
    for kind, rows in samples.table.rows_by_kind.items():
        part = samples.select(rows)
        plain = RefinedRoofline(ops_per_s=1.0, bytes_per_s=1.0, offset_s=0.0, unroll={})
        matrices[kind] = FeatureSet(feature_names(part, plain)).matrix(part.table)
    data = Data(
        samples=samples,
        case=np.concatenate([case, np.full(count, -1)]),
        cases=tuple(run.case for run in runs),
        cost_s=np.array([run.duration_s for run in runs]),
        network=np.concatenate([np.full(len(measured), -1), networks]),
        truth_s=np.array([entry.latency_s for entry in truths]),
        matrices=matrices,
        rows=dict(samples.table.rows_by_kind),
        equal=equal_rows(samples.table),
    )
    return data, plan


def fitted(data: Data, chosen: Sequence[int], seed: int) -> FloatArray:
    """Time of every row, seconds, by models fitted to the chosen cases; a case listed twice counts once."""
    training = np.isin(data.case, list(set(chosen))) & (data.case >= 0)
    good = training & np.isfinite(data.samples.latency_s) & (data.samples.latency_s > 0)
    base = fit_plain_roofline(data.samples.select(good))
    predicted_s = np.maximum(base.predict_s(data.samples.table), 1e-9)
    log_off = np.log(np.where(good, data.samples.latency_s, 1.0)) - np.log(predicted_s)
    for kind, rows in data.rows.items():
        seen = np.flatnonzero(good[rows])
        if not len(seen):
            continue
        _, first, members = np.unique(data.equal[rows[seen]], return_index=True, return_inverse=True)
        off = np.array([np.median(log_off[rows[seen]][members == group]) for group in range(len(first))])
        if len(first) < LEAST_ROWS:
            predicted_s[rows] *= np.exp(np.median(off))
            continue
        forest = grow(data.matrices[kind][seen[first]], off, GROWTH, seed=seed)
        predicted_s[rows] *= np.exp(forest.predict(data.matrices[kind]))
    return predicted_s


def errors(data: Data, predicted_s: FloatArray, held_out: Sequence[int]) -> tuple[float, float]:
    """Mean absolute relative error of held-out chains (sums of kernels) and of networks."""
    chains = []
    for case in held_out:
        rows = data.case == case
        if rows.any():
            chains.append(predicted_s[rows].sum() / data.samples.latency_s[rows].sum() - 1)
    totals = np.bincount(data.network[data.network >= 0], weights=predicted_s[data.network >= 0])
    return float(np.abs(chains).mean()), float(np.abs(totals / data.truth_s - 1).mean())


def up_to(order: Sequence[int], cost_s: FloatArray, budget_s: float) -> list[int]:
    """The first cases that fit a budget."""
    chosen, used_s = [], 0.0
    for case in order:
        if used_s + cost_s[case] <= budget_s:
            chosen.append(case)
            used_s += float(cost_s[case])
    return chosen


def disagreement(data: Data, chosen: Sequence[int], random: np.random.Generator) -> FloatArray:
    """Gain expected of each case: disagreement of models on its kernels, weighted by the time that kinds take."""
    votes = []
    for member in range(ENSEMBLE):
        part = random.choice(chosen, size=round(0.7 * len(chosen)), replace=False)
        votes.append(np.log(fitted(data, part.tolist(), seed=member)))
    spread = np.std(votes, axis=0)
    pool = data.case >= 0
    seen = np.isin(data.case, list(chosen)) & np.array([case.startswith("chain/") for case in data.cases])[data.case]
    gain = np.zeros(len(data.cases))
    for rows in data.rows.values():
        own = rows[pool[rows]]
        time_s = float(np.nansum(data.samples.latency_s[own[seen[own]]]))
        if len(own):
            np.add.at(gain, data.case[own], time_s * spread[own] / len(own))
    return gain


def active(data: Data, start: Sequence[int], pool: Sequence[int], seed: int) -> dict[float, list[int]]:
    """Cases chosen at each step: drawn with chances in proportion to expected gain per second."""
    random = np.random.default_rng(seed)
    chosen = up_to(start, data.cost_s, STEPS_S[0])
    chosen_at = {STEPS_S[0]: list(chosen)}
    for step_s in STEPS_S[1:]:
        rest = np.array(sorted(set(pool) - set(chosen)))
        rate = np.maximum(disagreement(data, chosen, random)[rest] / data.cost_s[rest], 1e-12)
        order = rest[np.argsort(-(np.log(rate) + random.gumbel(size=len(rest))))]
        chosen += up_to(order.tolist(), data.cost_s, step_s - float(data.cost_s[chosen].sum()))
        chosen_at[step_s] = list(chosen)
    return chosen_at


def repetition(
    data: Data, plan: Plan, seed: int, say: Callable[[str], None]
) -> dict[tuple[str, float], tuple[float, float]]:
    """Errors of all ways at all budgets, with one set of chains held out."""
    random = np.random.default_rng(seed)
    number = {case: index for index, case in enumerate(data.cases)}
    chains = sorted({case.split("/evicted")[0] for case in data.cases if case.startswith("chain/")})
    kept_out = set(random.permutation(chains)[: round(HELD_OUT * len(chains))].tolist())
    held_out = [index for case, index in number.items() if case.split("/evicted")[0] in kept_out]
    pool = sorted(set(number.values()) - set(held_out))
    allowed = {data.cases[index] for index in pool}
    cases = [replace(c, expected_s=float(data.cost_s[number[c.id]])) for c in plan.cases if c.id in allowed]
    usable = Plan(plan.name, tuple(cases))

    def quotas(budget_s: float) -> list[int]:
        return [number[case.id] for case in usable.within(budget_s).cases]

    by_disagreement = active(data, quotas(STEPS_S[0]), pool, seed)
    order = random.permutation(pool).tolist()
    results = {}
    for budget_s in BUDGETS_S:
        for way, chosen in (
            ("random", up_to(order, data.cost_s, budget_s)),
            ("quotas", quotas(budget_s)),
            ("disagreement", by_disagreement[budget_s]),
        ):
            results[way, budget_s] = errors(data, fitted(data, chosen, seed), held_out)
            chain, network = results[way, budget_s]
            say(f"{seed} {way} {budget_s:.0f} s: {len(chosen)} cases, chains {chain:.3f}, networks {network:.3f}")
    everything = errors(data, fitted(data, pool, seed), held_out)
    return {**results, ("everything", float(data.cost_s[pool].sum())): everything}


def table(results: Sequence[dict[tuple[str, float], tuple[float, float]]]) -> str:
    """Mean and spread over the repetitions, as Markdown."""
    lines = ["| device time | cases chosen by | held-out chains | networks |", "|---:|---|---:|---:|"]
    keys = [*((way, budget_s) for budget_s in BUDGETS_S for way in ("random", "quotas", "disagreement"))]
    for way, budget_s in keys:
        lines.append(f"| {budget_s:.0f} s | {way} | {_cells([result[way, budget_s] for result in results])} |")
    full = [(key[1], errors) for result in results for key, errors in result.items() if key[0] == "everything"]
    lines.append(f"| {np.mean([s for s, _ in full]):.0f} s | everything | {_cells([errors for _, errors in full])} |")
    return "\n".join(lines) + "\n"


def _cells(values: Sequence[tuple[float, float]]) -> str:
    return " | ".join(
        f"{100 * np.mean(column):.1f} ± {100 * np.std(column):.1f} %" for column in zip(*values, strict=True)
    )


def main() -> None:
    """Writes the table between two comments of the page, or prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="finished dataset of annette bench")
    parser.add_argument("--truth", type=Path, required=True, help="dataset of networks that may be looked at")
    parser.add_argument("--platform", default="epyc-onnxruntime-fp32", help="whose mapping is used (%(default)s)")
    parser.add_argument("--repetitions", type=int, default=3, help="sets of held-out chains (%(default)s)")
    parser.add_argument("--out", type=Path, help="page whose table is replaced")
    arguments = parser.parse_args()
    data, plan = load(arguments.dataset, arguments.truth, load_platform(arguments.platform))
    results = []
    for seed in range(arguments.repetitions):
        results.append(repetition(data, plan, seed, lambda text: print(text, file=sys.stderr, flush=True)))
        text = table(results)
        if arguments.out is not None:
            head, mark, rest = arguments.out.read_text(encoding="utf-8").partition("<!-- table -->\n")
            _, end, tail = rest.partition("<!-- end -->")
            if not mark or not end:
                sys.exit(f"{arguments.out} has no comments <!-- table --> and <!-- end -->")
            arguments.out.write_text(head + mark + text + end + tail, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
