"""Arm Ethos-U through Vela, its compiler: an estimate in cycles for every network, the same in every run.

What is measured is Vela's own performance estimate, never the latency of a device. A user's TFLite file is compiled
as it is; any other network is lowered to int8 TFLite first. Vela runs within this process: its core keeps no state
between networks, and the worker process of a campaign survives what it does not.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from annette.bench.backend import (
    Availability,
    Backend,
    BackendOptions,
    CompiledNetwork,
    Profile,
    Subject,
)
from annette.devices.arm_ethos_u.targets import Target
from annette.devices.arm_ethos_u.vela_report import VelaReport, parse_vela_report, profile_entries
from annette.errors import BackendRunError, NetworkError
from annette.network.readers.tflite import read_tflite_operators
from annette.network.writers.tflite import lower_tflite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from annette.network import Network

__all__ = ["VelaBackend", "VelaOptions"]

_PACKAGE: Final = "ethos-u-vela"
_SUFFIX: Final = ".tflite"
_LONGEST_REASON: Final = 300


@dataclass(frozen=True)
class VelaOptions(BackendOptions):
    """Options of the Vela backend.

    Attributes:
        accelerator: The Ethos-U and its multiply-accumulates per cycle.
        system_config: Clock and memories, a section of the configuration file; empty takes one that fits.
        memory_mode: What lies in which memory, a section of the configuration file; empty takes one that fits.
        optimise: ``Performance`` or ``Size``.
        arena_cache_size: Bytes of the accelerator's own memory; 0 takes what the memory mode says.
        config: A configuration file; Vela's own is ``Arm/vela.ini``.
    """

    accelerator: str = field(default="ethos-u55-128", metadata={"help": "ethos-u55-32 ... ethos-u85-2048"})
    system_config: str = field(default="", metadata={"help": "clock and memories; empty: one that fits"})
    memory_mode: str = field(default="", metadata={"help": "what lies in which memory; empty: one that fits"})
    optimise: str = field(default="Performance", metadata={"help": "Performance or Size"})
    arena_cache_size: int = field(default=0, metadata={"help": "bytes of fast memory; 0: as the memory mode says"})
    config: str = field(default="Arm/vela.ini", metadata={"help": "configuration file"})

    def __post_init__(self) -> None:
        self.target()

    def target(self) -> Target:
        """What is compiled for, every choice made.

        Raises:
            OptionError: An option has a value that Vela does not know.
        """
        return Target.choose(**asdict(self))


class VelaBackend(Backend):
    """The compiler's estimate for an Arm Ethos-U."""

    name = "vela"
    options_type = VelaOptions
    deterministic = True
    estimates = True
    plan_target = "npu"
    file_formats = (_SUFFIX,)

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        self._target = (options if isinstance(options, VelaOptions) else VelaOptions()).target()

    @classmethod
    def available(cls) -> Availability:
        """Whether ethos-u-vela is installed."""
        try:
            return Availability(usable=True, reason=f"{_PACKAGE} {version(_PACKAGE)}")
        except PackageNotFoundError:
            return Availability(usable=False, reason=f"{_PACKAGE} is not installed", install=f"pip install {_PACKAGE}")

    def environment(self) -> Mapping[str, str]:
        """Compiler, version and target; the times are its estimates."""
        return {
            "runtime": "vela",
            "runtime_version": version(_PACKAGE),
            "precision": "int8",
            "times": "estimated by the compiler",
            **self._target.described(),
        }

    def compile(self, subject: Subject) -> CompiledNetwork:
        """Compiles a TFLite file as it is, or any other network lowered to one."""
        network = subject.network
        with tempfile.TemporaryDirectory(prefix="annette-vela-") as folder:
            if subject.path is not None and subject.path.suffix.lower() == _SUFFIX:
                path, operators = subject.path.absolute(), _operators(subject.path, network)
            else:
                path = Path(folder) / "network.tflite"
                operators = _lowered(network, path)
            report = _compile(path, self._target, Path(folder) / "out", network.name)
        if not report.cycles:
            raise BackendRunError(
                f"no operator of {network.name!r} runs on {self._target.accelerator}: Vela leaves all to the host"
            )
        return _CompiledNetwork(report, operators, network)


class _CompiledNetwork(CompiledNetwork):
    def __init__(self, report: VelaReport, operators: tuple[tuple[str, ...], ...], network: Network) -> None:
        self._report = report
        self._operators = operators
        self._network = network

    def run(self, repeats: int, *, before: Callable[[], None] | None = None) -> tuple[float, ...]:
        del before  # An estimate does not depend on what the caches hold.
        return (self._report.latency_s,) * repeats

    def profile(
        self, repeats: int, *, before: Callable[[], None] | None = None, within_s: float = math.inf
    ) -> Profile | None:
        del before, within_s
        report = self._report
        if not report.kernels:
            return None
        details = {"cycles": str(report.cycles)}
        details |= {f"{memory}_bytes": str(size) for memory, size in report.memory_bytes.items() if size}
        if report.host_operators:  # Which the cycles leave out.
            details["host_operators"] = ", ".join(name for _, name in report.host_operators)
        entries = profile_entries(report, self._operators, self._network)
        return Profile(entries, (report.latency_s,) * repeats, details)


def _operators(path: Path, network: Network) -> tuple[tuple[str, ...], ...]:
    """The layers behind the operators of a user's file."""
    try:
        _, operators = read_tflite_operators(path)
    except (NetworkError, OSError) as error:
        raise BackendRunError(f"{str(path)!r} cannot be compiled: {error}") from error
    known = network.layers_by_name
    return tuple(tuple(layer for layer in layers if layer in known) for layers in operators)


def _lowered(network: Network, path: Path) -> tuple[tuple[str, ...], ...]:
    try:
        lowered = lower_tflite(network)
    except NetworkError as error:
        raise BackendRunError(f"{network.name!r} cannot be measured with Vela: {error}") from error
    path.write_bytes(lowered.content)
    return lowered.operators


def _compile(path: Path, target: Target, folder: Path, name: str) -> VelaReport:
    """Runs Vela's own command line in this process and reads what it writes."""
    from ethosu.vela import vela  # noqa: PLC0415 - this module must be importable without the compiler

    arguments = [str(path), "--output-dir", str(folder), *target.arguments()]
    with _silence() as spoken:
        try:
            code = vela.main([*arguments, "--verbose-performance", "--enable-debug-db"])
        except (Exception, SystemExit) as error:
            words = spoken() or str(error)
            raise BackendRunError(f"Vela fails on {name!r}: {type(error).__name__}: {_short(error, words)}") from error
        if code:
            raise BackendRunError(f"Vela refuses {name!r}: {_last_line(spoken())}")
    return parse_vela_report(_only(folder, "_summary_", ".csv"), _only(folder, "_debug", ".xml"))


def _short(error: BaseException, words: str) -> str:
    text = str(error).strip() if not isinstance(error, SystemExit) else ""
    return (text.splitlines()[0] if text else _last_line(words))[:_LONGEST_REASON]


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:_LONGEST_REASON] if lines else "it does not say why"


def _only(folder: Path, middle: str, suffix: str) -> str:
    files = [path for path in folder.iterdir() if middle in path.name and path.name.endswith(suffix)]
    if len(files) != 1:
        raise BackendRunError(f"Vela wrote {len(files)} files *{middle}*{suffix} where one was expected")
    return files[0].read_text(encoding="utf-8", errors="replace")


@contextmanager
def _silence() -> Iterator[Callable[[], str]]:
    """Sends standard output and error to a file, below Python too: the compiler's core writes past `sys.stdout`.

    Yields:
        A function that gives what has been written so far.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as sink:
        saved = [os.dup(1), os.dup(2)]
        try:
            for descriptor in (1, 2):
                os.dup2(sink.fileno(), descriptor)
            with redirect_stdout(sink), redirect_stderr(sink):
                yield lambda: _content(sink)
        finally:
            for descriptor, copy in enumerate(saved, start=1):
                os.dup2(copy, descriptor)
                os.close(copy)


def _content(sink: IO[str]) -> str:
    sink.flush()
    return os.pread(sink.fileno(), os.fstat(sink.fileno()).st_size, 0).decode(errors="replace")
