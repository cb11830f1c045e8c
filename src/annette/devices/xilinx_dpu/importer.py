"""Layout ``zcu102``: published profiles of the Xilinx DPU B4096 on a ZCU102, and end-to-end times of Xilinx' model zoo.

Nodes come from tutorials (Xilinx/Vitis-AI-Tutorials, MIT) and from the once-for-all authors' FPGA code
(zzzDavid/OFA-FPGA); networks from Xilinx/AI-Model-Zoo. Profiles ran at another clock than the tables: times are scaled
to the tables' clock, since computing and memory port both follow it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annette.bench.importing.collection import Collection, Origin, digest_of, kernel_runs, network_runs
from annette.bench.importing.kernel import MeasuredKernel, Stage
from annette.bench.importing.table import NetworkLatency, TableRow, rows_of
from annette.errors import DatasetError
from annette.files import is_file
from annette.network.load import load_network
from annette.platforms import Source

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["CLOCK_HZ", "ENVIRONMENT", "PROXYLESS", "import_zcu102", "zcu102_layers", "zcu102_networks"]

ENVIRONMENT: Final = {"collection": "zcu102", "device": "zcu102", "runtime": "dnndk", "precision": "int8"}
"""What the datasets of these tables say of themselves, and how the family recognises them."""

CLOCK_HZ: Final = 287e6
"""Clock of the DPUs in the tables of whole networks."""

PROXYLESS: Final = "proxylessmobile05"
"""The profile without dimensions, whose blocks are rebuilt from their workloads."""

_PROFILE_CLOCK_HZ: Final = 300e6
_CLOCKS_HZ: Final = {"miniVggNet_0": 325e6}
_MIB: Final = 2.0**20
_MOP_ROUNDING: Final = 1.1e-3
_KERNELS: Final = (3, 5, 7)

_NOTES: Final = (
    "profiled nodes ran at 300 MHz (miniVggNet at about 325 MHz, which is not certain) and are scaled to 287 MHz",
    "nodes without dimensions are rebuilt from workload and memory: fcn8's transposed convolutions, ProxylessNAS 0.5",
    "the same fully connected node differs by up to 40 % between two profiles: no model can be better there",
)

_FCN8: Final = {
    "conv2d_transpose_1": Stage("conv_transpose", 512, 7, 7, 12, kernel=(4, 4), stride=(4, 4)),
    "conv2d_transpose_2": Stage("conv_transpose", 12, 14, 14, 12, kernel=(2, 2), stride=(2, 2)),
    "conv2d_transpose_3": Stage("conv_transpose", 12, 28, 28, 12, kernel=(8, 8), stride=(8, 8)),
    "add_layer_add_1": Stage("add", 12, 28, 28),
}
"""Nodes of fcn8 without dimensions: 12 classes, upsampling by 4, 2 and 8. The columns of workload (9.634, 0.226, 14.451
MOP) and memory leave no other choice."""


def zcu102_layers(path: str | PathLike[str]) -> list[MeasuredKernel]:
    """The profiled nodes, each once, timed as if at `CLOCK_HZ`.

    Args:
        path: ``zcu102/layers.csv``.

    Raises:
        DatasetError: The file is not that table, or a block of ProxylessNAS cannot be rebuilt in exactly one way.
    """
    rows = _distinct(path)
    measured = [kernel for kernel in map(_node, rows) if kernel is not None]
    measured += _proxyless(rows)
    clock_hz = {kernel.network: _CLOCKS_HZ.get(kernel.network, _PROFILE_CLOCK_HZ) for kernel in measured}
    return [replace(kernel, latency_s=kernel.latency_s * clock_hz[kernel.network] / CLOCK_HZ) for kernel in measured]


def import_zcu102(path: Path, device: str | None = None) -> Collection:
    """Profiled nodes and whole networks, for ``annette import --layout zcu102``.

    Args:
        path: Folder with ``layers.csv`` and ``networks.csv``, or the first of them; the networks' graphs are in
            ``graphs/mmdnn`` beside the folder.
        device: Not needed: the tables are of one board.

    Raises:
        DatasetError: A table is missing or is another one.
        NetworkError: A graph cannot be read.
    """
    del device
    layers = path / "layers.csv" if path.is_dir() else path
    networks = layers.with_name("networks.csv")
    kernels = kernel_runs(zcu102_layers(layers), ENVIRONMENT)
    whole = network_runs(zcu102_networks(networks, layers.parent.parent / "graphs" / "mmdnn"), ENVIRONMENT)
    sources = (
        Source(
            "profiled DPU nodes of fcn8, alexnet, miniVggNet and ProxylessNAS-Mobile 0.5",
            "https://github.com/Xilinx/Vitis-AI-Tutorials and https://github.com/zzzDavid/OFA-FPGA",
            "MIT",
            sha256=digest_of(layers),
        ),
        Source(
            "end-to-end latency of 15 networks on a ZCU102, one thread, 3 x B4096 at 287 MHz, DNNDK 3.1",
            "https://github.com/Xilinx/AI-Model-Zoo",
            "not stated in the collection",
            sha256=digest_of(networks),
        ),
        Source(
            "the networks' graphs in MMdnn's JSON",
            "https://github.com/embedded-machine-learning/annette, revision a8107fd",
            "Apache-2.0",
        ),
    )
    return Collection([*kernels, *whole], Origin(sources=sources, versions={"DNNDK": "3.1"}, notes=_NOTES))


def zcu102_networks(path: str | PathLike[str], graphs: str | PathLike[str]) -> list[NetworkLatency]:
    """The networks with their end-to-end times: the mean of the two published revisions of the board's image.

    Args:
        path: ``zcu102/networks.csv``.
        graphs: The folder with the networks in MMdnn's JSON.

    Raises:
        DatasetError: The file is not that table.
        NetworkError: A graph cannot be read.
    """
    columns = ("e2e_latency_ms_rev04", "e2e_latency_ms_rev05")
    rows = rows_of(path)
    _require(path, rows[0], ("name", "mmdnn_graph", *columns))
    pairs = []
    for row in rows:
        # Two descriptions carry another name than the table gives them.
        choices = [Path(graphs) / row["mmdnn_graph"], Path(graphs) / f"{row['name']}.json"]
        network = load_network(next(filter(is_file, choices), choices[0]))
        latency_s = sum(row.latency_s(column, 1e-3) for column in columns) / len(columns)
        pairs.append(NetworkLatency(row["name"], network, latency_s))
    return pairs


def _require(path: str | PathLike[str], row: dict[str, str], columns: tuple[str, ...]) -> None:
    missing = [column for column in columns if column not in row]
    if missing:
        raise DatasetError(
            f"table {str(path)!r} has no column {missing[0]!r}: it is not the published table of the ZCU102"
        )


def _distinct(path: str | PathLike[str]) -> list[TableRow]:
    """Rows without totals and without the copies of them that the collection holds."""
    rows = rows_of(path)
    _require(path, rows[0], ("kernel", "node", "workload_mop", "mem_mb", "runtime_ms", "h", "w", "c", "f", "k", "s"))
    seen: dict[tuple[str, str, str], TableRow] = {}
    for row in rows:
        if row["node"] != "ALL" and row.number("runtime_ms") > 0:
            seen.setdefault((row["kernel"], row["node"], row["runtime_ms"]), row)
    return list(seen.values())


def _node(row: TableRow) -> MeasuredKernel | None:
    """A node whose dimensions are given or known; None for the others."""
    name, network = row["node"], "fcn8" if row["kernel"].startswith("fcn8") else row["kernel"]
    runtime_s = row.latency_s("runtime_ms", 1e-3)
    known = _FCN8.get(name.removesuffix("_*").removesuffix("_conv2d_transpose")) if network == "fcn8" else None
    if known is not None:
        return MeasuredKernel(network, name, (known,), runtime_s)
    if not row["c"]:
        return None
    height, width, inputs, outputs, kernel, stride, out = (
        row.whole(key) for key in ("h", "w", "c", "f", "k", "s", "oh")
    )
    if out == 1 and row["p"] == "valid" and kernel == height:
        stages: tuple[Stage, ...] = (Stage("fully_connected", inputs * height * width, out_channels=outputs),)
    else:
        conv = Stage("conv", inputs, height, width, outputs, (kernel, kernel), (stride, stride), padding=row["p"])
        stages = (conv, *_joined(conv, out, row.number("mem_mb") * _MIB))
    return MeasuredKernel(network, name, stages, runtime_s)


def _joined(conv: Stage, out: int, reported_bytes: float) -> tuple[Stage, ...]:
    """What runs with a convolution, by the one reading of the memory column that is nearest: nothing, a pool, a sum."""
    moved = conv.in_channels * conv.in_height * conv.in_width
    moved += conv.kernel[0] * conv.kernel[1] * conv.in_channels * conv.out_channels
    written = conv.out_channels * out * out
    readings = {
        moved + written: (),
        moved + written // 4: (Stage("max_pool", conv.out_channels, out, out, kernel=(2, 2), stride=(2, 2)),),
        moved + 2 * written: (Stage("add", conv.out_channels, out, out),),
    }
    return readings[min(readings, key=lambda size: abs(size - reported_bytes))]


def _proxyless(rows: list[TableRow]) -> list[MeasuredKernel]:
    """ProxylessNAS-Mobile at width 0.5, rebuilt block by block.

    The workload column shows that an expanding convolution (or the stem) and the depthwise convolution behind it are
    one node, the memory column that a sum runs inside the projecting convolution.
    """
    nodes = [row for row in rows if row["kernel"] == PROXYLESS]
    if len(nodes) != 42:
        return []
    workload = [row.number("workload_mop") for row in nodes]
    stages: list[tuple[Stage, ...]] = [
        (_square("conv", 3, 224, 16, 3, 2), _square("depthwise_conv", 16, 112, 16, 3, 1)),
        (_square("conv", 16, 112, 8, 1, 1),),
    ]
    size, channels = 112, 8
    for at in range(2, 40, 2):
        stride, kernel, expanded, produced, out = _block(workload[at], workload[at + 1], size, channels)
        stages.append(
            (
                _square("conv", channels, size, expanded, 1, 1),
                _square("depthwise_conv", expanded, size, expanded, kernel, stride),
            )
        )
        project = _square("conv", expanded, out, produced, 1, 1)
        stages.append((project, *_joined(project, out, nodes[at + 1].number("mem_mb") * _MIB)))
        size, channels = out, produced
    stages.append((_square("conv", 160, 7, 1280, 1, 1),))
    stages.append((Stage("fully_connected", 1280, out_channels=1000),))
    return [
        MeasuredKernel(PROXYLESS, row["node"], parts, row.latency_s("runtime_ms", 1e-3))
        for row, parts in zip(nodes, stages, strict=True)
    ]


def _square(kind: str, channels: int, size: int, filters: int, kernel: int, stride: int) -> Stage:
    return Stage(kind, channels, size, size, filters, (kernel, kernel), (stride, stride))


def _block(expand_mop: float, project_mop: float, size: int, channels: int) -> tuple[int, int, int, int, int]:
    """Solves one inverted residual: stride, kernel, expanded channels, produced channels, output size.

    Raises:
        DatasetError: The two workloads fit no block of the search space (kernels of 3, 5, 7, channels in eights), or
            several.
    """
    solutions = []
    for stride in (1, 2):
        out = -(-size // stride)
        for kernel in _KERNELS:
            macs = size * size * channels + out * out * kernel * kernel
            expanded = round(expand_mop * 1e6 / (2 * macs) / 8) * 8
            if expanded == 0 or abs(2 * macs * expanded / 1e6 - expand_mop) > _MOP_ROUNDING:
                continue
            produced = round(project_mop * 1e6 / (2 * out * out * expanded) / 8) * 8
            if produced and abs(2 * out * out * expanded * produced / 1e6 - project_mop) <= _MOP_ROUNDING:
                solutions.append((stride, kernel, expanded, produced, out))
    if len(solutions) != 1:
        raise DatasetError(
            f"a block of {expand_mop} and {project_mop} MOP at {size}x{size}x{channels} has {len(solutions)} solutions"
        )
    return solutions[0]
