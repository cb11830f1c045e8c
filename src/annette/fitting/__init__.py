"""From datasets to platforms: mapping models, layer models, overheads, intervals."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from annette.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["fit_extra"]


@contextmanager
def fit_extra() -> Iterator[None]:
    """Surrounds imports of modules that need scipy, scikit-learn or LightGBM, which estimating does without.

    Raises:
        FitError: One of them is not installed; the message says how to install it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise FitError(f"fitting needs {error.name}, which is not installed: pip install 'annette[fit]'") from error
