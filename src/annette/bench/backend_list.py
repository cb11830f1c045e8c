"""Which backends there are, whether they work here, and what they take."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annette.bench.named_backends import backend_class, backend_names

if TYPE_CHECKING:
    from annette.bench.backend import Availability

__all__ = ["BackendEntry", "BackendOptionEntry", "list_backends"]


@dataclass(frozen=True, slots=True)
class BackendOptionEntry:
    """An option of a backend.

    Attributes:
        name: As ``annette bench --NAME`` and ``options`` of `annette.benchmark` take it.
        type: Name of its type.
        default: Its value where none is given.
        help: What it does.
    """

    name: str
    type: str
    default: Any
    help: str


@dataclass(frozen=True, slots=True)
class BackendEntry:
    """A backend: a runtime or compiler that measures.

    Attributes:
        name: As commands and functions take it.
        availability: Whether it works here, and otherwise why not and how to install it.
        options: What can be set.
        file_formats: Endings of the files that it takes as they are.
    """

    name: str
    availability: Availability
    options: tuple[BackendOptionEntry, ...]
    file_formats: tuple[str, ...]


def list_backends() -> tuple[BackendEntry, ...]:
    """The backends that are built in or installed, in the order of their names; no runtime is started.

    Example:
        >>> import annette
        >>> [backend.name for backend in annette.list_backends() if backend.name == "onnxruntime"]
        ['onnxruntime']
    """
    return tuple(map(_entry, backend_names()))


def _entry(name: str) -> BackendEntry:
    kind = backend_class(name)
    options = tuple(
        BackendOptionEntry(
            field.name,
            field.type if isinstance(field.type, str) else field.type.__name__,
            field.default,
            field.metadata.get("help", ""),
        )
        for field in dataclasses.fields(kind.options_type)
    )
    return BackendEntry(name, kind.available(), options, tuple(kind.file_formats))
