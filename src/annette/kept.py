"""Results that are kept as long as what they were computed from: nothing is computed twice, nothing is held for it."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Recent", "kept"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_K = TypeVar("_K")


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


class Recent(Generic[_K, _T]):
    """Results by what they were computed from, a bounded number of them: where they are too many, all are forgotten.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[_K, _T] = {}
        self.get = self._known.get

    def put(self, key: _K, result: _T) -> None:
        """Keeps a result.

        Args:
            key: What it follows from.
            result: Must not be changed by anybody.
        """
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[key] = result

    def __len__(self) -> int:
        return len(self._known)
