"""The context stage: which kernels read from DRAM, and the copies that bring the network's inputs onto the chip."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from annette.mapping.context import ContextStage, integer_parameters
from annette.mapping.kernel import Kernel
from annette.network import describe_layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network import Network

_LIMITS: Final = {"buffer_kib": (1, 1 << 20)}


@dataclass(frozen=True)
class ToyPlacement(ContextStage):
    """Says of each kernel whether its operands fit into the buffer, and adds a kernel ``dma`` for each network input.

    Attributes:
        buffer_kib: Size of the on-chip buffer, KiB.
    """

    name: ClassVar[str] = "toy-placement"
    columns: ClassVar[tuple[str, ...]] = ("input_in_dram",)

    buffer_kib: int

    def apply(self, kernels: Sequence[Kernel], network: Network) -> tuple[Kernel, ...]:
        copies = tuple(_copy(name, network) for name in network.inputs)
        return copies + tuple(self._placed(kernel, network) for kernel in kernels)

    def _placed(self, kernel: Kernel, network: Network) -> Kernel:
        if kernel.free:
            return kernel
        read_bytes = sum(network.tensors[name].elements for name in kernel.inputs)  # one byte an element: int8
        return replace(kernel, context={"input_in_dram": float(read_bytes > self.buffer_kib * 1024)})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(**integer_parameters(cls.name, parameters, _LIMITS))


def _copy(name: str, network: Network) -> Kernel:
    tensor = network.tensors[name]
    layer = describe_layer("copy", f"{name}:dma", inputs=[tensor], outputs=[tensor])
    return Kernel(layer.name, "dma", layer, (), (name,), (name,), ("toy-placement",))
