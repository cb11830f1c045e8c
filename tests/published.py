"""Published measurements that tests compare with: the full tables where they are here, a reduced copy otherwise."""

from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_TABLES = _ROOT.parent / "shared" / "data"

FULL = _TABLES.is_dir()
"""Whether the full tables lie beside the checkout."""

DATA = _TABLES if FULL else _ROOT / "tests" / "data" / "published"
"""Folder with ``graphs``, ``ncs2``, ``reference``, ``tophub`` and ``zcu102``."""

needs_full = pytest.mark.skipif(not FULL, reason="the full published tables are not beside the checkout (shared/data)")
"""For what a part of the tables cannot show."""
