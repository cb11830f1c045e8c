"""The Xilinx DPU: engines that work side by side, so that a kernel takes as long as its slowest one.

Convolution array, ALU (depthwise convolutions), pooling unit and memory port run at the same time. Each engine
processes a fixed number of rows and channels side by side and loses work at their edges: a refined roofline with alpha
1 for every engine, and the maximum over all of them. Facts about the architecture are from AMD's product guide PG338
(*DPUCZDX8G for Zynq UltraScale+ MPSoCs*): pixel, input-channel and output-channel parallelism, channel augmentation, an
ALU narrower than the array. Rates are per clock cycle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from annette.documents import Count, Duration, Natural, NonNegative, Positive, check_fields
from annette.errors import PlatformFormatError
from annette.models.base import LayerModel, Terms

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["Alu", "Array", "Dpu", "Pooling", "fill"]


def fill(extent: FloatArray, size: int) -> FloatArray:
    """Share of a block of ``size`` that does useful work, ``x / (ceil(x / s) s)``, in (0, 1].

    Args:
        extent: Size x of the dimension in each row, above 0, shape ``(rows,)``.
        size: Elements processed side by side, s, at least 1.
    """
    share: FloatArray = extent / (np.ceil(extent / size) * size)
    return share


@dataclass(frozen=True, slots=True)
class Array:
    """The convolution array: ``2 rows in_channels out_channels`` operations a cycle, times its efficiency.

    Attributes:
        rows: Pixel parallelism: output rows side by side.
        in_channels: Input-channel parallelism.
        out_channels: Output-channel parallelism.
        efficiency: Share of the peak rate that full blocks reach, above 0.
        augmented_channels: Up to this many input channels share their axis with the kernel's width (PG338, channel
            augmentation); 0 where that is switched off.
        front_kernel: 0 where the kernel's anchor is the convolution; else the anchor is a depthwise layer, and the
            array computes the square convolution of this size in front of it.

    Raises:
        PlatformFormatError: A parameter is out of its range.
    """

    rows: Count
    in_channels: Count
    out_channels: Count
    efficiency: Positive = 1.0
    augmented_channels: Natural = 0
    front_kernel: Natural = 0

    def __post_init__(self) -> None:
        check_fields(self, error=PlatformFormatError)

    def cycles(self, table: KernelTable) -> FloatArray:
        """Cycles of each row, shape ``(rows,)``."""
        macs, *_ = self._work(table)
        per_cycle = self.rows * self.in_channels * self.out_channels * self.efficiency
        return macs / (per_cycle * self.used(table))

    def used(self, table: KernelTable) -> FloatArray:
        """Share of the array that does useful work, in (0, 1], shape ``(rows,)``."""
        _, height, inputs, outputs, width = self._work(table)
        channels = np.where(inputs <= self.augmented_channels, inputs * width, inputs)
        return fill(height, self.rows) * fill(channels, self.in_channels) * fill(outputs, self.out_channels)

    def _work(self, table: KernelTable) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Multiply-accumulates, output rows, input and output channels, kernel width of what the array computes."""
        if not self.front_kernel:
            groups = table["groups"]
            inputs, outputs = table["in_channels"] / groups, table["out_channels"] / groups
            return table["macs"], table["out_height"], inputs, outputs, table["kernel_width"]
        macs = np.maximum(table["macs"] - _depthwise_macs(table), 0.0)
        written = table["batch"] * table["in_channels"] * table["in_height"] * table["in_width"]
        inputs = np.maximum(np.rint(macs / (written * self.front_kernel**2)), 1.0)
        width = np.full(len(table), float(self.front_kernel))
        return macs, table["in_height"], inputs, table["in_channels"], width


@dataclass(frozen=True, slots=True)
class Alu:
    """The unit for depthwise convolutions: one window position a cycle for ``rows`` rows of ``channels`` channels.

    Attributes:
        rows: Pixel parallelism: output rows side by side.
        channels: Channel parallelism.
        width_overhead: What starting a row costs, in columns, at least 0.
        efficiency: Share of the peak rate, above 0.

    Raises:
        PlatformFormatError: A parameter is out of its range.
    """

    rows: Count
    channels: Count
    width_overhead: NonNegative = 0.0
    efficiency: Positive = 1.0

    def __post_init__(self) -> None:
        check_fields(self, error=PlatformFormatError)

    def cycles(self, table: KernelTable) -> FloatArray:
        """Cycles of each row, shape ``(rows,)``."""
        work = _depthwise_macs(table) * (1.0 + self.width_overhead / table["out_width"])
        lanes = _lanes(table, self.rows, self.channels)
        return np.where(table["macs"] > 0, work / (lanes * self.efficiency), 0.0)


@dataclass(frozen=True, slots=True)
class Pooling:
    """The unit for pooling and sums: one window position, or one operand, a cycle for ``rows`` x ``channels`` elements.

    Attributes:
        rows: Pixel parallelism: output rows side by side.
        channels: Channel parallelism.
        efficiency: Share of the peak rate, above 0.

    Raises:
        PlatformFormatError: A parameter is out of its range.
    """

    rows: Count
    channels: Count
    efficiency: Positive = 1.0

    def __post_init__(self) -> None:
        check_fields(self, error=PlatformFormatError)

    def cycles(self, table: KernelTable) -> FloatArray:
        """Cycles of each row, shape ``(rows,)``; a global pool reads all positions for each that it writes."""
        written = table["batch"] * table["out_channels"] * table["out_height"] * table["out_width"]
        window = table["kernel_height"] * table["kernel_width"]
        covered = table["in_height"] * table["in_width"] / (table["out_height"] * table["out_width"])
        reads = np.maximum(np.where(window > 1, window, covered), table["input_count"])
        lanes = _lanes(table, self.rows, self.channels)
        return np.where(table["ops"] > 0, reads * written / (lanes * self.efficiency), 0.0)


@dataclass(frozen=True)
class Dpu(LayerModel):
    """``t = t0 + max(array, alu, pooling, bytes / B) / clock`` over the engines that a kind of kernel uses.

    Attributes:
        clock_hz: Clock of the engines, above 0.
        bytes_per_cycle: What the memory port moves in a cycle, above 0.
        offset_s: What every kernel costs however small it is, seconds, at least 0.
        array: The convolution array, or None where the kind does not use it.
        alu: The unit for depthwise convolutions, likewise.
        pooling: The unit for pooling and sums, likewise.

    Raises:
        PlatformFormatError: A parameter is not finite or out of its range.
    """

    family: ClassVar[str] = "dpu"

    clock_hz: Positive
    bytes_per_cycle: Positive
    offset_s: Duration = 0.0
    array: Array | None = None
    alu: Alu | None = None
    pooling: Pooling | None = None

    def predict_s(self, table: KernelTable) -> FloatArray:
        """Latency of each row in seconds, shape ``(rows,)``."""
        return self.terms(table).slower_s(self.offset_s)

    def terms(self, table: KernelTable) -> Terms:
        """Time of the slowest engine, and of the memory port, without the offset."""
        cycles = np.zeros(len(table))
        for engine in (self.array, self.alu, self.pooling):
            if engine is not None:
                cycles = np.maximum(cycles, engine.cycles(table))
        return Terms(cycles / self.clock_hz, table.bytes / (self.bytes_per_cycle * self.clock_hz))

    def efficiency(self, table: KernelTable) -> FloatArray:
        """Share of the convolution array that does useful work, in (0, 1]; 1 for kinds that do not use it."""
        return np.ones(len(table)) if self.array is None else self.array.used(table)

    def scaled(self, factor: float) -> Self:
        """The same model, every prediction ``factor`` times as long."""
        engines: dict[str, Any] = {
            name: replace(engine, efficiency=engine.efficiency / factor)
            for name in ("array", "alu", "pooling")
            if (engine := getattr(self, name)) is not None
        }
        return replace(self, bytes_per_cycle=self.bytes_per_cycle / factor, offset_s=self.offset_s * factor, **engines)


def _lanes(table: KernelTable, rows: int, channels: int) -> FloatArray:
    """Elements of a cycle in a unit of ``rows`` x ``channels``, whose edges do no useful work."""
    return rows * channels * fill(table["out_height"], rows) * fill(table["out_channels"], channels)


def _depthwise_macs(table: KernelTable) -> FloatArray:
    """Multiply-accumulates of the depthwise layer that anchors each row."""
    window = table["kernel_height"] * table["kernel_width"]
    written = table["batch"] * table["out_channels"] * table["out_height"] * table["out_width"]
    return written * window
