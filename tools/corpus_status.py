"""Says of network files which are estimated on a platform and which are refused, and why.

Usage: ``python tools/corpus_status.py [--platform P …] [--fallback] [--shares] FILE|FOLDER…``. A line each: what
became of the file (``estimated``, ``refused``, or ``crashed``, which is a fault of annette), its half of the corpus
(`tools/corpus.py`), and the reason; then how many were estimated. Files of docs/corpus.csv that leave dimensions open
are read with the inputs of docs/corpus-inputs.csv. No time is printed, so that both halves may be tried.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
import traceback
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from corpus import CORPUS, half_of, rows

from annette.errors import AnnetteError
from annette.estimation import estimate_network
from annette.network.load import load_network, readers
from annette.platforms import Platform, load_platform

INPUTS = CORPUS.with_name("corpus-inputs.csv")


class Status(NamedTuple):
    """What became of one file: ``estimated``, ``refused`` or ``crashed``, and the reason or the coverage."""

    outcome: str
    remark: str


def known_inputs() -> dict[str, dict[str, tuple[int, ...]]]:
    """Shapes of inputs by the hash of the file."""
    with INPUTS.open(encoding="utf-8", newline="") as file:
        stated = {(row["source"], row["file"]): row["inputs"] for row in csv.DictReader(file)}
    return {
        row["sha256"]: shapes_of(stated[row["source"], row["file"]])
        for row in rows()
        if (row["source"], row["file"]) in stated
    }


def shapes_of(text: str) -> dict[str, tuple[int, ...]]:
    """Shapes written as ``NAME=1x2 NAME=3``."""
    pairs = (each.rpartition("=") for each in text.split())
    return {name: tuple(map(int, shape.split("x"))) for name, _, shape in pairs}


def status(file: Path, shapes: dict[str, tuple[int, ...]], platform: Platform, *, fallback: bool) -> Status:
    """Reads and estimates one file."""
    try:
        network = load_network(file, inputs=shapes)
        estimate = estimate_network(network, platform, fallback="roofline" if fallback else "error")
    except AnnetteError as error:
        return Status("refused", f"{type(error).__name__}: {error}")
    except Exception:  # noqa: BLE001 - a fault of annette is what is looked for
        return Status("crashed", traceback.format_exc(limit=-2).replace("\n", " | "))
    doubts = "; ".join(network.notes)
    return Status("estimated", f"coverage {estimate.coverage.kernels:.0%}" + (f"; {doubts}" if doubts else ""))


def files_in(paths: list[Path]) -> list[Path]:
    """The files named, and those within folders that a reader takes."""
    known = set(readers())
    return [
        file
        for path in paths
        for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
        if file.suffix in known and file.is_file()
    ]


def main() -> int:
    """Runs the tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", action="append", help="name or file; may be repeated")
    parser.add_argument("--fallback", action="store_true", help="price kinds without a model roughly")
    parser.add_argument("--shares", action="store_true", help="only the numbers of files")
    parser.add_argument("--refused", action="store_true", help="no lines of files that are estimated")
    parser.add_argument("paths", nargs="+", type=Path, help="files and folders")
    chosen = parser.parse_args()
    inputs = known_inputs()
    for name in chosen.platform or ["epyc-onnxruntime-fp32"]:
        platform = load_platform(name)
        counts: Counter[str] = Counter()
        for file in files_in(chosen.paths):
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            outcome, remark = status(file, inputs.get(digest, {}), platform, fallback=chosen.fallback)
            counts[outcome] += 1
            if not chosen.shares and not (chosen.refused and outcome == "estimated"):
                label = f"{file.parent.name}/{file.name}"
                sys.stdout.write(f"{outcome:9} {half_of(digest):6} {label}: {remark}\n")
        total = sum(counts.values())
        share = f"{counts['estimated'] / total:.1%}" if total else "-"
        sys.stdout.write(
            f"{platform.name}: {counts['estimated']} of {total} estimated ({share}), {counts['refused']} refused, "
            f"{counts['crashed']} crashed\n"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
