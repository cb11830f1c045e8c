"""The context stage of the Myriad X: which kernels read external memory, and which copies they pay for.

Numbers that it gives to kernels:

- ``input_in_ddr``, ``output_in_ddr``: 1 where an input or the output lies in external memory;
- ``copied_bytes``: copies that are charged to the kernel and run on their own;
- ``injected_bytes``: copies that run beside its hardware stage;
- ``pieces``: hardware stages it was split into, 1 unless it is a pool that moved in front of a concat;
- ``shaves``: processors that its software stages get.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from annette.devices.intel_myriad.placement.graph import build_stages, forget
from annette.devices.intel_myriad.placement.memory import Chip
from annette.devices.intel_myriad.placement.nodes import CONVOLUTIONS, nodes_of
from annette.devices.intel_myriad.placement.passes import place
from annette.errors import MappingError
from annette.kept import Recent
from annette.mapping.context import ContextStage, integer_parameters
from annette.mapping.kernel import Kernel, revised
from annette.mapping.order import structural_order
from annette.network import describe_layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.devices.intel_myriad.placement.graph import Node
    from annette.devices.intel_myriad.placement.memory import Schedule
    from annette.devices.intel_myriad.placement.nodes import KnownForms
    from annette.network import Network, Tensor

__all__ = ["MyriadPlacement"]

_MOST: Final = 16_384

_LIMITS: Final = {
    "slice_bytes": (1024, 1 << 30),
    **dict.fromkeys(("slices", "output_slices", "shaves", "shaves_beside_hardware"), (1, 64)),
}


@dataclass(slots=True)
class _Plan:
    """What becomes of one kernel."""

    runs: bool = False
    hidden: bool = False
    input_in_ddr: bool = False
    output_in_ddr: bool = False
    copied_bytes: int = 0
    injected_bytes: int = 0
    pieces: int = 0
    shaves: int = 0


@dataclass(frozen=True)
class MyriadPlacement(ContextStage):
    """Simulates where the Myriad plug-in of OpenVINO puts every tensor.

    Kernels are marked free where the compiler finds nothing to do for them: a concat whose operands are written in
    place, and a software stage that runs beside a longer hardware stage. A convolution of single positions is lowered
    like a matrix product and becomes kind ``fully_connected``; one that the engine cannot run becomes kind
    ``software_conv``. Kernels of kind ``convert`` are added for the network's inputs, and of kind ``transpose`` where a
    network that stores channels last reshapes a feature map.

    Attributes:
        chip: The memory of one executor.

    Raises:
        MappingError: The output of one stage may take more slices than there are.
    """

    name: ClassVar[str] = "myriad-placement"
    columns: ClassVar[tuple[str, ...]] = (
        "input_in_ddr", "output_in_ddr", "copied_bytes", "injected_bytes", "pieces", "shaves"
    )  # fmt: skip

    chip: Chip = field(default_factory=Chip)

    def __post_init__(self) -> None:
        if self.chip.output_slices > self.chip.slices:
            raise MappingError(
                f"context stage {self.name!r}: 'output_slices' is {self.chip.output_slices}, "
                f"more than the {self.chip.slices} 'slices'"
            )

    def apply(self, kernels: Sequence[Kernel], network: Network) -> tuple[Kernel, ...]:
        """Gives the kernels their context.

        Args:
            kernels: All kernels of the network, in topological order.
            network: Where their tensors are described.
        """
        kernels = _without_constants(kernels)
        order = structural_order(kernels)
        limit_bytes = self.chip.output_limit_bytes
        placed = [self._moved(tensor, network, "convert") for tensor in network.inputs]
        nodes = nodes_of([kernels[position] for position in order], placed, limit_bytes, self._forms)
        stages = build_stages(nodes, limit_bytes)
        plans = _plans(place(stages, self.chip), len(nodes))
        forget(stages)
        first = len(placed)
        at = {position: first + number for number, position in enumerate(order)}
        contexts: dict[tuple[float, ...], dict[str, float]] = {}
        for position, kernel in enumerate(kernels):
            node, plan = nodes[at[position]], plans[at[position]]
            if kernel.free:
                placed += self._transposes(kernel, network)
                placed.append(kernel)
            else:
                placed.append(_planned(kernel, node, plan, contexts))
        return tuple(placed)

    @cached_property
    def _forms(self) -> KnownForms:
        return Recent(_MOST)

    @cached_property
    def _moves(self) -> Recent[tuple[str, Tensor, bool], Kernel]:
        return Recent(_MOST)

    def _transposes(self, view: Kernel, network: Network) -> list[Kernel]:
        """The plug-in stores channels first: a feature map is transposed before a view of it as channels last."""
        if not network.channels_last or not view.inputs or view.kind != "reshape":
            return []
        maker = network.producers.get(view.inputs[0])
        convolved = maker is not None and maker.kind == "conv"
        return [self._moved(view.inputs[0], network, "transpose")] if convolved else []

    def _moved(self, tensor: str, network: Network, kind: str) -> Kernel:
        """A kernel that the runtime adds: it brings an input to half precision, or a feature map into another order."""
        described = network.tensors[tensor]
        key = kind, described, network.channels_last
        known = self._moves.get(key)
        if known is None:
            name = f"{tensor}:{kind}"
            copied = describe_layer(
                "copy", name, inputs=[described], outputs=[described], channels_last=network.channels_last
            )
            known = Kernel(name, kind, copied, (), (tensor,), (tensor,), ("myriad-placement",))
            self._moves.put(key, known)
        return known

    def to_json(self) -> dict[str, Any]:
        """The chip's numbers."""
        return asdict(self.chip)

    @classmethod
    def from_json(cls, parameters: Mapping[str, Any]) -> Self:
        """Builds the stage from the chip's numbers.

        Raises:
            MappingError: A number is missing, unknown, not whole, or out of its range.
        """
        return cls(Chip(**integer_parameters(cls.name, parameters, _LIMITS)))


_numbers_of: Final = attrgetter(*MyriadPlacement.columns)


def _without_constants(kernels: Sequence[Kernel]) -> list[Kernel]:
    """Marks what the model optimizer folds: products with zero, what follows from them alone, and sums with them."""
    constant: set[str] = set()
    kept: list[Kernel] = []
    for kernel in kernels:
        if constant.isdisjoint(kernel.inputs) and kernel.kind != "mul":
            kept.append(kernel)
            continue
        zero = kernel.kind == "mul" and kernel.anchor.attributes.get("scalar") == 0
        varying = tuple([tensor for tensor in kernel.inputs if tensor not in constant])
        if zero or (kernel.inputs and not varying):
            constant.update(kernel.outputs)
            kept.append(revised(kernel, free=True, rule="constant-folded"))
        elif kernel.kind == "add" and len(varying) == 1 < len(kernel.inputs):
            kept.append(replace(kernel, inputs=varying, free=True, rules=(*kernel.rules, "constant-folded")))
        else:
            kept.append(kernel)
    return kept


def _plans(schedule: Schedule, count: int) -> list[_Plan]:
    """What the stages mean for each node."""
    plans = [_Plan() for _ in range(count)]
    for stage in schedule.stages:
        for part in stage.parts:
            beside = part is stage.injected
            if part.kind == "copy":
                plan = plans[stage.node if beside else part.node]
                plan.shaves = max(plan.shaves, part.shave_count)
                if beside:
                    plan.injected_bytes += part.output.size_bytes
                    continue
                plan.copied_bytes += part.output.size_bytes
            elif part.kind == "join":
                continue
            else:
                plan = plans[part.node]
                plan.pieces += not beside and (part.tile < 0 or plan.pieces == 0)
                plan.hidden |= beside
                plan.input_in_ddr |= not all(data.top.in_cmx for data in part.inputs)
                plan.output_in_ddr |= not part.output.top.in_cmx
            plan.runs = True
            plan.shaves = max(plan.shaves, part.shave_count)
    return plans


def _planned(kernel: Kernel, node: Node, plan: _Plan, contexts: dict[tuple[float, ...], dict[str, float]]) -> Kernel:
    """A kernel as it runs; kernels of equal plans get the same context."""
    if not plan.runs:
        return revised(kernel, free=True, rule="in-place")
    if plan.hidden:
        return revised(kernel, free=True, rule="beside-hardware")
    numbers = _numbers_of(plan)
    context = contexts.get(numbers)
    if context is None:
        context = contexts[numbers] = dict(zip(MyriadPlacement.columns, map(float, numbers), strict=True))
    dimensions = node.form.dimensions
    if kernel.kind in CONVOLUTIONS and node.form.role != "convolution":
        return revised(kernel, kind="software_conv", context=context)
    if kernel.kind == "conv" and dimensions.out_height * dimensions.out_width == 1:
        return revised(kernel, kind="fully_connected", rule="as-matrix-product", context=context)
    return revised(kernel, context=context)
