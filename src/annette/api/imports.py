"""Measurements and models that somebody else published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from annette.bench.importing.collection import read_collection
from annette.bench.importing.table import TableOptions
from annette.devices.registry import find
from annette.errors import OptionError
from annette.platforms import dump_platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from annette.bench.importing.collection import Collection
    from annette.platforms import Platform

__all__ = ["import_table"]


def import_table(
    table: Path | str,
    out: Path | str,
    *,
    layout: str = "layers",
    device: str | None = None,
    runtime: str | None = None,
    precision: str | None = None,
    columns: Mapping[str, str] | None = None,
    ignored: Iterable[str] = (),
) -> Collection | Platform:
    """Turns a table of measured layers or networks into a dataset, or published models into a platform.

    Args:
        table: The table (``.csv``); of a published collection, the folder that holds it.
        out: Dataset to write; for layouts of published models, the platform file (``.json``).
        layout: What the table holds: ``layers`` or ``networks`` (docs/importing.md), or a published collection.
        device: What was measured; our own layouts do not know.
        runtime: With which compiler or runtime, likewise.
        precision: Numbers that it computed with (fp32, fp16, bf16, int8), likewise.
        columns: The table's names of our columns, where they differ.
        ignored: Columns of the table to pass over.

    Returns:
        What was written: measurements, of which `fit` or `calibrate` makes a platform, or that platform.

    Raises:
        DatasetError: The table cannot be read or is of another layout, or the dataset exists or cannot be written.
        OptionError: There is no such layout, something about the measurements is missing or contradicts what the
            layout knows, or a platform file is to have another ending.
        PlatformError: Published models cannot be read, or the platform cannot be written.
    """
    table, out = Path(table), Path(out)
    given = {"device": device, "runtime": runtime, "precision": precision}
    stated = {key: value for key, value in given.items() if value is not None}
    options = TableOptions(dict(columns or {}), frozenset(ignored))
    converter = find("converters", layout)
    if converter is None:
        collection = read_collection(table, layout, stated, options)
        collection.save(out)
        return collection
    if stated or options.rename or options.ignore:
        raise OptionError(f"layout {layout!r} knows everything about its parameters: state --out only")
    if out.suffix != ".json":
        raise OptionError(f"--out {str(out)!r} must end in .json: layout {layout!r} becomes a platform file")
    platform: Platform = converter(table)
    dump_platform(platform, out)
    return platform
