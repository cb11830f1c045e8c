"""annette in a few minutes: estimate a network, then measure this machine, fit it, and compare.

Run by ``make quickstart``. Every line that starts with ``$`` is a command that works the same when typed. What is made
stays in a folder; when interrupted, the next run goes on from there.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import Final

from annette.network import zoo
from annette.network.writers.onnx import write_onnx

ANNETTE: Final = str(Path(sys.executable).with_name("annette"))
TYPED: Final = "annette" if which("annette") == ANNETTE else os.path.relpath(ANNETTE)
"""What a shell in this folder finds the command by, whether or not its environment was activated."""
INTERRUPTED: Final = 130
MODEL: Final = "resnet18.onnx"
REPORT: Final = "resnet18.html"
COMPARED: Final = (MODEL, "mobilenet_v2", "squeezenet1_1", "shufflenet_v2_x0_5", "efficientnet_b0")
"""Small networks of different kinds: what was measured of them is shown beside what was estimated."""


def run(*arguments: str | Path) -> None:
    """Shows a command and what it prints; ends with its exit code if it fails."""
    words = [str(argument) for argument in arguments]
    print(f"\n$ {shlex.join((TYPED, *words))}", flush=True)
    code = subprocess.run([ANNETTE, *words], check=False).returncode  # noqa: S603 - our own command
    if code:
        sys.exit(code)


def say(text: str) -> None:
    """Prints a line of explanation."""
    print(f"\n# {text}", flush=True)


def estimate(folder: Path) -> None:
    """Estimates a ResNet-18 that comes from an ONNX file, on platforms that are shipped."""
    model = folder / MODEL
    say(f"a network file: ResNet-18 with random weights, {model}")
    write_onnx(zoo.build("resnet18"), model)
    run("inspect", model)
    run("platforms")
    run("estimate", model, "--platform", "ncs2-openvino", "--html", folder / REPORT)
    say(f"the same as a page, with plots, for your browser: {folder / REPORT}")
    run("compare", model, "--platform", "ncs2-openvino", "--platform", "zcu102-dnndk")


def loop(folder: Path) -> None:
    """Measures this machine, fits a platform to it, and shows measured beside estimated latencies."""
    dataset, platform = folder / "cpu.sqlite", folder / "my-cpu.json"
    say("this machine: benchmark it (one core, some minutes), fit a platform, estimate, and compare with measurements")
    run("bench", "--backend", "onnxruntime", "--preset", "quick", "--out", dataset, "--resume")
    if platform.exists() and platform.stat().st_mtime >= dataset.stat().st_mtime:
        say(f"{platform} is fitted already")
    else:
        run("fit", dataset, "--out", platform)
    run("estimate", folder / MODEL, "--platform", platform)
    suite = folder / "networks.csv"
    suite.write_text("\n".join(("network", *COMPARED, "")), encoding="utf-8")
    truth, page = folder / "networks.sqlite", folder / "report.html"
    run("evaluate", "--platform", platform, "--suite", suite, "--measure", "--truth", truth, "--html", page, "--brief")
    say(f"none of these networks was in the benchmark; {page} has everything, with plots")


def main() -> None:
    """Runs both parts, or the first alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-loop", action="store_true", help="only estimate; do not measure this machine")
    parser.add_argument("--folder", type=Path, default=Path("quickstart"), help="where files are kept (%(default)s)")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    try:
        estimate(folder)
        if not arguments.no_loop:
            loop(folder)
    except KeyboardInterrupt:
        print("\ninterrupted: run it again to go on from here", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
