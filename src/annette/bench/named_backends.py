"""The backends by name that device families bring, and values for their options."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast, get_type_hints

import msgspec

from annette.devices.registry import find, offered
from annette.errors import BackendUnavailableError, OptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from annette.bench.backend import Backend, BackendOptions

__all__ = [
    "backend_class",
    "backend_names",
    "check_options",
    "open_backend",
    "option_names",
    "parse_options",
    "require_usable",
]


def backend_names() -> tuple[str, ...]:
    """The backends that can be named, whether or not their runtimes are installed."""
    return tuple(offered("backends"))


def backend_class(name: str) -> type[Backend]:
    """The class of a backend.

    Raises:
        OptionError: There is no backend of that name.
    """
    kind = find("backends", name)
    if kind is None:
        raise OptionError(f"no backend {name!r}{nearest(name, backend_names())}; known: {', '.join(backend_names())}")
    return cast("type[Backend]", kind)


def require_usable(name: str) -> type[Backend]:
    """The class of a backend whose runtime is usable here.

    Raises:
        OptionError: There is no backend of that name.
        BackendUnavailableError: Its runtime is not installed or not usable here.
    """
    kind = backend_class(name)
    state = kind.available()
    if not state.usable:
        remedy = f"; install it with: {state.install}" if state.install else ""
        raise BackendUnavailableError(f"backend {name!r} is not usable here: {state.reason}{remedy}")
    return kind


def open_backend(name: str, options: Mapping[str, Any]) -> Backend:
    """Opens a backend that is usable here.

    Args:
        name: Its name.
        options: Values for its options type, already of the right types.

    Raises:
        OptionError: There is no such backend, or an option is unknown or out of its range.
        BackendUnavailableError: Its runtime is not installed or not usable here.
    """
    kind = require_usable(name)
    return kind(_options(name, options))


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Holds options against what a backend takes; its runtime need not be usable here.

    Args:
        name: Name of the backend.
        options: Values for its options type, already of the right types.

    Raises:
        OptionError: There is no such backend, or an option is unknown or out of its range.
    """
    _options(name, options)


def option_names(name: str) -> tuple[str, ...]:
    """The options that a backend has.

    Raises:
        OptionError: There is no backend of that name.
    """
    return tuple(field.name for field in dataclasses.fields(backend_class(name).options_type))


def parse_options(name: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Turns ``NAME=VALUE`` texts into values of the types that a backend declares.

    Raises:
        OptionError: An option is unknown, or its value is not of its type or out of its range.
    """
    _require_options(name, texts)
    values = {option: _value(name, option, text) for option, text in texts.items()}
    check_options(name, values)
    return values


def _options(backend: str, options: Mapping[str, Any]) -> BackendOptions:
    """The options of a backend as its own type, which refuses what is out of range."""
    _require_options(backend, options)
    return backend_class(backend).options_type(**options)


def _require_options(backend: str, options: Iterable[str]) -> None:
    known = option_names(backend)
    for option in options:
        if option not in known:
            raise OptionError(
                f"backend {backend!r} has no option {option!r}{nearest(option, known)} "
                f"(known: {', '.join(known) or 'none'})"
            )


def _value(backend: str, field: str, text: str) -> Any:
    """The value of an option that is given as text; ``true``, ``false``, ``1`` and ``0`` are booleans."""
    kind = get_type_hints(backend_class(backend).options_type)[field]
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        raise OptionError(f"option {field!r} of backend {backend!r} is {text!r}, not of type {kind.__name__}") from None
