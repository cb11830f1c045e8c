"""Compares the Ethos-U platforms with Vela on whole networks, which had no part in fitting.

Usage: ``python tools/evaluate_ethos_u.py --work FOLDER [PLATFORM ...]``. Networks of the zoo and 34 NAS-Bench-101 cells
(seeds 0 to 33) are lowered to int8 and compiled; what Vela measured is kept in FOLDER. Prints a Markdown table and a
line for each network.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from annette.bench.dataset import Dataset
from annette.bench.session import measure_networks, network_case
from annette.bench.settings import Settings
from annette.devices.arm_ethos_u.fit import TARGETS, EthosU
from annette.errors import AnnetteError
from annette.estimation import estimate_network
from annette.network.zoo import build
from annette.platforms import load_platform

CNNS = (
    "alexnet", "vgg16", "googlenet", "inception_v1", "inception_v2", "inception_v3", "resnet18", "resnet34", "resnet50",
    "resnext50_32x4d", "wide_resnet50_2", "densenet121", "squeezenet1_0", "squeezenet1_1", "mobilenet_v1",
    "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "shufflenet_v2_x1_0", "mnasnet0_5", "mnasnet1_0",
    "efficientnet_b0", "regnet_x_400mf", "regnet_y_400mf", "yolov4_tiny", "yolov3", "semantic_fpn_resnet18",
    "openpose_lightweight",
)  # fmt: skip
"""Convolutional networks of the zoo, fixed before anything was compared."""

CELLS = tuple(range(34))


def measured(target: EthosU, work: Path) -> dict[str, float]:
    """Vela's time of every network that it compiles, seconds; each is compiled once and kept."""
    networks = {name: build(name) for name in CNNS} | {f"cell{n}": build(f"nasbench101:seed{n}") for n in CELLS}
    path = work / f"{target.name}.networks"
    with Dataset.open(path, write=True) if path.exists() else Dataset.create(path) as dataset:
        known = {run.case for run in dataset.runs()}
        cases = [network_case(name, net, backend="vela") for name, net in networks.items() if name not in known]
        if cases:
            measure_networks(
                cases, dataset, backend="vela", options=dict(target.options), settings=Settings(), rounds=1
            )
        runs = list(dataset.runs())
    for run in runs:
        if not run.status.usable:
            print(f"- not compiled: {run.case}: {run.reason}")
    return {run.case: run.latency_s for run in runs if run.status.usable and run.case in networks}


def network(name: str):  # noqa: ANN201 - a Network; its type is not worth an import in a script
    """A network by the name used here."""
    return build(f"nasbench101:seed{name[4:]}") if name.startswith("cell") else build(name)


def ranks(values: np.ndarray) -> np.ndarray:
    """Rank of each value."""
    return np.argsort(np.argsort(values))


def evaluate(target: EthosU, work: Path, folder: Path | None) -> None:
    """Prints what one platform is worth."""
    platform = load_platform(str(folder / f"{target.name}.json") if folder else target.name)
    rows = []
    for name, seconds in measured(target, work).items():
        try:
            found = [estimate_network(network(name), platform, model=model).latency_s for model in (None, "roofline")]
        except AnnetteError as error:
            print(f"- not estimated: {name}: {error}")
            continue
        rows.append((name, seconds, *found))
        if not name.startswith("cell"):
            ours, plain = (f"{value / seconds - 1:+.2%}" for value in found)
            print(f"- {name}: {seconds * 1e3:.3f} ms, {ours}, roofline {plain}")
    for label, part in (
        ("networks", [row for row in rows if not row[0].startswith("cell")]),
        ("NAS-Bench-101 cells", [row for row in rows if row[0].startswith("cell")]),
    ):
        truth, ours, roofline = np.array([row[1:] for row in part]).T
        error, plain = (100 * np.abs(values / truth - 1).mean() for values in (ours, roofline))
        rho = np.corrcoef(ranks(truth), ranks(ours))[0, 1]
        print(f"| {target.name} | {len(part)} {label} | {error:.2f} % | {plain:.2f} % | {rho:.4f} |", flush=True)


def main() -> None:
    """Evaluates the platforms named, or all that are shipped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for what is measured")
    parser.add_argument("--platforms", type=Path, help="folder with the platform files, if not the shipped ones")
    parser.add_argument("names", nargs="*", default=[target.name for target in TARGETS])
    arguments = parser.parse_args()
    for target in TARGETS:
        if target.name in arguments.names:
            evaluate(target, arguments.work, arguments.platforms)


if __name__ == "__main__":
    main()
