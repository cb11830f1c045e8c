"""Profiles of Xilinx DPUs: the table per node of DNNDK's profile mode, and the table per subgraph of Vitis AI's.

DNNDK prints a line of equal signs, a header (``ID NodeName Workload(MOP) Mem(MB) RunTime(ms) Perf(GOPS) Utilization
MB/S``), one line per node, and at the end the averages over all nodes (``Total Nodes In Avg``, then ``All``). Vitis AI
separates columns by bars and calls them ``DPU SubGraph`` (or ``SubGraph``) and ``HW_RT`` or ``RT``. Times are in
milliseconds with two or three digits behind the point, so short nodes are uncertain by their rounding.
"""

from __future__ import annotations

from typing import Final

from annette.bench.reports.entries import ReportedKernel, number
from annette.errors import BackendRunError

__all__ = ["parse_dpu_profile"]

_NAMES: Final = ("NodeName", "DPU SubGraph", "SubGraph", "KernelName")
_TIMES: Final = ("RunTime(ms)", "RT(ms)", "HW_RT", "RT")
_TOTALS: Final = ("All", "Total")
_TOLERANCE: Final = 0.001
_ROUNDING_S: Final = 0.5e-5
"""Half of the last digit of a time."""


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
        raise BackendRunError(f"this is no profile of a DPU: no line names the columns ({', '.join(_NAMES)})")
    columns = _cells(lines[headers[-1]])
    name, time = _position(columns, _NAMES), _position(columns, _TIMES)
    if name is None or time is None:
        raise BackendRunError(f"the DPU's profile has no column 'RunTime(ms)', only {', '.join(columns)}")
    bars = "|" in lines[headers[-1]]
    kernels: list[ReportedKernel] = []
    for line in lines[headers[-1] + 1 :]:
        cells = _cells(line)
        if not cells or set(line) <= set("=-+| "):
            if kernels and bars and not cells:
                return tuple(kernels)
            continue
        if line.lstrip().startswith("Total Nodes"):
            continue
        if cells[0] in _TOTALS and len(cells) == len(columns) - 1:
            # The row of averages has no identity and no name of a node: its cells start one column earlier.
            _check_total(kernels, number(cells[time - 1], "the total", line) * 1e-3)
            return tuple(kernels)
        if len(cells) != len(columns):
            raise BackendRunError(f"the DPU's profile is torn or truncated in line {line.strip()[:80]!r}")
        kernels.append(ReportedKernel(cells[name], "", number(cells[time], "RunTime(ms)", line) * 1e-3))
    if bars and kernels:
        return tuple(kernels)
    raise BackendRunError("the DPU's profile is truncated: the averages over all nodes at its end are missing")


def _cells(line: str) -> list[str]:
    if "|" in line:
        return [cell.strip() for cell in line.strip().strip("|").split("|")]
    return line.split()


def _position(columns: list[str], names: tuple[str, ...]) -> int | None:
    return next((columns.index(name) for name in names if name in columns), None)


def _check_total(kernels: list[ReportedKernel], total_s: float) -> None:
    found_s = sum(kernel.latency_s for kernel in kernels)
    if abs(found_s - total_s) > _TOLERANCE * total_s + _ROUNDING_S * (len(kernels) + 1):
        raise BackendRunError(
            f"the nodes of the DPU's profile add up to {found_s * 1e3:.2f} ms, its total is {total_s * 1e3:.2f} ms: "
            "rows are missing"
        )
