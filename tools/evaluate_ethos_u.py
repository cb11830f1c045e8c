"""Compares Ethos-U platforms with Vela on whole networks, which had no part in fitting.

Usage: ``python tools/evaluate_ethos_u.py --work FOLDER [--few] [PLATFORM ...]``. Each platform is the name of a shipped
one or a file that ``annette fit`` made of a dataset of the backend ``vela``; it says itself what it was compiled for.
Networks of the zoo and 34 NAS-Bench-101 cells (seeds 0 to 33) are lowered to int8 and compiled for that, with ``--few``
a dozen networks only; what Vela says is kept in FOLDER. Prints a line for each network and a Markdown table.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from annette.bench.dataset import Dataset
from annette.bench.measurement import Settings
from annette.bench.session import measure_networks, network_case
from annette.devices.arm_ethos_u.targets import Target
from annette.errors import AnnetteError
from annette.estimation import estimate_network
from annette.network.zoo import build
from annette.platforms import Platform, load_platform

SHIPPED = ("ethos-u55-128", "ethos-u65-512-sram", "ethos-u65-512", "ethos-u85-512")
CNNS = (
    "alexnet", "vgg16", "googlenet", "inception_v1", "inception_v2", "inception_v3", "resnet18", "resnet34", "resnet50",
    "resnext50_32x4d", "wide_resnet50_2", "densenet121", "squeezenet1_0", "squeezenet1_1", "mobilenet_v1",
    "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "shufflenet_v2_x1_0", "mnasnet0_5", "mnasnet1_0",
    "efficientnet_b0", "regnet_x_400mf", "regnet_y_400mf", "yolov4_tiny", "yolov3", "semantic_fpn_resnet18",
    "openpose_lightweight",
)  # fmt: skip
"""Convolutional networks of the zoo, fixed before anything was compared."""

FEW = (
    "googlenet", "resnet18", "resnet50", "densenet121", "squeezenet1_1", "mobilenet_v1", "mobilenet_v2",
    "mobilenet_v3_small", "shufflenet_v2_x1_0", "mnasnet1_0", "efficientnet_b0", "regnet_x_400mf",
)  # fmt: skip
"""A dozen of them, that compile in a minute or two; fixed before other accelerators were looked at."""

CELLS = tuple(f"nasbench101:seed{seed}" for seed in range(34))


def measured(target: Target, names: tuple[str, ...], work: Path) -> dict[str, float]:
    """Vela's time of every network that it compiles, seconds; each is compiled once and kept."""
    path = work / f"{'-'.join(target.described().values())}.networks"
    options = {"accelerator": target.accelerator}
    options |= {"system_config": target.system_config, "memory_mode": target.memory_mode}
    with Dataset.open(path, write=True) if path.exists() else Dataset.create(path) as dataset:
        known = {run.case for run in dataset.runs()}
        cases = [network_case(name, build(name), backend="vela") for name in names if name not in known]
        if cases:
            measure_networks(cases, dataset, backend="vela", options=options, settings=Settings(), rounds=1)
        runs = [run for run in dataset.runs() if run.case in names]
    for run in runs:
        if not run.status.usable:
            print(f"- not compiled: {run.case}: {run.reason}")
    return {run.case: run.latency_s for run in runs if run.status.usable}


def ranks(values: np.ndarray) -> np.ndarray:
    """Rank of each value."""
    return np.argsort(np.argsort(values))


def evaluate(label: str, platform: Platform, names: tuple[str, ...], work: Path) -> None:
    """Prints what one platform is worth."""
    rows = []
    for name, seconds in measured(Target.choose(*platform.device.split(", ")), names, work).items():
        try:
            network = build(name)
            ours, plain = (estimate_network(network, platform, model=model).latency_s for model in (None, "roofline"))
        except AnnetteError as error:
            print(f"- not estimated: {name}: {error}")
            continue
        rows.append((name, seconds, ours, plain))
        if name not in CELLS:
            print(f"- {name}: {seconds * 1e3:.3f} ms, {ours / seconds - 1:+.2%}, roofline {plain / seconds - 1:+.2%}")
    for kind, part in (
        ("networks", [row for row in rows if row[0] not in CELLS]),
        ("NAS-Bench-101 cells", [row for row in rows if row[0] in CELLS]),
    ):
        if part:
            truth, ours, roofline = np.array([row[1:] for row in part]).T
            error, plain = (100 * np.abs(values / truth - 1).mean() for values in (ours, roofline))
            rho = np.corrcoef(ranks(truth), ranks(ours))[0, 1]
            print(f"| {label} | {len(part)} {kind} | {error:.2f} % | {plain:.2f} % | {rho:.4f} |", flush=True)


def main() -> None:
    """Evaluates the platforms named, or all that are shipped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for what Vela says")
    parser.add_argument("--few", action="store_true", help="a dozen networks only")
    parser.add_argument("platforms", nargs="*", metavar="PLATFORM", default=SHIPPED, help="names or files")
    arguments = parser.parse_args()
    for name in arguments.platforms:
        evaluate(name, load_platform(name), FEW if arguments.few else (*CNNS, *CELLS), arguments.work)


if __name__ == "__main__":
    main()
