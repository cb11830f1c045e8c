"""The context stage of the Ethos-U: the order of kernels, their blocks, where maps and weights lie, and the cycles.

Numbers that it gives to kernels (columns ``context:…``):

- ``engine_cycles``, ``on_chip_cycles``, ``off_chip_cycles``: how long the engine and each memory are busy, as the
  compiler reckons (`annette.devices.arm_ethos_u.scheduler.device`); what the layer models start from;
- ``waiting_cycles``: what these wait for each other, in a kernel that runs as several operations;
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

from annette.devices.arm_ethos_u.scheduler.borders import border_of
from annette.devices.arm_ethos_u.scheduler.maps import maps_of
from annette.devices.arm_ethos_u.scheduler.order import concat_copies, elements, execution_order
from annette.devices.arm_ethos_u.scheduler.parameters import device_from_json, device_to_json
from annette.devices.arm_ethos_u.scheduler.parts import copies_of_border, parts_of
from annette.devices.arm_ethos_u.scheduler.schedule import schedule
from annette.devices.arm_ethos_u.scheduler.storage import storage_of
from annette.mapping.context import ContextStage
from annette.mapping.kernel import Kernel
from annette.network.workload import describe_layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.devices.arm_ethos_u.scheduler.device import Device
    from annette.devices.arm_ethos_u.scheduler.schedule import Schedule
    from annette.devices.arm_ethos_u.scheduler.work import Work
    from annette.network import Network

__all__ = ["EthosUPlacement"]

_BUSY: Final = ("engine_cycles", "on_chip_cycles", "off_chip_cycles")


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
        "waiting_cycles",
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
            The kernels in the order in which they run, with the copies that the compiler adds; a concat that copies
            nothing is free.
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
        storage = storage_of(network)
        maps, root = maps_of(ordered, network, storage.shapes, in_place)
        engine = self.device.engine
        works: list[Work] = []
        places: list[tuple[Kernel, range]] = []
        for kernel in ordered:
            if kernel.free:
                places.append((kernel, range(0)))
                continue
            if (border := border_of(kernel)) is not None:
                sides = copies_of_border(kernel, border, root[kernel.inputs[0]], maps)
                places.append((_border(kernel, network), range(len(works), len(works) + len(sides))))
                works += sides
            parts = parts_of(kernel, storage, root, maps, engine, copied.get(kernel.name))
            places.append((kernel, range(len(works), len(works) + len(parts))))
            works += parts
        plan = schedule(self.device, works, maps)
        return tuple(
            replace(kernel, context=_context(plan, place, elements(copied.get(kernel.name, ()), network)))
            if place
            else kernel
            for kernel, place in places
        )

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


def _border(kernel: Kernel, network: Network) -> Kernel:
    """The copies of a constant around what a pooling reads, which run as those of a concat do."""
    name, read = f"{kernel.name}/border", network.tensors[kernel.inputs[0]]
    copied = describe_layer("copy", name, inputs=[read], outputs=[read], channels_last=network.channels_last)
    return Kernel(name, "concat", copied, (), (), (), ("border",))


def _context(found: Schedule, place: range, copied: int) -> dict[str, float]:
    """What a kernel is given: sums over its operations, and details of the first."""
    position = place[0]
    plan = found.plans[position]
    reads, written = found.memories(position)
    parts = [found.busy(part) for part in place]
    sums = {unit: sum(part[unit] for part in parts) for unit in _BUSY}
    one_by_one = sum(max(part[unit] for unit in _BUSY) for part in parts)
    tile = plan.tile
    outside = [float(memory is found.device.outside) for memory in reads]
    return {
        **parts[0],
        **sums,
        "waiting_cycles": max(one_by_one - max(sums.values()), 0.0),
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
        "copied_bytes": float(copied),
    }
