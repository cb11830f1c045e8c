"""What ONNX Runtime's arena holds while a network runs on the CPU.

In its first run each buffer is taken from the arena when its kernel runs and given back when the last reader is done
(`annette.devices.onnxruntime_cpu.reuse`, `annette.devices.onnxruntime_cpu.arena`). Later runs with inputs of the same
shapes take one block in which all of these have their place ("memory pattern"). What the arena needs is the larger of
both. Inputs are the caller's; outputs are in the arena until the caller gives them back. Facts are of ONNX Runtime
1.32; files are named where they are used.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from annette.devices.onnxruntime_cpu.arena import Arena, rounded
from annette.devices.onnxruntime_cpu.order import depth_first, layer_order
from annette.devices.onnxruntime_cpu.reuse import BufferSpan, Step, buffer_spans
from annette.mapping.kernel import ACTIVATION_CODES
from annette.mapping.memory import MemoryPlan, alive_bytes
from annette.mapping.memory import Lifetime
from annette.mapping.precision import kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.mapping.kernel import Kernel
    from annette.mapping.model import MappingModel
    from annette.mapping.precision import Precision
    from annette.network import Network

__all__ = ["plan_memory"]

_MAP_RANK: Final = 4
_BLOCKED: Final = ":blocked"
_MATRIX: Final = ":matrix"
_MODULUS: Final = re.compile(r"% (\d+)")
_IN_PLACE: Final = (frozenset(ACTIVATION_CODES) - {"gelu", "silu"}) | {"softmax", "log_softmax"}
_LEAST_BLOCK: Final = 8
_CONVOLUTIONS: Final = frozenset({"conv", "depthwise_conv", "grouped_conv"})
_FLOAT_BYTES: Final = 4
_SLICE_ELEMENTS: Final = 128 * 128
"""Of a thread (``MLAS_CONV_WORKING_BUFFER_SIZE_PER_THREAD``)."""


def plan_memory(
    mapping: MappingModel, precision: Precision, network: Network, kernels: Sequence[Kernel]
) -> MemoryPlan | None:
    """Plans the memory of a network as the runtime does.

    Args:
        mapping: The platform's; its layout says how many channels a block has.
        precision: Unused: the runtime keeps the precision of the network.
        network: What runs.
        kernels: In order of execution.
    """
    del precision
    graph = _Graph(network, _block_of(mapping))
    for position, kernel in enumerate(kernels):
        graph.add(position, kernel)
    order = graph.order(kernels)
    graph.steps = [graph.steps[place] for place in order]
    graph.kernels = [graph.kernels[place] for place in order]
    spans = buffer_spans(graph.steps, graph.shapes, graph.widths, network.inputs, network.outputs)
    sizes = {span.name: math.prod(graph.shapes[span.name]) * graph.widths[span.name] for span in spans}
    steps = graph.steps
    lifetimes = [Lifetime(sizes[span.name], span.first, span.last) for span in spans]
    lifetimes += [Lifetime(step.workspace_bytes, at, at) for at, step in enumerate(steps) if step.workspace_bytes]
    alive = [0] * len(kernels)
    for position, size in zip(graph.kernels, alive_bytes(lifetimes, len(steps)), strict=True):
        alive[position] = max(alive[position], size)
    return MemoryPlan(
        tuple(alive),
        "onnxruntime",
        _arena_bytes(steps, spans, sizes),
        inputs=False,
    )


def _arena_bytes(steps: Sequence[Step], spans: Sequence[BufferSpan], sizes: Mapping[str, int]) -> int:
    """The most that the arena has in use, in the first run and in those with a memory pattern."""
    arena = Arena()
    begin: dict[int, list[BufferSpan]] = {}
    end: dict[int, list[BufferSpan]] = {}
    for span in spans:
        begin.setdefault(span.first, []).append(span)
        end.setdefault(span.last, []).append(span)
    for pattern in (False, True):
        if pattern:
            arena.allocate("pattern", _pattern_bytes(steps, begin, end, sizes))
        for at, step in enumerate(steps):
            for span in begin.get(at, ()):
                if span.handed_out or not pattern:
                    arena.allocate(span.name, sizes[span.name])
            arena.allocate("workspace", step.workspace_bytes)
            arena.release("workspace")
            for span in end.get(at, ()):
                if not span.handed_out:
                    arena.release(span.name)
        arena.release("pattern")
        for span in spans:
            if span.handed_out:
                arena.release(span.name)
    return arena.most_bytes


def _pattern_bytes(
    steps: Sequence[Step],
    begin: Mapping[int, Sequence[BufferSpan]],
    end: Mapping[int, Sequence[BufferSpan]],
    sizes: Mapping[str, int],
) -> int:
    """Size of the block of a memory pattern: each buffer goes into the tightest gap between those that are alive
    (``MemPatternPlanner::TraceAllocation``, onnxruntime/core/framework/mem_pattern_planner.h)."""
    placed: list[tuple[int, int, str]] = []
    most = 0
    for at in range(len(steps)):
        for span in begin.get(at, ()):
            if span.handed_out or not sizes[span.name]:
                continue
            size, reached = rounded(sizes[span.name]), 0
            best: tuple[int, int] | None = None
            for offset, length, _ in placed:
                gap = offset - reached
                if gap >= size and (best is None or gap < best[0]):
                    best = (gap, reached)
                reached = max(reached, offset + length)
            offset = reached if best is None else best[1]
            placed.append((offset, size, span.name))
            placed.sort()
            most = max(most, offset + size)
        gone = {span.name for span in end.get(at, ())}
        placed = [each for each in placed if each[2] not in gone]
    return most


def _block_of(mapping: MappingModel) -> int:
    """Channels of a block: what the layout's rules ask channels to be a multiple of; 1 without blocked layouts."""
    if mapping.layout is None:
        return 1
    found = [
        int(number)
        for rule in mapping.layout.rules
        for condition in rule.when
        for number in _MODULUS.findall(str(condition))
    ]
    return max(found, default=_LEAST_BLOCK)


class _Graph:
    """The graph that the runtime executes, from kernels."""

    def __init__(self, network: Network, block: int) -> None:
        self.steps: list[Step] = []
        self.stages: list[int] = []
        self.kernels: list[int] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.widths: dict[str, int] = {}
        self._network, self._block = network, block
        self._channel = -1 if network.channels_last else 1
        for tensor in network.inputs:
            self._describe(tensor)

    def add(self, position: int, kernel: Kernel) -> None:
        known = len(self.steps)
        self._add(kernel)
        stage = 2 if kernel.blocked or not kernel.layers else int(len(kernel.layers) > 1)
        self.stages += [3 if kernel.kind == "reorder_output" else stage] * (len(self.steps) - known)
        self.kernels += [position] * (len(self.steps) - known)

    def order(self, kernels: Sequence[Kernel]) -> list[int]:
        fused = {
            layer.name
            for kernel in kernels
            if len(kernel.layers) > 1 and kernel.layers[1].kind != "add"
            for layer in kernel.layers
        }
        place_of = layer_order(self._network, fused)
        writer = {value: place for place, step in enumerate(self.steps) for value in step.outputs}
        before = [{writer[value] for value in step.inputs if value in writer} for step in self.steps]
        added: list[tuple[int, ...]] = []
        follower = 0
        for place in range(len(self.steps) - 1, -1, -1):
            kernel, stage = kernels[self.kernels[place]], self.stages[place]
            if kernel.layers:
                follower = place_of[kernel.anchor.name]
            own = place if stage in (0, 3) else follower
            added.append((stage, own, int(bool(kernel.layers)), place))
        return depth_first(before, added[::-1])

    def _add(self, kernel: Kernel) -> None:
        if not kernel.layers and kernel.kind in ("reorder_input", "reorder_output"):
            tensor = kernel.inputs[0]
            pair = (tensor, tensor + _BLOCKED)
            read, written = pair if kernel.kind == "reorder_input" else pair[::-1]
            self._describe(tensor, blocked=written != tensor)
            self._step(Step((read,), (written,)))
            return
        inputs = tuple(self._read(tensor, blocked=kernel.blocked) for tensor in kernel.inputs)
        blocked = kernel.blocked
        outputs = tuple(self._describe(tensor, blocked=blocked) for tensor in kernel.outputs)
        if self._is_reshaped_gemm(kernel):
            result = outputs[0]
            matrix = result + _MATRIX
            shape = self.shapes[result]
            self.shapes[matrix] = (math.prod(shape[:-1]), shape[-1])
            self.widths[matrix] = self.widths[result]
            self._step(Step(inputs, (matrix,)))
            self._step(Step((matrix,), outputs, view=True))
            return
        self._step(Step(inputs, outputs, kernel.free and len(kernel.outputs) == 1, self._in_place(kernel), _workspace_bytes(kernel)))

    def _step(self, step: Step) -> None:
        self.steps.append(step)

    def _is_reshaped_gemm(self, kernel: Kernel) -> bool:
        if kernel.kind != "fully_connected" or len(kernel.outputs) != 1:
            return False
        return len(kernel.layers) > 1 and len(self.shapes[kernel.outputs[0]]) > 2

    def _read(self, tensor: str, *, blocked: bool) -> str:
        names = (tensor + _BLOCKED, tensor) if blocked else (tensor, tensor + _BLOCKED)
        return next((name for name in names if name in self.shapes), None) or self._describe(tensor)

    def _describe(self, tensor: str, *, blocked: bool = False) -> str:
        described = self._network.tensors[tensor]
        shape = tuple(described.shape)
        blocked = blocked and len(shape) == _MAP_RANK
        if blocked:
            channels = -(-shape[self._channel] // self._block) * self._block
            sizes = list(shape)
            sizes[self._channel] = channels
            shape = tuple(sizes)
        name = tensor + _BLOCKED if blocked else tensor
        self.shapes[name] = shape
        self.widths[name] = max(described.dtype.bits // 8, 1)
        return name

    def _in_place(self, kernel: Kernel) -> tuple[int, ...]:
        kind = kind_of(kernel.kind)
        if kind in _IN_PLACE and len(kernel.inputs) == 1:
            return (0,)
        residual = kind in _CONVOLUTIONS and len(kernel.inputs) > 1
        return (1,) if residual else ()


def _workspace_bytes(kernel: Kernel) -> int:
    """What a convolution in the plain layout expands its input into (``MlasConvPrepare``,
    onnxruntime/core/mlas/lib/convolve.cpp): all of it where there are more filters than positions, else a slice."""
    if kernel.kind not in _CONVOLUTIONS or kernel.blocked:
        return 0
    d = kernel.anchor.workload.dimensions
    taps = d.kernel_height * d.kernel_width * d.kernel_depth
    positions = d.out_height * d.out_width * d.out_depth
    unit_strides = d.stride_height == d.stride_width == 1
    if taps == 1 and unit_strides:
        return 0
    groups = max(d.groups, 1)
    if d.out_channels // groups > positions:
        return _FLOAT_BYTES * positions * taps * (d.in_channels // groups)
    return _FLOAT_BYTES * _SLICE_ELEMENTS
