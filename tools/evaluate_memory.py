"""Compares estimates of memory with what Vela and ONNX Runtime say themselves.

Usage: ``python tools/evaluate_memory.py vela|onnxruntime [--platform P] [NETWORK ...]``. Networks are those of the zoo
or files; without any, the twenty of each list below. For Vela, zoo networks are lowered to int8 and compiled for what
the platform says, and its figure is the SRAM that its summary reports. For ONNX Runtime, they are written as ONNX and
run three times, and its figure is the most that is in use of the session's arena beside what is in use before the first
run. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from onnxruntime_arena import arena_use

from annette.bench.backend import Subject
from annette.devices.arm_ethos_u.backend import VelaBackend, VelaOptions
from annette.devices.arm_ethos_u.targets import Target
from annette.errors import AnnetteError
from annette.estimation import estimate_network
from annette.network.load import load_network
from annette.network.writers.onnx import write_onnx
from annette.platforms import load_platform

if TYPE_CHECKING:
    from annette.estimation import Estimate
    from annette.network import Network
    from annette.platforms import Platform

VELA: Final = (
    "googlenet", "inception_v3", "resnet18", "resnet34", "resnet50", "densenet121", "squeezenet1_0", "squeezenet1_1",
    "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "shufflenet_v2_x1_0", "mnasnet1_0",
    "efficientnet_b0", "regnet_x_400mf", "regnet_y_400mf", "yolov4_tiny", "openpose_lightweight", "nasbench101:seed0",
)  # fmt: skip
ONNXRUNTIME: Final = (
    "alexnet", "googlenet", "inception_v3", "resnet18", "resnet34", "densenet121", "squeezenet1_1", "mobilenet_v1",
    "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x1_0", "mnasnet1_0", "efficientnet_b0", "regnet_y_400mf",
    "resnext50_32x4d", "yolov4_tiny", "vit_b_16", "swin_t", "convnext_tiny", "bert_base",
)  # fmt: skip
DEFAULT_PLATFORMS: Final = {"vela": "ethos-u55-128", "onnxruntime": "epyc-onnxruntime"}


def vela_bytes(network: Network, path: Path | None, platform: Platform) -> dict[str, int]:
    """SRAM that Vela reports."""
    target = Target.choose(*platform.device.split(", "))
    options = VelaOptions(target.accelerator, target.system_config, target.memory_mode)
    with VelaBackend(options).compile(Subject(network, path)) as compiled:
        profile = compiled.profile(1)
    return {"SRAM": int(profile.details["sram_bytes"])} if profile is not None else {}


def arena_bytes(network: Network, path: Path | None, platform: Platform) -> dict[str, int]:
    """What ONNX Runtime's arena has in use at most, beside weights."""
    shapes = {name: tuple(network.tensors[name].shape) for name in network.inputs}
    with tempfile.TemporaryDirectory() as folder:
        if path is None:
            path = Path(folder) / "network.onnx"
            write_onnx(network, path)
        use = arena_use(path, shapes, threads=platform.threads)
    return {"arena": use.most_bytes}


def stated_bytes(estimate: Estimate, where: str) -> int:
    """The estimate's figure for a memory."""
    memory = estimate.memory
    return memory.by_memory.get(where, memory.allocated_bytes or 0)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", choices=("vela", "onnxruntime"))
    parser.add_argument("--platform", help="name or file of the platform")
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="names of the zoo, or files")
    arguments = parser.parse_args()
    platform = load_platform(arguments.platform or DEFAULT_PLATFORMS[arguments.tool])
    measure = vela_bytes if arguments.tool == "vela" else arena_bytes
    print(f"| network | {arguments.tool}, bytes | estimate, bytes | error | alive at the peak |\n|---|---|---|---|---|")
    errors = []
    for name in arguments.networks or (VELA if arguments.tool == "vela" else ONNXRUNTIME):
        path = Path(name) if Path(name).suffix in (".onnx", ".tflite") else None
        try:
            network = load_network(name)
            estimate = estimate_network(network, platform, fallback="roofline")
            ((where, measured),) = measure(network, path, platform).items()
        except (AnnetteError, RuntimeError) as error:
            print(f"- left out: {name}: {' '.join(str(error).split())[:200]}", flush=True)
            continue
        ours, peak = stated_bytes(estimate, where), estimate.memory.peak_activation_bytes or 0
        errors.append(ours / measured - 1)
        print(f"| {Path(name).stem} | {measured:,} | {ours:,} | {errors[-1]:+.2%} | {peak:,} |", flush=True)
    within = np.abs(errors) <= 0.1
    print(f"\n{int(within.sum())} of {len(errors)} within 10 %, mean {np.abs(errors).mean():.2%}")


if __name__ == "__main__":
    main()
