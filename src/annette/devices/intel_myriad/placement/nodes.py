"""What the compiler's stages are made of: the kernels and inputs of a network, as far as placement is concerned.

What a kernel is here follows from its kind and its sizes. Networks repeat these, and so do the networks of a search: it
is found once and looked up from then on.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final, TypeAlias

from annette.devices.intel_myriad.placement.graph import Form, Node
from annette.devices.intel_myriad.placement.tiling import Window, aligned_bytes, tile
from annette.kept import Recent
from annette.network.kinds import Category, kinds_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.mapping.kernel import Kernel
    from annette.network import Dimensions
    from annette.network.layer import Workload

__all__ = ["CONVOLUTIONS", "KnownForms", "nodes_of"]

CONVOLUTIONS: Final = frozenset({"conv", "grouped_conv", "depthwise_conv"})
"""Kinds that run on the hardware engine where it can run them."""

_ROLES: Final[dict[str, str]] = {
    **dict.fromkeys(kinds_in(Category.ACTIVATION), "activation"),
    **dict.fromkeys(("max_pool", "average_pool"), "pooling"),
    **dict.fromkeys(("global_average_pool", "global_max_pool", "reduce_mean"), "reduction"),
    "fully_connected": "matrix",
    "concat": "concat",
}
"""Role in placement of each kind that does not depend on the kernel; all others are software."""


_Sort: TypeAlias = "tuple[str, bool, bool, int]"
"""What the form of a kernel follows from: its kind, whether it is free, whether it reads several tensors, and the
identity of its workload."""

KnownForms: TypeAlias = "Recent[_Sort, tuple[Workload, Form]]"
"""Forms found before, each with the workload whose identity is a part of what it is found by."""

_window_of: Final = attrgetter(*Window._fields)


def nodes_of(
    kernels: Sequence[Kernel], inputs: Iterable[Kernel], limit_bytes: int, known: KnownForms | None = None
) -> list[Node]:
    """One node for each input of the network, as they are first read, and for each kernel.

    Args:
        kernels: In the order of the compiler.
        inputs: The kernels that convert the network's inputs.
        limit_bytes: Largest output of one hardware stage.
        known: What was found of kernels before with the same limit; is added to.
    """
    known = Recent(1) if known is None else known
    nodes: list[Node] = []
    made: dict[str, int] = {}
    first_read: dict[str, int] = {}
    for place, kernel in enumerate(kernels):
        for tensor in kernel.inputs:
            first_read.setdefault(tensor, place)
    for given in sorted(inputs, key=lambda given: first_read.get(given.outputs[0], len(kernels))):
        made[given.outputs[0]] = len(nodes)
        dimensions = given.anchor.workload.dimensions
        nodes.append(Node(given.outputs[0], _form("input", dimensions, dimensions.out_height), []))
    for kernel in kernels:
        read = kernel.inputs
        parents = [made[tensor] for tensor in read if tensor in made]
        if len(parents) > 1:
            parents = list(dict.fromkeys(parents))
        sort = kernel.kind, kernel.free, len(read) > 1, id(kernel.anchor.workload)
        found = known.get(sort)
        if found is None:
            found = kernel.anchor.workload, _form_of(kernel, limit_bytes)
            known.put(sort, found)
        position = len(nodes)
        for tensor in kernel.outputs:
            made[tensor] = position
        nodes.append(Node(kernel.name, found[1], parents))
    return nodes


def _form_of(kernel: Kernel, limit_bytes: int) -> Form:
    dimensions = kernel.anchor.workload.dimensions
    height = dimensions.out_height * dimensions.out_depth * dimensions.batch
    if kernel.free:
        return _form("view", dimensions, height)
    if kernel.kind in CONVOLUTIONS:
        tiles = _height_tiles(dimensions, limit_bytes)
        role = "convolution" if tiles else "software"
        return _form(role, dimensions, height, height_tiles=tiles if dimensions.groups == 1 else 0)
    if kernel.kind == "add":
        return _form("sum" if len(kernel.inputs) > 1 else "software", dimensions, height)
    return _form(_ROLES.get(kernel.kind, "software"), dimensions, height, is_max=kernel.kind == "max_pool")


def _form(role: str, dimensions: Dimensions, height: int, *, is_max: bool = False, height_tiles: int = 0) -> Form:
    size_bytes = aligned_bytes(height, dimensions.out_width, dimensions.out_channels)
    return Form(role, dimensions, height, size_bytes, is_max, height_tiles)


def _height_tiles(size: Dimensions, limit_bytes: int) -> int:
    """Tiles that the engine makes of one sample of a convolution, downwards; 0 where it cannot run it.

    Grouped ones always run, as do matrix products, which have one position and are never cut.
    """
    if size.out_depth > 1:
        return 0
    tiling = tile(Window(*_window_of(size)), limit_bytes) if size.groups == 1 else None
    if tiling:
        return tiling.height_tiles
    return int(size.groups > 1 or size.out_height * size.out_width == 1)
