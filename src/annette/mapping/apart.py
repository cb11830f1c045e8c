"""Operators that a runtime takes apart: one layer of the network runs as several kernels, one after the other.

Standards define some operators by others. A runtime without a kernel for such an operator in the element type at hand
runs its definition instead, which reads and writes the whole tensor in every step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from annette.errors import MappingError
from annette.network import describe_layer
from annette.network.kinds import KINDS, Category, kinds_in

if TYPE_CHECKING:
    from annette.mapping.kernel import Kernel
    from annette.network import Layer, Network, Tensor
    from annette.network.layer import AttributeValue

__all__ = ["Apart"]

_RULE: Final = "apart"
_REDUCTIONS: Final = kinds_in(Category.REDUCTION)


@dataclass(frozen=True)
class Apart:
    """What a kind is taken apart into.

    Attributes:
        kind: Kind of layer.
        steps: Kernels in the order in which they run, each ``kind: operands -> result``, where operands and result are
            ``whole`` (as the layer's own), ``row`` (of size 1 along its axis) or ``number`` (a constant).
        stands_for: Number of the step, from 0, that has the layer: the longest.

    Raises:
        MappingError: A step is ill-formed or of an unknown kind, or there is none that has the layer.

    Example:
        >>> Apart("hard_swish", ("hard_sigmoid: whole -> whole", "mul: whole whole -> whole")).stands_for
        0
    """

    kind: str
    steps: tuple[str, ...]
    stands_for: int = 0

    def __post_init__(self) -> None:
        for kind in (self.kind, *(_parsed(step)[0] for step in self.steps)):
            if kind not in KINDS:
                raise MappingError(f"'apart': {kind[:80]!r} is no kind of layer")
        if not 0 <= self.stands_for < len(self.steps):
            raise MappingError(f"'apart': {self.kind!r} has no step {self.stands_for}")

    def kernels(self, kernel: Kernel, network: Network) -> list[Kernel]:
        """The kernels that run instead of one.

        Args:
            kernel: A kernel of one layer of this kind.
            network: Where its tensors are described.

        Returns:
            As many as there are steps; one of them has the layer, the others are such as the runtime adds.
        """
        return [self._step(number, kernel, network) for number in range(len(self.steps))]

    def _step(self, number: int, kernel: Kernel, network: Network) -> Kernel:
        kind, operands, result = _parsed(self.steps[number])
        own = number == self.stands_for
        name = kernel.name if own else f"{kernel.name}:{number}:{kind}"
        whole = network.tensors[kernel.outputs[0]]
        stated = kernel.anchor.attributes.get("axis", -1)
        axis = (stated if isinstance(stated, int) else -1) % max(len(whole.shape), 1)
        read = [_operand(what, f"{name}:{place}", whole, axis) for place, what in enumerate(operands)]
        written = _operand(result, f"{name}:result", whole, axis)
        attributes: dict[str, AttributeValue] = {"axes": (axis,), "keepdims": 1} if kind in _REDUCTIONS else {}
        layer: Layer = describe_layer(kind, name, inputs=read, outputs=[written], attributes=attributes)
        rules = (*kernel.rules, _RULE)
        if own:
            return replace(kernel, kind=kind, anchor=layer, rules=rules)
        return replace(kernel, name=name, kind=kind, anchor=layer, layers=(), outputs=(), rules=rules)


def _parsed(step: str) -> tuple[str, tuple[str, ...], str]:
    """Kind, operands and result of a step."""
    kind, _, rest = step.partition(":")
    operands, arrow, result = rest.partition("->")
    read = tuple(operands.split())
    if not arrow or not read or not {*read, result.strip()} <= {"whole", "row", "number"}:
        raise MappingError(f"'apart': step {step[:80]!r} is not 'kind: operands -> result'")
    return kind.strip(), read, result.strip()


def _operand(what: str, name: str, whole: Tensor, axis: int) -> Tensor:
    shape = list(whole.shape)
    if what == "row":
        shape[axis] = 1
    return replace(whole, name=name, shape=() if what == "number" else tuple(shape), constant=what == "number")
