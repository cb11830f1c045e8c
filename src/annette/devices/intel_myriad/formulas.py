"""Formulas for the Myriad X: hardware convolution, hardware pooling, and what its processors (SHAVEs) do in software.

They follow the engine's cuts (`annette.devices.intel_myriad.placement.tiling`) and where the compiler puts tensors
(`annette.devices.intel_myriad.stage`, columns ``context:…``; without them everything lies on chip and nothing is
copied).
Structure and typical values come from performance counters of four networks (`docs/devices/ncs2-openvino.md`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from annette.devices.intel_myriad.placement.tiling import MODE_COSTS, Window, split_groups, tile
from annette.errors import UnsupportedKernelError
from annette.models.base import Terms
from annette.models.tiled_roofline import Formula, Range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["CONVOLUTION", "POOLING", "SOFTWARE"]

_WIDE: Final = 14
"""Elements of a line beyond which each costs more; found from the counters."""
_HIDING: Final = 8.0
"""Power of the soft maximum of the engine and reading from DDR, where one hides the other; found from the counters."""
_LINE_BYTES: Final = 16.0
"""Lines in memory are padded to this (`annette.devices.intel_myriad.placement.tiling.aligned_bytes`)."""
_ELEMENT_BYTES: Final = 2.0
"""Half precision."""


class _Cuts(NamedTuple):
    """How the engine runs each row; every array has shape ``(rows,)``.

    Attributes:
        sweep: Coefficients that a descriptor goes through for a position: blocks of input channels times the kernel.
        overhead: What the plug-in adds to them for the mode.
        descriptors: Passes over the input of a tile, for all parts of the input channels.
        tiles: Tiles of the output.
        stages: Dense convolutions that a grouped one becomes.
        read_channels: Input channels that one descriptor reads.
        out_channels: Output channels of one stage.
    """

    sweep: FloatArray
    overhead: FloatArray
    descriptors: FloatArray
    tiles: FloatArray
    stages: FloatArray
    read_channels: FloatArray
    out_channels: FloatArray


@lru_cache(maxsize=4)
def _cuts(table: KernelTable) -> _Cuts:
    """The cuts of a table, remembered: fits price one table many times, estimates ask for its terms, too."""
    sizes = np.column_stack([table[name] for name in (*Window._fields, "groups")]).astype(np.int64)
    distinct, row = np.unique(sizes, axis=0, return_inverse=True)  # search spaces repeat few sizes many times
    cuts = [_cuts_of(Window(*window), groups) for *window, groups in distinct.tolist()]
    return _Cuts(*np.array(cuts).reshape(-1, len(_Cuts._fields)).T[:, row.ravel()])


def _cuts_of(window: Window, groups: int) -> tuple[float, ...]:
    """The cuts of one convolution, in the order of `_Cuts`."""
    stages, one = split_groups(window, groups)
    cut = tile(one)
    if cut is None:
        raise UnsupportedKernelError(
            f"the Myriad X engine cannot run a convolution of {window.in_channels} x {window.in_height} x "
            f"{window.in_width} to {window.out_channels} x {window.out_height} x {window.out_width} with kernel "
            f"{window.kernel_height} x {window.kernel_width}: it would run in software, which nobody measured"
        )
    return (
        cut.blocks * one.kernel_height * one.kernel_width,
        MODE_COSTS[cut.mode],
        cut.descriptors * cut.channel_tiles,
        cut.height_tiles * cut.width_tiles,
        stages,
        one.in_channels / cut.channel_tiles,
        one.out_channels,
    )


def _soft_max(power: float, *terms: FloatArray) -> FloatArray:
    """``(sum t^p)^(1/p)``: the largest decides, near ties cost a little more."""
    largest = np.maximum(np.max(terms, axis=0), 1e-12)
    total: FloatArray = largest * sum((term / largest) ** power for term in terms) ** (1.0 / power)
    return total


def _computing_s(table: KernelTable, cuts: _Cuts, p: Mapping[str, float]) -> FloatArray:
    """Sweeps over coefficients, for every output line, in every pass."""
    width = table["out_width"]
    line = width + p["wide"] * np.maximum(width - _WIDE, 0.0) + p["line_cycles"]
    lines = table["out_height"] + p["tile_lines"] * np.where(cuts.tiles > 1, cuts.tiles, 0.0)
    sweep = (cuts.sweep + p["mode_overhead"] * cuts.overhead) / 2.0
    return cuts.descriptors * (sweep * lines * line / (p["clock_mhz"] * 1e6) + p["descriptor_us"] * 1e-6 * cuts.tiles)


def _convolution_s(table: KernelTable, p: Mapping[str, float]) -> FloatArray:
    """Hardware convolution.

    ``engine = softmax(computing, reading + copies beside it, writing) + the first lines, which nothing hides``; where
    the input lies in external memory, reading it is hidden behind the engine for a whole layer and adds up for one that
    is cut. The input is read once per descriptor. Groups run one after the other, and so do samples.
    """
    cuts = _cuts(table)
    width, height, in_width = table["out_width"], table["out_height"], table["in_width"]
    needed = (np.ceil(height / cuts.tiles) - 1) * table["stride_height"] + table["kernel_height"]
    rows = np.minimum(table["in_height"], needed)
    reads = cuts.read_channels * cuts.descriptors * cuts.tiles * 1e-9
    from_cmx = reads * (p["read_ns"] + p["read_element_ns"] * in_width)
    injected = table["context:injected_bytes"] / cuts.stages / (p["injected_gb_per_s"] * 1e9)
    writing = cuts.out_channels * height * (p["write_ns"] + p["write_element_ns"] * width) * 1e-9
    engine = _soft_max(p["power"], _computing_s(table, cuts, p), from_cmx * rows + injected, writing)
    engine = engine + from_cmx * np.minimum(rows, table["kernel_height"] + p["first_lines"])
    from_ddr = table["context:input_in_ddr"] * reads * rows * (p["far_ns"] + p["far_element_ns"] * in_width)
    moved = np.where(cuts.tiles > 1, engine + from_ddr, _soft_max(_HIDING, engine, from_ddr))
    copied = table["context:copied_bytes"] / (p["copied_gb_per_s"] * 1e9)
    return (moved + p["start_us"] * 1e-6) * cuts.stages * table["batch"] + copied


def _convolution_terms(table: KernelTable, p: Mapping[str, float]) -> Terms:
    """Computing alone, against everything that is read and written."""
    cuts = _cuts(table)
    repeated = cuts.stages * table["batch"]
    computing = np.where(table["ops"] > 0, _computing_s(table, cuts, p) * repeated, 0.0)
    per_line = np.where(
        table["context:input_in_ddr"] > 0,
        p["far_ns"] + p["far_element_ns"] * table["in_width"],
        p["read_ns"] + p["read_element_ns"] * table["in_width"],
    )
    reading = cuts.read_channels * cuts.descriptors * table["in_height"] * per_line
    writing = cuts.out_channels * table["out_height"] * (p["write_ns"] + p["write_element_ns"] * table["out_width"])
    copied = table["context:copied_bytes"] / (p["copied_gb_per_s"] * 1e9)
    return Terms(computing, np.maximum(reading, writing) * 1e-9 * repeated + copied)


def _pooling_parts(table: KernelTable, p: Mapping[str, float]) -> tuple[FloatArray, FloatArray]:
    channels = table["in_channels"] * table["batch"] * 1e-9
    reading = channels * table["in_height"] * (p["read_ns"] + p["read_element_ns"] * table["in_width"])
    making = channels * table["out_height"] * (p["write_ns"] + p["write_element_ns"] * table["out_width"])
    average = 1.0 + p["average"] * (table.kinds == "average_pool")
    return reading, making * average * np.minimum(table["kernel_height"], 3.0) / 3.0


def _pooling_s(table: KernelTable, p: Mapping[str, float]) -> FloatArray:
    """Hardware pooling: reading input lines against making output lines; averages make them slower."""
    reading, making = _pooling_parts(table, p)
    starts = np.maximum(table["context:pieces"], 1.0) * p["start_us"] * 1e-6
    copied = table["context:copied_bytes"] / (p["copied_gb_per_s"] * 1e9)
    return _soft_max(p["power"], reading, making) + starts + copied


def _pooling_terms(table: KernelTable, p: Mapping[str, float]) -> Terms:
    reading, making = _pooling_parts(table, p)
    return Terms(np.where(table["ops"] > 0, making, 0.0), reading)


def _lines_bytes(table: KernelTable, side: str) -> FloatArray:
    """A feature map as it lies in memory, its lines padded to 16 bytes."""
    line = np.ceil(table[f"{side}_width"] * _ELEMENT_BYTES / _LINE_BYTES) * _LINE_BYTES
    return table["batch"] * table[f"{side}_height"] * table[f"{side}_channels"] * line


def _traffic_bytes(table: KernelTable) -> FloatArray:
    """What a software stage reads and writes; a concat only what is copied."""
    own = _lines_bytes(table, "in") * np.maximum(table["input_count"], 1.0) + _lines_bytes(table, "out")
    return np.where(table.kinds == "concat", 0.0, own) + 2.0 * table["context:copied_bytes"]


def _software_s(table: KernelTable, p: Mapping[str, float]) -> FloatArray:
    """Sums, rectifiers, copies of a concat, global means: ``t0 + traffic * (per processor / processors + shared)``."""
    shaves = np.maximum(table["context:shaves"], 1.0)
    return (
        p["start_us"] * 1e-6
        + _traffic_bytes(table) * (p["shave_ns_per_byte"] / shaves + p["shared_ns_per_byte"]) * 1e-9
    )


def _software_terms(table: KernelTable, p: Mapping[str, float]) -> Terms:
    """Processors compute while they move: all of it counts as moving."""
    return Terms(np.zeros(len(table)), _software_s(table, p) - p["start_us"] * 1e-6)


CONVOLUTION: Final = Formula(
    "myriad-convolution",
    {
        "clock_mhz": Range(430, 200, 900),
        "line_cycles": Range(8.6, 0, 30),
        "wide": Range(0.2, 0, 3),
        "mode_overhead": Range(1.2, 0.3, 3),
        "descriptor_us": Range(1, 0, 20),
        "start_us": Range(3, 0, 40),
        "write_ns": Range(6, 0, 30),
        "write_element_ns": Range(0.9, 0, 5),
        "read_ns": Range(1, 0, 30),
        "read_element_ns": Range(0.2, 0, 5),
        "far_ns": Range(4, 0, 60),
        "far_element_ns": Range(0.4, 0, 5),
        "copied_gb_per_s": Range(2.6, 0.5, 50),
        "injected_gb_per_s": Range(2.6, 0.5, 50),
        "power": Range(3, 1.5, 8),
        "first_lines": Range(2, 0, 6),
        "tile_lines": Range(1.2, 0, 4),
    },
    _convolution_s,
    _convolution_terms,
)
"""Clock; cycles a line costs beside its width, and for each element beyond 14; share of the plug-in's mode overhead;
time a descriptor and a stage cost; nanoseconds to write a line and each element of it, and to read them from CMX
(``read``) and from DDR (``far``); bandwidth of copies on their own and beside the engine; sharpness of the maximum;
lines that nothing hides; extra lines of a tile."""

POOLING: Final = Formula(
    "myriad-pooling",
    {
        "read_ns": Range(1.0, 0, 30),
        "read_element_ns": Range(0.4, 0, 5),
        "write_ns": Range(1.0, 0, 30),
        "write_element_ns": Range(1.2, 0, 9),
        "average": Range(0.5, 0, 3),
        "start_us": Range(3, 0, 40),
        "power": Range(3, 1.5, 8),
        "copied_gb_per_s": Range(10, 1, 100),
    },
    _pooling_s,
    _pooling_terms,
)
"""As for the convolution; ``average`` is what averaging adds to making a line."""

SOFTWARE: Final = Formula(
    "myriad-software",
    {
        "start_us": Range(8, 0, 60),
        "shave_ns_per_byte": Range(0.4, 0, 3),
        "shared_ns_per_byte": Range(0.05, 0, 2),
    },
    _software_s,
    _software_terms,
)
"""Start of a stage; time per byte of one processor, and of what they share."""
