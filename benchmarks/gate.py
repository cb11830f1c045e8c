"""The speed gate: what estimates cost, as ratios to a fixed workload within one run, against recorded ratios.

Usage: ``python -m benchmarks.gate check`` exits with 1 where something takes more than `TOLERANCE` times what is
recorded; ``python -m benchmarks.gate record`` measures anew and writes ``benchmarks/ratios.json``.

Absolute times say more of a machine than of the code. Ratios of least processor times, measured in turns, differ by up
to a half between a calm machine and one that others use; what is slower than recorded is therefore measured again, up
to three times, and only twice the recorded ratio is a failure. That does not see a loss of some percent; it sees an
algorithm that became another one.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import annette
from annette.estimation import estimate_network
from annette.network import zoo
from benchmarks.workloads import drawn_networks, least_of_turns_s, residual

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RATIOS: Final = Path(__file__).with_name("ratios.json")
TOLERANCE: Final = 2.0
_TRIES: Final = 3
_PLATFORMS: Final = ("epyc-onnxruntime", "epyc-openvino-fp32", "zcu102-dnndk", "ncs2-openvino", "ethos-u65-512")
_NETWORKS: Final = 16


def cases() -> dict[str, tuple[Callable[[], object], int, float]]:
    """What is measured, by name: a function, rounds, and how many times its unit one call is."""
    found: dict[str, tuple[Callable[[], object], int, float]] = {}
    resnet50, long = zoo.build("resnet50"), 5_000
    for name in _PLATFORMS:
        platform = annette.load_platform(name)
        found[f"warm resnet50, {name}"] = partial(estimate_network, resnet50, platform), 20, 1
        found[f"a network never seen before, {name}"] = partial(_many, platform), 5, _NETWORKS
        found[f"a thousand layers of 5,000, {name}"] = partial(_long, platform, long), 2, long / 1_000
    return found


def _many(platform: annette.Platform) -> None:
    for each in annette.estimate_many(drawn_networks(_NETWORKS, seed=0), platform, keep=lambda found: found.latency_s):
        each.get()


def _long(platform: annette.Platform, layers: int) -> None:
    estimate_network(residual(layers), platform)


def ratio_of(function: Callable[[], object], rounds: int, count: float) -> float:
    """Least processor time of a function, for each of ``count``, over that of the reference."""
    function()
    own_s, base_s = least_of_turns_s(function, rounds)
    return own_s / count / base_s


def too_slow(ratio: float, recorded: float) -> bool:
    """Whether a ratio is a failure."""
    return ratio > TOLERANCE * recorded


def check(recorded: Mapping[str, float]) -> list[str]:
    """Measures all cases; the names of those that fail, and of those that have no recorded ratio."""
    failed = []
    for name, case in cases().items():
        before = recorded.get(name)
        ratio = ratio_of(*case)
        for _ in range(_TRIES - 1):
            if before is None or not too_slow(ratio, before):
                break
            ratio = min(ratio, ratio_of(*case))
        slow = before is None or too_slow(ratio, before)
        if slow:
            failed.append(name)
        print(f"{name:<52} {ratio:8.2f}  recorded {before or 0.0:8.2f}{'  TOO SLOW' if slow else ''}")  # noqa: T201
    return failed


def main(arguments: list[str]) -> int:
    """Checks or records."""
    if arguments == ["record"]:
        ratios = {name: round(ratio_of(*case), 3) for name, case in cases().items()}
        RATIOS.write_text(json.dumps(ratios, indent=1) + "\n", encoding="utf-8")
        return 0
    if arguments != ["check"]:
        print("usage: python -m benchmarks.gate check|record", file=sys.stderr)  # noqa: T201
        return 2
    return 1 if check(json.loads(RATIOS.read_text(encoding="utf-8"))) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
