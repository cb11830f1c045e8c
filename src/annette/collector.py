"""Python's garbage collector, which looks at everything that was made lately again and again, and has nothing to find.

Kernels, tables and what compilers are followed with do not refer to each other in circles: all that is not kept goes by
itself. While thousands of them are made for one network, the collector would look at them several times.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["uncollected"]


@contextmanager
def uncollected() -> Iterator[None]:
    """Lets the garbage collector rest inside; after it, it works as before.

    It rests for all threads of the process, so that what is inside should take no longer than it has to. Where it rests
    already, it is left alone.

    Example:
        >>> import gc
        >>> with uncollected():
        ...     gc.isenabled()
        False
        >>> gc.isenabled()
        True
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
