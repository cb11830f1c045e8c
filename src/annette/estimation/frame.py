"""Kernels of estimates as tables, one row each, for notebooks, spreadsheets and whatever reads columns."""

from __future__ import annotations

import csv
import importlib
import io
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annette.atomic import write_whole
from annette.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["COLUMNS", "columns_of", "comma_separated", "data_frame", "kernel_rows", "write_table"]

COLUMNS: Final = (
    "network", "platform", "kernel", "module", "kind", "layers", "rules", "latency_s", "lower_s", "upper_s", "share",
    "ops", "bytes", "bound", "utilisation", "method", "in_range",
)  # fmt: skip
"""Columns of the table.

``module`` is a path with dots, empty where the network names no modules; ``layers`` and ``rules`` are lists;
``lower_s`` and ``upper_s`` are None without an interval.
"""

_LIBRARIES: Final = ("pandas", "polars")


def kernel_rows(network: str, platform: str, kernels: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """Kernels of one estimate, in the order of execution, as rows of `COLUMNS`.

    Args:
        network: Name of the network.
        platform: Name of the platform.
        kernels: Fields of each kernel, as `annette.estimation.estimate.KernelEstimate` and the documents of
            ``annette estimate --json`` name them.
    """
    kernels = list(kernels)
    kernels_s = sum(kernel["latency_s"] for kernel in kernels) or 1.0
    for kernel in kernels:
        ends_s = kernel["interval_s"] or (None, None)
        known = {
            **kernel,
            "network": network,
            "platform": platform,
            "kernel": kernel["name"],
            "module": ".".join(kernel["module"]),
            "layers": list(kernel["layers"]),
            "rules": list(kernel["rules"]),
            "lower_s": ends_s[0],
            "upper_s": ends_s[1],
            "share": kernel["latency_s"] / kernels_s,
        }
        yield tuple(known[name] for name in COLUMNS)


def columns_of(rows: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    """Rows as columns, one list a column of `COLUMNS`.

    Args:
        rows: Each with a value for every column, as `kernel_rows` gives them; of one estimate or of many.
    """
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for row in rows:
        for values, value in zip(columns.values(), row, strict=True):
            values.append(value)
    return columns


def data_frame(columns: dict[str, list[Any]], library: str | None = None) -> Any:
    """A data frame of columns.

    Args:
        columns: As `columns_of` gives them.
        library: ``pandas`` or ``polars``; None takes the first that is installed.

    Raises:
        OptionError: The library is neither of these, or not installed.
    """
    if library is not None and library not in _LIBRARIES:
        raise OptionError(f"there are no data frames of {library!r} here; take one of: {', '.join(_LIBRARIES)}")
    wanted = _LIBRARIES if library is None else (library,)
    for name in wanted:
        if find_spec(name) is not None:
            return importlib.import_module(name).DataFrame(columns)
    raise OptionError(f"a data frame needs {' or '.join(wanted)}; install it with: pip install {wanted[-1]}")


def write_table(path: str | Path, columns: dict[str, list[Any]]) -> None:
    """Writes columns to a file, whole or not at all: comma-separated values, or Parquet where its name ends so.

    Args:
        path: Ends with ``.csv`` or ``.parquet``. In comma-separated values, lists are joined by semicolons.
        columns: As `columns_of` gives them.

    Raises:
        OptionError: The file has another ending, or cannot be written, or Parquet's library is not installed.
    """
    target = Path(path)
    try:
        write_whole(target, _CONTENTS[target.suffix.lower()](columns))
    except KeyError:
        raise OptionError(f"cannot write {str(path)!r}: tables end with {' or '.join(_CONTENTS)}") from None
    except OSError as error:
        raise OptionError(f"cannot write {str(path)!r}: {error.strerror or error}") from error


def comma_separated(columns: dict[str, list[Any]]) -> bytes:
    """Columns as comma-separated values in UTF-8, below a line of their names; lists are joined by semicolons."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """A value as it stands between commas: names that a spreadsheet would take for a formula are kept as text."""
    if isinstance(value, list):
        value = ";".join(value)
    return f"'{value}" if isinstance(value, str) and value[:1] in _FORMULA_SIGNS else value


_FORMULA_SIGNS: Final[Sequence[str]] = ("=", "+", "-", "@", "\t", "\r")
"""What makes a cell a formula in spreadsheets; names come from strangers' files (OWASP, *CSV Injection*)."""


def _parquet(columns: dict[str, list[Any]]) -> bytes:
    data = io.BytesIO()
    if find_spec("polars") is not None:
        data_frame(columns, "polars").write_parquet(data)
    elif find_spec("pyarrow") is not None:
        tables, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
        parquet.write_table(tables.table(columns), data)
    else:
        raise OptionError("Parquet needs polars or pyarrow; install one with: pip install polars")
    return data.getvalue()


_CONTENTS: Final = {".csv": comma_separated, ".parquet": _parquet}
