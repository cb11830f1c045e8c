"""How published measurements of the ZCU102 become a platform: engines from nodes, the rest from whole networks.

Profiled nodes give the engines' sizes and rates. Inside an uninterrupted network three things differ, which a choice
among variants by left-out networks confirms: no offset per node, the memory port at the rate that streaming reaches,
and channel augmentation switched on. The host's share is calibrated on end-to-end times, from a start of a few
processor cycles per element.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from annette.devices.xilinx_dpu.constants import dpu_models, fit_dpu
from annette.devices.xilinx_dpu.importer import CLOCK_HZ
from annette.fitting.calibration import calibrate
from annette.fitting.formula_fit import (
    Published,
    accuracy_rows,
    device_report,
    fit_families,
    grouped_by_network,
    held_out,
    held_out_by_family,
    kernel_residuals,
    ranges_of,
)
from annette.fitting.samples import paired_kernels
from annette.mapping.kernel import KernelTable, Precision
from annette.mapping.rules import preset
from annette.models.roofline import Roofline
from annette.network.kinds import Category, kinds_in
from annette.platforms import Intervals, Overhead, Platform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.bench.dataset import Dataset
    from annette.bench.records import Run
    from annette.fitting.calibration import CalibrationReport
    from annette.fitting.families import KindFit
    from annette.fitting.request import FitReport, FitRequest
    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray
    from annette.models.base import LayerModel
    from annette.platforms import Provenance

__all__ = [
    "NOTES",
    "fit_datasets",
    "fit_zcu102",
    "left_out_nodes_s",
    "node_samples",
    "uncalibrated",
]

NOTES: Final = (
    "what distinguishes networks from profiles (no offset per node, streaming port, channel augmentation) was chosen "
    "on the table of networks; tools/evaluate_published.py --structure makes the choice inside every fold",
    "the host's cost per pixel, output and pooled element rests on 15 networks, that of windows above 8 on one",
    "the host started from 15 cycles per pixel, 3 per byte of host operators and 1 per output, at 1.2 GHz",
    "not priced: non-maximum suppression, box decoding and key-point grouping beyond a cost per output element",
)
"""What a user of the platform should know of the fit."""

PRECISION: Final = Precision(activation_bits=8, weight_bits=8)

_PROCESSOR_HZ: Final = 1.2e9
_CYCLES_PER_PIXEL: Final = 15.0
_CYCLES_PER_HOST_BYTE: Final = 3.0
_CYCLES_PER_OUTPUT: Final = 1.0
_CHANNELS: Final = 3
_AUGMENTED_CHANNELS: Final = 8
_MEASURED_HOST_KINDS: Final = ("softmax", "host_pool")
_WIDENING: Final = 2.0

_HOST_CATEGORIES: Final = (
    Category.ACTIVATION,
    Category.UNARY,
    Category.BINARY,
    Category.NORMALIZATION,
    Category.REDUCTION,
    Category.MOVEMENT,
    Category.QUANTIZATION,
)
_MOVING: Final = kinds_in(Category.MOVEMENT)
_OPS_PER_CYCLE: Final = 4096
"""Of a B4096: its name (Xilinx PG338, *DPU for Convolutional Neural Network*: 8 x 16 x 16 multiply-accumulates)."""
_ALONE: Final = ("batch_norm", "clip", "leaky_relu", "prelu", "relu")
"""What the DPU computes with a convolution, and on its own as fast as it adds: assumed."""


def node_samples(runs: Sequence[Run]) -> Samples:
    """The profiled nodes as samples, held out network by network."""
    samples = paired_kernels(runs, preset("dnndk"), PRECISION).samples
    return grouped_by_network(samples)


def left_out_nodes_s(samples: Samples) -> FloatArray:
    """Prediction of each node by the engines' formula, fitted without the nodes of its network.

    Args:
        samples: As `node_samples` gives them.

    Raises:
        FitError: There are too few nodes.
    """
    return held_out(samples, lambda part: dpu_models(fit_dpu(part, clock_hz=CLOCK_HZ), CLOCK_HZ))


def fit_datasets(datasets: Sequence[Dataset], request: FitRequest) -> FitReport:
    """The road of this family from datasets of layout ``zcu102`` to a platform (`annette.fitting.platform`).

    Args:
        datasets: One or more that ``annette import --layout zcu102`` has made.
        request: What is asked for.

    Raises:
        DatasetError: A dataset is damaged.
        FitError: There are too few nodes or networks, or a mapping or another precision is asked for.
    """
    report, fits = fit_zcu102(Published.read(datasets, request, NOTES), seed=request.seed)
    return device_report(report.platform, request, fits)


def fit_zcu102(published: Published, *, seed: int = 0) -> tuple[CalibrationReport, dict[str, KindFit]]:
    """Fits the platform ``zcu102-dnndk``.

    Args:
        published: Profiled nodes, timed at 287 MHz, and networks with their end-to-end times.
        seed: For everything random.

    Returns:
        The platform with what the whole networks added; the general families for kinds with enough nodes.

    Raises:
        FitError: There are too few nodes or networks.
    """
    samples = node_samples(published.kernels)
    constants = fit_dpu(samples, clock_hz=CLOCK_HZ)
    engines = dpu_models(constants, CLOCK_HZ, offset=False, streaming=True, augmented_channels=_AUGMENTED_CHANNELS)
    fits = fit_families(samples, seed=seed)
    left_out = held_out_by_family(samples, fits, "dpu", left_out_nodes_s(samples))
    start = uncalibrated(engines, published.provenance, fits)
    networks = [
        KernelTable.from_kernels(
            [kernel for kernel in start.mapping.apply(network) if not kernel.free], network, PRECISION
        )
        for network, _ in published.pairs
    ]
    start = replace(
        start,
        ranges={kind: limits for kind, limits in ranges_of([samples.table, *networks]).items() if kind in start.models},
        intervals=Intervals(kernels=kernel_residuals(samples, left_out), extrapolation_widening=_WIDENING),
        accuracy=tuple(accuracy_rows(samples, left_out)),
    )
    report = calibrate(
        start,
        published.pairs,
        overheads=("per_input_byte_s", "per_output_byte_s"),
        groupings=("device",),
        names=published.names,
    )
    return report, fits


def uncalibrated(engines: Mapping[str, LayerModel], provenance: Provenance, fits: Mapping[str, KindFit]) -> Platform:
    """The platform before it has seen a whole network.

    Args:
        engines: Models of the kinds that the accelerator runs, as they run inside a network.
        provenance: Where the measurements come from.
        fits: General families to ship beside the engines' formula.
    """
    models: dict[str, dict[str, LayerModel]] = {kind: {"dpu": model} for kind, model in engines.items()}
    models |= {kind: {"dpu": engines["add"]} for kind in _ALONE}
    for kind, fit in fits.items():
        models[kind] |= fit.models
    host = Roofline(ops_per_s=_PROCESSOR_HZ, bytes_per_s=_PROCESSOR_HZ / _CYCLES_PER_HOST_BYTE)
    copying = Roofline(ops_per_s=_PROCESSOR_HZ, bytes_per_s=_PROCESSOR_HZ)
    assumed = sorted(kinds_in(*_HOST_CATEGORIES) - models.keys() - {"softmax"})
    host_kinds = frozenset({*_MEASURED_HOST_KINDS, *assumed})
    models |= {kind: {"roofline": copying if kind in _MOVING else host} for kind in host_kinds}
    return Platform(
        name="zcu102-dnndk",
        description="Xilinx ZCU102, DPU B4096 at 287 MHz, one thread: fitted from published profiles and networks",
        device="Xilinx ZCU102, DPU B4096",
        runtime="DNNDK 3.1",
        precision=PRECISION,
        threads=1,
        latency_is="end_to_end",
        mapping=preset("dnndk"),
        models=models,
        preferred_family="dpu",
        preferred_by_kind=dict.fromkeys(sorted(host_kinds), "roofline"),
        overhead=Overhead(
            per_run_s=0.0,
            per_input_byte_s=_CYCLES_PER_PIXEL / _CHANNELS / _PROCESSOR_HZ,
            per_output_byte_s=_CYCLES_PER_OUTPUT / _PROCESSOR_HZ,
        ),
        provenance=provenance,
        host_kinds=host_kinds,
        assumed=dict.fromkeys(_ALONE, "no profile has it on its own: at the pooling unit's rate, as a sum")
        | {
            kind: "the Cortex-A53 runs it: a cycle per operation, and "
            + ("one per byte" if kind in _MOVING else f"{_CYCLES_PER_HOST_BYTE:g} per byte")
            for kind in assumed
        },
        peak_ops_per_s=_OPS_PER_CYCLE * CLOCK_HZ,
        batch_is="one_by_one",
    )
