"""Memory of a run: how many bytes of activations are alive at each kernel, and how many constants take.

What a compiler or runtime lays out is known to its device family only (`annette.devices.device.Device.memory`); what
any of them needs at least is here: `plan_by_liveness`. A buffer is alive from the kernel that writes it first to the
one that reads it last. Tensors inside a kernel have no buffer, views share that of what they show, and what the network
is handed or hands out is alive from its first to its last kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

from annette.mapping.kernel import LEFT_TO_HOST
from annette.mapping.precision import is_narrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from annette.mapping.kernel import Kernel
    from annette.mapping.model import MappingModel
    from annette.mapping.precision import Precision
    from annette.network import Network, Tensor

__all__ = ["Lifetime", "MemoryPlan", "MemoryPlanner", "alive_bytes", "plan_by_liveness", "width_of"]


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A buffer and when it is needed.

    Attributes:
        size_bytes: Its size.
        first: Step at which it is first written; 0 for what is there from the start.
        last: Step after which nobody reads it, at least ``first``.
    """

    size_bytes: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """What a run of a network needs of memory.

    Attributes:
        alive_bytes: Activations, and what kernels need beside, that are alive while each kernel runs.
        method: How they were found: ``liveness``, or the name of the compiler or runtime whose plan was reproduced.
        allocated_bytes: What the compiler or runtime takes for them at its peak, with what its allocator adds; None
            where that is not known.
        by_memory: ``allocated_bytes`` by the names of the memories that they lie in; empty where that is not known.
        inputs: Whether the network's inputs are among them; else the caller holds these elsewhere.
    """

    alive_bytes: tuple[int, ...]
    method: str
    allocated_bytes: int | None = None
    by_memory: Mapping[str, int] = field(default_factory=dict)
    inputs: bool = True


MemoryPlanner: TypeAlias = "Callable[[MappingModel, Precision, Network, Sequence[Kernel]], MemoryPlan | None]"
"""Plans the memory of a network's kernels, in order of execution, as one family of compilers or runtimes does; None
where it cannot."""


def alive_bytes(lifetimes: Iterable[Lifetime], steps: int) -> tuple[int, ...]:
    """Bytes that are alive at each step.

    Args:
        lifetimes: All buffers; ends beyond the last step count as the last.
        steps: Number of steps.

    Example:
        >>> alive_bytes([Lifetime(8, 0, 1), Lifetime(4, 1, 2)], 3)
        (8, 12, 4)
    """
    changes = [0] * (steps + 1)
    for each in lifetimes:
        changes[each.first] += each.size_bytes
        changes[min(each.last + 1, steps)] -= each.size_bytes
    return tuple(accumulate(changes[:steps]))


def width_of(network: Network, precision: Precision) -> Callable[[Tensor], int]:
    """How many bytes a tensor takes on a platform.

    Activations and constants have the platform's precision; where a network brings narrower numbers that the platform
    keeps, each tensor has its own. Positions, masks and other numbers that are not computed with keep theirs, too.

    Args:
        network: What runs.
        precision: The platform's.
    """
    own = is_narrow(network) and not precision.takes("int8")

    def size_bytes(tensor: Tensor) -> int:
        computed = tensor.dtype.is_float or tensor.dtype.bits == 8 and tensor.dtype.label != "bool"  # noqa: RUF021
        if own or not computed:
            return tensor.size_bytes
        bits = precision.weight_bits if tensor.constant else precision.activation_bits
        return (tensor.elements * bits + 7) // 8

    return size_bytes


def plan_by_liveness(network: Network, kernels: Sequence[Kernel], size_of: Callable[[Tensor], int]) -> MemoryPlan:
    """What any compiler or runtime that keeps whole tensors needs at least.

    Args:
        network: Where the tensors are described.
        kernels: In order of execution.
        size_of: Bytes of a tensor (`width_of`).
    """
    given = set(network.inputs)  # What the caller hands over lies where he put it, whatever is made of it.
    root = {tensor: place for tensor, place in _storage(kernels).items() if tensor not in given}
    end = len(kernels) - 1
    spans: dict[str, list[int]] = {name: [0, 0] for name in network.inputs}
    for step, kernel in enumerate(kernels):
        for tensor in (*kernel.inputs, *kernel.outputs):
            spans.setdefault(root.get(tensor, tensor), [step, step])[1] = step
    for tensor in network.outputs:
        if tensor in spans or tensor in root:
            spans[root.get(tensor, tensor)][1] = end
    sizes: dict[str, int] = {}
    for tensor in dict.fromkeys((*spans, *root)):
        place = tensor if tensor in spans else root[tensor]
        sizes[place] = max(sizes.get(place, 0), size_of(network.tensors[tensor]))
    lifetimes = [Lifetime(sizes[name], first, last) for name, (first, last) in spans.items()]
    return MemoryPlan(alive_bytes(lifetimes, len(kernels)), "liveness")


def _storage(kernels: Sequence[Kernel]) -> Mapping[str, str]:
    """For what is a view, the tensor in whose place it lies."""
    root: dict[str, str] = {}
    for kernel in kernels:
        if not kernel.free or not kernel.inputs or LEFT_TO_HOST in kernel.rules:
            continue
        if len(kernel.inputs) > 1:  # Written in place by those that make the parts.
            whole = kernel.outputs[0]
            root.update((tensor, whole) for tensor in kernel.inputs if tensor not in root)
        else:
            place = root.get(kernel.inputs[0], kernel.inputs[0])
            root.update((tensor, place) for tensor in kernel.outputs)
    return {tensor: _followed(root, tensor) for tensor in root}


def _followed(root: Mapping[str, str], tensor: str) -> str:
    seen = {tensor}
    while (above := root.get(tensor, tensor)) not in seen:
        seen.add(above)
        tensor = above
    return tensor
