"""What Vela writes about a network it compiled: a summary of one line, and a database of every operation.

The summary (``*_summary_*.csv``) has the cycles of the whole network and the clock. The debug database
(``*_debug.xml``) holds tables as CSV: ``perf`` (one row per operation with its cycles), ``group`` (which operations run
as one), ``source`` (the operator of the file behind each, by its position ``ext_key``), and more about memory and
blocks. A row of ``perf`` called Passthrough is an operator that stays on the host: Vela gives no cycles for it.
The kernels of a report get the layers of the network by the operators of the file that they run.
"""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from annette.bench.backend import ProfileEntry
from annette.bench.profile_matching import ADDED
from annette.errors import BackendRunError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network import Network

__all__ = ["VelaKernel", "VelaReport", "parse_vela_report", "profile_entries"]

Row = dict[str, str]

_TABLE: Final = re.compile(r'<table name="([^"]*)">\s*<!\[CDATA\[\n?(.*?)\]\]>', re.DOTALL)
_TRAFFIC: Final = re.compile(r"(Sram|Dram|OffChipFlash|OnChipFlash)(FeatureMap|Weights|Scales|Lut)_(ac|read|write)")
_UNNAMED: Final = re.compile(r"#\d+", re.ASCII)
_HOST: Final = "Passthrough"
_PERF_COLUMNS: Final = ("id", "source_id", "operator", "name", "op_cycles", "npu_cycles", "mac_count")
_SUMMARY_COLUMNS: Final = ("cycles_total", "core_clock")
_DETAILS: Final = (
    "ifm_memory", "ifm2_memory", "ofm_memory", "ifm_format", "ofm_format", "cascade", "weight_buffering",
    "weight_total_bytes", "ofm_depth_slices", "time_index",
)  # fmt: skip
_SHAPES: Final = ("ifm_shape", "ifm2_shape", "ofm_shape", "ifm_stripe", "ofm_stripe")
_BLOCKS: Final = ("ifm_block", "ofm_block", "ofm_ublock")
_MEMORY_COLUMN: Final = "_memory_used"
_KILOBYTE: Final = 1024
_CSV_FIELD_LIMIT: Final = 1 << 24


@dataclass(frozen=True, slots=True)
class VelaKernel:
    """Operations that the accelerator runs as one.

    Attributes:
        name: Vela's name: the tensor that the first operation writes.
        operations: Vela's names of the operations.
        operators: Positions of the operators of the main graph behind them, each once, -1 for one of another graph;
            empty for what Vela inserts.
        cycles: Estimated time, in cycles of the accelerator.
        input_shape: What the first operation reads, N, H, W, C.
        output_shape: What it writes.
        info: What else Vela reports, as text.
    """

    name: str
    operations: tuple[str, ...]
    operators: tuple[int, ...]
    cycles: int
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()
    info: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VelaReport:
    """A compiled network as Vela sees it.

    Attributes:
        cycles: Estimated time of the whole network, in cycles.
        clock_hz: Clock of the accelerator.
        kernels: In order of execution.
        host_operators: Positions and names of the operators that stay on the host, which the cycles do not count.
        memory_bytes: What lies in each memory at most, by its name as Vela writes it: ``sram``, ``dram``, ….
    """

    cycles: int
    clock_hz: float
    kernels: tuple[VelaKernel, ...]
    host_operators: tuple[tuple[int, str], ...]
    memory_bytes: Mapping[str, int] = field(default_factory=dict)

    @property
    def latency_s(self) -> float:
        """Estimated time of the whole network, without what stays on the host."""
        return self.cycles / self.clock_hz


def parse_vela_report(summary: str, database: str) -> VelaReport:
    """Reads both files.

    Args:
        summary: Content of the summary.
        database: Content of the debug database; empty where there is none, which leaves out the kernels.

    Raises:
        BackendRunError: A file is truncated, or has other tables or columns than Vela 5 writes.
    """
    try:
        row = next(csv.DictReader(io.StringIO(summary)), {})
        _require("summary", row, _SUMMARY_COLUMNS)
        cycles, clock_hz = int(float(row["cycles_total"])), float(row["core_clock"])
        if not (clock_hz > 0 and math.isfinite(clock_hz)) or cycles < 0:
            raise BackendRunError(f"Vela's summary says {cycles} cycles at {clock_hz} Hz: that is no result")
        tables = _tables(database)
        _name_unnamed(tables.get("perf", []))
        sources = _sources(tables)
        kernels = _kernels(tables, sources)
        on_host = [row for row in tables.get("perf", []) if row["operator"] == _HOST]
        host_operators = tuple((sources.get(row["source_id"], -1), row["name"]) for row in on_host)
        memory_bytes = {
            column.removesuffix(_MEMORY_COLUMN): round(float(size) * _KILOBYTE)
            for column, size in row.items()
            if column.endswith(_MEMORY_COLUMN) and size
        }
        return VelaReport(cycles, clock_hz, kernels, host_operators, memory_bytes)
    except (ValueError, OverflowError, TypeError, csv.Error) as error:
        raise BackendRunError(f"Vela's report cannot be understood: {error}") from error


def _tables(database: str) -> dict[str, list[Row]]:
    if database and not database.rstrip().endswith("</debug>"):
        raise BackendRunError("Vela's debug database is truncated: it does not end with </debug>")
    csv.field_size_limit(max(csv.field_size_limit(), _CSV_FIELD_LIMIT))
    return {name: list(csv.DictReader(io.StringIO(body.strip()))) for name, body in _TABLE.findall(database)}


def _name_unnamed(rows: Sequence[Row]) -> None:
    """Numbers tensors without a name by their order in the report.

    Vela calls them ``#`` and a number that goes on from network to network for as long as its process lives.
    """
    names: dict[str, str] = {}
    for row in rows:
        if _UNNAMED.fullmatch(row.get("name") or ""):
            row["name"] = names.setdefault(row["name"], f"#{len(names) + 1}")


def _require(where: str, row: Mapping[str, str | None], columns: Sequence[str]) -> None:
    missing = [column for column in columns if row.get(column) is None]
    if missing:
        raise BackendRunError(
            f"Vela's {where} has no column {missing[0]!r}: it is truncated, or of a version that annette does not know"
        )


def _kernels(tables: Mapping[str, list[Row]], sources: Mapping[str, int]) -> tuple[VelaKernel, ...]:
    """Operations joined by the group that they run in, in the order of the report."""
    roots = {row["id"]: row["group_id"] for row in tables.get("group", [])}
    members: dict[str, list[Row]] = {}
    for row in tables.get("perf", []):
        _require("performance table", row, _PERF_COLUMNS)
        if row["operator"] != _HOST:
            members.setdefault(roots.get(row["id"], row["id"]), []).append(row)
    details = {row["id"]: row for row in tables.get("perf_debug", [])}
    blocks = {row["id"]: row for row in tables.get("perf_debug_main", [])}
    return tuple(
        _kernel(rows, sources, details.get(root, {}), blocks.get(root, {}), details) for root, rows in members.items()
    )


def _sources(tables: Mapping[str, list[Row]]) -> dict[str, int]:
    """Position of the operator of the main graph behind each identity, -1 for operators of other graphs.

    The table goes through the graphs of the file one after another, the main one first; positions start again in each.
    """
    positions: dict[str, int] = {}
    last, main = -1, True
    for row in tables.get("source", []):
        if (row.get("ext_key") or "").isdigit():
            position = int(row["ext_key"])
            main = main and position > last
            positions[row["id"]], last = position if main else -1, position
    return positions


def _kernel(
    rows: list[Row], sources: Mapping[str, int], detail: Row, block: Row, details: Mapping[str, Row]
) -> VelaKernel:
    info = {key: detail[key] for key in _DETAILS if detail.get(key)}
    info |= {key: text for key in _SHAPES if (text := _joined(detail, key, "nhwc"))}
    info |= {key: text for key in _BLOCKS if (text := _joined(block, key, "hwc"))}
    info |= {key: block[key] for key in ("traversal", "mac_cycles", "ao_cycles", "cmd_cycles") if block.get(key)}
    for column in ("npu_cycles", "mac_count", *(key for key in rows[0] if key.endswith("_ac"))):
        info[column] = str(sum(int(row[column]) for row in rows))
    for column in filter(_TRAFFIC.fullmatch, detail):
        if total := sum(int(details.get(row["id"], {}).get(column) or 0) for row in rows):
            info[column] = str(total)
    operators = dict.fromkeys(sources[row["source_id"]] for row in rows if row["source_id"] in sources)
    return VelaKernel(
        name=rows[0]["name"],
        operations=tuple(row["operator"] for row in rows),
        operators=tuple(operators),
        cycles=sum(int(row["op_cycles"]) for row in rows),
        input_shape=_shape(detail, "ifm_shape"),
        output_shape=_shape(detail, "ofm_shape"),
        info=info,
    )


def _joined(row: Row, key: str, axes: str) -> str:
    sizes = [row.get(f"{key}_{axis}") or "" for axis in axes]
    return "x".join(sizes) if all(sizes) else ""


def _shape(row: Row, key: str) -> tuple[int, ...]:
    return tuple(int(size) for size in _joined(row, key, "nhwc").split("x") if size)


def profile_entries(
    report: VelaReport, operators: Sequence[tuple[str, ...]], network: Network
) -> tuple[ProfileEntry, ...]:
    """The kernels of a report with their layers, in order of execution.

    Kernels that share a layer become one entry: Vela takes some operators apart (a softmax, a mean), and the lowering
    some layers (a layer normalisation); what is measured of such a layer is all of it.

    Args:
        report: Vela's report.
        operators: For each operator of the file, the layers that it runs; none where the lowering inserted it.
        network: The network that these layers belong to.
    """
    order = {layer.name: position for position, layer in enumerate(network.layers)}
    entries = []
    for kernels in _kernels_by_layer(report.kernels, operators):
        layers = sorted({name for kernel in kernels for name in _layers(kernel, operators)}, key=order.__getitem__)
        entries.append(_entry(kernels, tuple(layers), len(operators), report.clock_hz))
    rest = report.cycles - sum(kernel.cycles for kernel in report.kernels)
    if rest > 0:  # Of a file with several graphs, Vela reports the operations of one.
        entries.append(ProfileEntry("not in the report", "", (rest / report.clock_hz,), info={"cycles": str(rest)}))
    return tuple(entries)


def _layers(kernel: VelaKernel, operators: Sequence[tuple[str, ...]]) -> list[str]:
    return [name for position in kernel.operators if 0 <= position < len(operators) for name in operators[position]]


def _kernels_by_layer(kernels: Sequence[VelaKernel], operators: Sequence[tuple[str, ...]]) -> list[list[VelaKernel]]:
    """Kernels in groups that share no layer, each at the place of its first kernel."""
    groups: list[list[VelaKernel]] = []
    place: dict[str, int] = {}
    for kernel in kernels:
        layers = _layers(kernel, operators)
        met = sorted({place[name] for name in layers if name in place})
        if not met:
            groups.append([kernel])
            place.update(dict.fromkeys(layers, len(groups) - 1))
            continue
        first, *others = met
        groups[first].append(kernel)
        for other in others:
            groups[first] += groups[other]
            groups[other] = []
        place.update({name: first for name, position in place.items() if position in others})
        place.update(dict.fromkeys(layers, first))
    return [group for group in groups if group]


def _entry(kernels: Sequence[VelaKernel], layers: tuple[str, ...], count: int, clock_hz: float) -> ProfileEntry:
    """One entry; added by the compiler or the lowering where none of its ``count`` operators runs a layer."""
    main = max(kernels, key=lambda kernel: kernel.cycles)
    cycles = sum(kernel.cycles for kernel in kernels)
    info = {"cycles": str(cycles), **main.info}
    if len(kernels) > 1:
        info["parts"] = str(len(kernels))
    if not layers and all(0 <= position < count for kernel in kernels for position in kernel.operators):
        info |= {ADDED: "1", "kind": "_".join(main.operations).lower()}
    return ProfileEntry(
        name=main.name,
        operator="+".join(operation for kernel in kernels for operation in kernel.operations),
        latency_s=(cycles / clock_hz,),
        layers=layers,
        input_shapes=(main.input_shape,) if main.input_shape else (),
        output_shapes=(main.output_shape,) if main.output_shape else (),
        info=info,
    )
