"""Records estimates of many networks on many platforms, and compares two recordings: a restructuring must move none.

Usage: ``python tools/record_estimates.py record OUT [--platform P …] [NETWORK …]`` writes one line for each
estimate, of every network of the zoo, some cells, and the files named, with every model family of each shipped
platform. ``python tools/record_estimates.py compare BEFORE AFTER`` exits with 1 where two recordings differ: texts by
anything, numbers by more than 1e-9 of their value. To record with another version, run it with that version's ``src``
first in PYTHONPATH.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import sys
from pathlib import Path
from typing import Any

import annette
from annette.network.zoo import names

CELLS = tuple(f"nasbench101:seed{seed}" for seed in range(1, 6))
FAMILIES = (None, "roofline", "refined-roofline", "statistical", "mixed")
TOLERANCE = 1e-9


def estimates(network: annette.Network, platform: annette.Platform) -> dict[str, Any]:
    """Everything that a user sees of one network on one platform: by family, or the error."""
    found: dict[str, Any] = {}
    for family in FAMILIES:
        for fallback in ("error", "roofline"):
            try:
                result = annette.estimate(network, platform, model=family, fallback=fallback)
            except annette.AnnetteError as error:
                found[f"{family} {fallback}"] = str(error)
                continue
            found[str(family)] = document(result, kernels=family is None)
            break
    return found


def document(result: annette.Estimate, *, kernels: bool) -> dict[str, Any]:
    """An estimate as plain values."""
    whole = {
        "latency_s": result.latency_s,
        "device_latency_s": result.device_latency_s,
        "end_to_end_latency_s": result.end_to_end_latency_s,
        "interval_s": result.interval_s,
        "coverage": [result.coverage.ops, result.coverage.kernels],
        "notes": result.notes,
        "kernels_s": [kernel.latency_s for kernel in result.kernels],
    }
    if not kernels:
        return whole
    fields = ("name", "kind", "layers", "rules", "interval_s", "ops", "bytes", "bound", "utilisation", "method")
    return whole | {
        "kernels": [[getattr(kernel, field) for field in (*fields, "in_range")] for kernel in result.kernels]
    }


def record(out: Path, platforms: list[str], networks: list[str]) -> None:
    """Writes the recording, one line a network and platform."""
    loaded = [annette.load_platform(name) for name in platforms or [entry.name for entry in annette.list_platforms()]]
    with gzip.open(out, "wt") as file:
        for name in networks or (*names(), *CELLS):
            try:
                network = annette.load_network(name)
            except annette.AnnetteError as error:
                print(json.dumps([Path(name).name, "", str(error)]), file=file)
                continue
            for platform in loaded:
                line = [Path(name).name, platform.name, estimates(network, platform)]
                print(json.dumps(line), file=file)
            print(name, file=sys.stderr, flush=True)


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Where two documents differ, numbers by more than the tolerance."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [*before, *(key for key in after if key not in before)]
        return [text for key in keys for text in differences(before.get(key), after.get(key), f"{path}/{key}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [text for place, (a, b) in pairs for text in differences(a, b, f"{path}/{place}")]
    numbers = isinstance(before, int | float) and isinstance(after, int | float)
    if before == after or (numbers and math.isclose(before, after, rel_tol=TOLERANCE)):
        return []
    return [f"{path}: {str(before)[:200]} != {str(after)[:200]}"]


def compare(before: Path, after: Path) -> int:
    """Prints how two recordings differ, and says by the exit code whether they do."""
    with gzip.open(before, "rt") as first, gzip.open(after, "rt") as second:
        one, two = [[json.loads(line) for line in file] for file in (first, second)]
    wrong = 0
    recorded = {(network, platform): found for network, platform, found in two}
    for network, platform, found in one:
        texts = differences(found, recorded.pop((network, platform), None))
        wrong += bool(texts)
        for text in texts[:3]:
            print(f"{network} on {platform}: {text}")
    print(f"{len(one)} estimates recorded before, {wrong} differ, {len(recorded)} are new")
    return int(bool(wrong))


def main() -> int:
    """Records or compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record")
    recording.add_argument("out", type=Path)
    recording.add_argument("--platform", action="append", default=[])
    recording.add_argument("networks", nargs="*", default=[])
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "compare":
        return compare(arguments.before, arguments.after)
    record(arguments.out, arguments.platform, arguments.networks)
    return 0


if __name__ == "__main__":
    sys.exit(main())
