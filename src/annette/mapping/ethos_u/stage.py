"""The context stage of the Ethos-U: how its compiler cuts every kernel, and what runs right before it.

Numbers that it gives to kernels:

- ``tile_height``, ``tile_width``, ``tile_channels``, ``part_kernel``, ``tiles``, ``reread``, ``steps``: the cut of
  convolutions, matrix products and pooling (`annette.mapping.ethos_u.tiling`);
- ``steps_before``, ``weights_per_step_before``: the kernel before, under which weights can be fetched;
- ``input_rows``, ``output_rows``: 1 where a map is stored in rows instead of bricks of 16 channels, which is how the
  network's inputs and outputs are;
- ``copied_bytes``: what a concat has to copy, because its producer cannot write it in place.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from annette.errors import MappingError
from annette.mapping.context import ContextStage, integer_parameters
from annette.mapping.ethos_u.order import concat_copies, elements, execution_order
from annette.mapping.ethos_u.tiling import Engine, Tile, Window, choose_tile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.mapping.kernel import Kernel
    from annette.network import Network

__all__ = ["EthosUPlacement"]

_ROLES: Final = {
    "conv": "conv",
    "fully_connected": "conv",
    "depthwise_conv": "depthwise",
    "max_pool": "pool",
    "average_pool": "pool",
}
_LIMITS: Final = {
    "accumulators": (64, 1 << 24),
    "input_bytes": (64, 1 << 24),
    "joint_bytes": (64, 1 << 26),
    "accumulator_grain": (1, 1 << 20),
    "max_height": (1, 4096),
    "max_width": (1, 4096),
    "max_channels": (1, 4096),
    "deep_channels": (8, 1024),
    "least_units": (1, 256),
}
_MOST_UNITS: Final = 8
_LARGEST_UNIT: Final = 64


@dataclass(frozen=True)
class EthosUPlacement(ContextStage):
    """Cuts kernels into tiles, orders them as the compiler does, and finds what a concat copies.

    Attributes:
        engine: Sizes of the accelerator.
    """

    name: ClassVar[str] = "ethos-u-placement"
    columns: ClassVar[tuple[str, ...]] = (
        "tile_height",
        "tile_width",
        "tile_channels",
        "part_kernel",
        "tiles",
        "reread",
        "steps",
        "steps_before",
        "weights_per_step_before",
        "input_rows",
        "output_rows",
        "copied_bytes",
    )

    engine: Engine

    def apply(self, kernels: Sequence[Kernel], network: Network) -> tuple[Kernel, ...]:
        """Gives the kernels their context.

        Args:
            kernels: All kernels of the network, in topological order.
            network: Where their tensors are described.

        Returns:
            The kernels in the order in which they run; a concat that copies nothing is free.
        """
        ends = {*network.inputs, *network.outputs}
        found = []
        before = 0.0
        for position in execution_order(kernels, network):
            kernel = kernels[position]
            if kernel.free:
                found.append(kernel)
                continue
            copied = elements(concat_copies(position, kernels, network), network) if kernel.kind == "concat" else 0
            if kernel.kind == "concat" and not copied:
                found.append(replace(kernel, free=True, rules=(*kernel.rules, "in-place")))
                continue
            context = self._cut(kernel)
            context["steps_before"] = before
            context["weights_per_step_before"] = kernel.anchor.workload.weight_elements / (before + 1.0)
            context["input_rows"] = float(any(tensor in ends for tensor in kernel.inputs))
            context["output_rows"] = float(any(tensor in ends for tensor in kernel.outputs))
            context["copied_bytes"] = float(copied)
            before = context["steps"]
            found.append(replace(kernel, context=context))
        return tuple(found)

    def _cut(self, kernel: Kernel) -> dict[str, float]:
        window = _window(kernel)
        if window is None:
            tile = Tile(0, 0, 0, False, 1.0, 1.0, float(kernel.anchor.workload.output_elements))
        else:
            tile = choose_tile(self.engine, window)
        return {
            "tile_height": float(tile.height),
            "tile_width": float(tile.width),
            "tile_channels": float(tile.channels),
            "part_kernel": float(tile.part_kernel),
            "tiles": tile.tiles,
            "reread": tile.reread,
            "steps": tile.steps,
        }

    def to_json(self) -> dict[str, Any]:
        """Sizes of the accelerator."""
        return {**asdict(self.engine), "units": [list(unit) for unit in self.engine.units]}

    @classmethod
    def from_json(cls, parameters: Mapping[str, Any]) -> Self:
        """Builds the stage from the accelerator's sizes.

        Raises:
            MappingError: A size is missing, unknown, not whole, or out of its range.
        """
        sizes = {key: value for key, value in parameters.items() if key != "units"}
        numbers = integer_parameters(cls.name, sizes, _LIMITS)
        return cls(Engine(units=_units(parameters.get("units")), **numbers))


def _units(data: Any) -> tuple[tuple[int, int, int], ...]:
    sound = (
        isinstance(data, list)
        and 0 < len(data) <= _MOST_UNITS
        and all(
            isinstance(unit, list)
            and len(unit) == 3
            and all(isinstance(size, int) and not isinstance(size, bool) and 0 < size <= _LARGEST_UNIT for size in unit)
            for unit in data
        )
    )
    if not sound:
        raise MappingError(
            f"context stage {EthosUPlacement.name!r}: 'units' is {data!r:.80}: it must be a list of micro-tiles, each "
            f"three whole numbers from 1 to {_LARGEST_UNIT}"
        )
    return tuple((unit[0], unit[1], unit[2]) for unit in data)


def _window(kernel: Kernel) -> Window | None:
    """The kernel as tiles see it; None for what is not cut by windows."""
    role = _ROLES.get(kernel.kind)
    d = kernel.anchor.workload.dimensions
    if role is None or d.out_depth != 1 or d.kernel_depth != 1:
        return None
    lines, columns = (d.batch * d.out_width, 1) if kernel.kind == "fully_connected" else (d.out_height, d.out_width)
    in_lines, in_columns = (lines, 1) if kernel.kind == "fully_connected" else (d.in_height, d.in_width)
    return Window(
        role, lines, columns, d.out_channels, d.in_channels, in_lines, in_columns,
        d.kernel_height, d.kernel_width, d.stride_height, d.stride_width, d.dilation_height,
    )  # fmt: skip
