"""The context stage of the Ethos-U: the order of kernels, their blocks, where maps and weights lie, and the cycles.

Numbers that it gives to kernels (columns ``context:…``):

- ``engine_cycles``, ``on_chip_cycles``, ``off_chip_cycles``: how long the engine and each memory are busy, as the
  compiler reckons (`annette.mapping.ethos_u.device`); what the layer models start from;
- ``tile_height``, ``tile_width``, ``tile_channels``, ``part_kernel``, ``refetches``: the block, and how often
  weights are read;
- ``input_outside``, ``side_outside``, ``output_outside``: 1 where a map lies in the memory outside;
- ``staged``, ``slices``, ``copied_weights``, ``slack_cycles``: whether weights are copied to the memory on chip
  first, in how many pieces, how many bytes of that are not hidden, and how long the kernel before hides a copy;
- ``cascaded``, ``stripe_height``: whether it runs in turns with its neighbours, and by how many lines;
- ``input_rows``, ``output_rows``: 1 where a map is stored in rows instead of bricks of 16 channels;
- ``copied_bytes``: what a concat has to copy, because its producer cannot write it in place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from annette.mapping.context import ContextStage
from annette.mapping.ethos_u.maps import maps_of
from annette.mapping.ethos_u.order import concat_copies, elements, execution_order
from annette.mapping.ethos_u.parameters import device_from_json, device_to_json
from annette.mapping.ethos_u.schedule import schedule
from annette.mapping.ethos_u.work import work_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.mapping.ethos_u.device import Device
    from annette.mapping.ethos_u.schedule import Schedule
    from annette.mapping.kernel import Kernel
    from annette.network import Network

__all__ = ["EthosUPlacement"]

_TABLES: Final = frozenset({"leaky_relu", "sigmoid", "tanh", "hard_swish", "hard_sigmoid", "silu", "elu", "gelu"})


@dataclass(frozen=True)
class EthosUPlacement(ContextStage):
    """Schedules a network as the compiler does.

    Attributes:
        device: The accelerator with its memories.
    """

    name: ClassVar[str] = "ethos-u-placement"
    columns: ClassVar[tuple[str, ...]] = (
        "engine_cycles",
        "on_chip_cycles",
        "off_chip_cycles",
        "tile_height",
        "tile_width",
        "tile_channels",
        "part_kernel",
        "refetches",
        "input_outside",
        "side_outside",
        "output_outside",
        "staged",
        "slices",
        "copied_weights",
        "slack_cycles",
        "cascaded",
        "stripe_height",
        "input_rows",
        "output_rows",
        "copied_bytes",
    )

    device: Device

    def apply(self, kernels: Sequence[Kernel], network: Network) -> tuple[Kernel, ...]:
        """Gives the kernels their context.

        Args:
            kernels: All kernels of the network, in topological order.
            network: Where their tensors are described.

        Returns:
            The kernels in the order in which they run; a concat that copies nothing is free.
        """
        ordered: list[Kernel] = []
        copied: dict[str, list[str]] = {}
        in_place: dict[str, list[str]] = {}
        for position in execution_order(kernels, network):
            kernel = kernels[position]
            if kernel.kind == "concat" and not kernel.free:
                copies = concat_copies(position, kernels, network)
                copied[kernel.name] = copies
                in_place[kernel.name] = [tensor for tensor in kernel.inputs if tensor not in copies]
                if not copies:
                    kernel = replace(kernel, free=True, rules=(*kernel.rules, "in-place"))
            ordered.append(kernel)
        maps, root = maps_of(ordered, network, in_place)
        busy = [kernel for kernel in ordered if not kernel.free]
        works = [work_of(kernel, network, root, self.device.engine, copied.get(kernel.name, ())) for kernel in busy]
        tables = [any(layer.kind in _TABLES for layer in kernel.layers) for kernel in busy]
        plan = schedule(self.device, works, maps, tables)
        context = {
            kernel.name: {
                **_context(plan, position),
                "copied_bytes": float(elements(copied.get(kernel.name, ()), network)),
            }
            for position, kernel in enumerate(busy)
        }
        return tuple(kernel if kernel.free else replace(kernel, context=context[kernel.name]) for kernel in ordered)

    def to_json(self) -> dict[str, Any]:
        """Sizes and speeds of the accelerator."""
        return device_to_json(self.device)

    @classmethod
    def from_json(cls, parameters: Mapping[str, Any]) -> Self:
        """Builds the stage from the accelerator's sizes and speeds.

        Raises:
            MappingError: A value is missing, unknown, of the wrong type, or out of its range.
        """
        return cls(device_from_json(cls.name, parameters))


def _context(found: Schedule, position: int) -> dict[str, float]:
    plan = found.plans[position]
    reads, written = found.memories(position)
    busy = found.busy(position)
    tile = plan.tile
    outside = [float(memory is found.device.outside) for memory in reads]
    return {
        **busy,
        "tile_height": float(tile.height) if tile else 0.0,
        "tile_width": float(tile.width) if tile else 0.0,
        "tile_channels": float(tile.channels) if tile else 0.0,
        "part_kernel": float(tile.part_kernel) if tile else 0.0,
        "input_outside": outside[0] if outside else 0.0,
        "side_outside": max(outside[1:], default=0.0),
        "output_outside": float(written is found.device.outside),
        "staged": float(len(plan.staged.buffers)) if plan.staged else 0.0,
        "slices": float(len(plan.staged.slices)) if plan.staged else 0.0,
        "cascaded": float(plan.cascade >= 0),
        "stripe_height": float(plan.stripe),
        "input_rows": float(any(found.maps[name].rows for name in plan.work.reads)),
        "output_rows": float(bool(plan.work.writes) and found.maps[plan.work.writes].rows),
    }
