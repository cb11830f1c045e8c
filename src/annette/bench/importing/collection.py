"""Tables by the name of their layout: what ``annette import`` reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.bench.importing.runs import kernel_runs, network_runs
from annette.bench.importing.table import TableOptions, read_layer_table, read_network_table
from annette.devices.registry import find, offered
from annette.errors import OptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from annette.bench.records import Run

__all__ = ["layouts", "read_runs"]

_OWN: Final = ("layers", "networks")


def layouts() -> tuple[str, ...]:
    """Our two layouts, and the published collections that device families read."""
    return (*_OWN, *offered("importers"))


def read_runs(
    path: Path, layout: str, environment: Mapping[str, str], options: TableOptions | None = None
) -> list[Run]:
    """Reads a table.

    Args:
        path: The CSV file.
        layout: One of `layouts`.
        environment: What the measurements depend on; ``device`` picks the rows of TopHub's table.
        options: Renamed and ignored columns, for our own layouts.

    Raises:
        DatasetError: The table cannot be read, or is not of that layout.
        OptionError: There is no such layout, or columns are renamed in a published collection.
    """
    if layout not in layouts():
        raise OptionError(f"there is no layout {layout!r}{nearest(layout, layouts())}; known: {', '.join(layouts())}")
    options = options or TableOptions()
    if layout == "layers":
        return kernel_runs(read_layer_table(path, options), environment)
    if layout == "networks":
        return network_runs(read_network_table(path, options), environment)
    if options.rename or options.ignore:
        raise OptionError(f"the columns of layout {layout!r} are known: --column and --ignore are for our own layouts")
    runs: list[Run] = find("importers", layout)(path, environment)
    return runs
