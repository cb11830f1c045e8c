"""Transpositions that a runtime moves behind the split that reads them, to join one of them with another.

Attention takes queries, keys and values out of one product: the result is put in the order of heads, cut into three,
and the keys are transposed once more. ONNX Runtime cuts first and puts each part in order, so that keys are moved once.
It moves a transposition past an operator where that leaves fewer dimensions to transpose, not counting those of size 1,
and where a result leads to another transposition, since both become one
(``core/optimizer/transpose_optimization/onnx_transpose_optimization.cc`` of https://github.com/microsoft/onnxruntime):
past cuts into pieces of size 1 always, past others if one of the parts is transposed again. A view behind a part,
which takes away the dimension of size 1 that the cut leaves, does not hold it up; other views do.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.mapping.access import access_between
from annette.mapping.kernel import Kernel
from annette.mapping.one_kernel import KIND_OF
from annette.network import describe_layer
from annette.network.kinds.shapes import integers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network import Network

__all__ = ["cut_before_transposing"]

_RULE: Final = "cut-before-transposing"


class _Moved(NamedTuple):
    """A transposition and the split behind it.

    Attributes:
        transpose: The kernel that is moved.
        split: The only reader of its result.
        perm: What the transposition does.
        shape: Of what it reads.
        axis: Which dimension of that is cut.
        sizes: Of the parts, along that dimension.
    """

    transpose: Kernel
    split: Kernel
    perm: tuple[int, ...]
    shape: tuple[int, ...]
    axis: int
    sizes: tuple[int, ...]

    @property
    def shrinks(self) -> bool:
        """Whether the cut leaves fewer dimensions of more than one element."""
        return set(self.sizes) == {1}

    @property
    def drops(self) -> bool:
        """Whether the parts are single rows, which lose the dimension that is cut before they are transposed."""
        return all(layer.kind == "gather" for layer in self.split.layers)

    def part(self, index: int) -> tuple[int, ...]:
        """Shape of a part before its transposition."""
        return (*self.shape[: self.axis], self.sizes[index], *self.shape[self.axis + 1 :])


def cut_before_transposing(kernels: Sequence[Kernel], network: Network) -> tuple[Kernel, ...]:
    """Kernels with transpositions behind splits where one of them is joined with another there.

    Args:
        kernels: In topological order, after `annette.mapping.parts.cut_at_once`.
        network: Where their tensors are described.

    Returns:
        The kernels, in topological order. A transposition that is moved belongs to the first part that is not joined
        with another; the others are kernels without layers, as all copies are that a runtime adds.
    """
    if "transpose" not in map(KIND_OF, kernels):
        return tuple(kernels)
    readers: dict[str, list[Kernel]] = defaultdict(list)
    for kernel in kernels:
        for tensor in kernel.inputs:
            readers[tensor].append(kernel)
    instead: dict[int, tuple[Kernel, ...]] = {}
    for kernel in kernels:
        moved = _moved(kernel, readers, network)
        if moved is not None:
            joined = [_joined(moved, index, readers, network) for index in range(len(moved.sizes))]
            if moved.shrinks or any(found is not None for found in joined):
                instead |= _settled(moved, joined, readers, network)
    return tuple(new for kernel in kernels for new in instead.get(id(kernel), (kernel,)))


def _moved(kernel: Kernel, readers: Mapping[str, Sequence[Kernel]], network: Network) -> _Moved | None:
    """A transposition whose result a split alone reads; None of all else."""
    if not _is_transposition(kernel) or kernel.outputs[0] in network.outputs:
        return None
    behind = readers[kernel.outputs[0]]
    if len(behind) != 1 or behind[0].kind != "split" or behind[0].free:
        return None
    perm = integers(kernel.anchor.attributes, "perm")
    axis = integers(behind[0].anchor.attributes, "axis", (0,))[0] % len(perm)
    sizes = integers(behind[0].anchor.attributes, "split", ())
    if not sizes:  # equal parts, which keep their dimension
        sizes = tuple(network.tensors[part].shape[axis] for part in behind[0].outputs)
    return _Moved(kernel, behind[0], perm, network.tensors[kernel.inputs[0]].shape, perm[axis], sizes)


def _is_transposition(kernel: Kernel) -> bool:
    return kernel.kind == "transpose" and len(kernel.layers) == 1 and not kernel.free


def _joined(moved: _Moved, index: int, readers: Mapping[str, Sequence[Kernel]], network: Network) -> Kernel | None:
    """The transposition that alone reads a part, perhaps behind a view that drops its dimension of size 1."""
    tensor = moved.split.outputs[index]
    behind = readers[tensor]
    if len(behind) == 1 and behind[0].free and len(behind[0].outputs) == 1 and moved.sizes[index] == 1:
        cut = moved.perm.index(moved.axis)
        shape = [moved.part(index)[axis] for axis in moved.perm]
        tensor = behind[0].outputs[0]
        if network.tensors[tensor].shape != (*shape[:cut], *shape[cut + 1 :]):
            return None
        behind = readers[tensor]
    if len(behind) != 1 or not _is_transposition(behind[0]) or tensor in network.outputs:
        return None
    return behind[0]


def _settled(
    moved: _Moved, joined: Sequence[Kernel | None], readers: Mapping[str, Sequence[Kernel]], network: Network
) -> dict[int, tuple[Kernel, ...]]:
    """What stands instead of the kernels concerned, by their identities."""
    copies: list[Kernel] = []
    instead: dict[int, tuple[Kernel, ...]] = {}
    for index, other in enumerate(joined):
        tensor = moved.split.outputs[index]
        if other is None and (readers[tensor] or tensor in network.outputs):
            copies.append(_copy(moved, index, network, first=not copies))
        elif other is not None:
            instead[id(other)] = (_both(moved, index, other, network),)
    split = _cut(moved, network)
    if copies:
        instead[id(moved.transpose)] = ()
    else:
        # All parts that are read are joined with others: the transposition itself does not run.
        instead[id(moved.transpose)] = (replace(moved.transpose, free=True, rules=(*moved.transpose.rules, _RULE)),)
    instead[id(moved.split)] = (split, *copies)
    return instead


def _cut(moved: _Moved, network: Network) -> Kernel:
    """The split, of what the transposition reads."""
    source = network.tensors[moved.transpose.inputs[0]]
    parts = [
        replace(network.tensors[tensor], shape=moved.part(index)) for index, tensor in enumerate(moved.split.outputs)
    ]
    anchor = describe_layer(
        "split",
        moved.split.name,
        inputs=[source],
        outputs=parts,
        attributes={"axis": moved.axis, "split": moved.sizes},
        channels_last=network.channels_last,
    )
    return replace(
        moved.split,
        anchor=anchor,
        inputs=(source.name,),
        rules=(*moved.split.rules, _RULE),
        access=access_between(anchor, [source.shape], [part.shape for part in parts]),
    )


def _copy(moved: _Moved, index: int, network: Network, *, first: bool) -> Kernel:
    """The transposition of one part, which is joined with no other."""
    tensor = moved.split.outputs[index]
    name = moved.transpose.name if first else f"{tensor}:transpose"
    layers = moved.transpose.layers if first else ()
    copied = Kernel(name, "transpose", moved.transpose.anchor, layers, (tensor,), (tensor,))
    shape, perm = _without(moved, index) if moved.drops else (moved.part(index), moved.perm)
    return _of_part(copied, tensor, shape, perm, network)


def _both(moved: _Moved, index: int, other: Kernel, network: Network) -> Kernel:
    """One transposition instead of the one that is moved and the one behind the part."""
    then = integers(other.anchor.attributes, "perm")
    whole = len(then) == len(moved.perm)
    shape, kept = (moved.part(index), moved.perm) if whole else _without(moved, index)
    return _of_part(other, other.inputs[0], shape, tuple(kept[axis] for axis in then), network)


def _without(moved: _Moved, index: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shape of a part that has lost the dimension of size 1 that is cut, and the order that its others are put in."""
    shape, axis = moved.part(index), moved.axis
    perm = tuple(other - (other > axis) for other in moved.perm if other != axis)
    return (*shape[:axis], *shape[axis + 1 :]), perm


def _of_part(kernel: Kernel, tensor: str, shape: tuple[int, ...], perm: tuple[int, ...], network: Network) -> Kernel:
    """A kernel that transposes a part of the given shape."""
    operand = replace(network.tensors[tensor], shape=shape)
    result = replace(network.tensors[kernel.outputs[0]], shape=tuple(shape[axis] for axis in perm))
    anchor = describe_layer(
        "transpose",
        kernel.name,
        inputs=[operand],
        outputs=[result],
        attributes={"perm": perm},
        channels_last=network.channels_last,
    )
    access = access_between(anchor, [shape], [result.shape])
    return replace(kernel, anchor=anchor, rules=(*kernel.rules, _RULE), access=access)
