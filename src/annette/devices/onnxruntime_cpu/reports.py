"""ONNX Runtime's profile: the JSON trace that a session with ``enable_profiling`` writes, one event per node and run.

Facts used (ONNX Runtime 1.20 to 1.32): events of category ``Node`` whose name ends in ``_kernel_time`` are executed
nodes; ``dur`` is in whole microseconds; ``args`` has the operator's type and the shapes of inputs and outputs. Some
nodes that rewrites add have no name in the optimised graph, and one in the trace: those are paired by type, in order.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, Final

from annette.bench.backend import ProfileEntry
from annette.errors import BackendRunError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annette.devices.onnxruntime_cpu.optimised_graph import OptimisedNode

__all__ = ["read_profile"]

_KERNEL_SUFFIX: Final = "_kernel_time"


def read_profile(
    report: Path, nodes: Sequence[OptimisedNode], repeats: int
) -> list[tuple[ProfileEntry, OptimisedNode | None]]:
    """One entry per executed node, in order of execution, with its node of the optimised graph where that is known.

    Args:
        report: The file that the session has written.
        nodes: The optimised graph that it ran.
        repeats: The last so many runs count; those before warmed up.

    Raises:
        BackendRunError: The report is truncated or has other fields than are known.
    """
    by_name = {node.name: node for node in nodes if node.name}
    unnamed: dict[str, deque[OptimisedNode]] = defaultdict(deque)
    for node in nodes:
        if not node.name:
            unnamed[node.operator.rpartition(".")[2]].append(node)
    events: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in _kernel_events(report):
        events[event["name"].removesuffix(_KERNEL_SUFFIX)].append(event)
    entries = []
    for name, runs in events.items():
        arguments = runs[0]["args"]
        operator = arguments["op_name"]
        executed = by_name.get(name) or (unnamed[operator].popleft() if unnamed[operator] else None)
        entry = ProfileEntry(
            name=name,
            operator=executed.operator if executed else operator,
            latency_s=tuple(event["dur"] * 1e-6 for event in runs[-repeats:]),
            input_shapes=_shapes(arguments.get("input_type_shape", ())),
            output_shapes=_shapes(arguments.get("output_type_shape", ())),
        )
        entries.append((entry, executed))
    return entries


def _kernel_events(report: Path) -> list[dict[str, Any]]:
    try:
        events = json.loads(report.read_text(encoding="utf-8"))
        kernels = [e for e in events if e.get("cat") == "Node" and e["name"].endswith(_KERNEL_SUFFIX)]
        for event in kernels:
            event["dur"], event["args"]["op_name"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackendRunError(f"ONNX Runtime's profile cannot be understood: {error!r}") from error
    if not kernels:
        raise BackendRunError("ONNX Runtime's profile has no kernel events")
    return kernels


def _shapes(reported: Any) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(size) for size in shape) for entry in reported for shape in entry.values())
