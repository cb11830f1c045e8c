"""The two CSV layouts: layer tables and network tables (``docs/importing.md``)."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annette.bench.importing.kernel import LARGEST_SIZE, STAGE_KINDS, TIME, MeasuredKernel, Stage
from annette.documents import is_latency
from annette.errors import DatasetError, NetworkError, nearest
from annette.files import is_file, open_regular
from annette.network.kinds import KINDS, Category
from annette.network.load import load_network

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from os import PathLike

    from annette.network import Network

__all__ = ["NetworkLatency", "TableOptions", "TableRow", "read_layer_table", "read_network_table", "rows_of"]

_UNITS: Final = {"latency_s": 1.0, "latency_ms": 1e-3, "latency_us": 1e-6}
_INTEGERS: Final = {
    "in_channels": 1, "in_height": 1, "in_width": 1, "out_channels": 0, "groups": 1, "operands": 2, "batch": 1,
}  # fmt: skip
"""Columns of whole numbers, and what an empty cell stands for."""
_PAIRS: Final = ("kernel", "stride", "dilation")
_SIDES: Final = ("in_height", "in_width")
"""Where a table has one of them, the other is not guessed: maps may be square, and sequences have one row."""
_OTHER_SEPARATORS: Final = ";\t"

_LAYER_COLUMNS: Final = (
    "network",
    "kernel",
    "kind",
    *_INTEGERS,
    *(f"{name}_{side}" for name in _PAIRS for side in ("height", "width")),
    "padding",
    "activation",
    *_UNITS,
)
"""Columns of a layer table; ``kind``, ``in_channels`` and one of the latencies are required."""

_NETWORK_COLUMNS: Final = ("network", "name", "batch", *_UNITS)
"""Columns of a network table; ``network`` and one of the latencies are required."""


@dataclass(frozen=True)
class TableOptions:
    """How to read a table that was not made for us.

    Attributes:
        rename: Our column to the table's own name for it.
        ignore: Columns of the table to pass over.
    """

    rename: Mapping[str, str] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NetworkLatency:
    """A whole network and its measured time.

    Attributes:
        name: What the table calls it.
        network: The network.
        latency_s: Measured time, seconds.

    Raises:
        DatasetError: Nothing takes such a time.
    """

    name: str
    network: Network
    latency_s: float

    def __post_init__(self) -> None:
        if not is_latency(self.latency_s):
            raise DatasetError(f"network {self.name!r} has latency {self.latency_s} s: it must be {TIME}")


class TableRow(dict[str, str]):
    """A row's cells by column, and where it stands; what a cell must be is told with that."""

    def __init__(self, place: str, cells: Mapping[str, str]) -> None:
        super().__init__(cells)
        self.place = place

    def __missing__(self, column: str) -> str:
        raise DatasetError(f"{self.place}: the table has no column {column!r}")

    def error(self, problem: str) -> DatasetError:
        """An error about this row."""
        return DatasetError(f"{self.place}: {problem}")

    def number(self, column: str) -> float:
        """A finite number.

        Raises:
            DatasetError: It is none.
        """
        value = _number(self[column])
        if not math.isfinite(value):
            raise self.error(f"{column} is {self[column]!r}, not a number")
        return value

    def whole(self, column: str, least: int = 0) -> int:
        """A whole number; spreadsheets write 3 as 3.0.

        Raises:
            DatasetError: It is none, or out of its range.
        """
        value = self.number(column)
        if not (least <= value <= LARGEST_SIZE and value == int(value)):
            raise self.error(f"{column} is {self[column]!r}, not a whole number of {least} to {LARGEST_SIZE}")
        return int(value)

    def latency_s(self, column: str, unit_s: float) -> float:
        """A measured time, in seconds.

        Raises:
            DatasetError: Nothing takes such a time.
        """
        value = _number(self[column]) * unit_s
        if not is_latency(value):
            raise self.error(f"{column} is {self[column]!r}: it must be {TIME}")
        return value


def rows_of(path: str | PathLike[str]) -> list[TableRow]:
    """The rows of a CSV file.

    Raises:
        DatasetError: The file cannot be read, is no UTF-8 text, has no rows, two columns of one name, or a row of
            another length.
    """
    table = f"table {str(path)!r}"
    try:
        with open_regular(Path(path), error=DatasetError) as file:
            text = file.read().decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        rows = [TableRow(f"{table}, row {number}", row) for number, row in enumerate(reader, start=2)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table} is not a CSV file in UTF-8: {error}") from error
    columns = reader.fieldnames or []
    if not rows:
        raise DatasetError(f"{table} has no rows under its heading")
    if len(set(columns)) < len(columns):
        repeated = next(name for name, count in Counter(columns).items() if count > 1)
        raise DatasetError(f"{table} has several columns called {repeated!r}")
    for row in rows:
        if None in row or None in row.values():
            raise DatasetError(f"{row.place}: not as many cells as columns")
    return rows


def read_layer_table(path: str | PathLike[str], options: TableOptions | None = None) -> list[MeasuredKernel]:
    """Reads a layer table.

    Rows that share ``network`` and ``kernel`` and follow each other are the stages of one kernel: the first holds the
    time, the others leave it empty.

    Args:
        path: The CSV file.
        options: Renamed and ignored columns.

    Raises:
        DatasetError: The file cannot be read, a column is unknown or missing, or a cell makes no sense; the message
            names the row and the value.
    """
    kernels: list[MeasuredKernel] = []
    for cells in _rows(path, options or TableOptions(), _LAYER_COLUMNS, ("kind", "in_channels")):
        stages, name = _stages(cells), cells.text("kernel")
        network = cells.text("network") or f"{Path(path).stem} {name or cells.row_number}"
        if not cells.has_latency:
            if not (kernels and name and (kernels[-1].network, kernels[-1].name) == (network, name)):
                raise cells.error("has no latency, and is no further stage of the kernel in the row before")
            last = kernels.pop()
            kernels.append(MeasuredKernel(network, name, (*last.stages, *stages), last.latency_s))
            continue
        kernels.append(MeasuredKernel(network, name or f"row{cells.row_number}", stages, cells.stated_latency_s()))
    return kernels


def read_network_table(path: str | PathLike[str], options: TableOptions | None = None) -> list[NetworkLatency]:
    """Reads a network table.

    ``network`` is the name of a network of the zoo, or a file; relative paths start at the table's folder.

    Args:
        path: The CSV file.
        options: Renamed and ignored columns.

    Raises:
        DatasetError: As for `read_layer_table`, or a network cannot be loaded.
    """
    pairs = []
    for cells in _rows(path, options or TableOptions(), _NETWORK_COLUMNS, ("network",)):
        source = cells.text("network")
        beside = Path(path).parent / source
        batch = cells.integer("batch", 1)
        try:
            network = load_network(str(beside) if is_file(beside) else source, batch=batch if batch > 1 else None)
        except NetworkError as error:
            raise cells.error(f"network {source!r}: {error}") from error
        pairs.append(NetworkLatency(cells.text("name") or Path(source).stem, network, cells.stated_latency_s()))
    return pairs


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


class _Cells(TableRow):
    """A row under our names of the columns; cells that are not there are empty."""

    def __init__(self, place: str, cells: Mapping[str, str], number: int) -> None:
        super().__init__(place, cells)
        self.row_number = number

    def text(self, column: str) -> str:
        return self.get(column, "").strip()

    def integer(self, column: str, default: int) -> int:
        """A whole number of at least 1."""
        return self.whole(column, 1) if self.text(column) else default

    @property
    def has_latency(self) -> bool:
        return any(self.text(column) for column in _UNITS)

    def stated_latency_s(self) -> float:
        given = [column for column in _UNITS if self.text(column)]
        if len(given) != 1:
            raise self.error(f"has {len(given)} latencies: give one of {', '.join(_UNITS)}")
        return self.latency_s(given[0], _UNITS[given[0]])

    def pair(self, name: str) -> tuple[int, int]:
        """Height and width; one alone stands for both."""
        height, width = self.text(f"{name}_height"), self.text(f"{name}_width")
        first = self.integer(f"{name}_height" if height else f"{name}_width", 1)
        return first, self.integer(f"{name}_width", first) if width else first

    def padding(self) -> str | tuple[int, ...]:
        text = self.text("padding") or "same"
        if text in ("same", "half", "valid"):
            return text
        parts = text.split()
        if not all(part.isdecimal() and len(part) < 10 for part in parts) or len(parts) not in (1, 2, 4):
            raise self.error(f"padding is {text!r}: same, half, valid, or 1, 2 or 4 numbers (top left bottom right)")
        numbers = tuple(int(part) for part in parts)
        return numbers * (4 // len(numbers))


def _rows(
    path: str | PathLike[str], options: TableOptions, known: tuple[str, ...], required: tuple[str, ...]
) -> Iterator[_Cells]:
    rows = rows_of(path)
    ours = _our_names(path, rows[0], options, known)
    missing = [column for column in required if column not in ours]
    if missing:
        raise DatasetError(
            f"table {str(path)!r} has no column {missing[0]!r}; rename one: --column {missing[0]}=THEIRS"
        )
    if not any(column in ours for column in _UNITS):
        raise DatasetError(f"table {str(path)!r} has no latency column: one of {', '.join(_UNITS)}")
    sides = [column for column in _SIDES if column in ours]
    if len(sides) == 1:
        other = next(column for column in _SIDES if column not in ours)
        raise DatasetError(
            f"table {str(path)!r} has {sides[0]} and no {other}: where maps are square, --column "
            f"{other}={ours[sides[0]]} takes it from the same column; sequences have a column of ones"
        )
    for number, row in enumerate(rows, start=2):
        yield _Cells(row.place, {name: row[theirs] for name, theirs in ours.items()}, number)


def _our_names(
    path: str | PathLike[str], columns: Iterable[str], options: TableOptions, known: tuple[str, ...]
) -> dict[str, str]:
    """What the table calls our columns; one of its own that is neither known nor ignored is a misunderstanding."""
    for wanted in options.rename:
        if wanted not in known:
            raise DatasetError(f"there is no column {wanted!r} to rename to{nearest(wanted, known)}")
    columns = list(columns)
    if len(columns) == 1 and any(sign in columns[0] for sign in _OTHER_SEPARATORS):
        raise DatasetError(f"table {str(path)!r} has one column, {columns[0][:60]!r}: separate its cells with commas")
    names: dict[str, str] = {}
    for column in columns:
        if column in options.ignore:
            continue
        renamed = [ours for ours, theirs in options.rename.items() if theirs == column]
        for name in renamed or [column]:
            if name not in known:
                raise DatasetError(
                    f"table {str(path)!r} has a column {column[:60]!r} that is not known{nearest(column[:60], known)}; "
                    f"rename it (--column OURS={column[:60]}), or pass over it (--ignore {column[:60]})"
                )
            names[name] = column
    absent = [name for name in options.rename.values() if name not in names.values()]
    if absent:
        raise DatasetError(f"table {str(path)!r} has no column {absent[0]!r}{nearest(absent[0], names.values())}")
    return names


def _stages(cells: _Cells) -> tuple[Stage, ...]:
    """The row's layer, and its activation."""
    sizes: dict[str, Any] = {name: cells.integer(name, default) for name, default in _INTEGERS.items()}
    sizes |= {name: cells.pair(name) for name in _PAIRS}
    stage = Stage(kind=cells.text("kind"), padding=cells.padding(), **sizes)
    activation = cells.text("activation")
    if activation and (activation not in STAGE_KINDS or KINDS[activation].category is not Category.ACTIVATION):
        known = [kind for kind in STAGE_KINDS if KINDS[kind].category is Category.ACTIVATION]
        raise cells.error(f"activation is {activation!r}{nearest(activation[:60], known)}; known: {', '.join(known)}")
    return (stage,) if not activation else (stage, Stage(activation, stage.out_channels or stage.in_channels))
