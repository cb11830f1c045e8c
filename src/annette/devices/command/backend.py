"""Any device for which there is a program that takes a network file and prints how long it takes.

This is how a board behind ssh or adb and a vendor's own benchmark tool are reached. What the program may print is in
`annette.devices.command.reports` and docs/benchmarking.md.
"""

from __future__ import annotations

import math
import re
import shlex
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annette.bench.backend import Availability, Backend, BackendOptions, CompiledNetwork, Profile, ProfileEntry, Subject
from annette.bench.profile_matching import to_entries
from annette.devices.command.program import run_program
from annette.devices.command.reports import LatencyReport, read_report
from annette.devices.registry import find, offered
from annette.errors import BackendRunError, NetworkError, OptionError, nearest
from annette.network.readers.tflite import read_tflite_operators
from annette.network.writers.onnx import write_onnx
from annette.network.writers.tflite import lower_tflite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["CommandBackend", "CommandOptions"]

_MODEL: Final = "{model}"
_FORMATS: Final = ("onnx", "tflite")
_OWN: Final = "own"
_NUMBERED: Final = re.compile(r"\[(?P<tensor>.*)\]:(?P<position>\d+)")
"""How TensorFlow Lite's own profiler names an operator: by the tensor that it writes and its place in the file."""


@dataclass(frozen=True)
class CommandOptions(BackendOptions):
    """Options of the command backend.

    Attributes:
        command: The program and its arguments, split as a shell would, run without one; ``{model}`` is replaced.
        model_format: Format of the file that takes the place of ``{model}``: ``onnx`` computes in floating point,
            ``tflite`` in int8.
        runs: How often the program is run for each network.
        run_timeout_s: How long one run of the program may take, in seconds.
        report: What the program prints: ``own`` is a latency, JSON or CSV of ours (`read_report`), the others are
            reports of vendors' tools.
        device: What it runs on; part of what a dataset depends on.
    """

    command: str = field(default="", metadata={"help": "program and arguments; {model} becomes the network's file"})
    model_format: str = field(default="onnx", metadata={"help": f"format of that file: {', '.join(_FORMATS)}"})
    runs: int = field(default=1, metadata={"help": "how often the program is run for each network"})
    run_timeout_s: float = field(default=100.0, metadata={"help": "seconds that one run of the program may take"})
    report: str = field(default="own", metadata={"help": "what it prints: own, or a vendor's report"})
    device: str = field(default="", metadata={"help": "what it runs on, for the dataset"})

    def __post_init__(self) -> None:
        if self.model_format not in _FORMATS:
            raise OptionError(f"model_format {self.model_format!r} is none of {', '.join(_FORMATS)}")
        reports = (_OWN, *offered("reports"))
        if self.report not in reports:
            raise OptionError(
                f"there is no report {self.report!r}{nearest(self.report, reports)}; known: {', '.join(reports)}"
            )
        if self.runs < 1 or not self.run_timeout_s > 0:
            raise OptionError("options runs and run_timeout_s of backend 'command' must be at least 1 and more than 0")


class CommandBackend(Backend):
    """Runs a program of the user's for each network.

    The program warms up and repeats by itself as it sees fit.

    Raises:
        OptionError: The command is missing, does not name the model, its program is not found, or an option is out
            of its range.
    """

    name = "command"
    options_type = CommandOptions
    options: CommandOptions
    deterministic = True
    file_formats = tuple(f".{name}" for name in _FORMATS)

    def __init__(self, options: CommandOptions) -> None:
        super().__init__(options)
        self._arguments = _split_command(options.command)

    @classmethod
    def available(cls) -> Availability:
        """Always: whether the program is there shows when it is named."""
        return Availability(usable=True, reason="runs a program of yours")

    @classmethod
    def planned_for(cls, options: Mapping[str, Any]) -> str:
        """Int8 files have a plan of their own."""
        return "npu" if options.get("model_format") == "tflite" else cls.plan_target

    def environment(self) -> Mapping[str, str]:
        """The command and the device, as the user calls them, and what the device is given."""
        return {
            "runtime": "command",
            "command": self.options.command,
            "device": self.options.device,
            "model_format": self.options.model_format,
        }

    def compile(self, subject: Subject) -> CompiledNetwork:
        """Writes the network's file, unless the user has one.

        Raises:
            BackendRunError: The network has no form in that format, or the user's file is of the other one.
        """
        return _Program(subject, self._arguments, self.options)


class _Program(CompiledNetwork):
    def __init__(self, subject: Subject, arguments: list[str], options: CommandOptions) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="annette-command-")
        self._options = options
        self._network = subject.network
        try:
            path, self._operators = _model_file(subject, options.model_format, Path(self._folder.name))
        except BaseException:
            self._folder.cleanup()
            raise
        self._arguments = [word.replace(_MODEL, str(path)) for word in arguments]
        self._reports: list[LatencyReport] = []

    def run(self, repeats: int, *, before: Callable[[], None] | None = None) -> tuple[float, ...]:
        """Runs the program as often as the options say, ``repeats`` times over."""
        self._reports = []
        for _ in range(repeats * self._options.runs):
            if before is not None:
                before()
            self._reports.append(self._read(run_program(self._arguments, timeout_s=self._options.run_timeout_s)))
        return tuple(time_s for report in self._reports for time_s in report.latency_s)

    def profile(
        self, repeats: int, *, before: Callable[[], None] | None = None, within_s: float = math.inf
    ) -> Profile | None:
        """The per-kernel report of the runs made last; runs the program where there are none yet."""
        del within_s
        if not self._reports:
            self.run(repeats, before=before)
        entries = self._reports[-1].entries
        if entries is None:
            return None
        return Profile(tuple(map(self._with_layers, entries)), self._reports[-1].latency_s)

    def close(self) -> None:
        self._folder.cleanup()

    def _read(self, text: str) -> LatencyReport:
        parse = None if self._options.report == _OWN else find("reports", self._options.report)
        if parse is None:
            return read_report(text)
        kernels = parse(text)
        return LatencyReport((math.fsum(kernel.latency_s for kernel in kernels),), to_entries(kernels, self._network))

    def _with_layers(self, entry: ProfileEntry) -> ProfileEntry:
        """The entry with the layers of the operator that it is named after, unless the program names them itself."""
        numbered = _NUMBERED.fullmatch(entry.name)
        layers = self._operators.get(numbered["tensor"] if numbered else entry.name, ())
        return replace(entry, layers=layers) if layers and not entry.layers else entry


def _model_file(subject: Subject, model_format: str, folder: Path) -> tuple[Path, dict[str, tuple[str, ...]]]:
    """The file that the program gets, and the layers behind each operator of it, by the tensor that it writes.

    ONNX files name their operators as the network does, and need no such table.
    """
    suffix = f".{model_format}"
    own = subject.path
    if own is not None and own.suffix.lower() == suffix:
        return own, _operators(own, None) if model_format == "tflite" else {}
    if own is not None and own.suffix.lower() == ".tflite":
        raise BackendRunError(f"{str(own)!r} is given to the program as it is only with --model-format tflite")
    path = folder / f"network{suffix}"
    if model_format == "onnx":
        write_onnx(subject.network, path)
        return path, {}
    try:
        lowered = lower_tflite(subject.network)
    except NetworkError as error:
        raise BackendRunError(f"{subject.network.name!r} cannot be given to the program: {error}") from error
    path.write_bytes(lowered.content)
    return path, _operators(path, lowered.operators)


def _operators(path: Path, layers: Sequence[tuple[str, ...]] | None) -> dict[str, tuple[str, ...]]:
    """Layers by the tensor that an operator writes; None takes the layers that the reader finds in the file."""
    try:
        network, read = read_tflite_operators(path)
    except (NetworkError, OSError) as error:
        raise BackendRunError(f"{str(path)!r} cannot be used: {error}") from error
    known = network.layers_by_name
    return {
        known[names[-1]].outputs[0]: run
        for names, run in zip(read, layers or read, strict=True)
        if names and names[-1] in known and known[names[-1]].outputs
    }


def _split_command(command: str) -> list[str]:
    if not command.strip():
        raise OptionError("backend 'command' needs a program: --option command='PROGRAM {model}'")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise OptionError(f"option 'command' is {command!r}, which cannot be split: {error}") from error
    if not any(_MODEL in word for word in words):
        raise OptionError(
            f"option 'command' is {command!r}, which does not say where the network's file goes: {_MODEL}"
        )
    if shutil.which(words[0]) is None:
        raise OptionError(f"option 'command' names {words[0]!r}, and there is no such program here")
    return words
