"""Compares a processor's estimates with measurements of the corpus' ONNX files, by precision and half.

Usage::

    python tools/evaluate_corpus.py measure --truth truth.sqlite [--rounds 3] FILE|FOLDER…
    python tools/evaluate_corpus.py score --truth truth.sqlite --platform P [--half look|scored] [--precision int8] …

``measure`` runs each file on ONNX Runtime, one thread, as ``annette measure`` does, with the inputs of
docs/corpus-inputs.csv, and goes on where it was stopped. ``score`` prints a line for each file of the half ``look``; of
the half ``scored`` only how many are estimated, the errors of all and the floor (docs/held-out-log.md), and which are
refused and why.
A file counts as ``int8`` or ``fp16`` where it holds such weights or activations. Sizes that data decide are those of a
run with the inputs that ``measure`` feeds, in estimates too, so that both are of the same computation; a line says so.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from corpus import half_of
from corpus_status import files_in, known_inputs

from annette.bench.dataset import Dataset
from annette.bench.session import measure_networks, network_case, settings_for
from annette.errors import AnnetteError, DatasetError
from annette.evaluation.evaluation import Evaluation, evaluate
from annette.evaluation.truth import MachineSpeed, Truth, truths_of
from annette.network.load import load_network
from annette.network.sizes import open_sizes
from annette.network.tensor import DType
from annette.platforms import load_platform

if TYPE_CHECKING:
    from annette.network import Network

PRECISIONS = ("fp32", "fp16", "int8")
TARGET_S = 0.3


class Known(NamedTuple):
    """A file that was read."""

    path: Path
    half: str
    network: Network

    @property
    def name(self) -> str:
        """Its identity in datasets."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def precision(self) -> str:
        """One of `PRECISIONS`."""
        types = {tensor.dtype for tensor in self.network.tensors.values()}
        if types & {DType.INT8, DType.UINT8}:
            return "int8"
        return "fp16" if DType.FLOAT16 in types else "fp32"


def read(paths: list[Path]) -> list[Known]:
    """The ONNX files that can be read; what cannot is told."""
    inputs = known_inputs()
    known = []
    for path in files_in(paths):
        if path.suffix != ".onnx":
            continue
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        try:
            known.append(Known(path, half_of(digest), load_network(path, inputs=inputs.get(digest, {}))))
        except AnnetteError as error:
            sys.stdout.write(f"not read: {path.parent.name}/{path.name}: {error}\n")
    return known


def measure(known: list[Known], truth: Path, rounds: int) -> None:
    """Measures what the dataset does not have yet."""
    cases = [network_case(each.name, each.network, backend="onnxruntime", path=each.path) for each in known]
    with Dataset.open(truth, write=True) if truth.exists() else Dataset.create(truth) as dataset:
        measure_networks(
            cases,
            dataset,
            backend="onnxruntime",
            options={"threads": 1},
            settings=settings_for({"threads": 1}, target_s=TARGET_S, timeout_s=300.0),
            rounds=rounds,
            resume=True,
            progress=lambda case, run: sys.stdout.write(f"{case.id}: {run.status} {run.latency_s * 1e3:.3f} ms\n"),
        )


def score(known: list[Known], truth: Path, name: str, *, half: str) -> None:
    """Prints what became of the files of one half, and how far the estimates are off."""
    platform = load_platform(name)
    chosen = [each for each in known if each.half == half]
    with Dataset.open(truth) as dataset:
        truths = tuple(truth_of(dataset, each, MachineSpeed.of(platform)) for each in chosen)
    made = evaluate(platform, truths, suite=f"corpus, {half}")
    for result in made.networks:
        if result.problem:
            sys.stdout.write(f"refused {result.name}: {result.problem}\n")
        elif half == "look" and result.error is not None:
            low, high = result.interval_s or (float("nan"),) * 2
            sys.stdout.write(
                f"{result.error:+7.1%} {result.name}: {1e3 * (result.measured_s or 0):.3f} ms, estimated "
                f"{1e3 * (result.estimated_s or 0):.3f} ({1e3 * low:.3f} to {1e3 * high:.3f}), floor "
                f"{'-' if result.floor is None else f'{result.floor:.1%}'}\n"
            )
    print_errors(made)


def truth_of(dataset: Dataset, known: Known, speed: MachineSpeed) -> Truth:
    """What was measured of a file, beside the network with the sizes that its data decide in a run.

    Older measurements recorded the network without them, newer ones with them.
    """

    def recorded(network: Network) -> Truth:
        (found,) = truths_of(dataset, [known.name], networks={known.name: network}, speed=speed)
        return found

    if not open_sizes(known.network.data_sizes):
        return recorded(known.network)
    network = network_case(known.name, known.network, backend="onnxruntime", path=known.path).network
    seen = [note for note in network.notes if note.startswith("sizes that data decide")]
    sys.stdout.write(f"{known.name}: {'; '.join(seen) or 'sizes that data decide could not be looked up'}\n")
    try:
        return recorded(network)
    except DatasetError:
        return replace(recorded(known.network), network=network)


def print_errors(made: Evaluation) -> None:
    """The errors over all files."""
    errors = np.array([abs(result.error) for result in made.networks if result.error is not None])
    if not len(errors):
        sys.stdout.write(f"{made.suite}: nothing was compared\n")
        return
    inside = [share for share in made.intervals if abs(share.confidence - 0.9) < 1e-9]
    sys.stdout.write(
        f"{made.suite}: {len(errors)} of {len(made.networks)} files compared; MAPE {errors.mean():.1%}, median "
        f"{np.median(errors):.1%}, within 10 %: {(errors <= 0.1).mean():.0%}, worst {errors.max():.1%}; floor "
        f"{'-' if made.floor is None else f'{made.floor:.1%}'}; 90 % intervals cover "
        f"{f'{inside[0].covered:.0%}' if inside else '-'}\n"
    )
    for other in made.models[1:]:
        sys.stdout.write(f"  {other.model}: MAPE {other.errors.mape:.1%}\n")


def main() -> int:
    """Runs the tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring, scoring = commands.add_parser("measure"), commands.add_parser("score")
    for command in (measuring, scoring):
        command.add_argument("--truth", type=Path, required=True, help="dataset of the measurements")
        command.add_argument("--precision", choices=PRECISIONS, help="only files of this precision")
        command.add_argument("paths", nargs="+", type=Path)
    measuring.add_argument("--rounds", type=int, default=3)
    scoring.add_argument("--platform", required=True)
    scoring.add_argument("--half", choices=("look", "scored"), default="look")
    chosen = parser.parse_args()
    known = [each for each in read(chosen.paths) if chosen.precision in (None, each.precision)]
    if chosen.command == "measure":
        measure(known, chosen.truth, chosen.rounds)
    else:
        score(known, chosen.truth, chosen.platform, half=chosen.half)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
