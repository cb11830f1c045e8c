"""A pretended board that tells only totals: benchmarked, fitted and evaluated as a user would do it.

    python tools/pretended_board.py vela --work FOLDER            # Vela for the Ethos-U55-128, telling totals only
    python tools/pretended_board.py cpu --work FOLDER             # a simulated processor: a platform's estimates
    python tools/pretended_board.py cpu --work FOLDER --held-out  # scores networks that nothing was tuned on
    python tools/pretended_board.py onnxruntime --work FOLDER     # this machine: ONNX Runtime behind a program

The board is a program behind the backend `command`, started once for each network. It prints the latency with noise of
2 % (lognormal, another draw for every file) and nothing else. The device time that a board would have spent is counted:
the start of the program and the copying (`--start`, seconds), 5 runs to warm up, then runs for 0.3 s, but 10 to 50.

*cpu* is a simulation: its truth are estimates of a shipped platform and 20 us for every run. It shows what totals and
noise cost a fit, and says nothing of any processor.

*onnxruntime* is none: the program is `tools/board_program.py`, which measures on this machine with its own noise. The
device time is that of the campaign, and the truth of a network the median of three runs of the program, one round after
the other; how far a run is off the median of its network is the floor.
"""

from __future__ import annotations

import argparse
import os
import shlex
import socketserver
import subprocess
import sys
import tempfile
import threading
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.bench.backend import Subject
from annette.bench.dataset import Dataset
from annette.bench.measurement import Settings
from annette.bench.named_backends import open_backend
from annette.bench.session import measure_networks, network_case
from annette.errors import AnnetteError
from annette.estimation import estimate_network
from annette.evaluation.suites import DEVELOPMENT, HELD_OUT
from annette.network.load import load_network
from annette.network.writers.onnx import write_onnx
from annette.platforms import load_platform

if TYPE_CHECKING:
    from collections.abc import Callable

PLATFORM: Final = "epyc-onnxruntime-fp32"
ACCELERATOR: Final = "ethos-u55-128"
FORMATS: Final = {"cpu": "onnx", "vela": "tflite", "onnxruntime": "onnx"}
PROGRAM: Final = Path(__file__).with_name("board_program.py")
ROUNDS: Final = 3
NOISE: Final = 0.02
RUN_S: Final = 20e-6
"""What the simulated processor adds to every run."""

CLIENT: Final = """import socket, sys
with socket.socket(socket.AF_UNIX) as board:
    board.connect(sys.argv[1])
    board.sendall(sys.argv[2].encode() + b"\\n")
    print(board.makefile().read())
"""


def simulated_s(path: Path | str) -> float:
    """Latency of the simulated processor, seconds."""
    network = load_network(path)
    try:
        return estimate_network(network, load_platform(PLATFORM), fallback="roofline").latency_s + RUN_S
    except AnnetteError:  # A network of views costs nothing but the run.
        return RUN_S


def compiled_s(path: Path | str) -> float:
    """Vela's estimate for a TFLite file, seconds."""
    backend = open_backend("vela", {"accelerator": ACCELERATOR})
    with backend.compile(Subject(load_network(path), Path(path))) as compiled:
        return compiled.run(1)[0]


class Kept:
    """Exact latencies by file, kept in another: a plan that was changed compiles only what is new."""

    def __init__(self, latency_s: Callable[[Path], float], kept: Path) -> None:
        self._latency_s, self._kept = latency_s, kept
        lines = kept.read_text().splitlines() if kept.exists() else []
        self._known_s = {number: float(time_s) for number, time_s in map(str.split, lines)}

    def __call__(self, path: Path) -> float:
        """Latency of a file, seconds.

        Raises:
            AnnetteError: It has none.
        """
        number = f"{zlib.crc32(path.read_bytes()):08x}"
        if number not in self._known_s:
            self._known_s[number] = self._latency_s(path)
            with self._kept.open("a") as file:
                file.write(f"{number} {self._known_s[number]!r}\n")
        return self._known_s[number]


class Board(socketserver.UnixStreamServer):
    """Answers one file after the other, and counts what a board would have spent."""

    def __init__(self, address: str, latency_s: Callable[[Path], float], start_s: float) -> None:
        super().__init__(address, Handler)
        self.latency_s = latency_s
        self.start_s = start_s
        self.spent_s = 0.0
        self.answers = 0

    def answer(self, path: Path) -> str:
        """What the program prints for a file."""
        try:
            exact_s = self.latency_s(path)
        except AnnetteError as error:
            return f"no latency: {error}"
        noise = np.random.default_rng(zlib.crc32(path.read_bytes())).normal(0.0, NOISE)
        self.spent_s += self.start_s + (5 + min(max(0.3 / exact_s, 10), 50)) * exact_s
        self.answers += 1
        return f"{exact_s * np.exp(noise) * 1e6:.9g} us"


class Handler(socketserver.StreamRequestHandler):
    """One file."""

    server: Board

    def handle(self) -> None:
        """Reads a path, writes a latency."""
        path = Path(self.rfile.readline().decode().strip())
        self.wfile.write(self.server.answer(path).encode())


def annette(*words: str) -> None:
    """A command, as a user types it."""
    print("$ annette", shlex.join(words), flush=True)
    subprocess.run([sys.executable, "-m", "annette", *words], check=True)  # noqa: S603 - our own command


def measured(names: tuple[str, ...]) -> dict[str, float]:
    """Latencies of networks by the program, seconds; prints the floor."""
    rounds_s: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            write_onnx(load_network(name), Path(folder) / f"{name}.onnx")
        for _ in range(ROUNDS):
            for name in names:
                words = [sys.executable, str(PROGRAM), f"{folder}/{name}.onnx"]
                printed = subprocess.run(words, check=True, capture_output=True, text=True).stdout  # noqa: S603 - ours
                rounds_s[name].append(float(printed.split()[0]) * 1e-6)
    exact_s = {name: float(np.median(times)) for name, times in rounds_s.items()}
    off = [abs(time_s / exact_s[name] - 1) for name, times in rounds_s.items() for time_s in times]
    print(f"floor: {np.mean(off):.1%}")
    return exact_s


def truths(board: str, names: tuple[str, ...], work: Path) -> dict[str, float]:
    """Exact latencies of networks, seconds; Vela's are kept in the folder."""
    if board == "cpu":
        return {name: simulated_s(name) for name in names}
    if board == "onnxruntime":
        return measured(names)
    path = work / "networks.sqlite"
    with Dataset.open(path, write=True) if path.exists() else Dataset.create(path) as dataset:
        known = {run.case for run in dataset.runs()}
        cases = [network_case(name, load_network(name), backend="vela") for name in names if name not in known]
        if cases:
            options, settings = {"accelerator": ACCELERATOR}, Settings(timeout_s=600.0)
            measure_networks(cases, dataset, backend="vela", options=options, settings=settings, rounds=1)
        runs = {run.case: run for run in dataset.runs() if run.case in names}
    for name, run in runs.items():
        if not run.status.usable:
            print(f"- {name} is not compiled: {run.reason}")
    return {name: run.latency_s for name, run in runs.items() if run.status.usable}


def evaluate(platform_file: Path, exact_s: dict[str, float]) -> str:
    """Prints the errors of networks; returns the row of the table."""
    platform = load_platform(platform_file)
    errors, inside = [], 0
    for name, time_s in exact_s.items():
        try:
            estimate = estimate_network(load_network(name), platform)
        except AnnetteError as error:
            print(f"- {name} is not estimated: {error}")
            continue
        errors.append(estimate.latency_s / time_s - 1)
        if estimate.interval_s is not None:
            inside += estimate.interval_s[0] <= time_s <= estimate.interval_s[1]
        print(f"- {name}: {time_s * 1e3:.3f} ms, {errors[-1]:+.1%}")
    size = np.abs(errors)
    return f"{len(size)} | {size.mean():.1%} | {np.median(size):.1%} | {size.max():.1%} | {inside / len(size):.0%}"


def benchmark(board: str, dataset: Path, arguments: argparse.Namespace) -> str:
    """Fills the dataset as a user would; returns how often the board ran and how long it took or would have taken."""
    options = [
        "--model-format", FORMATS[board], "--device", f"pretended-{board}", "--seed", str(arguments.seed),
        "--out", str(dataset), "--resume", "--cpus", ",".join(map(str, sorted(os.sched_getaffinity(0)))),
        *(("--budget", arguments.budget) if arguments.budget else ()),
    ]  # fmt: skip
    if board == "onnxruntime":
        program = shlex.join([sys.executable, str(PROGRAM), "{model}"])
        annette("bench", "--backend", "command", "--command", program, *options)
        with Dataset.open(dataset) as opened:
            durations_s = [run.duration_s for run in opened.runs()]
        return f"{len(durations_s)} runs, {sum(durations_s) / 60:.1f} min"
    with tempfile.TemporaryDirectory() as folder:
        address, client = f"{folder}/board", Path(folder) / "client.py"
        client.write_text(CLIENT)
        latency_s = Kept(compiled_s, dataset.with_suffix(".answers")) if board == "vela" else simulated_s
        server = Board(address, latency_s, arguments.start)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        program = shlex.join([sys.executable, "-S", str(client), address, "{model}"])
        annette("bench", "--backend", "command", "--command", program, *options)
        server.shutdown()
    return f"{server.answers} runs, {server.spent_s / 60:.1f} min"


def main() -> None:
    """Benchmarks, fits and evaluates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("board", choices=sorted(FORMATS))
    parser.add_argument("--work", type=Path, required=True, help="folder for the dataset and the platform")
    parser.add_argument(
        "--held-out", action="store_true", help="score the held-out list instead of the development list"
    )
    parser.add_argument("--start", type=float, default=0.4, help="seconds to start the board's program")
    parser.add_argument("--budget", help="as for annette bench")
    parser.add_argument("--mapping", default="auto", help="as for annette fit")
    parser.add_argument("--seed", type=int, default=0, help="of the plan")
    arguments = parser.parse_args()
    board: str = arguments.board
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    dataset, platform = work / f"{board}.sqlite", work / f"{board}-{arguments.mapping}.json"
    spent = work / f"{board}.spent"
    if not spent.exists():
        spent.write_text(benchmark(board, dataset, arguments))
    if not platform.exists():
        annette("fit", str(dataset), "--out", str(platform), "--mapping", arguments.mapping)
    names = HELD_OUT if arguments.held_out else DEVELOPMENT
    row = evaluate(platform, truths(board, names, work))
    print("| board | device time | networks | MAPE | median | worst | inside 90 % |\n|---|---|---|---|---|---|---|")
    print(f"| {board} | {spent.read_text()} | {row} |")


if __name__ == "__main__":
    main()
