"""What networks really take: measured now, measured before, or stated in a file that lists networks."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import defaultdict
from dataclasses import dataclass
from statistics import geometric_mean
from typing import TYPE_CHECKING, Any, Final

from annette.bench.importing.kernel import TIME
from annette.bench.machine_speed import at_speed, speed_ratios
from annette.bench.records import Purpose, Status, repeatability
from annette.bench.visits import joined_error, undisturbed
from annette.documents import is_latency, parse_json
from annette.errors import AnnetteError, DatasetError, OptionError, nearest
from annette.files import is_file, open_regular
from annette.network.graph_json import graph_digest
from annette.network.inputs import name_with_inputs, parse_given
from annette.network.load import load_network, readers
from annette.network.sizes import open_sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from annette.bench.dataset import Dataset
    from annette.bench.records import Run
    from annette.evaluation.published import PublishedSuite
    from annette.network import Network
    from annette.network.inputs import Given
    from annette.platforms import Platform

__all__ = ["MachineSpeed", "Truth", "is_listing", "load_listing", "notes_on_own", "truths_of"]

_UNITS: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_SCALES: Final = {f"latency_{unit}": scale for unit, scale in _UNITS.items() if unit.isascii()}
_COLUMNS: Final = ("network", "batch", "input", *_SCALES, "latency")
_QUANTITY: Final = re.compile(r"(?P<number>[-+.\deE]+)\s*(?P<unit>\S*)")
_MOST_BYTES: Final = 4 * 2**20
_MOST_NETWORKS: Final = 10_000
_SHOWN: Final = 40
_LARGEST_BATCH: Final = 65_536


@dataclass(frozen=True, slots=True)
class MachineSpeed:
    """The speed of a machine that measured times are brought to.

    Attributes:
        calibration_s: Time of the reference workload at that speed; None leaves times as they were measured.
        exponent: Power of the reference workload's time that rounds of networks are proportional to.
    """

    calibration_s: float | None = None
    exponent: float = 1.0

    @classmethod
    def of(cls, platform: Platform) -> MachineSpeed:
        """The speed that a platform was fitted at."""
        facts = platform.provenance.measurement
        return cls(facts.get("calibration_s"), facts.get("calibration_exponent", 1.0))

    def factors(self, runs: Sequence[Run]) -> list[float]:
        """Factors that bring the times of runs to this speed; 1 where either speed is not known.

        Args:
            runs: All that were measured together: those measured around a run tell how fast the machine was then, too
                (`annette.bench.machine_speed`).
        """
        if self.calibration_s is None:
            return [1.0] * len(runs)
        return [float(ratio**self.exponent) for ratio in speed_ratios(runs, self.calibration_s)]


@dataclass(frozen=True, eq=False)
class Truth:
    """A network with what is known of its latency.

    Attributes:
        name: What the user calls it.
        network: The network.
        rounds_s: Latency of each round of measurement, seconds; one for a published figure, none where it is unknown.
        runs: The rounds with their profiles, at the speed of ``rounds_s``; none for a published figure.
        path: Its file; None for a network of the zoo or of a dataset.
        scale: Factor by which ``rounds_s`` were brought to the speed of a platform's campaign, their geometric mean; 1
            where they are as they were measured.
        published: The suite that its latency was published in; None for one that was measured or that a file states.
    """

    name: str
    network: Network
    rounds_s: tuple[float, ...] = ()
    runs: tuple[Run, ...] = ()
    path: Path | None = None
    scale: float = 1.0
    published: PublishedSuite | None = None

    @property
    def latency_s(self) -> float | None:
        """What the rounds say of a moment without disturbance (`annette.bench.visits`); None where it is unknown."""
        return undisturbed(self.rounds_s) if self.rounds_s else None

    @property
    def floor(self) -> float | None:
        """Relative standard deviation of a round, which one disturbed round of three does not move.

        What no estimate can do better than; None with fewer than two rounds.
        """
        return float(repeatability(self.rounds_s)) if len(self.rounds_s) > 1 else None

    @property
    def standard_error(self) -> float | None:
        """Relative standard error of ``latency_s``, from the next longer round; None with fewer than two rounds."""
        return joined_error(self.rounds_s) if len(self.rounds_s) > 1 else None


def truths_of(
    dataset: Dataset,
    names: Sequence[str] | None = None,
    *,
    networks: Mapping[str, Network] | None = None,
    speed: MachineSpeed | None = None,
) -> tuple[Truth, ...]:
    """Measured networks of a dataset.

    Failed rounds are left out. Rounds that call themselves unstable count: with several rounds the median is still
    better than none.

    Args:
        dataset: What ``annette measure --out`` or an earlier evaluation recorded.
        names: The networks wanted, in this order; None takes all.
        networks: What these names stand for, where that is known; others are taken from the dataset or the zoo. Where
            data decide sizes, they are those of the run that was recorded.
        speed: What every round is brought to; None leaves times as they were measured.

    Returns:
        One truth for each name, without latency where the dataset has none.

    Raises:
        DatasetError: The dataset is damaged, or holds another network under a name.
        NetworkError: A network that the dataset lacks cannot be loaded.
    """
    measured = [
        run
        for run in dataset.runs()
        if run.purpose is Purpose.NETWORK and run.status is not Status.FAILED and math.isfinite(run.latency_s)
    ]
    runs: dict[str, list[Run]] = defaultdict(list)
    factors: dict[str, list[float]] = defaultdict(list)
    for run, factor in zip(measured, (speed or MachineSpeed()).factors(measured), strict=True):
        runs[run.case].append(run)
        factors[run.case].append(factor)
    truths = []
    for name in sorted(runs) if names is None else names:
        wanted = (networks or {}).get(name)
        if wanted is not None:
            recorded = runs[name][0].network if runs[name] else wanted
            wanted = recorded if _differs_in_sizes(wanted, recorded) else wanted
            dataset.rounds(name, wanted)
        else:
            wanted = runs[name][0].network if runs[name] else load_network(name)
        rounds = tuple(at_speed(run, factor) for run, factor in zip(runs[name], factors[name], strict=True))
        latencies_s = tuple(run.latency_s for run in rounds)
        if not all(map(is_latency, latencies_s)):
            raise DatasetError(
                f"dataset {str(dataset.path)!r}: network {name!r} would take {latencies_s} s at the speed of the "
                f"platform's campaign, by its times of the reference workload: it must be {TIME}"
            )
        scale = geometric_mean(factors[name]) if factors[name] else 1.0
        truths.append(Truth(name, wanted, latencies_s, rounds, scale=scale))
    return tuple(truths)


def _differs_in_sizes(network: Network, recorded: Network) -> bool:
    """Whether what was run is a network with the sizes that its data decided then (`annette.network.sizes`)."""
    if not open_sizes(network.data_sizes):
        return False
    read, run = ((each.inputs, each.outputs, each.parameters) for each in (network, recorded))
    return read == run and graph_digest(network) != graph_digest(recorded)


def is_listing(suite: str) -> bool:
    """Whether the name of a suite is that of a file."""
    return suite.lower().endswith((".csv", ".json"))


def load_listing(path: Path, unread: dict[str, AnnetteError] | None = None) -> tuple[Truth, ...]:
    """Networks, with latencies where they are known, from a table.

    CSV with a header, or JSON with a list (or with a list under ``networks``) of objects or names. Columns: ``network``
    (a file, relative to the table's folder, or a name of the zoo, perhaps with a size, ``resnet50@320``); ``input``
    (optional: shapes and values of its inputs as ``--input`` takes them, separated by spaces or semicolons,
    ``ids=1x128 mask=1x128``; in JSON an object or list of such texts, too); ``latency_s``, ``latency_ms``,
    ``latency_us`` or ``latency_ns`` (a number) or ``latency`` (a number with its unit, ``12.5 ms``), which may be
    empty; ``batch`` (optional).

    Args:
        path: The table.
        unread: Takes the networks that cannot be loaded, by name, with the reason; None makes the first one an error.

    Raises:
        OptionError: The file cannot be read or is too large; a row has no network, an unknown column, a latency that is
            no time, or lists a network again. The message names the line.
        NetworkError: A network cannot be loaded, and there is nowhere to note it; or none can.
    """
    data = _bytes(path)
    rows = _json_rows(path, data) if path.suffix.lower() == ".json" else _csv_rows(path, data)
    if not rows:
        raise OptionError(f"list of networks {str(path)!r} is empty")
    if len(rows) > _MOST_NETWORKS:
        raise OptionError(f"list of networks {str(path)!r} has {len(rows)} networks, more than {_MOST_NETWORKS}")
    truths: dict[str, Truth] = {}
    places: dict[str, str] = {}
    for where, row in rows:
        _check_columns(where, row)
        name, file, batch = _named(path, where, row)
        inputs = _inputs(where, row.get("input"))
        name = name_with_inputs(name, inputs)
        if name in places:
            raise OptionError(f"{where}: {name!r} is listed already in {places[name]}")
        places[name] = where
        latency_s = _latency_s(where, row)
        try:
            network = load_network(
                file or str(row["network"]).strip(),
                batch=batch,
                inputs=inputs,
            )
        except AnnetteError as error:
            problem = type(error)(f"{where}: {error}")
            if unread is None:
                raise problem from error
            unread[name] = problem
            continue
        truths[name] = Truth(name, network, () if latency_s is None else (latency_s,), path=file)
    if unread and not truths:
        raise next(iter(unread.values()))
    return tuple(truths.values())


def _bytes(path: Path) -> bytes:
    try:
        with open_regular(path, error=OptionError) as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise OptionError(f"list of networks {str(path)!r} cannot be read: {error.strerror or error}") from error
    if len(data) > _MOST_BYTES:
        raise OptionError(f"list of networks {str(path)!r} is larger than {_MOST_BYTES} bytes: it is no such list")
    return data


def _csv_rows(path: Path, data: bytes) -> list[tuple[str, Mapping[str, Any]]]:
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise OptionError(f"list of networks {str(path)!r} is not a CSV file in UTF-8: {error}") from error
    if not lines:
        return []
    header = lines[0][1]
    if "network" not in header or len(set(header)) < len(header):
        raise OptionError(
            f"list of networks {str(path)!r} must begin with a line of different column names, one of them 'network'; "
            f"it begins with {','.join(header)[:_SHOWN]!r}"
        )
    rows: list[tuple[str, Mapping[str, Any]]] = []
    for number, cells in lines[1:]:
        where = f"line {number} of {str(path)!r}"
        if len(cells) != len(header):
            raise OptionError(f"{where} has {len(cells)} cells, and the header {len(header)}")
        rows.append((where, dict(zip(header, cells, strict=True))))
    return rows


def _json_rows(path: Path, data: bytes) -> list[tuple[str, Mapping[str, Any]]]:
    document = parse_json(data, source=f"list of networks {str(path)!r}", error=OptionError)
    entries = document.get("networks") if isinstance(document, dict) else document
    if not isinstance(entries, list) or not all(isinstance(entry, (dict, str)) for entry in entries):
        raise OptionError(
            f"list of networks {str(path)!r} holds no list of names, or of objects with 'network' and 'latency_s'"
        )
    return [
        (f"entry {number} of {str(path)!r}", {"network": entry} if isinstance(entry, str) else entry)
        for number, entry in enumerate(entries, start=1)
    ]


def _check_columns(where: str, row: Mapping[str, Any]) -> None:
    unknown = [str(key) for key in row if key not in _COLUMNS]
    if unknown:
        raise OptionError(
            f"{where} has the unknown column {unknown[0][:_SHOWN]!r}{nearest(unknown[0], _COLUMNS)}; known: "
            f"{', '.join(_COLUMNS)}"
        )
    if not isinstance(row.get("network"), str) or not row["network"].strip():
        raise OptionError(f"{where} names no network")


def _named(path: Path, where: str, row: Mapping[str, Any]) -> tuple[str, Path | None, int | None]:
    """What to call the network, its file if it is one, and its batch."""
    source = str(row["network"]).strip()
    batch = _number(where, "batch", row.get("batch"))
    if batch is not None and not (1 <= batch <= _LARGEST_BATCH and batch == int(batch)):
        raise OptionError(f"{where}: batch {batch:g} is not a whole number of 1 to {_LARGEST_BATCH}")
    beside = path.parent / source
    named = beside.suffix.lower() in readers() or is_file(beside)
    name = source if batch is None or batch == 1 else f"{source} batch {int(batch)}"
    return name, beside if named else None, None if batch is None else int(batch)


def _inputs(where: str, cell: Any) -> dict[str, Given]:
    """What a row says of inputs, by their names."""
    if cell is None or cell == "":
        return {}
    if isinstance(cell, dict):
        cell = [f"{name}={text}" for name, text in cell.items()]
    words = cell if isinstance(cell, list) else re.split(r"[;\s]+", str(cell).strip("; \t"))
    inputs: dict[str, Given] = {}
    for word in words:
        name, equals, text = word.rpartition("=") if isinstance(word, str) else ("", "", "")
        if not equals or not name or name in inputs:
            raise OptionError(
                f"{where}: input {str(word)[:_SHOWN]!r} is not NAME=SHAPE or NAME=VALUE, or names an input again"
            )
        try:
            inputs[name] = parse_given(text)
        except OptionError as error:
            raise OptionError(f"{where}: input {name[:_SHOWN]!r}: {error}") from error
    return inputs


def _latency_s(where: str, row: Mapping[str, Any]) -> float | None:
    given = [column for column in (*_SCALES, "latency") if row.get(column) not in (None, "")]
    if not given:
        return None
    if len(given) > 1:
        raise OptionError(f"{where} states a latency twice: {given[0]} and {given[1]}")
    column, value = given[0], row[given[0]]
    scale = _SCALES.get(column, math.nan)
    if column == "latency":
        match = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None or match["unit"] not in _UNITS:
            raise OptionError(
                f"{where}: latency {str(value)[:_SHOWN]!r} is not a number with a unit, such as '12.5 ms'"
            )
        value, scale = match["number"], _UNITS[match["unit"]]
    number = _number(where, column, value)
    if number is None or not is_latency(number * scale):
        raise OptionError(f"{where}: {column} {str(row[column])[:_SHOWN]!r} is no time: it must be {TIME}")
    return number * scale


def _number(where: str, column: str, value: Any) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise OptionError(f"{where}: {column} {str(value)[:_SHOWN]!r} is not a number")
    return number


def notes_on_own(platform: Platform, truths: Iterable[Truth]) -> list[str]:
    """Which of the networks a platform's benchmark was made for (``annette bench --for``), as a sentence.

    Args:
        platform: What is evaluated.
        truths: The networks; compared by name and by digest.

    Returns:
        The sentence, or none where it is none of them.
    """
    names = {name for name, _ in platform.provenance.made_for}
    digests = {digest for _, digest in platform.provenance.made_for}
    if not names:
        return []
    known = [truth.name for truth in truths if truth.name in names or graph_digest(truth.network) in digests]
    if not known:
        return []
    return [
        f"a part of the benchmark was made for {', '.join(known)} (annette bench --for): their errors say nothing of "
        "those of other networks"
    ]
