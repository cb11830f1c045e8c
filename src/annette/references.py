"""References to code by name, such as ``package.module:attribute``: tables of them are cheap, imports are not."""

from __future__ import annotations

import importlib
from typing import Any, TypeAlias

from annette.errors import PluginError

__all__ = ["Reference", "resolve"]

Reference: TypeAlias = str
"""A module and an attribute of it, ``package.module:attribute``; the value of an entry point is one, too."""


def resolve(reference: Reference) -> Any:
    """Imports what a reference leads to.

    Raises:
        PluginError: There is no such module or attribute.
    """
    module, _, attribute = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except AttributeError as error:
        raise PluginError(f"{reference!r} leads nowhere: the module has no {attribute!r}") from error
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # something that the module needs is not installed: whoever asked knows what to say
        raise PluginError(f"{reference!r} leads nowhere: there is no module {error.name!r}") from error
