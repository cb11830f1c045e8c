"""Profiles of Xilinx DPUs: the table per node of DNNDK's profile mode, and the table per subgraph of Vitis AI's.

DNNDK prints a line of equal signs, a header (``ID NodeName Workload(MOP) Mem(MB) RunTime(ms) Perf(GOPS) Utilization
MB/S``), one line per node, and at the end the averages over all nodes (``Total Nodes In Avg``, then ``All``). The
vaitrace of Vitis AI separates columns by bars and calls them ``SubGraph`` or ``DPU SubGraph``, and ``Run Time(ms)``,
``RT`` or ``HW_RT`` (beside the host's ``SW_RT``), with ``~0`` for what is close to 0. Columns are found by their names,
whatever their order, spacing and spelling of capitals. Times are in milliseconds with two or three digits behind the
point, so short nodes are uncertain by their rounding.
"""

from __future__ import annotations

from typing import Final

from annette.bench.profile_matching import ReportedKernel, number
from annette.errors import BackendRunError

__all__ = ["parse_dpu_profile"]

_NAMES: Final = ("nodename", "dpusubgraph", "subgraph", "kernelname")
_TIMES: Final = ("runtime(ms)", "hw_rt", "hw_rt(ms)", "rt(ms)", "rt", "runtime")
_TOTALS: Final = ("All", "Total")
_TOLERANCE: Final = 0.001
_ROUNDING_S: Final = 0.5e-5
"""Half of the last digit of a time."""
_NEARLY_NOTHING: Final = "~0"
_SHOWN: Final = 80


def parse_dpu_profile(text: str) -> tuple[ReportedKernel, ...]:
    """Reads a table; of several in one text, the last.

    Args:
        text: What the profiler printed or wrote.

    Raises:
        BackendRunError: It has no such table, a column has another name, a row is torn, or the end is missing.
    """
    lines = [line.rstrip() for line in text.splitlines()]
    headers = [index for index, line in enumerate(lines) if _position(_cells(line), _NAMES) is not None]
    if not headers:
        raise BackendRunError("this is no profile of a DPU: no line names the columns (NodeName, or DPU SubGraph)")
    # Behind the table of times there may be one of memory ports, which has nodes as well.
    timed = [index for index in headers if _position(_cells(lines[index]), _TIMES) is not None]
    if not timed:
        listed = ", ".join(_cells(lines[headers[-1]]))
        raise BackendRunError(f"the DPU's profile has no column 'RunTime(ms)', only {listed}")
    columns = _cells(lines[timed[-1]])
    name, time = _position(columns, _NAMES) or 0, _position(columns, _TIMES) or 0
    rows = lines[timed[-1] + 1 :]
    return _of_subgraphs(rows, columns, name, time) if "|" in lines[timed[-1]] else _of_nodes(rows, columns, name, time)


def _of_nodes(rows: list[str], columns: list[str], name: int, time: int) -> tuple[ReportedKernel, ...]:
    kernels: list[ReportedKernel] = []
    for line in rows:
        cells = line.split()
        if not cells or set(line) <= set("=- ") or line.lstrip().startswith("Total Nodes"):
            continue
        if cells[0].rstrip(":") in _TOTALS and len(cells) == len(columns) - 1:
            # The row of averages has no identity and no name of a node: its cells start one column earlier.
            _check_total(kernels, number(cells[time - 1], "the total", line) * 1e-3)
            return tuple(kernels)
        kernels.append(_kernel(line, cells, columns, name, time))
    raise BackendRunError("the DPU's profile is truncated: the averages over all nodes at its end are missing")


def _of_subgraphs(rows: list[str], columns: list[str], name: int, time: int) -> tuple[ReportedKernel, ...]:
    """The rows up to a line of equal signs, or without bars; times of the same subgraph on several cores stay apart."""
    kernels: list[ReportedKernel] = []
    for line in rows:
        if line and set(line) <= set("-+| "):
            continue
        if "|" not in line:
            if kernels:
                break
            continue
        kernels.append(_kernel(line, _cells(line), columns, name, time))
    if not kernels:
        raise BackendRunError("the DPU's profile is truncated: its table has no rows")
    return tuple(kernels)


def _kernel(line: str, cells: list[str], columns: list[str], name: int, time: int) -> ReportedKernel:
    if len(cells) != len(columns):
        raise BackendRunError(f"the DPU's profile is torn or truncated in line {line.strip()[:_SHOWN]!r}")
    taken = "0" if cells[time] == _NEARLY_NOTHING else cells[time]
    return ReportedKernel(cells[name], "", number(taken, "RunTime(ms)", line) * 1e-3)


def _cells(line: str) -> list[str]:
    if "|" in line:
        return [cell.strip() for cell in line.strip().strip("|").split("|")]
    return line.split()


def _position(columns: list[str], names: tuple[str, ...]) -> int | None:
    plain = ["".join(column.split()).lower() for column in columns]
    return next((plain.index(name) for name in names if name in plain), None)


def _check_total(kernels: list[ReportedKernel], total_s: float) -> None:
    found_s = sum(kernel.latency_s for kernel in kernels)
    if abs(found_s - total_s) > _TOLERANCE * total_s + _ROUNDING_S * (len(kernels) + 1):
        raise BackendRunError(
            f"the nodes of the DPU's profile add up to {found_s * 1e3:.2f} ms, its total is {total_s * 1e3:.2f} ms: "
            "rows are missing"
        )
