"""The main job on a real network: write it as a file, look into it, estimate it, compare platforms.

Run by ``make quickstart``. Every line that starts with ``$`` is a command that works the same when typed.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from annette.network import zoo
from annette.network.writers.onnx import write_onnx

ANNETTE = str(Path(sys.executable).with_name("annette"))


def run(*arguments: str) -> None:
    """Shows a command and what it prints; ends with its exit code if it fails."""
    print(f"\n$ {shlex.join(('annette', *arguments))}", flush=True)
    code = subprocess.run([ANNETTE, *arguments], check=False).returncode  # noqa: S603 - our own command
    if code:
        sys.exit(code)


def main() -> None:
    """Estimates a ResNet-18 that comes from an ONNX file."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "resnet18.onnx"
        print(f"writing ResNet-18 with random weights to {model.name}")
        write_onnx(zoo.build("resnet18"), model)
        run("inspect", str(model))
        run("platforms")
        run("estimate", str(model), "--platform", "ncs2-openvino")
        run("compare", str(model), "--platform", "ncs2-openvino", "--platform", "zcu102-dnndk")


if __name__ == "__main__":
    main()
