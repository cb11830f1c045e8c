"""Compares Ethos-U platforms with Vela on TFLite files, each compiled as it is.

Usage: ``python tools/evaluate_files.py --work FOLDER [--half look|scored|all] [--kernels] [--platform P …] FILE…``.
Vela's report of each file is kept in FOLDER. Of files of the half ``look`` (`tools/corpus.py`) a line each is printed:
Vela's time, the estimate's error, coverage, and what runs on the host; with ``--kernels`` also the kernels that the
error comes from. Of the half ``scored`` nothing is printed but how many are estimated, the mean, the median and the
largest error, and why one is refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
from corpus import half_of

from annette.bench.backend import Subject
from annette.devices.arm_ethos_u.backend import VelaBackend, VelaOptions
from annette.devices.arm_ethos_u.targets import Target
from annette.errors import AnnetteError
from annette.estimation import Estimate, estimate_network
from annette.network.load import load_network
from annette.platforms import Platform, load_platform

SHIPPED = ("ethos-u55-128", "ethos-u65-512-sram", "ethos-u65-512", "ethos-u85-512")
MOST_KERNELS = 12


def measured(target: Target, file: Path, work: Path) -> dict[str, Any]:
    """What Vela says of a file: its time and kernels, or why it refuses; each is compiled once and kept."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    kept = work / f"{'-'.join(target.described().values())}-{digest}.json"
    if not kept.exists():
        work.mkdir(parents=True, exist_ok=True)
        process = multiprocessing.get_context("spawn").Process(target=compile_file, args=(target, file, kept))
        process.start()
        process.join()
        if process.exitcode:
            kept.write_text(json.dumps({"refused": f"the compiler crashes ({process.exitcode})"}), encoding="utf-8")
    known: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return known


def compile_file(target: Target, file: Path, kept: Path) -> None:
    """Compiles a file and writes what Vela says, in a process of its own, which the compiler may crash."""
    options = VelaOptions(target.accelerator, target.system_config, target.memory_mode)
    try:
        compiled = VelaBackend(options).compile(Subject(load_network(file), file))
        profile, seconds = compiled.profile(1), compiled.run(1)[0]
        entries = profile.entries if profile else ()
        result: dict[str, Any] = {
            "latency_s": seconds,
            "host": profile.details.get("host_operators", "") if profile else "",
            "kernels": [
                [entry.name, entry.operator, list(entry.layers), entry.latency_s[0], dict(entry.info)]
                for entry in entries
            ],
        }
    except AnnetteError as error:
        result = {"refused": str(error)}
    kept.write_text(json.dumps(result), encoding="utf-8")


def print_kernels(truth: dict[str, Any], estimate: Estimate) -> None:
    """The kernels that an error comes from, largest difference first."""
    ours = {layer: kernel for kernel in estimate.kernels for layer in kernel.layers}
    spent: dict[str, float] = {}
    lines = []
    for name, operator, layers, seconds, info in truth["kernels"]:
        kernels = {ours[layer].name: ours[layer] for layer in layers if layer in ours}
        total = sum(kernel.latency_s for key, kernel in kernels.items() if key not in spent)
        spent |= {key: kernel.latency_s for key, kernel in kernels.items()}
        kinds = ",".join(sorted({kernel.kind for kernel in kernels.values()})) or "-"
        lines.append((seconds - total, f"{kinds} {name} ({operator} {info.get('ofm_shape', '')})", seconds, total))
    lines += [
        (-kernel.latency_s, f"{kernel.kind} {kernel.name} (not in Vela's report)", 0.0, kernel.latency_s)
        for kernel in estimate.kernels
        if kernel.name not in spent and kernel.latency_s
    ]
    whole = truth["latency_s"]
    for difference, label, theirs, mine in sorted(lines, key=lambda line: -abs(line[0]))[:MOST_KERNELS]:
        print(f"    {-difference / whole:+.2%} {label}: {theirs * 1e6:.1f} us, estimated {mine * 1e6:.1f} us")


def evaluate(platform: Platform, files: list[Path], chosen: argparse.Namespace, half: str) -> None:
    """Prints what one platform is worth on the files of one half."""
    target = Target.choose(*platform.device.split(", "))
    errors: list[float] = []
    compiled = 0
    for file in files:
        truth = measured(target, file, chosen.work)
        if "refused" in truth:
            print(f"- {file.name}: Vela: {truth['refused']}")
        compiled += "refused" not in truth
        try:
            estimate = estimate_network(load_network(file), platform)
        except AnnetteError as error:
            print(f"- {file.name}: refused: {error}")
            continue
        if "refused" in truth:
            print(f"- {file.name}: estimated although Vela does not compile it")
            continue
        errors.append(estimate.latency_s / truth["latency_s"] - 1)
        if half == "look":
            print(
                f"- {file.name}: {truth['latency_s'] * 1e3:.4f} ms, {errors[-1]:+.2%}, "
                f"coverage {estimate.coverage.kernels:.0%}, host: {truth['host'] or '-'}"
            )
            if chosen.kernels:
                print_kernels(truth, estimate)
    if errors:
        size = 100 * np.abs(errors)
        cells = (platform.name, half, f"{len(errors)} of {compiled}")
        figures = (f"{figure:.2f} %" for figure in (size.mean(), np.median(size), size.max()))
        print(f"| {' | '.join((*cells, *figures))} |", flush=True)


def main() -> None:
    """Evaluates the platforms named, or all that are shipped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for what Vela says")
    parser.add_argument("--half", choices=("look", "scored", "all"), default="look", help="which files")
    parser.add_argument("--kernels", action="store_true", help="the kernels that errors come from")
    parser.add_argument("--platform", action="append", help="name or file")
    parser.add_argument("files", nargs="+", type=Path)
    chosen = parser.parse_args()
    halves: dict[str, list[Path]] = {"look": [], "scored": []}
    for file in chosen.files:
        halves[half_of(hashlib.sha256(file.read_bytes()).hexdigest())].append(file)
    print("| platform | half | estimated | MAPE | median | worst |\n|---|---|---|---|---|---|")
    for name in chosen.platform or SHIPPED:
        platform = load_platform(name)
        for half, files in halves.items():
            if files and chosen.half in (half, "all"):
                evaluate(platform, files, chosen, half)


if __name__ == "__main__":
    main()
