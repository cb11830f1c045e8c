"""How datasets of the Toy NPU become a platform: the formula for the array, bytes for everything else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from toy_npu.formulas import ARRAY, cycles, moved_bytes
from toy_npu.models import Stream

from annette.fitting.platform import fit_generic
from annette.fitting.request import AUTO
from annette.mapping.kernel import KernelTable
from annette.mapping.rules import preset
from annette.models.tiled_roofline import TiledRoofline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annette.bench.dataset import Dataset
    from annette.fitting.request import FitReport, FitRequest
    from annette.mapping.kernel import FloatArray
    from annette.mapping.model import MappingModel
    from annette.models.base import LayerModel

_ARRAY: Final = ("conv", "grouped_conv", "depthwise_conv", "fully_connected", "matmul")
_ROUNDS: Final = 30


def known_mapping(environment: Mapping[str, str]) -> MappingModel:
    """The rules and the stage, which are the same for every Toy NPU."""
    del environment
    return preset("toy-npu")


def fit(datasets: Sequence[Dataset], request: FitRequest) -> FitReport:
    """The generic road, with the device's own models beside the general ones, and preferred to them."""
    if request.mapping == AUTO:
        request = replace(request, mapping=known_mapping({}))
    report = fit_generic(datasets, request)
    samples = {kind: (fit.samples.table, fit.samples.latency_s) for kind, fit in report.fits.items()}
    own: dict[str, LayerModel] = {}
    for kinds, fit_models in (
        ([kind for kind in samples if kind in _ARRAY], _fit_array),
        ([kind for kind in samples if kind == "dma"], _fit_stream),
        ([kind for kind in samples if kind not in (*_ARRAY, "dma")], _fit_stream),
    ):
        if kinds:
            own |= dict.fromkeys(kinds, fit_models(*_joined(samples[kind] for kind in kinds)))
    models = {kind: {**report.platform.models[kind], model.family: model} for kind, model in own.items()}
    platform = replace(
        report.platform,
        models={**report.platform.models, **models},
        preferred_by_kind={kind: model.family for kind, model in own.items()},
        intervals=None,  # those of the generic road are of other models
    )
    return replace(report, platform=platform)


def _joined(parts: Iterable[tuple[KernelTable, FloatArray]]) -> tuple[KernelTable, FloatArray]:
    tables, times = zip(*parts, strict=True)
    return KernelTable.concatenate(tables), np.concatenate(times)


def _fit_array(table: KernelTable, latency_s: FloatArray) -> TiledRoofline:
    """Least squares of the relative error; in turns with which of the two sides bounds each row."""
    computing, moving = cycles(table), moved_bytes(table)
    constants = {name: limits.typical for name, limits in ARRAY.constants.items()}
    for _ in range(_ROUNDS):
        computes = computing / (constants["clock_mhz"] * 1e6) >= moving / (constants["bus_gb_per_s"] * 1e9)
        sides = np.column_stack([computing * computes, moving * ~computes, np.ones(len(table))])
        per_cycle_s, per_byte_s, start_s = np.linalg.lstsq(sides / latency_s[:, None], np.ones(len(table)), rcond=None)[
            0
        ]
        if computes.any():
            constants["clock_mhz"] = 1e-6 / per_cycle_s
        if not computes.all():
            constants["bus_gb_per_s"] = 1e-9 / per_byte_s
        constants["start_us"] = max(start_s * 1e6, 0.0)
    return TiledRoofline(ARRAY.name, {name: float(value) for name, value in constants.items()})


def _fit_stream(table: KernelTable, latency_s: FloatArray) -> Stream:
    sides = np.column_stack([table.bytes, np.ones(len(table))])
    per_byte_s, start_s = np.linalg.lstsq(sides / latency_s[:, None], np.ones(len(table)), rcond=None)[0]
    return Stream(float(1 / per_byte_s), float(max(start_s, 0.0)))
