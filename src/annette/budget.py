"""What one file or network may cost to read and to map: bounded by its own size, whatever numbers stand in it.

A model of a hundred bytes can ask for a constant of 32 GiB, a loop of 2^31 rounds, a pooling window of 2^16 positions
or functions that call each other into billions of nodes. Whoever works on a file opens a budget in proportion to its
size; everything whose cost follows from numbers in the file, rather than from its length, draws on it with `spend`
before the work is done.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annette.errors import NetworkSizeError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BASE_BYTES", "BASE_STEPS", "budgeted", "require", "spend", "spend_spare"]

BASE_STEPS: Final = 5_000_000
"""Steps that any file may take. A step is about a microsecond's work: a turn of a loop in Python, or a hundred elements
in numpy; so that the smallest file is refused within a few seconds."""

BASE_BYTES: Final = 256 * 2**20
"""Bytes that any file may make us allocate, all in all, beyond its own."""


@dataclass(slots=True)
class _Budget:
    subject: str
    steps: float
    size_bytes: float
    spare_steps: float
    spare_bytes: float


_current: ContextVar[_Budget | None] = ContextVar("budget", default=None)


@contextmanager
def budgeted(subject: str, *, steps: float = BASE_STEPS, size_bytes: float = BASE_BYTES) -> Iterator[None]:
    """Limits what is spent inside. Within another budget that one goes on: a file has one, whatever reads its parts.

    Args:
        subject: What is worked on, for the message: a path or the name of a network.
        steps: Work allowed, in steps of about a microsecond.
        size_bytes: Memory that may be allocated, summed over everything that was.

    Raises:
        NetworkSizeError: From `spend`, where more is asked for.
    """
    if _current.get() is not None:
        yield
        return
    token = _current.set(_Budget(subject, steps, size_bytes, steps / 2, size_bytes / 2))
    try:
        yield
    finally:
        _current.reset(token)


def spend(what: str, *, steps: float = 0, size_bytes: float = 0) -> None:
    """Draws on the budget of the file or network that is worked on; without one, nothing is limited.

    Call it before the work, with numbers of Python rather than of numpy, which overflow.

    Args:
        what: What asks for it, for the message: a node, a layer, and what it would do.
        steps: Work, in steps of about a microsecond.
        size_bytes: Memory that will be allocated.

    Raises:
        NetworkSizeError: The budget does not allow it.

    Example:
        >>> with budgeted("tiny.onnx", steps=100):
        ...     spend("node 'loop'", steps=10**9)
        Traceback (most recent call last):
        annette.errors.NetworkSizeError: 'tiny.onnx': node 'loop' asks for more work than a file of its size warrants
    """
    budget = _current.get()
    if budget is None:
        return
    budget.steps -= steps
    budget.size_bytes -= size_bytes
    if budget.steps < 0 or budget.size_bytes < 0:
        raise _exceeded(budget, what, "work" if budget.steps < 0 else "memory")


def require(what: str, *, steps: float = 0, size_bytes: float = 0) -> None:
    """Refuses what is about to ask for more than is left, and draws nothing: the parts will, one by one.

    Args:
        what: As for `spend`.
        steps: Work of the whole.
        size_bytes: Memory of the whole.

    Raises:
        NetworkSizeError: The budget does not allow it.
    """
    budget = _current.get()
    if budget is not None and (steps > budget.steps or size_bytes > budget.size_bytes):
        raise _exceeded(budget, what, "work" if steps > budget.steps else "memory")


def spend_spare(*, steps: float = 0, size_bytes: float = 0) -> bool:
    """Draws on the budget for what can be left out, such as the contents of a constant that perhaps nobody needs.

    Such work gets no more than half of a budget, so that what must be done never fails for it.

    Args:
        steps: As for `spend`.
        size_bytes: As for `spend`.

    Returns:
        Whether it was drawn; False leaves the budget as it is.
    """
    budget = _current.get()
    if budget is None:
        return True
    if steps > min(budget.spare_steps, budget.steps) or size_bytes > min(budget.spare_bytes, budget.size_bytes):
        return False
    budget.spare_steps -= steps
    budget.spare_bytes -= size_bytes
    budget.steps -= steps
    budget.size_bytes -= size_bytes
    return True


def _exceeded(budget: _Budget, what: str, resource: str) -> NetworkSizeError:
    return NetworkSizeError(f"{budget.subject!r}: {what} asks for more {resource} than a file of its size warrants")
