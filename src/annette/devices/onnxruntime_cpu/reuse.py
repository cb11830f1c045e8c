"""Which values of a graph share a buffer in ONNX Runtime, and when each buffer is taken and given back.

As ``PlannerImpl::ComputeSingleStreamReusePlan`` (onnxruntime/core/framework/allocation_planner.cc): a view lies where
its input does; a kernel that may write over an input does so if it is the last to read it and the shapes are equal;
else the buffer of a dead value of equal shape is taken, the one that died last. A buffer is not given back in between:
it is held until the last value that shares it is dead.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["BufferSpan", "Step", "buffer_spans"]


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the graph.

    Attributes:
        inputs: Values that it reads, in order; one that is read twice stands twice.
        outputs: Values that it writes.
        view: Whether its first output lies where its first input does.
        in_place: Places of inputs that its first output may be written over.
        workspace_bytes: What it needs while it runs.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    view: bool = False
    in_place: tuple[int, ...] = ()
    workspace_bytes: int = 0


@dataclass(slots=True)
class BufferSpan:
    """A buffer.

    Attributes:
        name: The value that it was taken for.
        first: Step at which it is taken.
        last: Step after which it is given back.
        handed_out: Whether it is an output of the graph, which the caller gives back.
    """

    name: str
    first: int
    last: int
    handed_out: bool = False


def buffer_spans(
    steps: Sequence[Step],
    shapes: Mapping[str, tuple[int, ...]],
    widths: Mapping[str, int],
    given: Sequence[str],
    wanted: Sequence[str],
) -> list[BufferSpan]:
    """The buffers of a graph, in the order in which they are taken.

    Args:
        steps: In order of execution.
        shapes: Of all values; those of a blocked layout with whole blocks.
        widths: Bytes of an element of each.
        given: Inputs, which the caller holds.
        wanted: Outputs.
    """
    plan = _Plan(steps, shapes, widths, given, wanted)
    for number, step in enumerate(steps):
        plan.visit(number, step)
    return list(plan.spans.values())


class _Plan:
    def __init__(
        self,
        steps: Sequence[Step],
        shapes: Mapping[str, tuple[int, ...]],
        widths: Mapping[str, int],
        given: Sequence[str],
        wanted: Sequence[str],
    ) -> None:
        self.spans: dict[str, BufferSpan] = {}
        self._shapes, self._widths = shapes, widths
        self._wanted, self._end = frozenset(wanted), len(steps) - 1
        self._buffer: dict[str, str] = {}
        self._dead: dict[tuple[tuple[int, ...], int], list[str]] = {}
        self._uses = Counter(value for step in steps for value in step.inputs)
        self._uses.update(wanted)
        self._uses.update(given)  # What the caller holds never dies.
        self._uses.update(value for step in steps for value in step.outputs)  # Until a value is written it is not dead.

    def visit(self, number: int, step: Step) -> None:
        for place, value in enumerate(step.outputs):
            self._place(number, step, value, first=place == 0)
        for value in step.inputs:
            self._used(number, value)
        for value in step.outputs:
            self._used(number, value)

    def _place(self, number: int, step: Step, value: str, *, first: bool) -> None:
        if value in self._wanted:
            self.spans[value] = BufferSpan(value, number, self._end, handed_out=True)
            return
        shared = self._shared_input(step, value) if first else None
        if shared is None:
            shared = self._dead_buffer(value)
        if shared is None:
            self.spans[value] = BufferSpan(value, number, number)
            return
        self._buffer[value] = shared
        self._uses[shared] += self._uses[value]

    def _shared_input(self, step: Step, value: str) -> str | None:
        if step.view and step.inputs:
            return self._of(step.inputs[0])
        for place in step.in_place:
            if place < len(step.inputs):
                candidate = step.inputs[place]
                if self._uses[self._of(candidate)] == 1 and self._form(candidate) == self._form(value):
                    return self._of(candidate)
        return None

    def _dead_buffer(self, value: str) -> str | None:
        alike = self._dead.get(self._form(value))
        return alike.pop() if alike and self._shapes[value] else None

    def _form(self, value: str) -> tuple[tuple[int, ...], int]:
        return self._shapes[value], self._widths[value]

    def _used(self, number: int, value: str) -> None:
        buffer = self._of(value)
        span = self.spans.get(buffer)
        if span is not None and not span.handed_out:
            span.last = number
        self._uses[buffer] -= 1
        if self._uses[buffer] == 0 and buffer not in self._wanted:
            self._dead.setdefault(self._form(buffer), []).append(buffer)

    def _of(self, value: str) -> str:
        return self._buffer.get(value, value)
