"""How published counters of the Neural Compute Stick 2 become a platform.

Layer models are fitted on the counters (`annette.devices.intel_myriad.constants`); kinds that nobody measured keep the
original ANNETTE's published parameters and are marked as assumed. What the host adds follows from the end-to-end
latencies of networks on another board.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.devices.intel_myriad.constants import UNSEEN, Settings, choose_settings, fit_models
from annette.devices.intel_myriad.importer import TWINS, Counter, match_counters
from annette.estimation import estimate_network
from annette.fitting.conformal import log_residuals
from annette.fitting.formula_fit import (
    Published,
    accuracy_rows,
    device_report,
    kernel_residuals,
    networks_of,
    ranges_of,
)
from annette.fitting.platform import fit_generic
from annette.fitting.samples import Samples
from annette.mapping.kernel import KernelTable, Precision
from annette.mapping.rules import preset
from annette.platforms import Intervals, Overhead, Platform, Source, load_platform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.bench.dataset import Dataset
    from annette.bench.records import Run
    from annette.fitting.request import FitReport, FitRequest
    from annette.mapping.kernel import FloatArray
    from annette.mapping.model import MappingModel
    from annette.models.base import LayerModel
    from annette.platforms import Provenance

__all__ = ["FAMILIES", "MAPPING", "NOTES", "counter_samples", "fit_datasets", "fit_ncs2", "known_mapping"]

MAPPING: Final = preset("openvino-myriad")
"""Which layers run as one kernel, and where tensors lie."""

FAMILIES: Final = ("roofline", "refined-roofline", "statistical", "tiled-roofline", "mixed")
"""Families fitted for each group of kinds, from the simplest."""

_HOST_NOTE: Final = (
    "The host's time per run is the median of end-to-end latency less estimated device time over 1,000 small "
    "networks on another board; its time per byte is the original's published charge for inputs: for large "
    "inputs over USB it is a lower bound."
)
NOTES: Final = (
    "The structure of the formulas was found on all four networks; constants were cross-validated.",
    _HOST_NOTE,
    "Depthwise and grouped convolutions have no measurement here: the plug-in's way of splitting them is "
    "priced with the constants of dense ones.",
)
"""What a user of the platform should know of the fit."""

_STRUCTURE: Final = Source(
    title="structure of the tiler and of the placement passes, re-implemented",
    location="https://github.com/openvinotoolkit/openvino, inference-engine/src/vpu/graph_transformer",
    licence="Apache-2.0",
)
_ORIGINAL: Final = "ncs2-openvino-original"
_PRECISION: Final = Precision(activation_bits=16, weight_bits=16)
_PEAK_OPS_PER_S: Final = 1e12
"""Of the two Neural Compute Engines: a trillion operations per second on networks.

Intel, *Optimize Networks for the Intel Neural Compute Stick 2*,
software.intel.com/en-us/articles/neural-compute-stick-2-optimizing-networks. The 4 trillion of the announcement count
everything else on the chip, too (AnandTech, *Intel Announces Movidius Myriad X VPU*, show/11771).
"""
_RANGED: Final = (
    "batch", "groups", "in_channels", "in_depth", "in_height", "in_width", "out_channels", "out_depth", "out_height",
    "out_width", "kernel_height", "kernel_width", "stride_height", "stride_width", "dilation_height", "dilation_width",
)  # fmt: skip
_WIDENING: Final = 2.0


def known_mapping(environment: Mapping[str, str]) -> MappingModel:
    """The plug-in's rules and its placement of tensors."""
    del environment
    return MAPPING


def fit_datasets(datasets: Sequence[Dataset], request: FitRequest) -> FitReport:
    """The road of this family from datasets to a platform (`annette.fitting.platform`).

    Published counters of whole networks (``annette import --layout ncs2``) are fitted by the formulas here; what was
    measured kernel by kernel, on a stick with ``annette bench`` for one, goes the generic road with the plug-in's
    mapping among the candidates.

    Args:
        datasets: One or more.
        request: What is asked for.

    Raises:
        DatasetError: A dataset is damaged.
        FitError: The datasets do not belong together, or a mapping or another precision is asked for that the
            counters do not have.
    """
    if not all("collection" in environment for dataset in datasets for environment in dataset.environments()):
        report = fit_generic(datasets, request)
        return replace(report, road="measured on a Myriad X kernel by kernel: fitted by the generic road")
    published = Published.read(datasets, request, NOTES)
    return device_report(fit_published(published), request)


def fit_published(published: Published) -> Platform:
    """The platform ``ncs2-openvino`` with the host's overhead, where end-to-end latencies tell it.

    Args:
        published: Counters of whole networks, and networks with their end-to-end latencies.
    """
    original, provenance = load_platform(_ORIGINAL), published.provenance
    sources = (*provenance.sources, _STRUCTURE, *original.provenance.sources)
    samples = counter_samples(published.kernels)
    platform = fit_ncs2(samples, original, replace(provenance, sources=sources))
    if not published.networks:
        notes = tuple(note for note in provenance.notes if note != _HOST_NOTE)
        return replace(platform, provenance=replace(platform.provenance, notes=notes))
    host_s = [
        latency_s - estimate_network(network, platform).device_latency_s for network, latency_s in published.pairs
    ]
    per_byte_s = original.overhead.per_input_byte_s
    overhead = Overhead(
        per_kernel_s=platform.overhead.per_kernel_s,
        per_run_s=max(0.0, float(np.median(host_s))),
        per_input_byte_s=per_byte_s,
        per_output_byte_s=per_byte_s,
    )
    return replace(platform, overhead=overhead)


def counter_samples(runs: Sequence[Run]) -> Samples:
    """The kernels of whole networks with their measured times.

    Args:
        runs: Networks whose kernels are the rows of a report, named after layers.
    """
    parts = []
    for run in runs:
        counters = [Counter(record.name, record.operator, True, record.latency_s) for record in run.kernels]
        matched = match_counters(counters, MAPPING.apply(run.network))
        pairs = [(row, kernel) for row, kernel in matched if kernel is not None and not kernel.free]
        parts.append(
            Samples(
                KernelTable.from_kernels([kernel for _, kernel in pairs], run.network, _PRECISION),
                np.array([row.latency_s for row, _ in pairs]),
                np.full(len(pairs), TWINS.get(run.case, run.case)),
                np.array([f"{run.case}/{row.layer}" for row, _ in pairs]),
            )
        )
    return Samples.concatenate(parts)


def fit_ncs2(
    samples: Samples,
    published: Platform,
    provenance: Provenance,
    *,
    settings: Settings | None = None,
    held_out: bool = True,
) -> Platform:
    """Fits the platform.

    Args:
        samples: Measured kernels of the networks to fit on.
        published: The original's parameters, for kinds that nobody measured.
        provenance: Where all of it comes from.
        settings: How to fit; None chooses by leaving networks out.
        held_out: Whether to find intervals and accuracy by leaving networks out.

    Returns:
        The platform; its headline latency is that of the device, and what the host adds is not known yet.
    """
    settings = settings or choose_settings(samples)
    models: dict[str, Mapping[str, LayerModel]] = dict(fit_models(samples, settings))
    assumed = {kind: f"constants of {like}, no kernel of this kind measured" for kind, like in UNSEEN.items()}
    for kind, families in published.models.items():
        if kind not in models:
            models[kind] = {name: model for name, model in families.items() if name in ("roofline", "refined-roofline")}
            assumed[kind] = "the original ANNETTE's published parameters"
    left_out = _left_out(samples) if held_out else {}
    preferred = {
        kind: next(name for name in ("tiled-roofline", "refined-roofline", "roofline") if name in families)
        for kind, families in models.items()
        if kind != "conv"
    }
    return Platform(
        name="ncs2-openvino",
        description="Intel Neural Compute Stick 2 (Myriad X) with OpenVINO 2019, fitted on published counters.",
        device="Intel Neural Compute Stick 2 (Myriad X)",
        runtime="OpenVINO 2019, MYRIAD plug-in",
        precision=_PRECISION,
        threads=1,
        latency_is="device",
        mapping=MAPPING,
        models=models,
        preferred_family="mixed",
        preferred_by_kind=preferred,
        ranges=ranges_of([samples.table], _RANGED),
        intervals=_intervals(samples, left_out, preferred) if left_out else None,
        accuracy=tuple(accuracy_rows(samples, left_out)),
        provenance=provenance,
        assumed=assumed,
        peak_ops_per_s=_PEAK_OPS_PER_S,
        batch_is="one_by_one",  # its compiler loops over the samples of what cannot take several
    )


def _left_out(samples: Samples) -> dict[str, FloatArray]:
    """Prediction of each row, by family, by models and settings that never saw its network."""
    left_out = {family: np.full(len(samples), np.nan) for family in FAMILIES}
    for group in np.unique(samples.groups):
        test = samples.groups == group
        training = samples.select(~test)
        models = fit_models(training, choose_settings(training))
        held = samples.table.select(test)
        for family, column in left_out.items():
            predicted = np.full(len(held), np.nan)
            for kind, rows in held.rows_by_kind.items():
                if family in models[kind]:
                    predicted[rows] = models[kind][family].predict_s(held.select(rows))
            column[test] = predicted
    return left_out


def _intervals(samples: Samples, left_out: Mapping[str, FloatArray], preferred: Mapping[str, str]) -> Intervals:
    names, kinds = networks_of(samples), samples.table.kinds.tolist()
    predicted = np.array([left_out[preferred.get(kind, "mixed")][row] for row, kind in enumerate(kinds)])
    totals = [
        np.log(samples.latency_s[names == name].sum() / predicted[names == name].sum()) for name in np.unique(names)
    ]
    return Intervals(
        kernels=kernel_residuals(samples, left_out),
        networks=log_residuals(np.array(totals)),
        extrapolation_widening=_WIDENING,
    )
