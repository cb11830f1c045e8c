"""Phones with TVM's tuned kernels: convolutions from TopHub, everything else from facts about the memory.

TopHub's tables hold convolutions only. Each of four kinds (Winograd, pointwise, other dense, depthwise) has a
saturating rate, fitted by a linear programme: least absolute relative error with coefficients that are not negative.
Pools, fully connected layers, normalizations and joins are priced by the processor's cache and memory bandwidth, and
are marked as assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import linprog

from annette.devices.tvm_arm.models import TERMS, CachedMemory, SaturatingRate
from annette.errors import FitError
from annette.estimation import estimate_network
from annette.fitting.conformal import log_residuals
from annette.fitting.formula_fit import (
    Published,
    accuracy_rows,
    device_report,
    fit_families,
    held_out,
    held_out_by_family,
    kernel_residuals,
    ranges_of,
)
from annette.fitting.samples import clean, paired_kernels
from annette.fitting.training_data import common_environment
from annette.mapping.kernel import KernelTable, Precision
from annette.mapping.rules import preset
from annette.network.kinds import Category, kinds_in
from annette.platforms import Intervals, Platform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from annette.bench.dataset import Dataset
    from annette.bench.records import Run
    from annette.fitting.families import KindFit
    from annette.fitting.request import FitReport, FitRequest
    from annette.fitting.samples import Samples
    from annette.mapping.kernel import FloatArray
    from annette.models.base import LayerModel
    from annette.network import Network
    from annette.platforms import Provenance

__all__ = [
    "DENSE_TERMS",
    "NOTES",
    "PHONES",
    "Phone",
    "fit_datasets",
    "fit_phone",
    "fit_phone_models",
    "fit_saturating",
    "left_out_latency_s",
    "left_out_layers_s",
    "phone_samples",
]

NOTES: Final = (
    "fitted on TopHub's tuned convolutions alone; the whole networks are a check, and give the intervals",
    "the cache's tier of the assumed kinds was added in sight of the networks' times",
    "the measured layers themselves, summed, are about 6 % (snapdragon835) and 10 % (kirin970) off the networks' times",
)
"""What a user of the platforms should know of the fit."""

PRECISION: Final = Precision(activation_bits=32, weight_bits=32)

DENSE_TERMS: Final = ("per_mac_s", "per_output_s", "per_patch_s", "per_weight_s", "offset_s")
"""Terms of convolutions that mix channels."""

_DEPTHWISE_TERMS: Final = ("per_mac_s", "per_input_s", "offset_s")
"""Terms of depthwise convolutions: the input counts on its own, since a stride reads what it does not use."""

_FITTED: Final[Mapping[str, tuple[str, ...]]] = {
    "winograd_conv": DENSE_TERMS,
    "pointwise_conv": DENSE_TERMS,
    "conv": DENSE_TERMS,
    "depthwise_conv": _DEPTHWISE_TERMS,
}
_LIKE_DIRECT: Final = ("grouped_conv", "conv_transpose")
_CONFIGURATION: Final = (
    "batch", "groups", "in_channels", "in_height", "in_width", "out_channels", "out_height", "out_width",
    "kernel_height", "kernel_width", "stride_height", "stride_width",
)  # fmt: skip
_WIDENING: Final = 2.0
_WHY_MEMORY: Final = (
    "no measurement: activations at the cache's bandwidth if they fit, else and for weights at the memory's"
)
_MOVING: Final = (
    Category.POOLING,
    Category.GLOBAL_POOLING,
    Category.ACTIVATION,
    Category.UNARY,
    Category.BINARY,
    Category.NORMALIZATION,
    Category.REDUCTION,
    Category.MOVEMENT,
    Category.VIEW,
    Category.QUANTIZATION,
)


_BIG_CORES: Final = 4
_OPS_PER_CYCLE: Final = 8
_WINOGRAD_SAVES: Final = 4


@dataclass(frozen=True, slots=True)
class Phone:
    """Facts about a phone's processor.

    Attributes:
        name: What TopHub calls the chip.
        platform: The platform's name.
        device: Chip, and the phone that the whole networks ran on.
        memory_bytes_per_s: Half of what the memory's pins carry.
        cache_bytes: Second-level cache of the big cores.
        cache_bytes_per_s: Its bandwidth: a guess of twice the memory's pins.
        clock_hz: The big cores' highest clock: 2.36 GHz of the Kirin 970 (nanoreview.net's table of chips), 2.456 GHz
            of the Kryo 280 in the Snapdragon 835 (Wikipedia, *ARM Cortex-A73*).
    """

    name: str
    platform: str
    device: str
    memory_bytes_per_s: float = 14.9e9
    cache_bytes: float = 2.0 * 2**20
    cache_bytes_per_s: float = 60e9
    clock_hz: float = 2.36e9

    @property
    def peak_ops_per_s(self) -> float:
        """What tuned code cannot exceed, in operations of direct convolutions.

        Assumed, from what is known of the cores' predecessor: Arm publishes no throughputs of the Cortex-A73. Its two
        floating-point pipes take two micro-operations a cycle (AnandTech, *The Cortex A73's Microarchitecture*,
        show/10347), and LLVM schedules it as a Cortex-A57, where a fused multiply-add of four numbers occupies both
        (llvm/lib/Target/AArch64, AArch64Processors.td and AArch64SchedA57.td); the Cortex-A72 was measured at 8
        operations a cycle (wlog.flatlib.jp/2015/10/30/n1787). Winograd's F(4 x 4, 3 x 3), which TVM's schedules for
        these cores use (python/tvm/topi/arm_cpu/conv2d.py, ``tile_size``), does 36 multiplications where 144 count.
        """
        return _BIG_CORES * _OPS_PER_CYCLE * _WINOGRAD_SAVES * self.clock_hz


PHONES: Final[Mapping[str, Phone]] = {
    "snapdragon835": Phone(
        "snapdragon835", "snapdragon835-tvm", "Qualcomm Snapdragon 835, big cores (Google Pixel 2)", clock_hz=2.456e9
    ),
    "kirin970": Phone("kirin970", "kirin970-tvm", "HiSilicon Kirin 970, big cores (Huawei P20 Pro)"),
}
"""Phones whose memory is known, by the name that TopHub gives their chip.

Both have LPDDR4X-1866 on 4 x 16 bit, 29.9 GB/s at the pins, and 2 MiB of second-level cache in the big cluster.
"""


def phone_samples(runs: Sequence[Run]) -> Samples:
    """The tuned layers as samples, one row for each configuration."""
    samples = paired_kernels(runs, preset("tvm-cpu"), PRECISION).samples
    return clean(samples)[0]


def fit_datasets(datasets: Sequence[Dataset], request: FitRequest) -> FitReport:
    """The road of this family from a dataset of layout ``tophub`` to a platform (`annette.fitting.platform`).

    Args:
        datasets: One or more that ``annette import --layout tophub`` has made, of one of the `PHONES`.
        request: What is asked for.

    Raises:
        DatasetError: A dataset is damaged.
        FitError: There are too few layers of a kind, the datasets are of several devices, or a mapping or another
            precision is asked for.
    """
    phone = PHONES[common_environment(datasets)["device"]]
    platform, fits = fit_phone(phone, Published.read(datasets, request, NOTES), seed=request.seed)
    return device_report(platform, request, fits)


def fit_phone(phone: Phone, published: Published, *, seed: int = 0) -> tuple[Platform, dict[str, KindFit]]:
    """Fits a phone's platform on layers; the networks only say how good it is.

    Args:
        phone: Facts about the processor.
        published: TopHub's layers of it, and whole networks with their times.
        seed: For everything random.

    Returns:
        The platform; the general families.

    Raises:
        FitError: There are too few layers of a kind.
    """
    networks, provenance = published.pairs, published.provenance
    samples = phone_samples(published.kernels)
    fits = fit_families(samples, seed=seed)
    by_family = held_out_by_family(samples, fits, "saturating-rate", left_out_layers_s(samples))
    measured_s = np.array([latency_s for _, latency_s in networks])
    left_out = np.array([left_out_latency_s(phone, samples, network, provenance) for network, _ in networks])
    intervals = Intervals(
        kernels=kernel_residuals(samples, by_family),
        networks=log_residuals(np.log(measured_s / left_out)) if len(networks) > 1 else None,
        extrapolation_widening=_WIDENING,
    )
    accuracy = [*accuracy_rows(samples, by_family)]
    if len(networks):
        error = float(np.abs(left_out / measured_s - 1).mean())
        accuracy.append({"kind": "networks", "rows": len(networks), "left-out MAPE": round(error, 4)})
    return _platform(phone, samples, provenance, fits, intervals, accuracy), fits


def fit_phone_models(samples: Samples) -> dict[str, SaturatingRate]:
    """The saturating rates of the four kinds.

    Raises:
        FitError: A kind has too few rows.
    """
    return {kind: fit_saturating(samples.of_kind(kind), terms) for kind, terms in _FITTED.items()}


def fit_saturating(samples: Samples, terms: Sequence[str]) -> SaturatingRate:
    """Fits one kind.

    Args:
        samples: Its rows, of one kind.
        terms: Which coefficients may differ from 0.

    Raises:
        FitError: There are fewer rows than coefficients, or the programme has no solution.
    """
    if len(samples) <= len(terms):
        raise FitError(
            f"a saturating rate of {len(terms)} terms needs more rows than that, and there are {len(samples)}"
        )
    positions = [TERMS.index(name) for name in terms]
    coefficients = _least_absolute(SaturatingRate.columns(samples.table)[:, positions], samples.latency_s)
    return SaturatingRate(**{**dict.fromkeys(TERMS, 0.0), **dict(zip(terms, coefficients.tolist(), strict=True))})


def _least_absolute(columns: FloatArray, latency_s: FloatArray) -> FloatArray:
    """Coefficients a >= 0 that minimise ``sum(|columns a / latency - 1|)``; deterministic.

    Args:
        columns: What the coefficients multiply, not negative, shape ``(rows, coefficients)``.
        latency_s: Measured times, above 0, shape ``(rows,)``.

    Raises:
        FitError: The solver finds no optimum.
    """
    scale = np.maximum(columns.max(axis=0), 1e-300)
    relative = columns / scale / latency_s[:, None]
    unit = float(np.median(1.0 / latency_s))
    rows, width = relative.shape
    cost = np.concatenate([np.zeros(width), np.ones(2 * rows)])
    slack = np.hstack([np.eye(rows), -np.eye(rows)])
    equations = np.hstack([relative / unit, slack])
    solution = linprog(cost, A_eq=equations, b_eq=np.ones(rows), bounds=(0, None), method="highs")
    if not solution.success:
        raise FitError(f"the linear programme of a saturating rate has no solution: {solution.message}")
    coefficients: FloatArray = np.maximum(solution.x[:width], 0.0) / unit / scale
    return coefficients


def left_out_layers_s(samples: Samples, folds: int = 10) -> FloatArray:
    """Prediction of each layer by rates that were fitted on other folds; each kind is spread over all of them.

    Args:
        samples: As `phone_samples` gives them.
        folds: How many.
    """
    groups: npt.NDArray[np.str_] = np.empty(len(samples), dtype="<U12")
    for rows in samples.table.rows_by_kind.values():
        groups[rows] = [f"fold {position % folds}" for position in range(len(rows))]
    return held_out(replace(samples, groups=groups), fit_phone_models)


def left_out_latency_s(phone: Phone, samples: Samples, network: Network, provenance: Provenance) -> float:
    """Estimate of a network by rates that were fitted without any layer of the same configuration.

    Args:
        phone: Facts about the processor.
        samples: TopHub's layers of it.
        network: The network in question.
        provenance: For the platform that is made on the way.
    """
    kernels = [kernel for kernel in preset("tvm-cpu").apply(network) if not kernel.free]
    own = set(_configurations(KernelTable.from_kernels(kernels, network, PRECISION)))
    keep = np.array([key not in own for key in _configurations(samples.table)])
    platform = _platform(phone, samples.select(keep), provenance, {}, None, [])
    return estimate_network(network, platform).latency_s


def _configurations(table: KernelTable) -> list[tuple[str, ...]]:
    """A key for each row, equal for layers of equal dimensions whatever is fused with them."""
    values = np.column_stack([table[name] for name in _CONFIGURATION])
    return [(kind, *map(str, row)) for kind, row in zip(table.kinds.tolist(), values.tolist(), strict=True)]


def _platform(
    phone: Phone,
    samples: Samples,
    provenance: Provenance,
    fits: Mapping[str, KindFit],
    intervals: Intervals | None,
    accuracy: Sequence[Mapping[str, object]],
) -> Platform:
    rates = fit_phone_models(samples)
    models: dict[str, dict[str, LayerModel]] = {kind: {"saturating-rate": model} for kind, model in rates.items()}
    for kind, fit in fits.items():
        models[kind] |= fit.models
    models |= {kind: {"saturating-rate": rates["conv"]} for kind in _LIKE_DIRECT}
    # Computing is as fast as in pointwise convolutions.
    ops_per_s = 2.0 / rates["pointwise_conv"].per_mac_s
    memory = CachedMemory(ops_per_s, phone.memory_bytes_per_s, phone.cache_bytes, phone.cache_bytes_per_s)
    moving = sorted(kinds_in(*_MOVING) | {"fully_connected", "matmul"})
    models |= {kind: {"cached-memory": memory} for kind in moving}
    return Platform(
        name=phone.platform,
        description=f"{phone.name} with TVM, FP32, tuned: convolutions fitted on TopHub, the rest from bandwidths",
        device=phone.device,
        runtime="TVM 0.5 (AutoTVM, TopHub arm_cpu v0.08)",
        precision=PRECISION,
        threads=4,
        latency_is="device",
        mapping=preset("tvm-cpu"),
        models=models,
        preferred_family="saturating-rate",
        preferred_by_kind=dict.fromkeys(moving, "cached-memory"),
        ranges={kind: limits for kind, limits in ranges_of([samples.table]).items() if kind in rates},
        intervals=intervals,
        accuracy=tuple(accuracy),
        provenance=provenance,
        assumed={
            **dict.fromkeys(moving, _WHY_MEMORY),
            **dict.fromkeys(_LIKE_DIRECT, "no measurement: as a direct convolution of the channels of one group"),
        },
        peak_ops_per_s=phone.peak_ops_per_s,
    )
