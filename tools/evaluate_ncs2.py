"""Prints how good the platform ``ncs2-openvino`` is on networks that it was not fitted on.

Usage: ``python tools/evaluate_ncs2.py --data DATA [--draws 3]``, DATA being the folder with ``ncs2`` and ``graphs``.
Every figure goes the way of an estimate: reader, mapping, layer models. Constants, strengths and numbers of trees are
found without the network in question; the structure of the formulas was found on all of them.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import spearmanr

from annette.devices.intel_myriad.fit import FAMILIES, MAPPING, counter_samples, fit_ncs2
from annette.devices.intel_myriad.importer import (
    TWINS,
    import_ncs2,
    match_counters,
    nasbench201_networks,
    read_ncs2_counters,
)
from annette.estimation import estimate_network
from annette.fitting.calibration import calibrate
from annette.platforms import Platform, load_platform

if TYPE_CHECKING:
    from annette.devices.intel_myriad.importer import CountedNetwork

CALIBRATED_ON: Final = 50


def matthews(truth: list[bool], guess: list[bool]) -> float:
    """Matthews correlation coefficient of two lists of yes and no."""
    return float(np.corrcoef(np.array(truth, dtype=float), np.array(guess, dtype=float))[0, 1])


def mapping_table(networks: list[CountedNetwork]) -> None:
    """Does a layer run? A kernel that is hidden beside hardware runs, one that is written in place does not."""
    print("\n| network | layers of the report | runs / does not run: Matthews correlation |\n|---|---|---|")
    every: tuple[list[bool], list[bool]] = ([], [])
    for counted_network in networks:
        rows = match_counters(counted_network.counters, MAPPING.apply(counted_network.network))
        truth = [row.runs for row, _ in rows]
        guess = [kernel is not None and (not kernel.free or "beside-hardware" in kernel.rules) for _, kernel in rows]
        every[0].extend(truth)
        every[1].extend(guess)
        print(f"| {counted_network.name} | {len(rows)} | {matthews(truth, guess):.4f} |")
    print(f"| all | {len(every[0])} | {matthews(*every):.4f} |")


def layer_table(networks: list[CountedNetwork], platforms: dict[str, Platform]) -> None:
    """Layers and totals, each network by the platform that never saw it."""
    names = [network.name for network in networks]
    print(f"\n| family | convolutions: MAPE | median | {' | '.join(names)} |\n|---|---|---|{'---|' * len(names)}")
    for family in (*FAMILIES, None):
        errors: list[float] = []
        totals = []
        for network in networks:
            platform = platforms[TWINS.get(network.name, network.name)]
            estimate = estimate_network(network.network, platform, model=family)
            latency_s = {kernel.name: kernel.latency_s for kernel in estimate.kernels}
            for row, kernel in match_counters(network.counters, estimate.mapped):
                if kernel is not None and row.runs and kernel.anchor.kind == "conv":
                    errors.append(abs(latency_s[kernel.name] / row.latency_s - 1))
            totals.append(estimate.device_latency_s / network.latency_s - 1)
        figures = " | ".join(f"{total:+.1%}" for total in totals)
        print(f"| {family or 'as preferred by kind'} | {np.mean(errors):.1%} | {np.median(errors):.1%} | {figures} |")


def kind_table(networks: list[CountedNetwork], platforms: dict[str, Platform]) -> None:
    """Every kind by the family that the platform prefers."""
    errors: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for network in networks:
        estimate = estimate_network(network.network, platforms[TWINS.get(network.name, network.name)])
        latency_s = {kernel.name: kernel.latency_s for kernel in estimate.kernels}
        for row, kernel in match_counters(network.counters, estimate.mapped):
            if kernel is not None and row.runs:
                errors[kernel.kind].append((latency_s[kernel.name], row.latency_s))
    print("\n| kind | rows | MAPE | estimated | measured |\n|---|---|---|---|---|")
    for kind, pairs in sorted(errors.items()):
        guess, truth = np.array(pairs).T
        mape = np.abs(guess / truth - 1).mean()
        print(f"| {kind} | {len(pairs)} | {mape:.1%} | {guess.sum() * 1e3:.2f} ms | {truth.sum() * 1e3:.2f} ms |")


def search_table(platform: Platform, data: Path, draws: int) -> None:
    """Ranks of NAS-Bench-201 networks, from layers alone and after calibration on 50 of them."""
    pairs = nasbench201_networks(data / "ncs2" / "nasbench201_latency_ms.csv")
    measured = np.array([pair.latency_s for pair in pairs])
    device = np.array([estimate_network(pair.network, platform).device_latency_s for pair in pairs])
    print(f"\nNAS-Bench-201, {len(pairs)} networks, from layers alone: Spearman {spearmanr(device, measured)[0]:.4f}")
    for seed in range(draws):
        order = np.random.default_rng(seed).permutation(len(pairs))
        fitted, held = order[:CALIBRATED_ON], order[CALIBRATED_ON:]
        chosen = [(pairs[index].network, pairs[index].latency_s) for index in fitted]
        calibrated = calibrate(platform, chosen, measured="end_to_end").platform
        guess = np.array([estimate_network(pairs[index].network, calibrated).latency_s for index in held])
        mape = np.abs(guess / measured[held] - 1).mean()
        print(
            f"calibrated on {CALIBRATED_ON} (draw {seed}), the other {len(held)}: "
            f"Spearman {spearmanr(guess, measured[held])[0]:.4f}, MAPE {mape:.1%}"
        )


def main() -> None:
    """Prints all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the published measurements")
    parser.add_argument("--draws", type=int, default=3, help="how often networks are drawn to calibrate on")
    arguments = parser.parse_args()
    data = arguments.data if (arguments.data / "ncs2").is_dir() else arguments.data.parent
    networks = read_ncs2_counters(data / "ncs2" / "layers.csv", data / "graphs" / "annette")
    samples = counter_samples([run for run in import_ncs2(data / "ncs2").runs if run.kernels])
    published = load_platform("ncs2-openvino-original")
    origin = published.provenance
    platforms = {
        str(group): fit_ncs2(samples.select(samples.groups != group), published, origin, held_out=False)
        for group in np.unique(samples.groups)
    }
    mapping_table(networks)
    layer_table(networks, platforms)
    kind_table(networks, platforms)
    search_table(fit_ncs2(samples, published, origin, held_out=False), data, arguments.draws)


if __name__ == "__main__":
    main()
