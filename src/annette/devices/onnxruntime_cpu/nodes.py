"""The graph that ONNX Runtime executes, from the kernels of a network: nodes and the shapes of what they write."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, Self

from annette.devices.onnxruntime_cpu.order import depth_first, layer_order
from annette.devices.onnxruntime_cpu.reuse import Step
from annette.mapping.kernel import ACTIVATION_CODES
from annette.mapping.precision import kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.mapping.kernel import Kernel
    from annette.mapping.model import MappingModel
    from annette.network import Network

__all__ = ["CONVOLUTIONS", "NodeGraph", "block_of"]

_MAP_RANK: Final = 4
_MATRIX_RANK: Final = 2
_BLOCKED: Final = ":blocked"
_MATRIX: Final = ":matrix"
_TO_BLOCKED: Final = "reorder_input"
_TO_PLAIN: Final = "reorder_output"
_MODULUS: Final = re.compile(r"% (\d+)")
CONVOLUTIONS: Final = frozenset({"conv", "depthwise_conv", "grouped_conv"})

_IN_PLACE: Final = (frozenset(ACTIVATION_CODES) - {"gelu", "silu"}) | {"softmax", "log_softmax"}
"""Kinds whose kernels are registered with ``MayInplace(0, 0)`` (onnxruntime/core/providers/cpu/activation and math).
Gelu and QuickGelu are not, nor are sums and products of two tensors."""

_FILE, _FUSED, _NCHWC, _LAST = range(4)
"""Stages that add nodes: none, fusions, the blocked layout, and its copies back to the plain one."""

_FLOAT_BYTES: Final = 4
_SLICE_ELEMENTS: Final = 128 * 128
"""``MLAS_CONV_WORKING_BUFFER_SIZE_PER_THREAD`` (onnxruntime/core/mlas/lib/convolve.cpp)."""


def block_of(mapping: MappingModel) -> int:
    """Channels of a block: what the layout's rules want channels to be a multiple of; 1 without blocked layouts."""
    rules = () if mapping.layout is None else mapping.layout.rules
    found = [number for rule in rules for each in rule.when for number in _MODULUS.findall(str(each))]
    return max(map(int, found), default=1)


class NodeGraph:
    """Nodes in order of execution.

    Attributes:
        steps: The nodes.
        kernels: For each node, the position of the kernel that it belongs to.
        shapes: Of all values; in the blocked layout with whole blocks of channels.
        widths: Bytes of an element of each value.
    """

    def __init__(self, network: Network, block: int) -> None:
        self.steps: list[Step] = []
        self.kernels: list[int] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.widths: dict[str, int] = {}
        self._network, self._block = network, block
        for tensor in network.inputs:
            self._describe(tensor)

    @classmethod
    def of(cls, kernels: Sequence[Kernel], network: Network, block: int) -> Self:
        """The graph of a network.

        Args:
            kernels: In a topological order, with the copies between layouts.
            network: Where their tensors are described.
            block: Channels of a block.
        """
        graph = cls(network, block)
        for position, kernel in enumerate(kernels):
            known = len(graph.steps)
            graph._add(kernel)
            graph.kernels += [position] * (len(graph.steps) - known)
        order = graph._order(kernels)
        graph.steps = [graph.steps[place] for place in order]
        graph.kernels = [graph.kernels[place] for place in order]
        return graph

    def _add(self, kernel: Kernel) -> None:
        if not kernel.layers and kernel.kind in (_TO_BLOCKED, _TO_PLAIN):
            (tensor,) = kernel.inputs
            blocked = kernel.kind == _TO_BLOCKED
            self.steps.append(
                Step((self._read(tensor, blocked=not blocked),), (self._describe(tensor, blocked=blocked),))
            )
            return
        inputs = tuple(self._read(tensor, blocked=kernel.blocked) for tensor in kernel.inputs)
        outputs = tuple(self._describe(tensor, blocked=kernel.blocked) for tensor in kernel.outputs)
        if _is_gemm(kernel) and len(self.shapes[outputs[0]]) > _MATRIX_RANK:
            (result,) = outputs
            *positions, depth = self.shapes[result]
            matrix = result + _MATRIX
            self.shapes[matrix], self.widths[matrix] = (math.prod(positions), depth), self.widths[result]
            self.steps += [Step(inputs, (matrix,)), Step((matrix,), outputs, view=True)]
            return
        view = kernel.free and len(outputs) == 1
        self.steps.append(Step(inputs, outputs, view, _in_place(kernel), _workspace_bytes(kernel)))

    def _read(self, tensor: str, *, blocked: bool) -> str:
        """The value that a kernel reads: the tensor in its layout, or in the one that exists."""
        names = (tensor + _BLOCKED, tensor) if blocked else (tensor, tensor + _BLOCKED)
        return next((name for name in names if name in self.shapes), None) or self._describe(tensor)

    def _describe(self, tensor: str, *, blocked: bool = False) -> str:
        described = self._network.tensors[tensor]
        sizes, name = list(described.shape), tensor
        if blocked and len(sizes) == _MAP_RANK:
            channel = -1 if self._network.channels_last else 1
            sizes[channel] = -(-sizes[channel] // self._block) * self._block
            name += _BLOCKED
        self.shapes[name] = tuple(sizes)
        self.widths[name] = max(described.dtype.bits // 8, 1)
        return name

    def _order(self, kernels: Sequence[Kernel]) -> list[int]:
        """Positions of the nodes in the order in which they run; copies to the blocked layout come with a reader."""
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
        reader = 0
        for place in reversed(range(len(self.steps))):
            kernel = kernels[self.kernels[place]]
            if kernel.layers:
                reader = place_of[kernel.anchor.name]
            stage = _stage_of(kernel)
            number = place if stage in (_FILE, _LAST) else reader
            added.append((stage, number, int(bool(kernel.layers)), place))
        return depth_first(before, added[::-1])


def _stage_of(kernel: Kernel) -> int:
    """Which stage of optimisation adds the node of a kernel."""
    if kernel.kind == _TO_PLAIN:
        return _LAST
    if kernel.blocked or not kernel.layers:
        return _NCHWC
    return _FUSED if len(kernel.layers) > 1 else _FILE


def _is_gemm(kernel: Kernel) -> bool:
    """Whether a matrix product with a bias runs as a Gemm on matrices, between views (matmul_add_fusion.cc)."""
    return kernel.kind == "fully_connected" and len(kernel.outputs) == 1 and len(kernel.layers) > 1


def _in_place(kernel: Kernel) -> tuple[int, ...]:
    """Inputs that a kernel may write over: what an activation reads, and a residual that a convolution adds.

    The latter as registered in onnxruntime/contrib_ops/cpu/nchwc_ops.cc and fused_conv.cc.
    """
    kind, count = kind_of(kernel.kind), len(kernel.inputs)
    if kind in _IN_PLACE and count == 1:
        return (0,)
    return (1,) if kind in CONVOLUTIONS and count > 1 else ()


def _workspace_bytes(kernel: Kernel) -> int:
    """What a convolution in the plain layout expands its input into.

    All of it where there are more filters than positions, else a slice; nothing where the input is the matrix already
    (``MlasConvPrepare``, onnxruntime/core/mlas/lib/convolve.cpp).
    """
    if kernel.kind not in CONVOLUTIONS or kernel.blocked:
        return 0
    d = kernel.anchor.workload.dimensions
    taps = d.kernel_depth * d.kernel_height * d.kernel_width
    positions = d.out_depth * d.out_height * d.out_width
    if taps == d.stride_depth == d.stride_height == d.stride_width == 1:
        return 0
    groups = max(d.groups, 1)
    whole = d.out_channels // groups > positions
    return _FLOAT_BYTES * (positions * taps * (d.in_channels // groups) if whole else _SLICE_ELEMENTS)
