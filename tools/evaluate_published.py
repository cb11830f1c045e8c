"""Cross-validated errors of the platforms that are fitted from published measurements.

Usage: ``python tools/evaluate_published.py --data DATA [--structure] [--out docs/devices/accuracy.md]`` where DATA
holds the published tables. Everything goes through the package's own readers, mappings, fits and estimates.

``--structure`` also chooses, for every network of the ZCU102 that is left out, the variant of the device among eight by
the other networks alone (some minutes).
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import spearmanr

from annette.devices.tvm_arm.fit import PHONES, fit_phone, left_out_latency_s, left_out_layers_s, phone_samples
from annette.devices.tvm_arm.importer import import_tophub
from annette.devices.xilinx_dpu.constants import dpu_models, fit_dpu
from annette.devices.xilinx_dpu.fit import fit_zcu102, left_out_nodes_s, node_samples, uncalibrated
from annette.devices.xilinx_dpu.importer import CLOCK_HZ, PROXYLESS, import_zcu102
from annette.estimation import estimate_network
from annette.fitting.calibration import CalibrationReport, calibrate
from annette.fitting.formula_fit import Published

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.devices.tvm_arm.fit import Phone
    from annette.devices.xilinx_dpu.constants import DpuConstants
    from annette.fitting.samples import Samples
    from annette.network import Network
    from annette.platforms import Platform

Row = tuple[str, str, str, str]

Variant = tuple[bool, bool, int]
"""What distinguishes a network from a profile: offset per node, streaming port, channels that are augmented."""


def main() -> None:
    """Prints the table, and writes it where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the published tables")
    parser.add_argument("--structure", action="store_true", help="choose the ZCU102's variant inside every fold")
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    zcu102 = Published.of(import_zcu102(arguments.data / "zcu102"))
    rows = evaluate_zcu102(zcu102, structure=arguments.structure)
    for phone in PHONES.values():
        rows += evaluate_phone(phone, Published.of(import_tophub(arguments.data / "tophub", phone.name)))
    text = table(rows)
    print(text)
    if arguments.out is not None:
        arguments.out.write_text(HEADING + text + "\n", encoding="utf-8")


def evaluate_phone(phone: Phone, published: Published) -> list[Row]:
    """Layers and networks of a phone."""
    platform, _ = fit_phone(phone, published)
    samples = phone_samples(published.kernels)
    measured = [latency_s for _, latency_s in published.pairs]
    estimated = [estimate_network(network, platform).latency_s for network, _ in published.pairs]
    left_out = [left_out_latency_s(phone, samples, network, published.provenance) for network, _ in published.pairs]
    what = f"{phone.name}, five networks: MAPE"
    return [
        (f"{what}, fitted on all layers", percent(error(estimated, measured)), "10 %", "5 %"),
        (f"{what}, layers of the network in question left out", percent(error(left_out, measured)), "15 %", "10 %"),
        (f"{phone.name}, layers, tenfold: MAPE", percent(error(left_out_layers_s(samples), samples.latency_s)), "", ""),
    ]


def error(estimated: Sequence[float], measured: Sequence[float]) -> float:
    """Mean absolute relative error."""
    return float(np.abs(np.array(estimated) / np.array(measured) - 1).mean())


def evaluate_zcu102(published: Published, *, structure: bool) -> list[Row]:
    """Nodes and networks of the ZCU102."""
    samples = node_samples(published.kernels)
    given = samples.select((samples.groups != PROXYLESS) & np.isin(samples.table.kinds, ("conv", "fully_connected")))
    rows = []
    for what, part, limits in (
        ("DPU nodes with given dimensions", given, ("15 %", "10 %")),
        ("DPU nodes, rebuilt ones included", samples, ("15 %", "10 %")),
    ):
        share = percent(error(left_out_nodes_s(part), part.latency_s))
        rows.append((f"{what} ({len(part)}), one network left out: MAPE", share, *limits))
        rows.append((f"{what}: unrolling found on all / with one network left out", unrollings(part), "", "8x16x16"))
    report, _ = fit_zcu102(published)
    count = len(report.names)
    rows.append(
        (f"ZCU102, {count} networks end to end, one left out: MAPE", percent(report.error("left_out")), "12 %", "7 %")
    )
    rows.append(("the same: Spearman's rho", rho(report.left_out_s, report.measured_s), "0.97", "0.99"))
    rows.append(("the same, fitted on all", percent(report.error("fitted")), "", ""))
    rows.append(("the same, before any network was seen", percent(report.error("before")), "", ""))
    if structure:
        estimates, chosen = nested(published, fit_dpu(samples, clock_hz=CLOCK_HZ))
        share = percent(error(estimates, report.measured_s))
        what = f"the same, structure chosen inside the folds ({chosen})"
        rows.append((what, f"{share}, rho {rho(estimates, report.measured_s)}", "12 %", "7 %"))
    return rows


def unrollings(samples: Samples) -> str:
    """Sizes found on all nodes and in each fold, with tied and with free channels."""
    groups = np.unique(samples.groups)
    texts = []
    for tied in (True, False):
        parts = [samples, *(samples.select(samples.groups != group) for group in groups)]
        found = [sizes(fit_dpu(part, clock_hz=CLOCK_HZ, tied=tied)) for part in parts]
        texts.append(f"{'tied' if tied else 'free'} channels: {found[0]} / {', '.join(found[1:])}")
    return "; ".join(texts)


def sizes(constants: DpuConstants) -> str:
    """Rows, input and output channels of the array."""
    return f"{constants.rows}x{constants.in_channels}x{constants.out_channels}"


def nested(published: Published, constants: DpuConstants) -> tuple[list[float], str]:
    """Each network by the variant and calibration that the others prefer; and how often each variant was chosen."""
    start = {
        (offset, streaming, augmented): uncalibrated(
            dpu_models(constants, CLOCK_HZ, offset=offset, streaming=streaming, augmented_channels=augmented),
            published.provenance,
            {},
        )
        for offset, streaming, augmented in itertools.product((True, False), (True, False), (0, 8))
    }
    estimates, chosen = [], []
    for left, (network, _) in enumerate(published.pairs):
        others = [pair for index, pair in enumerate(published.pairs) if index != left]
        variant, report = choose_variant(start, others)
        estimates.append(estimate_network(network, report.platform).latency_s)
        chosen.append(variant)
    counts = {variant: chosen.count(variant) for variant in dict.fromkeys(chosen)}
    return estimates, "; ".join(f"{count} x {describe(variant)}" for variant, count in counts.items())


def choose_variant(
    start: Mapping[Variant, Platform], pairs: Sequence[tuple[Network, float]]
) -> tuple[Variant, CalibrationReport]:
    """The variant whose calibration predicts left-out networks best.

    Args:
        start: Uncalibrated platforms by variant.
        pairs: Networks with their end-to-end times.
    """
    reports = {
        variant: calibrate(platform, pairs, overheads=("per_input_byte_s", "per_output_byte_s"), groupings=("device",))
        for variant, platform in start.items()
    }
    errors = [report.error("left_out") for report in reports.values()]
    best = list(reports)[int(np.argmin(errors))]
    return best, reports[best]


def describe(variant: Variant) -> str:
    """A variant in words."""
    offset, streaming, augmented = variant
    parts = ("offset" if offset else "no offset", "streaming port" if streaming else "profiled port")
    return ", ".join((*parts, "augmentation" if augmented else "no augmentation"))


def rho(estimated: Sequence[float], measured: Sequence[float]) -> str:
    """Spearman's rank correlation."""
    return f"{float(spearmanr(estimated, measured)[0]):.3f}"


def percent(error: float) -> str:
    """A share as text."""
    return f"{error:.1%}".replace("%", " %")


def table(rows: Sequence[Row]) -> str:
    """The rows in Markdown."""
    lines = ["| What | Reached | Must | Aim |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


HEADING = """# Accuracy on published measurements

Printed by `python tools/evaluate_published.py --data DATA --structure`. Nothing that is left out was seen by any step
of the fit in question; where a structural choice was made in sight of all data, the last row of the ZCU102 makes it
inside the folds.

"""


if __name__ == "__main__":
    main()
