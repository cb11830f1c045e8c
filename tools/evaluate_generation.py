"""Language models against measurements: the run that reads a prompt, and decode steps, at several lengths.

``python tools/evaluate_generation.py measure gpt2.onnx --out truth.sqlite`` measures with ONNX Runtime on the last
processor (run it under ``chrt -r 1``), a length after the other, round by round, and saves each; ``python
tools/evaluate_generation.py compare truth.sqlite --platform P`` prints the table of ``docs/results/generation.md``. The
files are those of ``tools/export_decoder.py``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annette import load_platform, measure
from annette.bench.session import network_case
from annette.estimation.estimator import estimate_network
from annette.evaluation.suites import listed_networks, recorded_truths
from annette.network.decoder import open_decoder

if TYPE_CHECKING:
    from annette.network import Network

LENGTHS: Final = (32, 128, 256, 512)
BACKEND: Final = "onnxruntime"


def measure_runs(path: Path, out: Path, lengths: list[int], rounds: int, within_s: float) -> None:
    """Measures prefills and steps, until time is up; each round is saved when it is finished."""
    end_s = time.monotonic() + within_s
    decoder = open_decoder(path)
    cases = []
    for length in lengths:
        for what, network in (("decode", decoder.step(length, 1)), ("prefill", decoder.prefill(length, 1))):
            cases.append(network_case(f"{path.name} {what} {length}", network, backend=BACKEND, path=path))
    for number in range(rounds):
        for case in cases:
            if time.monotonic() > end_s:
                return
            (found,) = measure([case], backend=BACKEND, rounds=1, out=out)
            print(f"round {number + 1}: {case.id}: {found.latency_s * 1e3:.2f} ms", flush=True)


def run_of(network: Network) -> tuple[str, int]:
    """Whether a network that was measured is a prefill or a decode step, and its length: tokens read, or cached."""
    batch, read = network.tensors["input_ids"].shape
    del batch
    cached = network.tensors["attention_mask"].shape[1] - read
    return ("decode", cached) if cached else ("prefill", read)


def compare(dataset: Path, name: str) -> None:
    """Prints estimates beside what was measured."""
    platform = load_platform(name)
    truths, remarks = recorded_truths(platform, listed_networks(str(dataset)), dataset)
    print("| file | run | length | measured, ms | estimate, ms | error | inside 90 % | rounds, ms | out of range |")
    print("|---|---|---:|---:|---:|---:|---|---|---:|")
    errors: dict[str, list[float]] = {}
    for truth in sorted(truths, key=lambda each: (each.name.split()[0], *run_of(each.network))):
        if truth.latency_s is None:
            continue
        what, length = run_of(truth.network)
        estimate = estimate_network(truth.network, platform)
        error = estimate.latency_s / truth.latency_s - 1
        errors.setdefault(what, []).append(error)
        lower_s, upper_s = estimate.interval_s or (0.0, 0.0)
        inside = "yes" if lower_s <= truth.latency_s <= upper_s else "no"
        rounds = ", ".join(f"{round_s * 1e3:.1f}" for round_s in truth.rounds_s)
        strange = sum(kernel.latency_s for kernel in estimate.kernels if not kernel.in_range) / estimate.latency_s
        print(
            f"| {Path(truth.name.split()[0]).name} | {what} | {length} | {truth.latency_s * 1e3:.1f} | "
            f"{estimate.latency_s * 1e3:.1f} | {error:+.1%} | {inside} | {rounds} | {strange:.0%} |"
        )
    for what, found in sorted(errors.items()):
        mean, worst = sum(map(abs, found)) / len(found), max(found, key=abs)
        close = sum(abs(error) <= 0.1 for error in found)
        print(f"\n{what}: mean error {mean:.1%}, worst {worst:+.1%}, {close} of {len(found)} within 10 %")
    for remark in remarks:
        print(f"\nnote: {remark}")


def main() -> None:
    """Measures or compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure")
    measuring.add_argument("path", type=Path)
    measuring.add_argument("--out", type=Path, required=True)
    measuring.add_argument("--lengths", type=int, nargs="+", default=list(LENGTHS))
    measuring.add_argument("--rounds", type=int, default=3)
    measuring.add_argument("--within", type=float, default=480.0, help="seconds after which no run is begun")
    comparing = commands.add_parser("compare")
    comparing.add_argument("dataset", type=Path)
    comparing.add_argument("--platform", default="epyc-onnxruntime")
    chosen = parser.parse_args()
    if chosen.command == "measure":
        measure_runs(chosen.path, chosen.out, chosen.lengths, chosen.rounds, chosen.within)
    else:
        compare(chosen.dataset, chosen.platform)


if __name__ == "__main__":
    main()
