"""The stages that a network becomes on the Myriad X, and the order they run in.

Hardware stages (convolution, pooling, fully connected) write to on-chip memory only; an output that does not fit is cut
by height into tiles, each with a copy of its own. A concat is a copy per operand, unless operands are made by software,
which writes in place. A max pool that alone reads a concat moves in front of it (``swap_concat_and_hw_ops``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from annette.budget import spend
from annette.devices.intel_myriad.placement.tiling import aligned_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from annette.network import Dimensions

__all__ = ["HARDWARE", "Data", "Form", "Node", "Stage", "build_stages", "forget", "order_stages"]

HARDWARE: Final = ("convolution", "pooling", "matrix")
"""Roles of the nodes that the hardware engine runs."""

_STEPS_PER_TILE: Final = 100
"""What placing one tile takes, with all trials (`annette.budget`)."""


class Form(NamedTuple):
    """What one kernel is, as far as placement is concerned, whatever is around it.

    Attributes:
        role: ``convolution``, ``pooling``, ``matrix``, ``concat``, ``sum``, ``activation``, ``reduction``, ``software``
            (anything else that computes), ``input`` or ``view``.
        dimensions: The kernel's.
        height: Height of its result; batches lie below each other.
        size_bytes: Size of its result in memory.
        is_max: Whether it is a max pool.
        height_tiles: Tiles that the engine makes of one sample of a dense convolution, downwards; 0 for anything else.
    """

    role: str
    dimensions: Dimensions
    height: int
    size_bytes: int
    is_max: bool = False
    height_tiles: int = 0


class Node(NamedTuple):
    """One kernel in its network.

    Attributes:
        name: Of the kernel or input, for messages alone.
        form: What it is.
        parents: Nodes it reads, by position.
    """

    name: str
    form: Form
    parents: Sequence[int]


class Data:
    """A tensor, or a part of one.

    Args:
        size_bytes: Size in memory.
        in_cmx: Whether it lies in on-chip memory.

    Attributes:
        size_bytes: As given.
        in_cmx: As given.
        top: The tensor that it is a part of; itself where it is whole.
        spilled: Whether it is copied to external memory right after it was made.
        maker: The stage that writes it.
    """

    __slots__ = ("in_cmx", "maker", "size_bytes", "spilled", "top")

    def __init__(self, size_bytes: int, *, in_cmx: bool = False) -> None:
        self.size_bytes = size_bytes
        self.in_cmx = in_cmx
        self.top = self
        self.spilled = False
        self.maker: Stage | None = None


@dataclass(eq=False, slots=True, repr=False)
class Stage:
    """One step of the device.

    Attributes:
        node: The node that the runtime charges it to, by position.
        kind: Role of its node, ``copy``, or ``join`` (tells that parts make a whole; costs nothing).
        inputs: What it reads.
        output: What it writes.
        hardware: Whether the hardware engine runs it.
        shaves: Processors it needs: ``none``, ``limited`` (what the memory leaves) or ``most``.
        optional: Whether it is a copy that may be eliminated.
        spill: Whether it copies to external memory what no longer fits.
        injected: A software stage that runs beside it.
        shave_count: Processors it gets.
        tile: Number of its tile; -1 for a whole layer.
        slot: Place in the order of execution.
    """

    node: int
    kind: str
    inputs: list[Data]
    output: Data
    hardware: bool = False
    shaves: str = "limited"
    optional: bool = False
    spill: bool = False
    injected: Stage | None = None
    shave_count: int = 0
    tile: int = -1
    slot: int = -1

    def __post_init__(self) -> None:
        self.output.maker = self

    @property
    def parts(self) -> tuple[Stage, ...]:
        """Itself, and what runs beside it."""
        return (self,) if self.injected is None else (self, self.injected)


def build_stages(nodes: Sequence[Node], limit_bytes: int) -> list[Stage]:
    """The stages of a network before tensors are placed.

    Args:
        nodes: In topological order.
        limit_bytes: Largest output of one hardware stage.
    """
    builder = _Builder(nodes, limit_bytes)
    for position, node in enumerate(nodes):
        builder.values.append(builder.make(position, node))
    _resolve_wholes(builder.stages)
    return order_stages(builder.stages)


class _Builder:
    def __init__(self, nodes: Sequence[Node], limit_bytes: int) -> None:
        self.stages: list[Stage] = []
        self._nodes = nodes
        self._limit = limit_bytes
        self.values: list[Data] = []
        self._swapped = dict(_swapped_pools(nodes))
        self._waiting = set(self._swapped.values())

    def make(self, position: int, node: Node) -> Data:
        """Adds the stages of a node; returns its result."""
        role, size_bytes = node.form.role, node.form.size_bytes
        if role == "view" and node.parents:
            return self.values[node.parents[0]]
        if role in ("input", "view") or position in self._waiting:
            return Data(size_bytes)
        if position in self._swapped:
            return self._pool_before_concat(position, node)
        inputs = [self.values[parent] for parent in node.parents]
        if role == "concat":
            return self._concat(position, inputs, Data(size_bytes))
        return self._computed(position, node, inputs)

    def _computed(self, position: int, node: Node, inputs: list[Data]) -> Data:
        role, size_bytes = node.form.role, node.form.size_bytes
        if role in ("convolution", "pooling"):
            return self._hardware(position, node, inputs)
        if role == "matrix" and size_bytes <= self._limit:
            return self._on_engine(position, role, inputs, size_bytes)
        result = Data(size_bytes)
        shaves = "most" if role == "reduction" else "limited"
        self.stages.append(Stage(position, role, inputs, result, shaves=shaves))
        return result

    def _pool_before_concat(self, position: int, pool: Node) -> Data:
        """One pool for each operand of the concat, which then joins their results."""
        concat = self._swapped[position]
        parts = []
        for parent in self._nodes[concat].parents:
            channels = self._nodes[parent].form.dimensions.out_channels
            size = aligned_bytes(pool.form.height, pool.form.dimensions.out_width, channels)
            parts.append(self._on_engine(position, "pooling", [self.values[parent]], size))
        return self._concat(concat, parts, Data(pool.form.size_bytes))

    def _hardware(self, position: int, node: Node, inputs: list[Data]) -> Data:
        form = node.form
        tiles = self._height_tiles(form)
        if tiles == 1:
            return self._on_engine(position, form.role, inputs, form.size_bytes)
        spend(f"layer {node.name!r}, which the engine computes in {tiles} tiles,", steps=_STEPS_PER_TILE * tiles)
        result = Data(form.size_bytes)
        rows = -(-form.height // tiles)
        children = []
        for index in range(-(-form.height // rows)):
            height = min(rows, form.height - index * rows)
            size = aligned_bytes(height, form.dimensions.out_width, form.dimensions.out_channels)
            part = self._on_engine(position, form.role, inputs, size, index)
            children.append(self._copied(position, part, result, optional=True, tile=index))
        self.stages.append(Stage(position, "join", children, result, shaves="none"))
        return result

    def _on_engine(self, position: int, role: str, inputs: list[Data], size_bytes: int, tile: int = -1) -> Data:
        """Adds a stage of the hardware engine; returns what it writes to on-chip memory."""
        result = Data(size_bytes, in_cmx=True)
        self.stages.append(Stage(position, role, inputs, result, hardware=True, shaves="none", tile=tile))
        return result

    def _copied(self, position: int, part: Data, whole: Data, *, optional: bool, tile: int = -1) -> Data:
        """Adds a copy of a part to where the whole lies; returns the copy."""
        child = Data(part.size_bytes)
        child.top = whole
        self.stages.append(Stage(position, "copy", [part], child, optional=optional, tile=tile))
        return child

    def _height_tiles(self, form: Form) -> int:
        if form.height_tiles:
            return form.height_tiles * (form.height // form.dimensions.out_height)
        rows = max(1, self._limit // aligned_bytes(1, form.dimensions.out_width, form.dimensions.out_channels))
        return -(-form.height // rows)

    def _concat(self, position: int, parts: Sequence[Data], whole: Data) -> Data:
        children = []
        for part in parts:
            maker = part.maker
            if part.top is part and maker is not None and not maker.hardware:
                part.top = whole
                children.append(part)
            else:
                hosted = maker is not None and maker.hardware
                children.append(self._copied(position, part, whole, optional=hosted))
        self.stages.append(Stage(position, "join", children, whole, shaves="none"))
        return whole


def _resolve_wholes(stages: Sequence[Stage]) -> None:
    """Parts of parts are parts of the whole."""
    for stage in stages:
        for data in (*stage.inputs, stage.output):
            whole = data.top
            if whole is data:
                continue
            while whole.top is not whole:
                whole = whole.top
            part = data
            while part is not whole:  # All on the way, so that long chains of concats are walked once.
                above, part.top = part.top, whole
                part = above


def _swapped_pools(nodes: Sequence[Node]) -> Iterator[tuple[int, int]]:
    """Max pools that move in front of a concat, with the concat."""
    concats = [position for position, node in enumerate(nodes) if node.form.role == "concat"]
    if not concats:
        return
    children: list[list[int]] = [[] for _ in nodes]
    for position, node in enumerate(nodes):
        for parent in node.parents:
            children[parent].append(position)
    for concat in concats:
        if len(children[concat]) != 1:
            continue
        (child,) = children[concat]
        form = nodes[child].form
        if form.role == "pooling" and form.is_max and all(len(children[p]) == 1 for p in nodes[concat].parents):
            yield child, concat


def _run_order(stage: Stage) -> tuple[bool, bool, bool, int, int]:
    """Branches that spill or start with a cut or a software stage run first, then whole convolutions, then pools."""
    return (not stage.spill, stage.hardware and stage.tile < 0, stage.kind == "pooling", -stage.node, stage.tile)


def order_stages(stages: Sequence[Stage]) -> list[Stage]:
    """The order of execution: reverse post-order of a depth-first walk."""
    readers: dict[Data, list[Stage]] = {}
    for stage in stages:
        for data in stage.inputs:
            readers.setdefault(data, []).append(stage)
    produced = {stage.output for stage in stages}
    seen: set[Stage] = set()
    result: list[Stage] = []
    for root in stages:
        if root in seen or any(data in produced for data in root.inputs):
            continue
        seen.add(root)
        stack = [(root, iter(_followers(root, readers)))]
        while stack:
            stage, rest = stack[-1]
            for following in rest:
                if following not in seen:
                    seen.add(following)
                    stack.append((following, iter(_followers(following, readers))))
                    break
            else:
                result.append(stage)
                stack.pop()
    result.reverse()
    return result


def _followers(stage: Stage, readers: Mapping[Data, list[Stage]]) -> list[Stage]:
    following = readers.get(stage.output)
    if not following:
        return []
    return sorted(dict.fromkeys(following), key=_run_order, reverse=True) if len(following) > 1 else following


_NOTHING: Final = Data(0)


def forget(stages: Iterable[Stage]) -> None:
    """Ends the references of stages and tensors to each other, so that they go without Python's garbage collector.

    Args:
        stages: All that were made of a network, which nobody needs any more.
    """
    for stage in stages:
        for data in (*stage.inputs, stage.output):
            data.top, data.maker = _NOTHING, None
