"""What ONNX Runtime's arena holds while a network runs on the CPU.

In its first run each buffer is taken from the arena when its kernel runs and given back when the last reader is done
(`annette.devices.onnxruntime_cpu.reuse`, `annette.devices.onnxruntime_cpu.arena`). Later runs with inputs of the same
shapes take one block in which all of these have their place, the runtime's memory pattern. The arena needs the larger
of both. Inputs are the caller's; outputs are in the arena until the caller gives them back. Facts are of ONNX Runtime
1.32; files are named where they are used.
"""

from __future__ import annotations

import math
from bisect import insort
from typing import TYPE_CHECKING

from annette.devices.onnxruntime_cpu.arena import Arena, rounded
from annette.devices.onnxruntime_cpu.nodes import CONVOLUTIONS, NodeGraph, block_of
from annette.devices.onnxruntime_cpu.reuse import buffer_spans
from annette.mapping.memory import Lifetime, MemoryPlan, alive_bytes
from annette.mapping.precision import is_narrow
from annette.network import DType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.devices.onnxruntime_cpu.reuse import BufferSpan, Step
    from annette.mapping.kernel import Kernel
    from annette.mapping.model import MappingModel
    from annette.mapping.precision import Precision
    from annette.network import Network

__all__ = ["plan_memory"]


def plan_memory(
    mapping: MappingModel, precision: Precision, network: Network, kernels: Sequence[Kernel]
) -> MemoryPlan | None:
    """Plans the memory of a network as the runtime does, with one thread.

    Args:
        mapping: The platform's; its layout says how many channels a block has.
        precision: Unused: each tensor keeps the type that it has in the network.
        network: What runs.
        kernels: In order of execution.

    Returns:
        The plan; None for quantised convolutions, whose kernels take buffers of their own that are not known here, and
        for 16-bit floating point, which the runtime computes in 32 bits between copies.
    """
    del precision
    if is_narrow(network) and (_is_half(network) or any(each.anchor.kind in CONVOLUTIONS for each in kernels)):
        return None
    graph = NodeGraph.of(kernels, network, block_of(mapping))
    spans = buffer_spans(graph.steps, graph.shapes, graph.widths, network.inputs, network.outputs)
    sizes = {span.name: math.prod(graph.shapes[span.name]) * graph.widths[span.name] for span in spans}
    lifetimes = [Lifetime(sizes[span.name], span.first, span.last) for span in spans]
    lifetimes += [Lifetime(step.workspace_bytes, at, at) for at, step in enumerate(graph.steps)]
    alive = [0] * len(kernels)
    for position, size in zip(graph.kernels, alive_bytes(lifetimes, len(graph.steps)), strict=True):
        alive[position] = max(alive[position], size)
    return MemoryPlan(tuple(alive), "onnxruntime", _Runs(graph.steps, spans, sizes).most_bytes(), inputs=False)


def _is_half(network: Network) -> bool:
    return not network.activation_dtypes.isdisjoint({DType.FLOAT16, DType.BFLOAT16})


class _Runs:
    """Runs of a graph, as the arena sees them."""

    def __init__(self, steps: Sequence[Step], spans: Sequence[BufferSpan], sizes: Mapping[str, int]) -> None:
        self._steps, self._sizes = steps, sizes
        self._outputs = [span.name for span in spans if span.handed_out]
        self._taken: list[list[BufferSpan]] = [[] for _ in steps]
        self._given_back: list[list[str]] = [[] for _ in steps]
        for span in spans:
            self._taken[span.first].append(span)
            if not span.handed_out:
                self._given_back[span.last].append(span.name)

    def most_bytes(self) -> int:
        """The most that the arena ever has in use."""
        arena = Arena()
        self._run(arena, with_pattern=False)
        arena.allocate("pattern", self._pattern_bytes())
        self._run(arena, with_pattern=True)
        return arena.most_bytes

    def _run(self, arena: Arena, *, with_pattern: bool) -> None:
        for step, taken, given_back in zip(self._steps, self._taken, self._given_back, strict=True):
            for span in taken:
                if span.handed_out or not with_pattern:
                    arena.allocate(span.name, self._sizes[span.name])
            arena.allocate("workspace", step.workspace_bytes)
            arena.release("workspace")
            for name in given_back:
                arena.release(name)
        for name in self._outputs:
            arena.release(name)

    def _pattern_bytes(self) -> int:
        """Size of the block of a memory pattern: each buffer gets the tightest gap between those that are alive.

        As ``MemPatternPlanner::TraceAllocation`` (onnxruntime/core/framework/mem_pattern_planner.h).
        """
        alive: list[tuple[int, int, str]] = []
        most = 0
        for taken, given_back in zip(self._taken, self._given_back, strict=True):
            for span in taken:
                size = rounded(self._sizes[span.name])
                if not span.handed_out and size:
                    offset = _tightest_gap(alive, size)
                    insort(alive, (offset, size, span.name))
                    most = max(most, offset + size)
            if given_back:
                alive = [each for each in alive if each[2] not in given_back]
        return most


def _tightest_gap(alive: Sequence[tuple[int, int, str]], size: int) -> int:
    """Where a buffer goes between others, which are sorted by offset; behind them where no gap is large enough."""
    reached, gaps = 0, []
    for offset, length, _ in alive:
        if offset - reached >= size:
            gaps.append((offset - reached, reached))
        reached = max(reached, offset + length)
    return min(gaps)[1] if gaps else reached
