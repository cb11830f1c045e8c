"""Threads and processes that estimate on one platform at the same time: results are equal, memory stays flat."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.fuzz.networks import small_networks

import annette
from annette.network.writers.onnx import write_onnx
from annette.network.writers.tflite import write_tflite
from annette.report.estimates import estimate_document

if TYPE_CHECKING:
    from annette.platforms import Platform

__all__ = ["StressFigures", "stress"]

_ZOO: Final = ("squeezenet1_1", "mobilenet_v2", "resnet18", "nasbench201:seed1")
_SAMPLE_S: Final = 2.0
_WARM_UP: Final = 0.2
"""Share of the time after which memory counts: caches are full by then."""
_PAGE: Final = resource.getpagesize()
_MIB: Final = 2**20


@dataclass(frozen=True)
class StressFigures:
    """What one process saw.

    Attributes:
        estimates: How many estimates were compared.
        wrong: How many differed from those of a single thread.
        digest: Of the results of a single thread, to be compared between processes.
        before_mib: Resident memory after the warm-up.
        after_mib: At the end.
        slope_mib_per_h: Its trend in between, by least squares.
    """

    estimates: int
    wrong: int
    digest: str
    before_mib: float
    after_mib: float
    slope_mib_per_h: float


def stress(*, platform: str, minutes: float, processes: int = 4, threads: int = 8) -> list[StressFigures]:
    """Estimates networks of the zoo and of files until the time is over.

    Args:
        platform: Name of the platform.
        minutes: How long.
        processes: Number of processes.
        threads: Number of threads of each.

    Returns:
        Figures of each process.
    """
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as executor:
        running = [executor.submit(_process, platform, minutes * 60, threads, seed) for seed in range(processes)]
        return [future.result() for future in running]


def _process(name: str, seconds: float, threads: int, seed: int) -> StressFigures:
    platform = annette.load_platform(name)
    with tempfile.TemporaryDirectory(prefix="annette-stress-") as folder:
        sources = [*_ZOO, *map(str, _files(Path(folder)))]
        expected = {source: _estimated(source, platform) for source in sources}
        end_s = time.monotonic() + seconds
        counts = [[0, 0] for _ in range(threads)]
        workers = [
            threading.Thread(target=_thread, args=(expected, platform, end_s, count, f"{seed}/{number}"))
            for number, count in enumerate(counts)
        ]
        for worker in workers:
            worker.start()
        samples = _watch(end_s)
        for worker in workers:
            worker.join()
    digest = hashlib.sha256("".join(expected[source] for source in sources).encode()).hexdigest()
    late = samples[int(len(samples) * _WARM_UP) :]
    done, wrong = (sum(count[column] for count in counts) for column in (0, 1))
    return StressFigures(done, wrong, digest, late[0][1], late[-1][1], _slope(late) * 3600)


def _files(folder: Path) -> list[Path]:
    """Networks that are read from files, so that the readers are under stress, too."""
    paths = []
    for network in small_networks()[:3]:
        write_onnx(network, folder / f"{network.name}.onnx")
        paths.append(folder / f"{network.name}.onnx")
    write_tflite(small_networks()[0], folder / "classifier.tflite")
    return [*paths, folder / "classifier.tflite"]


def _estimated(source: str, platform: Platform) -> str:
    """Digest of the whole document: every number of every kernel counts."""
    document = estimate_document(annette.estimate(source, platform, fallback="roofline"))
    return hashlib.sha256(json.dumps(document).encode()).hexdigest()


def _thread(expected: dict[str, str], platform: Platform, end_s: float, count: list[int], seed: str) -> None:
    dice = random.Random(seed)
    sources = list(expected)
    while time.monotonic() < end_s:
        source = dice.choice(sources)
        count[0] += 1
        count[1] += _estimated(source, platform) != expected[source]


def _watch(end_s: float) -> list[tuple[float, float]]:
    """Seconds and resident memory in MiB, every two seconds until the end, and once more."""
    samples = []
    while True:
        pages = int(Path(f"/proc/{os.getpid()}/statm").read_text(encoding="ascii").split()[1])
        samples.append((time.monotonic(), pages * _PAGE / _MIB))
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            return samples
        time.sleep(min(left_s, _SAMPLE_S))


def _slope(samples: list[tuple[float, float]]) -> float:
    """Change of memory for each second, by least squares; 0 for a single sample."""
    count = len(samples)
    mean_s = sum(moment for moment, _ in samples) / count
    mean_mib = sum(size for _, size in samples) / count
    spread = sum((moment - mean_s) ** 2 for moment, _ in samples)
    return sum((moment - mean_s) * (size - mean_mib) for moment, size in samples) / spread if spread else 0.0
