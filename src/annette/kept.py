"""Results that are kept as long as what they were computed from: nothing is computed twice, nothing is held for it."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["kept"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


def kept(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Remembers what a function returned for the same immutable objects, until one of them is dropped.

    Args:
        function: Takes positional arguments that are compared by identity and can be referred to weakly. What it
            returns must not refer to them, or they would never be dropped.

    Returns:
        The same function, which computes once for the same arguments; with two threads at once perhaps twice.
    """
    first: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    @wraps(function)
    def remembered(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        level = first
        for argument in args[:-1]:
            level = level.setdefault(argument, WeakKeyDictionary())
        found = level.get(args[-1], remembered)
        if found is remembered:
            found = level[args[-1]] = function(*args, **kwargs)
        result: _T = found
        return result

    return remembered
